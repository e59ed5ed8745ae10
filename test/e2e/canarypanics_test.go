package e2e

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/api"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/starter"
	"github.com/yanzhen-id/yanzhen/test/e2e/toy"
	"github.com/yanzhen-id/yanzhen/verification"
)

// panics has a vendor of our own, in a product of this process, break on a person in
// each of its calls, in each way in which code breaks, and the API on each read.
func (x *trial) panics() {
	t := x.t
	log := filepath.Join(x.seen.dir, "panics")
	f, err := os.Create(log)
	require.NoError(t, err)
	t.Cleanup(func() { f.Close() })
	told := slog.New(slog.NewJSONHandler(f, &slog.HandlerOptions{Level: slog.LevelDebug}))
	trouble := &troubles{}
	vendor := &toy.Vendor{}
	s, start := wireToyAround(t, vendor, told, func(f provider.Face) provider.Face { return troubled{f, trouble} },
		func(s *starter.Starter) api.Verifications { return breaking{s, x.people.Name} })
	s.heard = x.heard
	p := x.anyone(x.stack, nil)
	v, _, err := start.Start(t.Context(), "shop", freshKey(), verification.Request{Policy: "toy", ReturnURL: "", ClientReferenceID: x.words["reference"],
		Subject: &verification.Subject{Name: p.Name, IDNumber: p.IDNumber, IDValidity: verification.Validity{From: p.ValidFrom, To: p.ValidTo}}})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		now, err := start.Read(t.Context(), "shop", v.ID)
		require.NoError(t, err)
		v = now
		return v.Link != ""
	}, comesBack, 50*time.Millisecond, "no link")
	a := s.call("shop", "GET", "/v1/verifications/"+v.ID, nil, nil)
	require.Equal(t, http.StatusInternalServerError, a.status, "%s", a.body)
	_, tell := vendor.End(v.Link, "")
	tell()
	require.Eventually(t, func() bool {
		now, err := start.Read(t.Context(), "shop", v.ID)
		return err == nil && now.Status.Ended()
	}, comesBack, 50*time.Millisecond)
	for _, operation := range []string{"open", "look", "result"} {
		require.Positive(t, trouble.times(operation), operation)
	}
	(&trial{stack: s, canary: x.canary, seen: x.seen}).historiesOf(1)
	x.more = append(x.more, place{name: "the log of a product that panics", paths: []string{log}, control: log},
		place{name: "the store of a product that panics", paths: []string{filepath.Join(s.dir, "yanzhen.db*")}, control: filepath.Join(s.dir, "yanzhen.db-control")})
}

// breaking panics where a verification is read.
type breaking struct {
	*starter.Starter
	name string
}

func (b breaking) Read(context.Context, string, string) (starter.View, error) {
	panic("no room for " + b.name)
}

// troubled is a vendor whose calls fail first.
type troubled struct {
	provider.Face
	trouble *troubles
}

func (t troubled) Open(ctx context.Context, o provider.Opening) (provider.Opened, error) {
	if err := t.trouble.of("open", o.Subject); err != nil {
		return provider.Opened{}, err
	}
	return t.Face.Open(ctx, o)
}

func (t troubled) Look(ctx context.Context, s provider.FaceSession) (provider.Look, error) {
	if err := t.trouble.of("look", s.Subject); err != nil {
		return provider.Look{}, err
	}
	return t.Face.Look(ctx, s)
}

func (t troubled) Result(ctx context.Context, s provider.FaceSession) (verification.FaceResult, error) {
	if err := t.trouble.of("result", s.Subject); err != nil {
		return verification.FaceResult{}, err
	}
	return t.Face.Result(ctx, s)
}

// troubles has each operation fail in each way, once each, and then work.
type troubles struct {
	mu   sync.Mutex
	seen map[string]int
}

func (t *troubles) times(operation string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.seen[operation]
}

func (t *troubles) of(operation string, s verification.Subject) error {
	t.mu.Lock()
	if t.seen == nil {
		t.seen = map[string]int{}
	}
	t.seen[operation]++
	try := t.seen[operation]
	t.mu.Unlock()
	who := s.Name + " " + s.IDNumber
	switch try {
	case 1:
		panic(who)
	case 2:
		panic(fmt.Errorf("no room for %s", who))
	case 3:
		_, err := time.Parse(time.DateOnly, who)
		return err
	case 4:
		return &provider.Error{Op: "toy." + operation, Class: provider.Unavailable, Code: "x", Err: fmt.Errorf("no such person: %s", who)}
	case 5:
		return fmt.Errorf("%s: %w", who, context.DeadlineExceeded)
	}
	return nil
}
