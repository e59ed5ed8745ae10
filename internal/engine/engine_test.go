package engine_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/internal/devstack"
	"github.com/yanzhen-id/yanzhen/internal/engine"
	"github.com/yanzhen-id/yanzhen/worker"
)

func TestSetupReadiesANewNamespaceAndMayBeRepeated(t *testing.T) {
	binary, err := devstack.Temporal(t.Context(), os.Stderr)
	require.NoError(t, err)
	s, err := devstack.StartTemporal(t.Context(), devstack.Options{Binary: binary, Headless: true})
	require.NoError(t, err)
	defer s.Stop()
	const namespace = "kyc"
	c, err := client.DialContext(t.Context(), client.Options{HostPort: s.HostPort, Namespace: namespace})
	require.NoError(t, err)
	defer c.Close()

	require.Error(t, worker.CheckSearchAttributes(t.Context(), c, namespace), "nothing is there yet")

	var said []string
	say := func(line string) { said = append(said, line) }
	require.NoError(t, engine.Setup(t.Context(), c, namespace, 72*time.Hour, say))
	require.Contains(t, said[0], "made")
	require.Contains(t, said[len(said)-1], "registered YzClient, YzOutcome, YzPolicy")

	// The server learns of new attributes with some delay.
	require.Eventually(t, func() bool { return worker.CheckSearchAttributes(t.Context(), c, namespace) == nil },
		30*time.Second, 200*time.Millisecond)

	said = nil
	require.NoError(t, engine.Setup(t.Context(), c, namespace, 72*time.Hour, say))
	require.Equal(t, "search attributes: are there", strings.Join(said[1:], "\n"))
}

func TestAnUnreachableServerIsNamedWithTheRemedy(t *testing.T) {
	_, err := engine.Dial(t.Context(), client.Options{HostPort: "127.0.0.1:1"})
	require.ErrorContains(t, err, "127.0.0.1:1")
	require.ErrorContains(t, err, "TEMPORAL_ADDRESS")
}
