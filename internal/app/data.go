package app

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"gancho/internal/store"
)

// data is the data directory, locked for this process. With a PostgreSQL database it
// holds only keys, and several servers may use it: then the first one has the lock.
type data struct {
	dir  string
	lock *os.File // nil if another server has the lock
}

var errInUse = errors.New("another gancho uses the data directory")

// openData creates the directory if it is absent, takes the files in it away from others than
// their owner, and locks it: a second server on the same files would deliver everything twice.
func openData(dir string, log *slog.Logger) (*data, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("the data directory cannot be created: %w", err)
	}
	if err := protect(dir, log); err != nil {
		return nil, err
	}
	lock, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data directory cannot be written: %w", err)
	}
	if err := lockFile(lock); err != nil {
		_ = lock.Close() // nothing was written
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("%w %s; stop it, or name another directory with --data", errInUse, dir)
		}
		return nil, fmt.Errorf("the data directory cannot be locked: %w", err)
	}
	return &data{dir: dir, lock: lock}, nil
}

// joinData opens a directory that several servers may use. It waits up to ten seconds
// for the server that has the lock to create the keys.
func joinData(ctx context.Context, dir string, log *slog.Logger) (*data, error) {
	d, err := openData(dir, log)
	if !errors.Is(err, errInUse) {
		return d, err
	}
	d = &data{dir: dir}
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline) && ctx.Err() == nil; {
		if _, err := os.Stat(d.nodeFile()); err == nil { // the last file that the first server creates
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(50 * time.Millisecond):
		}
	}
	return d, ctx.Err()
}

// protect makes all files of Gancho in a data directory readable for their owner only: keys,
// the database, its companions, and copies that somebody made of it beside it.
func protect(dir string, log *slog.Logger) error {
	for _, pattern := range []string{"lock", "node.name*", "*.key*", databaseFile + "*"} {
		files, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return err
		}
		for _, file := range files {
			if err := store.Protect(file, log); err != nil {
				return err
			}
		}
	}
	return nil
}

// checkEmpty fails if the database's file has 0 bytes although a server has generated keys here.
// A server writes its keys after the first page of the file, so the content was lost.
func (d *data) checkEmpty(file string) error {
	info, err := os.Stat(file)
	switch {
	case errors.Is(err, fs.ErrNotExist): // an operator who wants to begin anew has removed it
		return nil
	case err != nil:
		return err
	case info.Size() > 0:
		return nil
	}
	for _, key := range []string{d.sealKeyFile(), d.adminKeyFile()} {
		if _, err := os.Stat(key); err == nil {
			return fmt.Errorf("%s is empty (0 bytes), although a server has worked here: there is %s. Its content was lost. "+
				"Restore it from a backup of the data directory. To begin anew with no data, remove %s",
				file, filepath.Base(key), filepath.Base(file))
		}
	}
	return nil
}

func (d *data) close() {
	if d.lock != nil {
		_ = d.lock.Close() // this releases the lock
	}
}

func (d *data) nodeFile() string { return filepath.Join(d.dir, "node.name") }

// nodeName is the name of this node. It stays the same after a restart, so that the
// node gets its endpoints back at once. It is "" if another process may use the same
// directory. A copy of the directory gives another name, since the name contains the
// machine and the number of the lock file.
func (d *data) nodeName() (string, error) {
	if d.lock == nil {
		return "", nil
	}
	name, _, err := d.generate(d.nodeFile(), randomText)
	if err != nil {
		return "", err
	}
	host, err := os.Hostname()
	if err != nil {
		return "", fmt.Errorf("this machine has no name: %w", err)
	}
	file, err := fileNumber(d.lock)
	return fmt.Sprintf("%s@%s/%s", name, host, file), err
}

func (d *data) adminKeyFile() string { return filepath.Join(d.dir, "admin.key") }

// adminKey is the configured key, or the one generated at the first start.
func (d *data) adminKey(configured string) (key string, generated bool, err error) {
	if configured != "" {
		return configured, false, nil
	}
	return d.generate(d.adminKeyFile(), func() string { return "gk_" + randomText() })
}

// generate returns the content of file. If the file is absent, it writes text into it
// first and reports generated, see [writeFile].
func (d *data) generate(file string, text func() string) (_ string, generated bool, err error) {
	b, err := os.ReadFile(file)
	if err == nil {
		return strings.TrimSpace(string(b)), false, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return "", false, err
	}
	t := text()
	return t, true, writeFile(file, t+"\n")
}

// writeFile writes a file that only its owner can read. A crash leaves it as it was or complete,
// because it is written under another name and renamed.
func writeFile(file, text string) error {
	tmp := file + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(tmp, file)
}

func randomText() string {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return base64.RawURLEncoding.EncodeToString(b)
}
