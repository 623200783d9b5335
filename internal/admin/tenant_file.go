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

// Export prepares an export of everything of a tenant, its secrets included, as a file that is encrypted with a passphrase.
// It pauses the endpoints of the tenant and waits until nothing of it is being sent; they stay paused, so that what waits is
// delivered by the installation that imports the file and no other. The codes of its errors are passphrase_short,
// tenant_not_found, tenant_sending and tenant_file_busy. Without an error, the caller has to call write: it writes the file
// to w. What was written is no complete file if write fails, and cannot be decrypted as one.
func (x Tenants) Export(ctx context.Context, id, passphrase string) (write func(w io.Writer) (hook.TenantFile, error), err error) {
	if err := checkPassphrase(passphrase); err != nil {
		return nil, err
	}
	if !moving.TryLock() {
		return nil, errMoving
	}
	defer func() {
		if err != nil {
			moving.Unlock()
		}
	}()
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	if err := x.Store.QuietTenant(ctx, id); err != nil {
		return nil, err
	}
	return func(w io.Writer) (f hook.TenantFile, err error) {
		defer moving.Unlock()
		sealed, err := age.Encrypt(w, to)
		if err != nil {
			return f, err
		}
		buffer := bufio.NewWriterSize(sealed, 64<<10) // rows are short
		if f, err = x.Store.ExportTenant(ctx, id, buffer); err != nil {
			return f, err
		}
		return f, errors.Join(buffer.Flush(), sealed.Close())
	}, nil
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
	spool, err := os.CreateTemp(x.Spool, "import-*.age")
	if err != nil {
		return f, hook.Unavailable(err)
	}
	gone := os.Remove(spool.Name()) == nil // where an open file can be removed, a crash leaves nothing
	defer func() {
		err = errors.Join(err, spool.Close())
		if !gone {
			err = errors.Join(err, os.Remove(spool.Name()))
		}
	}()
	if _, err := io.Copy(spool, from); err != nil {
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
