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
