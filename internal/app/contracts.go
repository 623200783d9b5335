package app

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"

	"gancho/contracts"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

// contractStore is what loading contracts needs of the database.
type contractStore interface {
	PutContract(ctx context.Context, name string, source []byte) (version int64, err error)
	Contracts(ctx context.Context) ([]hook.ContractText, error)
}

// loadContracts imports the contracts that ship with the program and returns
// all that the database has, earlier versions included: deliveries are sent
// again as their first attempt was rendered.
func loadContracts(ctx context.Context, db contractStore) (*contract.Set, error) {
	set := new(contract.Set)
	files, err := fs.Glob(contracts.Files, "*.yaml")
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		c, err := contract.Load(contracts.Files, file)
		if err != nil {
			return nil, fmt.Errorf("shipped contract: %w", err)
		}
		if want := strings.TrimSuffix(file, ".yaml"); c.Name != want {
			return nil, fmt.Errorf("shipped contract %s calls itself %q", file, c.Name)
		}
		if _, err := db.PutContract(ctx, c.Name, c.Source); err != nil {
			return nil, err
		}
	}
	texts, err := db.Contracts(ctx)
	if err != nil {
		return nil, err
	}
	for _, t := range texts {
		c, err := contract.Parse(t.Name+".yaml", t.Source)
		if err != nil {
			return nil, fmt.Errorf("contract %s, version %d, is stored but not understood: %w", t.Name, t.Version, err)
		}
		set.Add(c.WithVersion(t.Version))
	}
	return set, nil
}

// reloader adds the versions of contracts that other nodes store.
type reloader struct {
	db     contractStore
	set    *contract.Set
	forget func(hook.Change) // what was compiled with the versions before
	log    *slog.Logger
	wake   chan struct{}
}

func newReloader(db contractStore, set *contract.Set, forget func(hook.Change), log *slog.Logger) *reloader {
	return &reloader{db: db, set: set, forget: forget, log: log, wake: make(chan struct{}, 1)}
}

// changed tells that configuration was committed.
func (r *reloader) changed(c hook.Change) {
	if c == (hook.Change{}) {
		select {
		case r.wake <- struct{}{}:
		default:
		}
	}
}

func (r *reloader) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-r.wake:
		}
		if err := r.reload(ctx); err != nil && ctx.Err() == nil {
			r.log.Error("cannot read the contracts that another node stored", "error", err)
		}
	}
}

func (r *reloader) reload(ctx context.Context) error {
	texts, err := r.db.Contracts(ctx)
	if err != nil {
		return err
	}
	for _, t := range texts {
		if _, ok := r.set.At(t.Name, t.Version); ok {
			continue
		}
		c, err := contract.Parse(t.Name+".yaml", t.Source)
		if err != nil { // a newer program understands it
			r.log.Warn("a contract that another node stored is not understood", "contract", t.Name, "version", t.Version, "error", err)
			continue
		}
		r.set.Add(c.WithVersion(t.Version))
	}
	r.forget(hook.Change{})
	return nil
}
