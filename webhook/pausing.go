package webhook

import (
	"io"
	"time"
)

// pausing reads parts with a pause between them.
type pausing struct {
	parts [][]byte
	pause time.Duration
}

func (p *pausing) Read(into []byte) (int, error) {
	for len(p.parts) > 0 && len(p.parts[0]) == 0 {
		p.parts = p.parts[1:]
		if len(p.parts) > 0 {
			time.Sleep(p.pause)
		}
	}
	if len(p.parts) == 0 {
		return 0, io.EOF
	}
	n := copy(into, p.parts[0])
	p.parts[0] = p.parts[0][n:]
	return n, nil
}
