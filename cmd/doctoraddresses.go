package cmd

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/settings"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/webhook"
)

// What a clock may differ: signatures with a time fail at 5 minutes.
const (
	clockWarns = 30 * time.Second
	clockFails = 4 * time.Minute
)

// certificateWarns is how long before its end a certificate is told of.
const certificateWarns = 14 * 24 * time.Hour

// noRedirects is a client that asks an address and nothing else.
func noRedirects() *http.Client {
	return &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// head asks an address without credentials and without a body.
func head(ctx context.Context, address string) (*http.Response, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, address, nil)
	if err != nil {
		return nil, err
	}
	res, err := noRedirects().Do(r)
	if err != nil {
		return nil, unwrapURL(err)
	}
	return res, res.Body.Close()
}

// diagnoseVendor asks a vendor's addresses for the time, and for the
// credentials where that costs nothing.
func diagnoseVendor(ctx context.Context, v config.Vendor, now func() time.Time) []finding {
	var found []finding
	for _, s := range settings.Of(v.Settings) {
		if address := s.Value(v.Settings); s.Address && address != "" {
			found = append(found, diagnoseAddress(ctx, v.Name, s.Name, address, now))
		}
	}
	prober, can := v.Settings.(provider.Prober)
	if !can {
		return append(found, unknown(v.Name+" credentials", "cannot be checked without a charge: the first verification will show"))
	}
	err := prober.Probe(ctx)
	e, _ := errors.AsType[*provider.Error](err)
	switch {
	case err == nil:
		return append(found, ok(v.Name+" credentials", "the vendor takes them"))
	case e != nil && e.Class == provider.Misconfigured:
		return append(found, wrong(v.Name+" credentials", v.Remedies[provider.Misconfigured], "the vendor does not take them: %s", e.Code))
	}
	return append(found, unknown(v.Name+" credentials", "%v", err))
}

func diagnoseAddress(ctx context.Context, vendor, setting, address string, now func() time.Time) finding {
	check := vendor + " address"
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		u = &url.URL{Scheme: "https", Host: address}
		if host, ok := settings.Host(address); ok && settings.Loopback(host) {
			u.Scheme = "http"
		}
	}
	res, err := head(ctx, u.Scheme+"://"+u.Host+"/")
	if err != nil {
		remedy := "Correct " + setting + ", or let " + hostname() + " reach it (DNS, firewall, proxy)."
		if badCertificate(err) {
			remedy = "Tell the vendor; or this machine's clock or its certificate authorities (SSL_CERT_FILE) are out of date, or " + setting + " names another host."
		}
		return wrong(check, remedy, "%s: %v", u.Host, err)
	}
	at, err := http.ParseTime(res.Header.Get("Date"))
	if err != nil {
		return ok(check, "%s answers, without a time", u.Host)
	}
	switch off := now().Sub(at).Abs().Truncate(time.Second); {
	case off > clockFails:
		return wrong(check, "Set this machine's clock by NTP: signatures fail at five minutes.", "%s answers; this machine's clock differs by %s", u.Host, off)
	case off > clockWarns:
		return warning(check, "Set this machine's clock by NTP: signatures fail at five minutes.", "%s answers; this machine's clock differs by %s", u.Host, off)
	}
	return ok(check, "%s answers, and the clocks agree", u.Host)
}

// diagnoseProcess asks the worker or api on this machine, if there is one, whether it
// is ready.
func diagnoseProcess(ctx context.Context, listen string) []finding {
	const check = "process on this machine"
	address := readyAddress(listen)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return []finding{unknown(check, "YANZHEN_OPS_LISTEN is no address")}
	}
	res, err := noRedirects().Do(r)
	if err != nil {
		return []finding{unknown(check, "none serves health and metrics at %s (YANZHEN_OPS_LISTEN): run this where a worker or api runs", address)}
	}
	defer res.Body.Close()
	var parts map[string]string
	if json.NewDecoder(io.LimitReader(res.Body, 10_000)).Decode(&parts) != nil {
		return []finding{wrong(check, "YANZHEN_OPS_LISTEN is another server's address: name a free one.", "%s answers, but it is not yanzhen (HTTP %d)", address, res.StatusCode)}
	}
	var not []string
	for _, part := range slices.Sorted(maps.Keys(parts)) {
		if parts[part] != "ok" {
			not = append(not, part+" "+parts[part])
		}
	}
	remedy := "docs/runbook.md has an entry for each; the process's log says more."
	switch {
	case res.StatusCode != http.StatusOK:
		return []finding{wrong(check, remedy, "not ready at %s: %s", address, strings.Join(not, ", "))}
	case len(not) > 0:
		return []finding{warning(check, remedy, "ready at %s, but for %s", address, strings.Join(not, ", "))}
	}
	return []finding{ok(check, "ready, at %s", address)}
}

// diagnosePublicURL asks the address to which vendors send people and notices.
// It sees it from this machine: from outside, somebody outside must look. Where a
// worker's own loopback leads to stand-ins in another container, the api is in a
// third one, and its address means that of the machine around them.
func diagnosePublicURL(ctx context.Context, address string, forwards bool) []finding {
	const check, remedy = "public address", "Let YANZHEN_PUBLIC_URL lead to the api's YANZHEN_API_LISTEN: vendors and people come back by it."
	res, err := head(ctx, address+"/openapi.json")
	if err != nil {
		if badCertificate(err) {
			return []finding{wrong(check, "Renew the certificate, for the host that YANZHEN_PUBLIC_URL names, of an authority that phones trust.", "%s: %v", address, err)}
		}
		if forwards && errors.Is(err, syscall.ECONNREFUSED) {
			return []finding{unknown(check, "%s is loopback, which leads nowhere from a container: try it on the machine itself", address)}
		}
		return []finding{wrong(check, remedy, "%s: %v", address, err)}
	}
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/json" {
		return []finding{wrong(check, remedy, "%s answers, but it is not yanzhen's api (HTTP %d)", address, res.StatusCode)}
	}
	found := []finding{ok(check, "%s leads to an api, as seen from this machine", address)}
	return append(found, certificate(check, res.TLS)...)
}

func certificate(check string, state *tls.ConnectionState) []finding {
	if state == nil || len(state.PeerCertificates) == 0 {
		return nil
	}
	ends := state.PeerCertificates[0].NotAfter
	if left := time.Until(ends); left < certificateWarns {
		return []finding{warning(check, "Renew the certificate.", "its certificate ends in %s, on %s", left.Round(time.Hour), ends.Format(time.DateOnly))}
	}
	return nil
}

// badCertificate reports whether an address answers with a certificate that is not
// good: expired, of another name, of nobody who is trusted.
func badCertificate(err error) bool {
	_, is := errors.AsType[*tls.CertificateVerificationError](err)
	return is
}

// diagnoseEndpoint connects to a receiver without sending anything.
func diagnoseEndpoint(ctx context.Context, w config.Webhooks, client string, to config.Webhook) []finding {
	check := "webhook " + client + "/" + to.ID
	u, err := url.Parse(to.URL)
	if err != nil {
		return []finding{wrong(check, "Correct its URL in the catalogue.", "its URL cannot be read")}
	}
	if w.Proxy != "" {
		return []finding{unknown(check, "only the proxy of YANZHEN_WEBHOOK_PROXY reaches it")}
	}
	const remedy = "`yanzhen webhook test` sends an event and shows the response; the receiver's firewall or certificate may be at fault."
	port := u.Port()
	if port == "" {
		port = u.Scheme
	}
	address := net.JoinHostPort(u.Hostname(), port)
	var conn net.Conn
	dialer := webhook.Dialer(w.Allow, u.Scheme != "https")
	if u.Scheme == "https" {
		conn, err = (&tls.Dialer{NetDialer: dialer}).DialContext(ctx, "tcp", address)
	} else {
		conn, err = dialer.DialContext(ctx, "tcp", address)
	}
	switch {
	case errors.Is(err, webhook.ErrAddress):
		return []finding{warning(check, "Nothing is sent there: let its URL name a public https address, or its network be one of YANZHEN_WEBHOOK_ALLOW.",
			"%s leads to a private or reserved address, or by http to one that is not allowed", u.Host)}
	case badCertificate(err):
		return []finding{warning(check, "Nothing is sent there until its owner renews the certificate.", "%s: %v", u.Host, err)}
	case err != nil:
		return []finding{warning(check, remedy, "%s cannot be reached: %v", u.Host, err)}
	}
	defer conn.Close()
	found := []finding{ok(check, "%s takes connections", u.Host)}
	if secure, is := conn.(*tls.Conn); is {
		state := secure.ConnectionState()
		found = append(found, certificate(check, &state)...)
	}
	return found
}
