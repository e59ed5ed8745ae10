package cmd

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/sandbox"
	"github.com/yanzhen-id/yanzhen/verification"
)

// tapped is what a stand-in received in one call: the texts of its fields.
type tapped struct {
	operation string
	fields    map[string]string
}

// tap stands between the product and the stand-ins, and keeps what passes.
type tap struct {
	vendors *sandbox.Server
	mu      sync.Mutex
	calls   []tapped
}

func newTap(t *testing.T, vendors *sandbox.Server) (tp *tap, address string) {
	behind, err := url.Parse(vendors.URL)
	require.NoError(t, err)
	tp = &tap{vendors: vendors}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(behind); r.Out.Host = r.In.Host }}
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		fields := fieldsOf(r, body)
		proxy.ServeHTTP(w, r)
		tp.mu.Lock()
		defer tp.mu.Unlock()
		if asked := vendors.Ledger().Calls; len(asked) > 0 {
			tp.calls = append(tp.calls, tapped{asked[len(asked)-1].Operation, fields})
		}
	}))
	t.Cleanup(front.Close)
	return tp, strings.TrimPrefix(front.URL, "http://")
}

// fieldsOf are the texts in a request by their names: of its address, its headers
// and its body, a form's or JSON's.
func fieldsOf(r *http.Request, body []byte) map[string]string {
	out := map[string]string{"(path)": r.URL.Path}
	take := func(values map[string][]string) {
		for name, list := range values {
			out[name] = strings.Join(list, "\n")
		}
	}
	take(r.Header)
	take(r.URL.Query())
	var all any
	if json.Unmarshal(body, &all) == nil {
		collect(out, "", all)
		return out
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		form = url.Values{"(body)": {string(body)}}
	}
	take(form)
	return out
}

// collect takes the texts of a JSON value, under the name of the member that holds
// each.
func collect(into map[string]string, name string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for member, one := range v {
			collect(into, member, one)
		}
	case []any:
		for _, one := range v {
			collect(into, name, one)
		}
	default:
		into[name] += fmt.Sprint(v)
	}
}

// planted are the texts by which something of the person is found, whatever it is.
type planted map[provider.Datum][]string

func (p planted) in(text string) (found []provider.Datum) {
	for datum, marks := range p {
		if slices.ContainsFunc(marks, func(mark string) bool { return strings.Contains(text, mark) }) {
			found = append(found, datum)
		}
	}
	return found
}

// What the stand-ins receive of a planted person is what the descriptors say, field
// for field, and no more: the vendors are asked everything that they can be asked.
func TestVendorsAreToldWhatTheirDescriptorsSay(t *testing.T) {
	chipKeys := filepath.Join(t.TempDir(), "keys.json")
	private, public := sandbox.NewChipKeys()
	require.NoError(t, os.WriteFile(chipKeys, private, 0o600))
	stands, err := sandbox.ConfigOf("")
	require.NoError(t, err)
	stands.Sino.MerchantJWKS = public
	server, err := sandbox.Start(stands)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, server.Close()) })
	tp, address := newTap(t, server)

	cfg, err := load(append(sandbox.Settings(address, chipKeys), publicURL), config.Needs{Providers: true})
	require.NoError(t, err)
	registry, err := cfg.Registry(slog.New(slog.DiscardHandler))
	require.NoError(t, err)

	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	person, other := sandbox.FreshPerson(random), sandbox.FreshPerson(random)
	// Dates that stand in no key and no id by chance, as 00000000 does.
	person.Name, person.ValidFrom, person.ValidTo = "欧阳样例", "20170923", "20370923"
	scan := func(p sandbox.Person) string {
		require.NoError(t, server.AddPerson(p))
		reqid, err := server.AddScan(sandbox.ScanOptions{Person: &p})
		require.NoError(t, err)
		return reqid
	}
	reqid := scan(person)
	subject := verification.Subject{Name: person.Name, IDNumber: person.IDNumber, IDValidity: verification.Validity{From: person.ValidFrom, To: person.ValidTo}}
	marks := planted{
		provider.DatumName: {person.Name}, provider.DatumNumber: {person.IDNumber}, provider.DatumValidity: {person.ValidFrom, person.ValidTo},
		provider.DatumScan: {reqid}, provider.DatumID: {"ver_plantedplantedplantedplanted"}, provider.DatumReturn: {"/callbacks/planted-return", "/callbacks/planted-notify"},
	}

	ctx := t.Context()
	for _, v := range vendors {
		if f, ok := registry.Face(v.Name); ok {
			o := provider.Opening{VerificationID: marks[provider.DatumID][0], Session: 1, Subject: subject,
				ReturnURL: "https://kyc.example.com/callbacks/planted-return", NotifyURL: "https://kyc.example.com/callbacks/planted-notify"}
			opened, err := f.Provider.Open(ctx, o)
			require.NoError(t, err, v.Name)
			marks[provider.DatumSession] = append(marks[provider.DatumSession], idsIn(t, opened.Handle)...)
			s := provider.FaceSession{VerificationID: o.VerificationID, Session: 1, Handle: opened.Handle, Subject: subject,
				OpenedAt: time.Now(), ExpiresAt: opened.ExpiresAt}
			_, _ = f.Provider.Look(ctx, s) // over or not: it was asked
			_, _ = f.Provider.Result(ctx, s)
		}
		if r, ok := registry.Records(v.Name); ok {
			_, err := r.Provider.Check(ctx, subject)
			require.NoError(t, err, v.Name)
		}
	}
	reader, _ := registry.Chip("sino_connect")
	card, err := reader.Provider.Read(ctx, reqid)
	require.NoError(t, err)
	face, err := reader.Provider.Read(ctx, scan(other))
	require.NoError(t, err)
	comparer, _ := registry.Comparer("tencent_iai")
	_, err = comparer.Provider.Compare(ctx, card.Portrait, face.Portrait)
	require.NoError(t, err)
	marks[provider.DatumPortrait] = []string{base64.StdEncoding.EncodeToString(card.Portrait)}
	marks[provider.DatumFace] = []string{base64.StdEncoding.EncodeToString(face.Portrait)}
	require.NotEqual(t, card.Portrait, face.Portrait)

	received := map[string]map[string]bool{}
	for _, c := range tp.calls {
		if received[c.operation] == nil {
			received[c.operation] = map[string]bool{}
		}
		for name, text := range c.fields {
			for _, datum := range marks.in(text) {
				received[c.operation][name+": "+string(datum)] = true
			}
		}
	}
	said := map[string]map[string]bool{}
	for _, v := range vendors {
		require.NotEmpty(t, v.Sends, v.Name)
		for _, s := range v.Sends {
			require.Contains(t, verification.Purposes, s.Purpose)
			said[s.Operation] = map[string]bool{}
			for _, f := range s.Fields {
				said[s.Operation][f.Name+": "+string(f.Holds)] = true
			}
		}
	}
	require.Equal(t, said, received)
}

// idsIn are the texts of a handle, by which a vendor knows a session.
func idsIn(t *testing.T, handle []byte) (ids []string) {
	t.Helper()
	var members map[string]any
	require.NoError(t, json.Unmarshal(handle, &members))
	for _, v := range members {
		if text, ok := v.(string); ok && len(text) > 7 {
			ids = append(ids, text)
		}
	}
	require.NotEmpty(t, ids)
	return ids
}

// The page's tables of what vendors are told, and of who they are, are the
// descriptors'.
func TestThePrivacyPageTellsWhatVendorsAreTold(t *testing.T) {
	page, err := os.ReadFile("../docs/privacy.md")
	require.NoError(t, err)
	table := func(name string) string {
		_, rest, found := strings.Cut(string(page), "<!-- "+name+" -->\n")
		require.True(t, found, name)
		text, _, found := strings.Cut(rest, "<!-- end of "+name+" -->")
		require.True(t, found, name)
		return text
	}
	told := "| vendor | call | for the purpose | is told |\n|---|---|---|---|\n"
	who := "| vendor | company | jurisdiction | takes from the person itself | keeps, as far as its contract says |\n|---|---|---|---|---|\n"
	for _, v := range vendors {
		for _, s := range v.Sends {
			var fields []string
			for _, f := range s.Fields {
				fields = append(fields, fmt.Sprintf("`%s`: %s", f.Name, f.Holds))
			}
			told += fmt.Sprintf("| `%s` | `%s` | `%s` | %s |\n", v.Name, s.Operation, s.Purpose, strings.Join(fields, ", "))
		}
		where := v.Jurisdiction
		if where == provider.Unconfirmed {
			where = "unconfirmed, so it counts as abroad"
		}
		var takes []string
		for _, d := range v.Takes {
			takes = append(takes, string(d))
		}
		if len(takes) == 0 {
			takes = []string{"nothing"}
		}
		who += fmt.Sprintf("| `%s` | %s | %s | %s | %s |\n", v.Name, v.Parties["en"].Name, where, strings.Join(takes, ", "), v.Parties["en"].Keeps)
	}
	require.Equal(t, told, table("told"))
	require.Equal(t, who, table("who"))
	for _, purpose := range slices.Sorted(maps.Keys(purposesOf())) {
		require.Contains(t, string(page), "`"+purpose+"`")
	}
}

func purposesOf() map[string]bool {
	out := map[string]bool{}
	for _, p := range verification.Purposes {
		out[string(p)] = true
	}
	return out
}
