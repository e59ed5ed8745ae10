package cmd

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/yanzhen-id/yanzhen/cmd/devstack"
	"github.com/yanzhen-id/yanzhen/internal/config"
	"github.com/yanzhen-id/yanzhen/internal/sealing"
)

// loadKeys reads the key file that the configuration names.
func loadKeys(ctx context.Context, cfg *config.Config) (*sealing.Keys, error) {
	if command := strings.Fields(cfg.KeysUnwrap); len(command) > 0 {
		return sealing.LoadWrapped(ctx, cfg.Keys, sealing.Command(command))
	}
	return sealing.LoadWrapped(ctx, cfg.Keys, nil)
}

// editKeyFile replaces a key file by what change makes of it: whole, or not at all,
// with its mode and its owner, and with nobody else at it.
func editKeyFile(path string, change func(text []byte) ([]byte, error)) error {
	path, err := filepath.EvalSymlinks(path) // the file itself, and not what leads to it
	if err != nil {
		return err
	}
	release, err := devstack.Hold(path + ".lock")
	if errors.Is(err, devstack.ErrHeld) {
		return fmt.Errorf("another command is changing %s: check the file, and try again", path)
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", path, err)
	}
	defer release()
	text, err := sealing.ReadFile(path)
	if err != nil {
		return err
	}
	with, err := change(text)
	if err != nil {
		return err
	}
	return replaceFile(path, text, with)
}

// replaceFile puts the new text in the place of the old one, which must still be
// there.
func replaceFile(path string, old, with []byte) error {
	fresh := path + ".new"
	err := writeLike(fresh, path, with)
	if err == nil {
		now, unread := os.ReadFile(path)
		if err = unread; err == nil && !bytes.Equal(now, old) {
			err = fmt.Errorf("%s was changed in the meantime, and was not overwritten", path)
		}
	}
	if err == nil {
		err = os.Rename(fresh, path)
	}
	if err != nil {
		if gone := os.Remove(fresh); !errors.Is(gone, os.ErrNotExist) {
			err = errors.Join(err, gone)
		}
		return err
	}
	return syncDir(filepath.Dir(path))
}

// writeLike writes a file with the mode and the owner of another one. What a lost
// process left in its place goes.
func writeLike(path, like string, text []byte) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	info, err := os.Stat(like)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err = giveTo(f, info); err != nil {
		err = fmt.Errorf("the new file would not have the owner of %s: run this as root, or as that user: %w", like, err)
	}
	if err == nil {
		err = f.Chmod(info.Mode().Perm())
	}
	if err == nil {
		_, err = f.Write(text)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// syncDir makes a rename last.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
