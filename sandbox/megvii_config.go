package sandbox

import (
	"errors"
	"fmt"
	"slices"
	"time"
)

// MegviiConfig sets the stand-in of Megvii FaceID's H5 "lite".
type MegviiConfig struct {
	Keys []MegviiKey
	// Scenes are the scene ids of the console; another one is refused.
	Scenes []string
	// WillLicence allows procedure_type "will"; Lite2 allows idcard_mode 4.
	WillLicence, Lite2 bool
	// FlowTTL is the life of a flow, counted from get_token (console: 5 to 60
	// minutes).
	FlowTTL time.Duration
	// Lookups is how often get_result answers for one session, and
	// LookupWindow how long (vendor: 3 in a day).
	Lookups      int
	LookupWindow time.Duration
	// SpentAnswer is what get_result says afterwards: SpentDestroyed or
	// SpentNotFound; which of the two is not published.
	SpentAnswer string
	// PendingIsFree lets a look before the end cost none of Lookups.
	PendingIsFree bool
	// AcceptDuplicateBizNo takes a biz_no twice, instead of refusing it.
	AcceptDuplicateBizNo bool
	// Ports says which ports of notify_url are held against the vendor's list:
	// PortsLocal, PortsStrict or PortsAny.
	Ports string
	// SilentPorts takes a notify_url with another port and never calls it,
	// instead of refusing it at get_token.
	SilentPorts bool
	// Concurrency is how many calls of all keys may be under way at a time.
	Concurrency int
	// ErrorKey is the member that holds an error: "error_message"; "error" and
	// "ERROR" were seen in other products of the vendor.
	ErrorKey string
	// Notify is how callbacks are made, until SetMegviiNotify says otherwise.
	Notify NotifyOptions
}

// MegviiKey is one pair of api_key and api_secret.
type MegviiKey struct{ Key, Secret string }

// Values of the switches above.
const (
	SpentDestroyed = "DATA_DESTROYED"   // 403
	SpentNotFound  = "RESULT_NOT_FOUND" // 400

	PortsLocal  = "local"  // any port on this machine, the list elsewhere
	PortsStrict = "strict" // the list everywhere
	PortsAny    = "any"

	TimeoutBegun  = "begun"  // a time-out is notified if the page was opened
	TimeoutAlways = "always" // also if it was not
	TimeoutNever  = "never"
)

// Kinds of notification. All but the first are what a stranger, or a vendor in
// trouble, might send.
const (
	NotifyGood           = "good"
	NotifyBadSign        = "bad_sign"        // the signature is not of this data
	NotifyOtherSecret    = "other_secret"    // signed with a secret that is not the merchant's
	NotifyFlipped        = "flipped"         // says that the person passed, under the signature of the truth
	NotifyForeign        = "foreign_biz_no"  // well signed, about a session that is not the merchant's
	NotifyTrailing       = "trailing"        // well signed, with bytes behind the JSON value
	NotifyLengthExtended = "length_extended" // well signed, as an attacker who saw one pair can without the secret
)

var notifyKinds = []string{NotifyGood, NotifyBadSign, NotifyOtherSecret, NotifyFlipped, NotifyForeign, NotifyTrailing, NotifyLengthExtended}

// NotifyOptions say how the end of a session is reported: by the server's call of
// notify_url, and by the browser's return.
type NotifyOptions struct {
	// Never sends no notification at all.
	Never bool `json:"never,omitempty"`
	// Send lists what is sent, one after another; empty means one good one.
	Send []string `json:"send,omitempty"`
	// DelayMS is how late it is sent.
	DelayMS int `json:"delay_ms,omitempty"`
	// AfterReturn sends it half a second after the browser was sent back (and
	// DelayMS later), instead of before.
	AfterReturn bool `json:"after_return,omitempty"`
	// Multipart sends multipart/form-data instead of urlencoded.
	Multipart bool `json:"multipart,omitempty"`
	// Untidy sends it with an empty, doubled charset and a line's end behind it.
	Untidy bool `json:"untidy,omitempty"`
	// ExtraMembers adds members to the data that no paper mentions.
	ExtraMembers bool `json:"extra_members,omitempty"`
	// Attempts is how often a notification is sent until it is answered with
	// 2xx, RetryMS apart; 0 means once, the worst case.
	Attempts int `json:"attempts,omitempty"`
	RetryMS  int `json:"retry_ms,omitempty"`
	// OnTimeout says which time-outs are notified: TimeoutBegun (default),
	// TimeoutAlways or TimeoutNever.
	OnTimeout string `json:"on_timeout,omitempty"`
	// NoReturn leaves the browser where it is: the person closed it.
	NoReturn bool `json:"no_return,omitempty"`
	// ReturnBadSign spoils the signature of a return by POST.
	ReturnBadSign bool `json:"return_bad_sign,omitempty"`
}

func (o NotifyOptions) check() error {
	for _, kind := range o.Send {
		if !slices.Contains(notifyKinds, kind) {
			return fmt.Errorf("send must hold only %q", notifyKinds)
		}
	}
	switch {
	case o.OnTimeout != "" && o.OnTimeout != TimeoutBegun && o.OnTimeout != TimeoutAlways && o.OnTimeout != TimeoutNever:
		return errors.New("on_timeout must be begun, always or never")
	case o.DelayMS < 0 || o.RetryMS < 0 || o.Attempts < 0 || o.Attempts > 100 || len(o.Send) > 100:
		return errors.New("delay_ms, retry_ms, attempts or send out of range")
	case o.Never && len(o.Send) > 0:
		return errors.New("never contradicts send")
	}
	return nil
}

// Credentials and the scene of DefaultConfig. They open nothing but the sandbox.
const (
	DefaultMegviiKey    = "sandbox-megvii-key"
	DefaultMegviiSecret = "sandbox-megvii-secret"
	DefaultMegviiScene  = "sandbox-scene"
)

func defaultMegvii() MegviiConfig {
	return MegviiConfig{
		Keys:         []MegviiKey{{DefaultMegviiKey, DefaultMegviiSecret}},
		Scenes:       []string{DefaultMegviiScene},
		FlowTTL:      time.Hour,
		Lookups:      3,
		LookupWindow: 24 * time.Hour,
		SpentAnswer:  SpentDestroyed,
		Ports:        PortsLocal,
		Concurrency:  20,
		ErrorKey:     "error_message",
	}
}

func (c MegviiConfig) withDefaults() MegviiConfig {
	d := defaultMegvii()
	orElse(&c.FlowTTL, d.FlowTTL)
	orElse(&c.Lookups, d.Lookups)
	orElse(&c.LookupWindow, d.LookupWindow)
	orElse(&c.SpentAnswer, d.SpentAnswer)
	orElse(&c.Ports, d.Ports)
	orElse(&c.Concurrency, d.Concurrency)
	orElse(&c.ErrorKey, d.ErrorKey)
	return c
}

func (c MegviiConfig) faults() []error {
	faults := []error{
		mustBeOneOf("Megvii.SpentAnswer", c.SpentAnswer, SpentDestroyed, SpentNotFound),
		mustBeOneOf("Megvii.Ports", c.Ports, PortsLocal, PortsStrict, PortsAny),
		mustBeOneOf("Megvii.ErrorKey", c.ErrorKey, "error_message", "error", "ERROR"),
	}
	if err := c.Notify.check(); err != nil {
		faults = append(faults, fmt.Errorf("sandbox: Megvii.Notify: %w", err))
	}
	return faults
}
