package engine_test

import (
	"crypto/tls"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/yanzhen-id/yanzhen/cmd/devstack"
	"github.com/yanzhen-id/yanzhen/cmd/engine"
	"github.com/yanzhen-id/yanzhen/workflows"
)

func TestSetupReadiesANewNamespaceAndMayBeRepeated(t *testing.T) {
	binary, err := devstack.Temporal(t.Context(), os.Stderr)
	require.NoError(t, err)
	s, err := devstack.StartTemporal(t.Context(), devstack.Options{SearchAttributes: workflows.SearchAttributes(), Binary: binary, Headless: true})
	require.NoError(t, err)
	defer s.Stop()
	const namespace = "kyc"
	c, err := client.DialContext(t.Context(), client.Options{HostPort: s.HostPort, Namespace: namespace})
	require.NoError(t, err)
	defer c.Close()

	require.ErrorIs(t, engine.CheckSearchAttributes(t.Context(), c, namespace, workflows.SearchAttributes()), engine.ErrSetup, "nothing is there yet")

	var said []string
	retention := 72 * time.Hour
	setup := func() error {
		return engine.Setup(t.Context(), c, namespace, workflows.SearchAttributes(), retention, func(line string) { said = append(said, line) })
	}
	err = setup()
	require.Contains(t, said[0], "created")
	// The server learns of a new namespace and new attributes with some delay.
	for until := time.Now().Add(30 * time.Second); err != nil && time.Now().Before(until); time.Sleep(200 * time.Millisecond) {
		require.True(t, engine.NotYet(err), "%v", err)
		err = setup()
	}
	require.NoError(t, err)
	require.Contains(t, said[1], "registered YzClient, YzOutcome, YzPolicy")
	require.NoError(t, engine.CheckSearchAttributes(t.Context(), c, namespace, workflows.SearchAttributes()))

	said = nil
	require.NoError(t, setup())
	require.Empty(t, said, "nothing is left to be done")

	// A namespace that was made with another retention, by whomever, gets ours.
	require.Equal(t, 72*time.Hour, retentionOf(t, c, namespace))
	retention = 30 * 24 * time.Hour
	require.NoError(t, setup())
	require.Equal(t, []string{`namespace "kyc": runs are kept for 30 days after their end, before it was 3 days`}, said)
	require.Equal(t, retention, retentionOf(t, c, namespace))
	retention = time.Second
	require.ErrorContains(t, setup(), "--retention", "which no server takes")
}

func retentionOf(t *testing.T, c client.Client, namespace string) time.Duration {
	t.Helper()
	n, err := c.WorkflowService().DescribeNamespace(t.Context(), &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	require.NoError(t, err)
	return n.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration()
}

func TestAnUnreachableServerIsNamedWithTheRemedy(t *testing.T) {
	_, err := engine.Dial(t.Context(), client.Options{HostPort: "127.0.0.1:1"})
	require.ErrorContains(t, err, "127.0.0.1:1")
	require.ErrorContains(t, err, "TEMPORAL_ADDRESS")
	_, err = engine.Dial(t.Context(), client.Options{HostPort: "127.0.0.1:1", ConnectionOptions: client.ConnectionOptions{TLS: &tls.Config{}}})
	require.ErrorContains(t, err, "with TLS, because TEMPORAL_TLS, TEMPORAL_API_KEY")
	require.True(t, engine.NotYet(err))
	_, err = engine.Dial(t.Context(), client.Options{HostPort: "nobody.invalid:7233"})
	require.ErrorContains(t, err, `the name "nobody.invalid" is unknown here`)
	require.True(t, engine.NotYet(err), "names may come later, too")
}

// An address that gRPC would guess about is refused before anybody waits for it.
func TestAnAddressThatIsNoneIsRefused(t *testing.T) {
	none := "TEMPORAL_CONFIG_FILE=" + filepath.Join(t.TempDir(), "none")
	for _, address := range []string{"127.0.0.1", "temporal", "https://temporal:7233", "http://127.0.0.1:7233"} {
		_, err := engine.Options([]string{none, "TEMPORAL_ADDRESS=" + address}, slog.New(slog.DiscardHandler))
		require.ErrorContains(t, err, "TEMPORAL_ADDRESS (or the profile file) must be host:port", address)
	}
	for _, address := range []string{"", "temporal:7233", "[::1]:7233", "dns:///temporal:7233"} {
		_, err := engine.Options([]string{none, "TEMPORAL_ADDRESS=" + address}, slog.New(slog.DiscardHandler))
		require.NoError(t, err, address)
	}
}
