package cmd

import (
	"bytes"
	"image"
	"image/png"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/telemetry"
)

// A logo that is replaced is shown within seconds, though the catalogue's own
// text stays; one that is missing is logged once, and taken once it is there.
func TestALogoIsReadAgainWhenItsFileChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	put := func(name string, side int) {
		var b bytes.Buffer
		require.NoError(t, png.Encode(&b, image.NewGray(image.Rect(0, 0, side, side))))
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), b.Bytes(), 0o600))
	}
	catalogueFile := filepath.Join(dir, "yanzhen.yaml")
	write := func(logo string) {
		require.NoError(t, os.WriteFile(catalogueFile, []byte("clients:\n  - {id: shop, keys: [{name: a, hash: \"\", scopes: []}], logo: "+logo+"}\n"), 0o600))
	}
	put("one.png", 10)
	write("one.png")
	read := func() (*config.Config, error) {
		return config.Load([]string{"YANZHEN_CONFIG=" + catalogueFile}, vendors, config.Needs{})
	}
	cfg, err := read()
	require.NoError(t, err)
	var log lockedBuffer
	p := &parts{cfg: cfg, log: slog.New(slog.NewTextHandler(&log, nil)), metrics: telemetry.NewMetrics(), catalogue: &catalogue{load: read, seen: sumOf(cfg.Files())}}
	widths := make(chan int, 100)
	p.catalogue.onChange(func(cfg *config.Config) (take func(), err error) {
		return func() { widths <- cfg.Brands["shop"].Logo.Width }, nil
	})
	go p.watchCatalogue(t.Context(), nil)
	next := func() int {
		select {
		case w := <-widths:
			return w
		case <-time.After(30 * time.Second):
			t.Fatal("the logo was not read again")
			return 0
		}
	}
	put("one.png", 20)
	require.Equal(t, 20, next())
	write("two.png")
	require.Eventually(t, func() bool { return strings.Contains(log.String(), "two.png cannot be read") }, 30*time.Second, 50*time.Millisecond)
	time.Sleep(2*rereadEvery + rereadEvery/2)
	require.Equal(t, 1, strings.Count(log.String(), "two.png cannot be read"))
	put("two.png", 30)
	require.Equal(t, 30, next())
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
