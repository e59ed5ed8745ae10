package sandbox

import (
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Start listens until Close, and refuses a configuration with the field's name.
func TestStart(t *testing.T) {
	s, err := Start(DefaultConfig())
	require.NoError(t, err)
	res, err := http.Get(s.URL + healthPath)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusOK, res.StatusCode)
	require.NoError(t, s.Close())
	require.NoError(t, s.Close(), "closing twice is no error")
	_, err = (&http.Client{Timeout: time.Second}).Get(s.URL + healthPath)
	require.Error(t, err, "nothing listens any more")
	require.Empty(t, s.Ledger().Calls, "and what it knows can still be read")

	bad := DefaultConfig()
	bad.AceData.Profile = "mine"
	_, err = Start(bad)
	require.ErrorContains(t, err, "AceData.Profile")
}

// Each outcome that a player knows by name is one that the vendor's page takes:
// afterwards the session is no longer as it was opened.
func TestPlayerEndsSessionsByEachOutcome(t *testing.T) {
	back := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer back.Close()
	_, public := NewSM2Key()
	w := start(t, func(c *Config) { c.Tencent.MerchantPublicKey = public })
	for vendor, open := range map[string]func() (link string, status func() string){
		Tencent: func() (string, func() string) {
			token, link := w.eidToken(nil)
			return link, func() string { s, _ := w.TokenStatus(token); return s }
		},
		SinoConnect: func() (string, func() string) {
			_, session := w.face()
			return w.url + "/page/sino/" + session, func() string { s, _ := w.SinoStatus(session); return s }
		},
		Megvii: func() (string, func() string) {
			token, _ := w.flow(map[string]string{"return_url": back.URL, "notify_url": back.URL})
			return w.url + megviiPagePath + "?token=" + token, func() string { s, _ := w.MegviiStatus(token); return s }
		},
	} {
		for _, outcome := range Outcomes(vendor) {
			if act := pageActs[vendor][outcome]; act.begin && act.end == OutcomeTimeout {
				continue // waits for seconds; "expire" takes the same way
			}
			link, status := open()
			page, err := OpenPage(link)
			require.NoError(t, err)
			require.Equal(t, vendor, page.Vendor)
			before := status()
			err = page.Play(t.Context(), Playing{Outcome: outcome, Number: Fixtures()[0].IDNumber, Notify: &NotifyOptions{Never: true}})
			require.NoError(t, err, "%s %s", vendor, outcome)
			if pageActs[vendor][outcome] != (pageAct{}) {
				require.NotEqual(t, before, status(), "%s %s", vendor, outcome)
			}
		}
	}
}

// A page has its vendor's outcomes, and at Tencent the vendor's codes.
func TestPlayerRefusesAnOutcomeOfAnotherPage(t *testing.T) {
	require.NoError(t, CheckOutcome("same-face"))
	require.NoError(t, CheckOutcome("2016"))
	require.ErrorContains(t, CheckOutcome("brilliant"), "want one of abandon, approved")

	page, err := OpenPage("http://127.0.0.1:1/page/tencent/t")
	require.NoError(t, err)
	require.ErrorIs(t, page.Play(t.Context(), Playing{Outcome: "same-face"}), ErrOutcome)
	page, err = OpenPage("http://127.0.0.1:1/page/sino/s")
	require.NoError(t, err)
	require.Equal(t, SinoConnect, page.Vendor)
	require.ErrorIs(t, page.Play(t.Context(), Playing{Outcome: "2016"}), ErrOutcome)
	page, err = OpenPage("http://127.0.0.1:1/megvii/faceid/lite/do?token=m")
	require.NoError(t, err)
	require.Equal(t, Megvii, page.Vendor)
	require.ErrorIs(t, page.Play(t.Context(), Playing{Outcome: "other-holder"}), ErrOutcome)

	for _, link := range []string{"https://shop.example/back", "http://127.0.0.1:1/page/tencent/", "http://127.0.0.1:1/page/other/x", "::", ""} {
		_, err := OpenPage(link)
		require.ErrorIs(t, err, ErrNotAPage, link)
	}
}

// What a player sets over HTTP holds at the stand-ins, and a refusal names no
// person.
func TestPlayerSetsTheStage(t *testing.T) {
	w := start(t, nil)
	p := FreshPerson(rand.New(rand.NewPCG(1, 2)))
	player := NewPlayer(w.url + "/")
	require.NoError(t, player.AddPerson(t.Context(), p))
	_, known := w.people.find(p.IDNumber)
	require.True(t, known)
	require.NoError(t, player.AddFault(t.Context(), Fault{Vendor: AceData, Kind: FaultHTML502}))
	require.Len(t, w.Faults(), 1)
	reqid, err := player.Scan(t.Context(), ScanOptions{Person: &p})
	require.NoError(t, err)
	require.NotEmpty(t, reqid)

	p.IDNumber = p.IDNumber[:17] + "x"
	err = player.AddPerson(t.Context(), p)
	require.ErrorContains(t, err, "refused with HTTP 422")
	require.NotContains(t, err.Error(), p.IDNumber[:17])
}
