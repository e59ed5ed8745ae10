package provider

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A price says its currency; what is no price is refused, not guessed.
func TestMoney(t *testing.T) {
	for text, want := range map[string]Money{"0.6 CNY": {0.6, "CNY"}, "0 CNY": {0, "CNY"}, "12 USD": {12, "USD"}} {
		var m Money
		require.NoError(t, m.UnmarshalText([]byte(text)))
		require.Equal(t, want, m)
		require.Equal(t, text, m.String())
	}
	for _, text := range []string{"", "0.6", "CNY", "0.6CNY", "0.6 cny", "0.6 yuan", "-1 CNY", "NaN CNY", "Inf CNY", "0,6 CNY", "0.6 CNY "} {
		var m Money
		require.Error(t, m.UnmarshalText([]byte(text)), text)
	}
	require.Empty(t, Money{}.String())
}
