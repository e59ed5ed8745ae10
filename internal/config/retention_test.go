package config

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/verification"
)

func hours(n int) verification.Duration { return verification.Duration(time.Duration(n) * time.Hour) }

// Of each span the narrowest entry that names it holds; without any, 30 days, 3
// years, 30 days.
func TestRetentionIsTheNarrowestThatNamesTheSpan(t *testing.T) {
	c := &Config{Clients: []Client{{ID: "shop"}, {ID: "bank"}}, Policies: BuiltIn()}
	require.Equal(t, Retention{Client: "shop", Policy: "cn-resident", Personal: hours(720), Verdict: hours(26280), Events: hours(720)}, c.RetentionOf("shop", "cn-resident"))
	require.Empty(t, c.takeRetention(catalogue{Retention: []Retention{
		{Personal: hours(100)}, {Policy: "cn-resident", Personal: hours(90), Events: hours(9)}, {Client: "shop", Personal: hours(80)},
		{Client: "shop", Policy: "cn-resident", Verdict: hours(800)},
	}}))
	require.Equal(t, hours(100), c.RetentionOf("bank", "other").Personal)
	require.Equal(t, hours(90), c.RetentionOf("bank", "cn-resident").Personal)
	require.Equal(t, Retention{Client: "shop", Policy: "cn-resident", Personal: hours(80), Verdict: hours(800), Events: hours(9)}, c.RetentionOf("shop", "cn-resident"))
}

func TestRetentionThatCannotHoldIsAnError(t *testing.T) {
	c := &Config{Clients: []Client{{ID: "shop"}}, Policies: BuiltIn()}
	faults := c.takeRetention(catalogue{Retention: []Retention{
		{Client: "nobody"}, {Policy: "none"}, {Policy: "cn-resident", Personal: hours(-1)}, {Client: "shop", Verdict: hours(1)}, {Client: "shop"},
	}})
	text := errorList(faults).Error()
	for _, want := range []string{"no client's id", `no policy "none"`, "less than 0s", "must not be shorter than personal", "same client and policy"} {
		require.Contains(t, text, want)
	}
}
