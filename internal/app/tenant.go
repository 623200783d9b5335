package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"

	"filippo.io/age"

	"gancho/internal/admin"
	"gancho/internal/hook"
	"gancho/internal/store"
)

// MinPassphrase is how many bytes the passphrase of a tenant's file has at least.
const MinPassphrase = admin.MinPassphrase

// Installation is where a stopped server keeps its data.
type Installation struct {
	Data     string // its data directory
	Database string // URL of its PostgreSQL database; "": the SQLite file in Data
	Key      string // option encryption-key; "": the keys in Data
}

// with opens the database of an installation for one use of it.
func (in Installation) with(ctx context.Context, use func(context.Context, *store.DB) error) (err error) {
	log := slog.New(slog.DiscardHandler)
	open := openData
	if in.Database != "" {
		if !isPostgres(in.Database) {
			return fmt.Errorf("--database: %w", errNotPostgres)
		}
		open = func(dir string, log *slog.Logger) (*data, error) { return joinData(ctx, dir, log) }
	}
	data, err := open(in.Data, log)
	if err != nil {
		return err
	}
	defer data.close()
	keys, err := data.sealKeys(in.Key)
	if err != nil {
		return err
	}
	o := store.Options{URL: in.Database, Log: log}
	if o.URL == "" {
		o.Path = filepath.Join(in.Data, databaseFile)
		if _, err := os.Stat(o.Path); err != nil {
			return fmt.Errorf("--data: there is no database in %s; name the data directory of a server that has run: %w", in.Data, err)
		}
	}
	db, err := store.Open(ctx, keys.options(o))
	if err != nil {
		return fmt.Errorf("the database cannot be opened: %w", keys.explain(err))
	}
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- db.Run(running) }()
	err = use(ctx, db)
	stop()
	return errors.Join(err, <-done, db.Close())
}

// ExportTenant writes a tenant into a new file, encrypted with a passphrase, and then pauses its endpoints, so that
// what waits is delivered by the installation that imports the file.
func ExportTenant(ctx context.Context, from Installation, tenant, passphrase, file string) (in hook.TenantFile, err error) {
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return in, err
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return in, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(file))
		}
	}()
	err = from.with(ctx, func(ctx context.Context, db *store.DB) error {
		if err := db.NotServed(ctx); err != nil {
			return err
		}
		buffer := bufio.NewWriterSize(f, 1<<20)
		sealed, err := age.Encrypt(buffer, to)
		if err == nil {
			if in, err = db.ExportTenant(ctx, tenant, sealed); err == nil {
				err = errors.Join(sealed.Close(), buffer.Flush(), f.Sync())
			}
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		return db.PauseTenant(ctx, tenant)
	})
	return in, err
}

// ImportTenant stores what is in a file of [ExportTenant].
func ImportTenant(ctx context.Context, to Installation, passphrase, file string) (in hook.TenantFile, err error) {
	by, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return in, err
	}
	err = to.with(ctx, func(ctx context.Context, db *store.DB) error {
		if err := db.NotServed(ctx); err != nil {
			return err
		}
		var err error
		in, err = db.ImportTenant(ctx, func() (io.ReadCloser, error) {
			f, err := os.Open(file)
			if err != nil {
				return nil, err
			}
			plain, err := age.Decrypt(bufio.NewReaderSize(f, 1<<20), by)
			if err != nil {
				return nil, errors.Join(fmt.Errorf("%s cannot be decrypted: check the passphrase: %w", file, err), f.Close())
			}
			return struct {
				io.Reader
				io.Closer
			}{plain, f}, nil
		})
		return err
	})
	return in, err
}
