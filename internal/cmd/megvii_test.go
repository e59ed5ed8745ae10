package cmd

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestStartRefusesAProviderItCannotPlay(t *testing.T) {
	for _, flags := range [][]string{
		{"--provider", "acedata"}, {"--provider", "megvii_faceid", "--policy", "cn-resident"},
		{"--provider", "megvii_faceid", "--notify", "shout"}, {"--provider", "sino_connect"},
	} {
		_, err := run(t.Context(), append([]string{"start", "--api", "http://127.0.0.1:1", "--key", "k", "--sandbox", "http://127.0.0.1:1"}, flags...)...)
		require.Error(t, err)
		require.Regexp(t, `--provider is one of|--notify "shout" is none of|needs a scan`, err.Error())
	}
}
