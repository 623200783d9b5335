package app

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"gancho/internal/store"
)

// data is the data directory, locked for this process.
type data struct {
	dir  string
	lock *os.File
}

// openData makes the directory if it is absent and locks it: a second server
// on the same files would deliver everything twice.
func openData(dir string) (*data, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the data directory cannot be made: %w", err)
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data directory cannot be written: %w", err)
	}
	if err := lockFile(lock); err != nil {
		_ = lock.Close() // nothing was written
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("another gancho uses the data directory %s; stop it, or name another directory with --data", dir)
		}
		return nil, fmt.Errorf("the data directory cannot be locked: %w", err)
	}
	return &data{dir: dir, lock: lock}, nil
}

func (d *data) close() { _ = d.lock.Close() } // which gives up the lock

func (d *data) adminKeyFile() string { return filepath.Join(d.dir, "admin.key") }

// adminKey is the configured key, or the one generated at the first start.
func (d *data) adminKey(configured string) (key string, generated bool, err error) {
	if configured != "" {
		return configured, false, nil
	}
	return d.generate(d.adminKeyFile(), func() string { return "gk_" + randomText() })
}

// encryptionKey is the configured key, or the one generated at the first start.
func (d *data) encryptionKey(configured string) ([]byte, error) {
	text := configured
	if text == "" {
		var err error
		text, _, err = d.generate(filepath.Join(d.dir, "encryption.key"), func() string {
			return base64.StdEncoding.EncodeToString(store.NewKey())
		})
		if err != nil {
			return nil, err
		}
	}
	return base64.StdEncoding.DecodeString(text)
}

// generate returns what file holds, writing it first if it is absent. The file
// is readable by its owner only, and complete or absent, whenever we are killed.
func (d *data) generate(file string, text func() string) (_ string, generated bool, err error) {
	b, err := os.ReadFile(file)
	if err == nil {
		return strings.TrimSpace(string(b)), false, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", false, err
	}
	t := text()
	tmp := file + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return "", false, err
	}
	_, err = f.WriteString(t + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", false, err
	}
	return t, true, os.Rename(tmp, file)
}

func randomText() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(b)
}
