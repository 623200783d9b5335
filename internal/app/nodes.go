package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"gancho/internal/deliver"
	"gancho/internal/share"
	"gancho/internal/store"
)

// sharing is how this server shares the work with others: [share.Node], or alone.
type sharing interface {
	deliver.Owner
	// Follow comes before anything is read and remembered: others may change it.
	Follow(ctx context.Context) error
	// Start takes what is free. The worker must be ready.
	Start(ctx context.Context, w share.Worker) error
	// Run shares until ctx ends.
	Run(ctx context.Context) error
	// WhileLeading runs a part that only one server may run.
	WhileLeading(ctx context.Context, run func(context.Context) error) error
	// Keep keeps what this server has until ctx ends, while the worker finishes.
	Keep(ctx context.Context) error
	// Leave lets others take it.
	Leave(ctx context.Context) error
	// Others reports whether there are other servers.
	Others() bool
}

func (s *server) newSharing() sharing {
	if s.cfg.Database == "" {
		return alone{}
	}
	return share.New(share.Options{Store: s.db, Name: s.name, Log: s.log.With("part", "share"), Watched: s.live.Asked})
}

// alone is a server that shares its database with nobody.
type alone struct{ deliver.OwnsAll }

func (alone) Follow(context.Context) error { return nil }

func (a alone) Start(ctx context.Context, w share.Worker) error { return w.TakeOver(ctx, a.Owns) }

func (alone) Run(ctx context.Context) error { <-ctx.Done(); return nil }

func (alone) WhileLeading(ctx context.Context, run func(context.Context) error) error {
	return run(ctx)
}

func (alone) Keep(ctx context.Context) error { <-ctx.Done(); return nil }

func (alone) Leave(context.Context) error { return nil }

func (alone) Others() bool { return false }

// openStore opens the database that the configuration names.
func openStore(ctx context.Context, cfg Config, file string, key []byte, log *slog.Logger) (*store.DB, error) {
	o := store.Options{Key: key, Retention: cfg.Retention, MaxEndpoints: cfg.MaxEndpoints, Log: log.With("part", "store")}
	if o.URL = string(cfg.Database); o.URL == "" {
		o.Path = file
	}
	return store.Open(ctx, o)
}

// Migrate brings the tables of a PostgreSQL database up to date.
func Migrate(ctx context.Context, url string) error {
	if !isPostgres(url) {
		return errNotPostgres
	}
	if err := store.Migrate(ctx, url); err != nil {
		return fmt.Errorf("the PostgreSQL database cannot be brought up to date: %w", err)
	}
	return nil
}

var errNotPostgres = errors.New("this is not the URL of a PostgreSQL database; write postgres://user:password@host:5432/name")

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}
