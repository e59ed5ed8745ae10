package api

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReturnURLsStayOnTheClientsList(t *testing.T) {
	allowed := []string{
		"https://shop.example/back",
		"https://slash.example/dir/",
		"https://root.example",
		"https://port.example:8443/",
		"http://127.0.0.1:8080/back",
		"http://localhost:3000",
		"http://[::1]:3000/",
		"http://plain.example/",
		"shopapp://verify/done",
	}
	ok := []string{
		"https://shop.example/back",
		"https://shop.example/back?order=17&x=%20y",
		"https://shop.example/back?",
		"https://shop.example/back/",
		"https://shop.example/back/deep/er",
		"https://shop.example/back/a;v=1/b..;c",
		"https://shop.example:443/back",
		"https://SHOP.Example/back",
		"HTTPS://shop.example/back",
		"https://slash.example/dir",
		"https://slash.example/dir/x",
		"https://root.example",
		"https://root.example/",
		"https://root.example/any/path",
		"https://root.example?x=1",
		"https://port.example:8443/x",
		"http://127.0.0.1:8080/back",
		"http://localhost:3000/x",
		"http://[::1]:3000/x",
		"shopapp://verify/done",
		"https://shop.example/back?next=https://other.example/",
	}
	for _, raw := range ok {
		require.Empty(t, checkReturnURL(raw, allowed), raw)
	}
	for raw, code := range map[string]string{
		"https://shop.example.evil/back":         "return_url.not_allowed",
		"https://evil.example/back":              "return_url.not_allowed",
		"https://evilshop.example/back":          "return_url.not_allowed",
		"https://sub.shop.example/back":          "return_url.not_allowed",
		"https://shop.example./back":             "return_url.not_allowed",
		"https://shop.example:8443/back":         "return_url.not_allowed",
		"https://shop.example:80/back":           "return_url.not_allowed",
		"https://port.example/x":                 "return_url.not_allowed",
		"https://shop.example/backdoor":          "return_url.not_allowed",
		"https://shop.example/back.php":          "return_url.not_allowed",
		"https://shop.example/BACK":              "return_url.not_allowed",
		"https://shop.example/":                  "return_url.not_allowed",
		"https://shop.example":                   "return_url.not_allowed",
		"https://shop.example/other?/back":       "return_url.not_allowed",
		"https://shop.example/b%61ck":            "return_url.not_allowed",
		"https://slash.example/dirx":             "return_url.not_allowed",
		"https://127.0.0.1:8080/back":            "return_url.not_allowed",
		"http://127.0.0.1:8081/back":             "return_url.not_allowed",
		"http://127.0.0.2:8080/back":             "return_url.not_allowed",
		"http://localhost/x":                     "return_url.not_allowed",
		"https://shop.example@evil/back":         "return_url.user_info",
		"https://shop.example@evil.example/back": "return_url.user_info",
		"https://user:pw@shop.example/back":      "return_url.user_info",
		"https://@shop.example/back":             "return_url.user_info",
		"https://evil.example%40shop.example/":   "return_url.malformed",
		"https://shop.example/back#x":            "return_url.fragment",
		"https://shop.example/back#":             "return_url.fragment",
		"https://evil.example#@shop.example/":    "return_url.fragment",
		"https://shop.example\\@evil/back":       "return_url.malformed",
		"https:\\\\shop.example/back":            "return_url.malformed",
		"https://evil.example\\.shop.example/":   "return_url.malformed",
		"https://shop.example/back\n":            "return_url.malformed",
		"\thttps://shop.example/back":            "return_url.malformed",
		"https://shop.example/ba ck":             "return_url.malformed",
		"https://shop。example/back":              "return_url.malformed",
		"https://ѕhop.example/back":              "return_url.malformed",
		"https:///shop.example/back":             "return_url.malformed",
		"https:/shop.example/back":               "return_url.malformed",
		"https:shop.example/back":                "return_url.malformed",
		"https://":                               "return_url.malformed",
		"https://shop.example:/back":             "return_url.malformed",
		"https://shop.example:x/back":            "return_url.malformed",
		"https://[::1%25eth0]/":                  "return_url.malformed",
		"//shop.example/back":                    "return_url.malformed",
		"/back":                                  "return_url.malformed",
		"shop.example/back":                      "return_url.malformed",
		"":                                       "return_url.malformed",
		"https://shop.example/back/../admin":     "return_url.path",
		"https://shop.example/back/..":           "return_url.path",
		"https://shop.example/./back":            "return_url.path",
		"https://shop.example/back/%2e%2e/admin": "return_url.path",
		"https://shop.example/back/.%2E/admin":   "return_url.path",
		"https://shop.example/back%2f..%2fadmin": "return_url.path",
		"https://shop.example/back%5C..%5cadmin": "return_url.path",
		"https://shop.example//back":             "return_url.path",
		"https://shop.example/back//evil":        "return_url.path",
		"https://shop.example/back/..;/admin":    "return_url.path",
		"https://shop.example/back/..;x=y/admin": "return_url.path",
		"https://shop.example/back/.;/admin":     "return_url.path",
		"https://shop.example/back/..%3B/admin":  "return_url.path",
		"https://shop.example/back/%252e%252e/a": "return_url.path",
		"https://shop.example/back/%252E%252e/a": "return_url.path",
		"https://shop.example/back/%25252e/a":    "return_url.path",
		"https://shop.example/back%252fadmin":    "return_url.path",
		"https://shop.example/back/..%253b/a":    "return_url.path",
		"http://shop.example/back":               "return_url.scheme",
		"http://plain.example/":                  "return_url.scheme",
		"http://localhost.evil.example/":         "return_url.scheme",
		"http://127.0.0.1.evil.example/":         "return_url.scheme",
		"shopapp://verify/done/more":             "return_url.scheme",
		"shopapp://verify":                       "return_url.scheme",
		"shopapp://verify/done?x=1":              "return_url.scheme",
		"otherapp://x":                           "return_url.scheme",
		"javascript:alert(1)":                    "return_url.scheme",
		"data:text/html,x":                       "return_url.scheme",
		"ftp://shop.example/back":                "return_url.scheme",
	} {
		require.Equal(t, code, checkReturnURL(raw, allowed), raw)
	}
	long := "https://root.example/" + strings.Repeat("a", maxReturnURL-len("https://root.example/"))
	require.Empty(t, checkReturnURL(long, allowed))
	require.Equal(t, "return_url.too_long", checkReturnURL(long+"a", allowed))
	require.Equal(t, "return_url.not_allowed", checkReturnURL("https://root.example", nil))
}

func TestEveryReturnURLRuleHasAText(t *testing.T) {
	for code, text := range returnURLRules {
		require.NotEmpty(t, text, code)
	}
	for _, raw := range []string{"", "#", "https://a@b", "https://a//", "x:y", "https://a", strings.Repeat("a", 1001)} {
		require.Contains(t, returnURLRules, checkReturnURL(raw, nil))
	}
}

func TestListEntriesThatCannotBeKeptAreRefusedAtStart(t *testing.T) {
	for _, entry := range []string{"", "/x", "https://a/?q=1", "https://a/..;/b", "https://a/%252e%252e/b", "https://a/#f", "https://u@a/", "http://a.example/", "javascript:x", "data:x", "https://a/../b"} {
		err := CheckAccess([]Client{{ID: "c", ReturnURLs: []string{entry}}}, nil)
		require.ErrorContains(t, err, "return_urls[0]", entry)
	}
	require.NoError(t, CheckAccess([]Client{{ID: "c", ReturnURLs: []string{"https://a", "http://localhost:1/x", "app://x/y?z"}}}, nil))
}

func TestTheIDJoinsTheQueryAndChangesNothingElse(t *testing.T) {
	for in, want := range map[string]string{
		"https://a/b":         "https://a/b?verification_id=ver_x",
		"https://a":           "https://a?verification_id=ver_x",
		"https://a/b?":        "https://a/b?verification_id=ver_x",
		"https://a/b?x=1":     "https://a/b?x=1&verification_id=ver_x",
		"https://a/b?x=%20&":  "https://a/b?x=%20&verification_id=ver_x",
		"app://done":          "app://done?verification_id=ver_x",
		"https://a/b?x=a+b;c": "https://a/b?x=a+b;c&verification_id=ver_x",
		// One that is there already is replaced: two readers would take two.
		"https://a/b?verification_id=":                      "https://a/b?verification_id=ver_x",
		"https://a/b?verification_id=ver_y":                 "https://a/b?verification_id=ver_x",
		"https://a/b?a=1&verification_id=ver_y&b=%20":       "https://a/b?a=1&b=%20&verification_id=ver_x",
		"https://a/b?verification%5Fid=1&c&verification_id": "https://a/b?c&verification_id=ver_x",
		"https://a/b?my_verification_id=1":                  "https://a/b?my_verification_id=1&verification_id=ver_x",
		"app://done?verification_id=1":                      "app://done?verification_id=ver_x",
	} {
		require.Equal(t, want, withVerificationID(in, "ver_x"))
	}
}
