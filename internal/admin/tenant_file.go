package admin

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"filippo.io/age"

	"gancho/internal/hook"
)

// MinPassphrase is how many bytes the passphrase of a tenant's file has at least.
const MinPassphrase = 12

// moving is held while this process encrypts or decrypts the file of a tenant beside its other work: making the key of the
// passphrase takes 256 MiB of memory for a moment.
var moving sync.Mutex

var errMoving = &hook.Error{
	Kind: hook.KindLimited, Code: "tenant_file_busy",
	Detail: "Another tenant is being exported or imported. Try again when that is done.",
}

// Export writes everything of a tenant, its secrets included, into a file that is encrypted with a passphrase, and returns
// it from its beginning. The caller closes it. The file is on disk and has no name: so a slow download keeps no transaction
// open, which would let the log of SQLite grow and keep in it what is erased. Export pauses the endpoints of the tenant
// and waits until nothing of it is being sent; they stay paused, so that what waits is delivered by the installation that
// imports the file and no other. The codes of its errors are passphrase_short, tenant_not_found, tenant_sending,
// tenant_bulk_running and tenant_file_busy.
func (x Tenants) Export(ctx context.Context, id, passphrase string) (file io.ReadCloser, f hook.TenantFile, err error) {
	if err := checkPassphrase(passphrase); err != nil {
		return nil, f, err
	}
	if !moving.TryLock() {
		return nil, f, errMoving
	}
	defer moving.Unlock()
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, f, err
	}
	if err := x.Store.QuietTenant(ctx, id); err != nil {
		return nil, f, err
	}
	s, err := x.spool("export-*.age")
	if err != nil {
		return nil, f, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	disk := &writing{to: s}
	sealed, err := age.Encrypt(disk, to)
	if err == nil {
		buffer := bufio.NewWriterSize(sealed, 64<<10) // rows are short
		if f, err = x.Store.ExportTenant(ctx, id, buffer); err == nil {
			err = errors.Join(buffer.Flush(), sealed.Close())
		}
	}
	if disk.err != nil {
		return nil, f, hook.Unavailable(disk.err)
	}
	if err == nil {
		_, err = s.Seek(0, io.SeekStart)
	}
	return s, f, err
}

// spool is a file that is gone when it is closed.
type spool struct {
	*os.File
	gone bool // its name is removed already
}

func (x Tenants) spool(name string) (*spool, error) {
	f, err := os.CreateTemp(x.Spool, name)
	if err != nil {
		return nil, hook.Unavailable(err)
	}
	return &spool{f, os.Remove(f.Name()) == nil}, nil // where an open file can be removed, a crash leaves nothing
}

func (s *spool) Close() error {
	err := s.File.Close()
	if !s.gone {
		err = errors.Join(err, os.Remove(s.Name()))
	}
	return err
}

// writing remembers the error with which writing to disk ended.
type writing struct {
	to  io.Writer
	err error
}

func (w *writing) Write(b []byte) (n int, err error) {
	n, err = w.to.Write(b)
	if err != nil {
		w.err = err
	}
	return n, err
}

// Import stores a tenant from a file that [Tenants.Export] or the command line has written: all of it, or nothing. The file
// is first read to its end, into a file on disk that has no name, so a slow or interrupted upload holds nobody up and
// leaves nothing. The codes of its errors are passphrase_short, passphrase_wrong, tenant_file_invalid, tenant_exists,
// contract_missing and tenant_file_busy.
func (x Tenants) Import(ctx context.Context, passphrase string, from io.Reader) (f hook.TenantFile, err error) {
	if err := checkPassphrase(passphrase); err != nil {
		return f, err
	}
	by, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return f, err
	}
	by.SetMaxWorkFactor(maxWorkFactor)
	spool, err := x.spool("import-*.age")
	if err != nil {
		return f, err
	}
	defer func() { err = errors.Join(err, spool.Close()) }()
	disk := &writing{to: spool}
	if _, err := io.Copy(disk, from); err != nil {
		if disk.err != nil {
			err = hook.Unavailable(disk.err)
		}
		return f, err
	}
	if !moving.TryLock() {
		return f, errMoving
	}
	defer moving.Unlock()
	return x.Store.ImportTenant(ctx, func() (io.ReadCloser, error) {
		if _, err := spool.Seek(0, io.SeekStart); err != nil {
			return nil, err
		}
		plain, err := age.Decrypt(bufio.NewReaderSize(spool, 1<<20), by)
		if err != nil {
			return nil, &hook.Error{
				Kind: hook.KindMalformed, Code: "passphrase_wrong", Err: err,
				Detail: "The file cannot be decrypted. Check the passphrase, and that the file is one that gancho tenant export wrote.",
			}
		}
		return io.NopCloser(plain), nil
	})
}

// maxWorkFactor is the logarithm of the work for a passphrase: as much as age puts into the files that it writes.
const maxWorkFactor = 18

func checkPassphrase(p string) error {
	if len(p) < MinPassphrase {
		return hook.Invalid("passphrase_short", fmt.Sprintf(
			"Send a passphrase of at least %d characters in the header Gancho-Passphrase. The file is encrypted with it.", MinPassphrase))
	}
	return nil
}
