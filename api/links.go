package api

import (
	"sync"

	"github.com/yanzhen-id/yanzhen/starter"
)

// answeredLinks remembers which version of a verification was answered with its
// link. A caller that waits without naming an ETag has then seen the link, and
// waits for what comes of it instead of asking again and again. What is
// forgotten, or was answered by another process, is answered once more.
type answeredLinks struct {
	mu sync.Mutex
	// Two generations: when one is full, the older one is forgotten.
	now, before map[string]int
}

const maxLinks = 8192

func (t *answeredLinks) note(v starter.View) {
	if v.Link == "" && v.MiniProgram == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.now == nil || len(t.now) >= maxLinks {
		t.before, t.now = t.now, map[string]int{}
	}
	t.now[v.ID] = v.Revision
}

// version returns the one that was answered last; starter.Unknown for none.
func (t *answeredLinks) version(id string) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	if v, ok := t.now[id]; ok {
		return v
	}
	if v, ok := t.before[id]; ok {
		return v
	}
	return starter.Unknown
}
