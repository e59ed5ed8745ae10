package cmd

import (
	"io"
	"net"
	"time"
)

// forward passes every connection on to another address, until the listener is
// closed.
func forward(l net.Listener, to string) {
	for {
		near, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer near.Close()
			far, err := net.DialTimeout("tcp", to, 5*time.Second)
			if err != nil {
				return // the caller sees a closed connection: its vendor is away
			}
			defer far.Close()
			back := make(chan struct{})
			go func() { _, _ = io.Copy(near, far); halfClose(near); close(back) }()
			_, _ = io.Copy(far, near)
			halfClose(far)
			<-back
		}()
	}
}

// halfClose tells the other side that nothing more will come.
func halfClose(c net.Conn) {
	if t, ok := c.(*net.TCPConn); ok {
		_ = t.CloseWrite()
	}
}
