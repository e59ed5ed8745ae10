package activities_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/yanzhen-id/yanzhen/activities"
	"github.com/yanzhen-id/yanzhen/provider"
	"github.com/yanzhen-id/yanzhen/verification"
)

// The vendor is paid for each session: those of one number are counted over all
// verifications, whoever starts them.
func TestSessionsOfANumberAreCappedADay(t *testing.T) {
	b := newBench(t)
	opens := 0
	b.face.open = func(provider.Opening) (provider.Opened, error) {
		opens++
		return provider.Opened{Link: "l", Handle: []byte("h"), ExpiresAt: b.now.Add(time.Minute)}, nil
	}
	open := func(id string) verification.ReasonCode {
		t.Helper()
		b.row(id)
		out, err := run[activities.OpenResult](b, b.OpenSession, activities.OpenInput{ID: id, Session: 1, Provider: "face", SessionsCap: 12, RecordsCap: 3})
		require.NoError(t, err)
		return out.Capped
	}
	for i := range 12 {
		require.Empty(t, open(fmt.Sprint("ver_", i)))
	}
	require.Equal(t, verification.SessionDailyCap, open("ver_12"))
	require.Equal(t, 12, opens)
	out, err := run[activities.OpenResult](b, b.OpenSession, activities.OpenInput{ID: "ver_0", Session: 1, Provider: "face", SessionsCap: 12})
	require.NoError(t, err)
	require.Empty(t, out.Capped, "what is open stays open")
	b.now = b.now.Add(24 * time.Hour)
	require.Empty(t, open("ver_13"), "a new day in Asia/Shanghai")
}

// A session that cannot lead to approval is not bought: the records will not be
// asked about this person any more today.
func TestNoSessionIsOpenedOnceTheRecordsOfItsNumberAreCapped(t *testing.T) {
	b := newBench(t)
	b.rec.answer = func(int) (verification.Check, error) { return charged() }
	b.face.open = func(provider.Opening) (provider.Opened, error) {
		return provider.Opened{Link: "l", Handle: []byte("h"), ExpiresAt: b.now.Add(time.Minute)}, nil
	}
	for i := range 3 {
		id := fmt.Sprint("ver_", i)
		b.row(id)
		_, err := b.check(id, verification.UnknownRetry)
		require.NoError(t, err)
	}
	b.row("ver_3")
	for _, c := range []struct {
		id     string
		needed int
		want   verification.ReasonCode
	}{
		{"ver_3", 3, verification.RecordsDailyCap},
		{"ver_2", 3, ""}, // it is one of those that asked
		{"ver_3", 0, ""}, // it needs no records, or has them
	} {
		out, err := run[activities.OpenResult](b, b.OpenSession, activities.OpenInput{ID: c.id, Session: 1, Provider: "face", SessionsCap: 12, RecordsCap: c.needed})
		require.NoError(t, err)
		require.Equal(t, c.want, out.Capped, "%+v", c)
	}
}
