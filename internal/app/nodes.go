package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	"gancho/internal/deliver"
	"gancho/internal/share"
	"gancho/internal/store"
)

// sharing divides the work between this server and others: a [share.Node], or alone
// if the database belongs to this server only.
type sharing interface {
	deliver.Owner
	// Follow starts to listen for changes that other servers make. It is called before
	// anything is read and remembered.
	Follow(ctx context.Context) error
	// Start takes over endpoints that no server works for. The worker must be ready.
	Start(ctx context.Context, w share.Worker) error
	// Run renews the lease and moves endpoints between servers until ctx ends.
	Run(ctx context.Context) error
	// WhileLeading calls run while this server is the leader; only one server is.
	WhileLeading(ctx context.Context, run func(context.Context) error) error
	// Keep renews the lease until ctx ends, while the worker finishes. It takes nothing new.
	Keep(ctx context.Context) error
	// Leave releases all endpoints, so that other servers take them at once.
	Leave(ctx context.Context) error
	// Others reports whether there are other servers.
	Others() bool
	// LeaseValid reports whether this server may deliver.
	LeaseValid() bool
}

func (s *server) newSharing() sharing {
	c := s.db.Cluster()
	if c == nil {
		return alone{}
	}
	return share.New(share.Options{Store: c, Signals: c, Name: s.name, Log: s.log.With("part", "share"), Watched: s.live.Asked})
}

// alone is [sharing] for a server that has its database for itself.
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

func (alone) LeaseValid() bool { return true }

// roundTrips is how often the database's server was asked something; 0 if there is none.
func (s *server) roundTrips() int64 {
	if c := s.db.Cluster(); c != nil {
		return c.Trips()
	}
	return 0
}

// openStore opens the database that the configuration names.
func openStore(ctx context.Context, cfg Config, data *data, keys *sealKeys, now func() time.Time, log *slog.Logger) (*store.DB, error) {
	o := keys.options(store.Options{Retention: cfg.Retention, MaxEndpoints: cfg.MaxEndpoints, Now: now, Log: log.With("part", "store")})
	if o.URL = string(cfg.Database); o.URL != "" {
		db, err := store.Open(ctx, o)
		if err != nil {
			return nil, fmt.Errorf("the PostgreSQL database cannot be used: %w", keys.explain(err))
		}
		return db, nil
	}
	o.Path = filepath.Join(cfg.Data, databaseFile)
	err := data.checkEmpty(o.Path)
	if err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("the database in %s cannot be opened: %w", cfg.Data, keys.explain(err))
	}
	return db, nil
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
