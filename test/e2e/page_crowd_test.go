package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// onPages is how many people are on their pages in the test of many.
const onPages = 1000

// insertPages writes rows of verifications whose people are awaited on our page,
// and returns their codes.
func (s *stack) insertPages(n int) []string {
	s.t.Helper()
	st, keys := s.openStore(), s.keySet()
	p := verification.DefaultPolicy()
	p.Name, p.Presentation = "cn-resident", verification.PresentationPage
	codes := make([]string, n)
	for i := range n {
		state := verification.NewState(p, time.Now())
		state.AwaitPerson(time.Now(), time.Now().Add(24*time.Hour), nil)
		codes[i] = fmt.Sprintf("%026d", i)
		_, _, err := st.Insert(s.t.Context(), store.Row{
			ID: fmt.Sprintf("ver_%026d", i), Client: "shop", Fingerprint: []byte{1}, Policy: verification.PolicyRef{Name: "cn-resident", Version: 2},
			CreatedAt: time.Now(), StartCalledAt: time.Now(), Request: verification.Request{Policy: "cn-resident"}, State: state,
			PageCode: codes[i], PageHash: keys.Hash("page-code", codes[i]),
		})
		require.NoError(s.t, err)
	}
	return codes
}

// A thousand people have their page open on one api and wait there, a hundred a
// second load one, and each page comes within a tenth of a second; the engine hears
// nothing of it.
func TestAThousandPeopleOnThePageAtOnce(t *testing.T) {
	s := newStack(t, options{policies: pagePolicy})
	s.worker.stop(t) // the api is alone with the store
	codes := s.insertPages(onPages)
	wire := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: onPages},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	ask := func(ctx context.Context, method, to, cookie string) (*http.Response, []byte, error) {
		r, err := http.NewRequestWithContext(ctx, method, to, nil)
		if err != nil {
			return nil, nil, err
		}
		r.Header.Set("User-Agent", inWeChat)
		r.Header.Set("Cookie", cookie)
		res, err := wire.Do(r)
		if err != nil {
			return nil, nil, err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return res, body, err
	}
	ctx, leave := context.WithCancel(t.Context())
	var all sync.WaitGroup
	defer all.Wait()
	defer leave()
	engine := s.asksOfTheEngine()
	type seat struct{ page, cookie string }
	seats := make([]seat, onPages)
	for i, code := range codes {
		res, _, err := ask(ctx, "POST", s.apiURL+"/p/"+code, "")
		require.NoError(t, err)
		require.Equal(t, http.StatusSeeOther, res.StatusCode)
		seats[i] = seat{s.apiURL + res.Header.Get("Location"), strings.Split(res.Header.Get("Set-Cookie"), ";")[0]}
		all.Go(func() {
			for ctx.Err() == nil {
				res, _, err := ask(ctx, "GET", seats[i].page+"/wait?rev=1", seats[i].cookie)
				if err == nil && res.StatusCode != http.StatusOK {
					t.Errorf("waiting: %d", res.StatusCode)
					return
				}
			}
		})
	}
	var mu sync.Mutex
	var took []time.Duration
	var loads sync.WaitGroup
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for i := range onPages {
		<-tick.C
		loads.Go(func() {
			began := time.Now()
			res, body, err := ask(ctx, "GET", seats[i].page, seats[i].cookie)
			if err != nil || res.StatusCode != http.StatusOK || !strings.Contains(string(body), "</html>") {
				t.Errorf("a page: %v, %v", res, err)
				return
			}
			mu.Lock()
			took = append(took, time.Since(began))
			mu.Unlock()
		})
	}
	loads.Wait()
	slices.Sort(took)
	require.Len(t, took, onPages)
	p95 := took[len(took)*95/100]
	t.Logf("%d wait, 100 pages a second: median %s, p95 %s; %d MB", onPages, took[len(took)/2], p95, s.api.resident(t)>>20)
	require.Less(t, p95, 100*time.Millisecond)
	require.Equal(t, engine, s.asksOfTheEngine(), "the engine hears nothing of readers")
}

// All that a page needs comes from us, and is small.
func TestAPageIsSmallAndCompleteInItself(t *testing.T) {
	t.Parallel()
	s := newStack(t, options{policies: pagePolicy})
	v := s.startPage(s.person(), nil)
	p := s.visitor(onDesktop)
	p.begunAt(v)
	p.press("agree")
	require.Equal(t, "desktop", p.kind(), "the largest one, with its code")
	total := len(p.page)
	for _, m := range pageAsset.FindAllStringSubmatch(p.page, -1) {
		to, err := url.Parse(m[1])
		require.NoError(t, err)
		require.Empty(t, to.Host, "no other host")
		file := s.visitor(onDesktop)
		file.at = p.at
		file.open(m[1])
		require.Equal(t, http.StatusOK, file.status, m[1])
		if path.Base(path.Dir(to.Path)) == "static" {
			require.Contains(t, file.header.Get("Cache-Control"), "immutable")
		}
		total += len(file.page)
	}
	t.Logf("%d bytes", total)
	require.Less(t, total, 60_000)
}
