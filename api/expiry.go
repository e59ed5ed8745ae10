package api

import (
	"fmt"
	"time"
)

// soon is how long before its end a key is warned of.
const soon = 14 * 24 * time.Hour

// KeyLife returns how long a key remains valid.
func KeyLife(expires, now time.Time) string {
	switch {
	case expires.IsZero():
		return "does not expire"
	case !now.Before(expires):
		return "expired " + expires.Format(time.RFC3339)
	case expires.Sub(now) < soon:
		return "expires soon: " + expires.Format(time.RFC3339)
	}
	return "expires " + expires.Format(time.RFC3339)
}

// Expiring tells of every key that ends soon: whoever still uses it is then
// locked out.
func Expiring(clients []Client, reviewers []Reviewer, now time.Time) []string {
	var out []string
	add := func(expires time.Time, format string, args ...any) {
		if left := expires.Sub(now); !expires.IsZero() && 0 < left && left < soon {
			out = append(out, fmt.Sprintf(format, args...)+" "+KeyLife(expires, now))
		}
	}
	for _, c := range clients {
		for _, k := range c.Keys {
			add(k.Expires, "client %s: key %s", c.ID, k.Name)
		}
	}
	for i, r := range reviewers {
		add(r.Expires, "reviewer %d of the list:", i+1) // a log names no persons
	}
	return out
}
