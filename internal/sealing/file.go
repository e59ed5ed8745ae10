package sealing

import (
	"context"
	"fmt"
	"io"
	"os"
)

// maxKeyFile bounds what is read of a file that is no key set.
const maxKeyFile = 1 << 20

// Load reads a key set from a file. A file that others than its owner may read
// is refused.
func Load(path string) (*Keys, error) { return LoadWrapped(context.Background(), path, nil) }

// LoadWrapped is Load for a file that has to be unwrapped; u nil: it has not.
func LoadWrapped(ctx context.Context, path string, u Unwrapper) (*Keys, error) {
	text, err := ReadFile(path)
	if err != nil {
		return nil, err
	}
	if u != nil {
		if text, err = u.Unwrap(ctx, text); err != nil {
			return nil, fmt.Errorf("sealing: key file %s: %w", path, err)
		}
	}
	return Parse(text)
}

// ReadFile reads a key file as it is, unless others may read it, too.
func ReadFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("sealing: key file %s is not a regular file", path)
	}
	if !guarded(info) {
		return nil, fmt.Errorf("sealing: key file %s is accessible to others than its owner (mode %04o): run chmod 600 on it", path, info.Mode().Perm())
	}
	// The open file, not its path again: what was checked is what is read.
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	return text, nil
}
