//go:build unix

package sealing

import (
	"io/fs"
	"os"
	"syscall"
)

// guarded reports whether a key file is its owner's alone. Root's may be read by
// our group as well, which is how Kubernetes mounts a secret; PostgreSQL takes its
// private key by the same rule.
func guarded(info fs.FileInfo) bool {
	s, ok := info.Sys().(*syscall.Stat_t)
	return guardedFrom(info.Mode().Perm(), ok && s.Uid == 0 && os.Geteuid() != 0)
}

func guardedFrom(mode fs.FileMode, roots bool) bool {
	if roots {
		return mode&0o037 == 0
	}
	return mode&0o077 == 0
}
