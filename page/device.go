package page

import "strings"

// device is what a browser seems to run on, by what it calls itself: a guess, from
// which follows what is offered first and never what is allowed.
type device string

const (
	desktop device = "desktop"
	wechat  device = "wechat" // WeChat on a phone
	mobile  device = "mobile" // another browser on a phone or a tablet
)

// openInWeChat is how a vendor says that its page opens in WeChat only.
const openInWeChat = "wechat"

func deviceOf(userAgent string) device {
	ua := strings.ToLower(userAgent)
	handheld := false
	for _, word := range []string{"android", "iphone", "ipad", "ipod", "mobile", "harmonyos", "openharmony"} {
		handheld = handheld || strings.Contains(ua, word)
	}
	switch {
	case strings.Contains(ua, "windowswechat"), strings.Contains(ua, "macwechat"), !handheld:
		return desktop // WeChat on a computer cannot open what asks for a phone's
	case strings.Contains(ua, "micromessenger"):
		return wechat
	}
	return mobile
}

// serves reports whether a vendor's page, which opens in that app only, can be
// opened on the device at all.
func (d device) serves(openIn string) bool { return openIn != openInWeChat || d == wechat }
