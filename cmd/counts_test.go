package cmd

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/store"
	"github.com/yanzhen-id/yanzhen/verification"
)

// A face counts as kept beyond what may be where no session can need it, or where the
// policy, in the version that is known, compares none.
func TestStoredFacesAreThoseThatMayNotBe(t *testing.T) {
	p := &parts{}
	p.now.Store(&config.Config{Policies: map[string]verification.Policy{
		"compares": {Name: "compares", Version: 2, Comparer: "toy"}, "plain": {Name: "plain", Version: 2},
	}})
	of := func(name string, version int, idle bool) store.PortraitCount {
		return store.PortraitCount{Policy: verification.PolicyRef{Name: name, Version: version}, Idle: idle, N: 1}
	}
	for want, counts := range map[int][]store.PortraitCount{
		0: {of("compares", 2, false), of("plain", 1, false), of("gone", 1, false)},
		1: {of("plain", 2, false), of("compares", 2, false)},
		3: {of("compares", 2, true), of("plain", 1, true), of("gone", 1, true)},
	} {
		require.Equal(t, want, p.stored(store.Measures{Portraits: counts}, time.Now()).Faces)
	}
}

// Every policy is told of, also where nothing of it is open, so that a series that
// falls to nothing falls to 0.
func TestWhatIsNotThereIsToldAsNothing(t *testing.T) {
	p := &parts{}
	p.now.Store(&config.Config{Policies: map[string]verification.Policy{"a": {Name: "a"}}})
	now := time.Now()
	got := p.stored(store.Measures{
		Open: []store.OpenCount{{Policy: "old", Status: verification.InReview, N: 2}}, Review: map[string]time.Time{"old": now.Add(-time.Hour)},
		Erasure: now.Add(time.Second),
	}, now)
	require.Equal(t, map[[2]string]int{{"a", "requires_input"}: 0, {"a", "processing"}: 0, {"a", "in_review"}: 0, {"old", "in_review"}: 2}, got.Open)
	require.Equal(t, map[string]time.Duration{"a": 0, "old": time.Hour}, got.Review)
	require.Zero(t, got.Erasure, "another machine's clock is ahead")
}

// Prices are told by vendor and operation, with their currency; what is no price is
// refused by the setting's name.
func TestPricesOfVendors(t *testing.T) {
	cfg, err := config.Load([]string{"YANZHEN_ACEDATA_PRICE=0.6 CNY", "YANZHEN_SINO_PRICE_READ=0.3 USD", "YANZHEN_SINO_PRICE_SESSION=1 USD"}, vendors, config.Needs{})
	require.NoError(t, err)
	for _, c := range []struct {
		provider, operation, currency string
		amount                        float64
	}{
		{"acedata", "check", "CNY", 0.6}, {"sino_connect", "read", "USD", 0.3}, {"sino_connect", "session", "USD", 1}, {"tencent_eid", "session", "", 0}, {"nobody", "check", "", 0},
	} {
		amount, currency, known := cfg.Price(c.provider, c.operation)
		require.Equal(t, []any{c.amount, c.currency, c.currency != ""}, []any{amount, currency, known}, "%s %s", c.provider, c.operation)
	}
	_, err = config.Load([]string{"YANZHEN_ACEDATA_PRICE=cheap-secret"}, vendors, config.Needs{})
	require.ErrorContains(t, err, "YANZHEN_ACEDATA_PRICE")
	require.NotContains(t, err.Error(), "secret")
}
