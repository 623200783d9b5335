package app

import (
	"context"
	"io/fs"
	"log/slog"
	"time"

	"gancho/contracts"
	"gancho/internal/catalog"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

// reloader puts contracts in force that other nodes have stored.
type reloader struct {
	known *catalog.Catalog
	log   *slog.Logger
	wake  chan struct{}
}

func newReloader(known *catalog.Catalog, log *slog.Logger) *reloader {
	return &reloader{known: known, log: log, wake: make(chan struct{}, 1)}
}

// changed wakes the reloader when another node has stored a contract. Changes made on
// this node are in force already: the catalog does that itself.
func (r *reloader) changed(c hook.Change) {
	if c.Contract != "" || c.Anything {
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
		if err := r.known.Reload(ctx); err != nil && ctx.Err() == nil {
			r.log.Error("cannot read the contracts that another node stored, will try again", "error", err)
			time.AfterFunc(time.Second, func() { r.changed(hook.Change{Contract: "any"}) })
		}
	}
}

// shippedContracts are the contracts that come with the program, by name.
func shippedContracts() (list []*contract.Contract) {
	files, err := fs.Glob(contracts.Files, "*.yaml")
	if err != nil {
		panic("app: " + err.Error()) // the pattern is right
	}
	for _, file := range files {
		c, err := contract.Load(contracts.Files, file)
		if err != nil {
			panic("app: " + err.Error()) // tests load them all
		}
		list = append(list, c)
	}
	return list
}
