package activities

import (
	"testing"
	"time"
)

// SetStopPatience shortens stopPatience until the test ends.
func SetStopPatience(t testing.TB, d time.Duration) {
	before := stopPatience
	stopPatience = d
	t.Cleanup(func() { stopPatience = before })
}

// SetLookPatience shortens lookPatience until the test ends.
func SetLookPatience(t testing.TB, d time.Duration) {
	before := lookPatience
	lookPatience = d
	t.Cleanup(func() { lookPatience = before })
}

// SetComparesQuietly replaces comparesQuietly until the test ends.
func SetComparesQuietly(t testing.TB, d time.Duration) {
	before := comparesQuietly
	comparesQuietly = d
	t.Cleanup(func() { comparesQuietly = before })
}

// PollPause is pollPause.
var PollPause = pollPause
