package cmd

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/yanzhen-id/yanzhen/sandbox"
)

// Files of the chip's keys beside the configuration. Both halves are kept, so
// that they are the same after a restart.
const (
	chipKeysFile       = "chip-keys.json"
	chipPublicKeysFile = "chip-keys.public.json"
)

// createChipKeys makes the keys that open chip tokens, and those to which the
// stand-in seals them, unless they are there. It returns the former's path.
func createChipKeys(dir string) (string, error) {
	path, public := filepath.Join(dir, chipKeysFile), filepath.Join(dir, chipPublicKeysFile)
	_, err := os.Stat(public) // written last
	if err == nil || !errors.Is(err, os.ErrNotExist) {
		return path, err
	}
	ours, theirs := sandbox.NewChipKeys()
	return path, errors.Join(writePrivate(path, ours), writePrivate(public, theirs))
}
