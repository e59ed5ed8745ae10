//go:build !unix

package sealing

import "io/fs"

func guarded(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 == 0 }
