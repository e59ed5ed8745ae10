package api

import (
	"net"
	"net/url"
	"slices"
	"strings"
)

// maxReturnURL is a return URL's greatest length in bytes.
const maxReturnURL = 1000

// returnURLRules are the rules for a return URL, by code.
var returnURLRules = map[string]string{
	"return_url.too_long":    "At most 1000 bytes.",
	"return_url.malformed":   "Must be an absolute URL in visible ASCII, without a backslash.",
	"return_url.scheme":      "https, or http on loopback; other schemes only as listed for the client.",
	"return_url.user_info":   "No user part.",
	"return_url.fragment":    "No fragment.",
	"return_url.path":        "No dot segments, empty segments, or encoded slashes, backslashes, dots and per cent signs.",
	"return_url.not_allowed": "Scheme, host, port or path are not on the client's list.",
}

// checkReturnURL returns the code of the rule that a return URL breaks, or
// nothing. allowed is the client's list. A browser must read the URL as we do,
// so whatever parsers are known to read differently is refused outright.
func checkReturnURL(raw string, allowed []string) string {
	u, code := parseReturnURL(raw)
	switch {
	case code != "":
		return code
	case !web(u):
		if slices.Contains(allowed, raw) {
			return ""
		}
		return "return_url.scheme"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "return_url.scheme"
	}
	for _, entry := range allowed {
		if e, code := parseReturnURL(entry); code == "" && web(e) && covers(e, u) {
			return ""
		}
	}
	return "return_url.not_allowed"
}

// parseReturnURL parses a URL and holds it to the rules that need no list.
func parseReturnURL(raw string) (*url.URL, string) {
	if len(raw) > maxReturnURL {
		return nil, "return_url.too_long"
	}
	for i := range len(raw) {
		if c := raw[i]; c <= ' ' || c > '~' || c == '\\' {
			return nil, "return_url.malformed"
		}
	}
	if strings.Contains(raw, "#") {
		return nil, "return_url.fragment"
	}
	u, err := url.Parse(raw)
	if err != nil || u.Scheme == "" {
		return nil, "return_url.malformed"
	}
	if !web(u) {
		return u, ""
	}
	switch {
	case u.User != nil || strings.Contains(u.Host, "@"):
		return nil, "return_url.user_info"
	case u.Opaque != "" || u.Hostname() == "" || strings.HasSuffix(u.Host, ":") || strings.Contains(u.Host, "%"):
		return nil, "return_url.malformed"
	case !plainPath(u.EscapedPath()):
		return nil, "return_url.path"
	}
	return u, ""
}

func web(u *url.URL) bool { return u.Scheme == "https" || u.Scheme == "http" }

// plainPath refuses what a server or a browser may resolve to another path
// than the one that was compared: also after a second decoding (%252e), or
// once a segment's parameters are dropped, as servlets do ("..;").
func plainPath(escaped string) bool {
	lower := strings.ToLower(escaped)
	for _, bad := range []string{"%25", "%2f", "%5c", "%2e", "%00", "//"} {
		if strings.Contains(lower, bad) {
			return false
		}
	}
	for segment := range strings.SplitSeq(strings.ReplaceAll(lower, "%3b", ";"), "/") {
		name, _, _ := strings.Cut(segment, ";")
		if name == "." || name == ".." {
			return false
		}
	}
	return true
}

// covers: same scheme, host and port, and the entry's path is a prefix on a
// segment border.
func covers(entry, u *url.URL) bool {
	if entry.Scheme != u.Scheme || !strings.EqualFold(entry.Hostname(), u.Hostname()) || port(entry) != port(u) {
		return false
	}
	prefix := strings.TrimSuffix(entry.EscapedPath(), "/")
	path := u.EscapedPath()
	return path == prefix || strings.HasPrefix(path, prefix+"/")
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}

func loopback(host string) bool {
	if ip := net.ParseIP(host); ip != nil {
		return ip.IsLoopback()
	}
	return strings.EqualFold(host, "localhost")
}

// checkReturnEntry says in words what is wrong with an entry of a client's
// list, or nothing.
func checkReturnEntry(raw string) string {
	u, code := parseReturnURL(raw)
	switch {
	case code != "":
		return "is not usable: " + returnURLRules[code]
	case web(u) && (u.RawQuery != "" || u.ForceQuery):
		return "must not have a query"
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return "must be https, or http on loopback"
	case slices.Contains([]string{"javascript", "data", "vbscript", "file", "blob", "about", "filesystem"}, u.Scheme):
		return "has a scheme that runs or shows content instead of opening an app"
	}
	return ""
}

// WayHome is where the person of a verification goes in the end: its return URL
// with the id and no verdict; "" where it names none, or one that is not on the
// client's list any more.
func WayHome(allowed []string, returnURL, id string) string {
	if returnURL == "" || checkReturnURL(returnURL, allowed) != "" {
		return ""
	}
	return withVerificationID(returnURL, id)
}

// idParameter carries the verification's id to a return URL.
const idParameter = "verification_id"

// withVerificationID puts the id into a return URL's query, in place of one
// that is there, and leaves the rest of the URL, byte for byte, as it is.
func withVerificationID(returnURL, id string) string {
	base, query, _ := strings.Cut(returnURL, "?")
	var kept []string
	for pair := range strings.SplitSeq(query, "&") {
		name, _, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(name); err != nil || plain != idParameter {
			kept = append(kept, pair)
		}
	}
	rest := strings.Join(kept, "&")
	if rest != "" && !strings.HasSuffix(rest, "&") {
		rest += "&"
	}
	return base + "?" + rest + idParameter + "=" + url.QueryEscape(id)
}
