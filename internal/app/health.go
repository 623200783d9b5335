package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"gancho/internal/api"
	"gancho/internal/hook"
)

const (
	checkTTL     = 1500 * time.Millisecond // so long what was found is answered again
	checkTimeout = 5 * time.Second
	workerStuck  = time.Minute // the worker looks around every second
	diskEvery    = 10 * time.Second
)

// health finds out whether each part of the server can do its work. Asking often costs no more than asking now and then.
type health struct {
	database interface {
		Ready(ctx context.Context) error
		KeyAtHand(ctx context.Context) error
	}
	leased func() bool      // whether this node's lease runs
	beat   func() time.Time // when the worker looked around last
	disk   *disk            // nil: the database is elsewhere

	mu    sync.Mutex
	at    time.Time
	found []api.Check
}

// Check implements api.Health.
func (h *health) Check(ctx context.Context) []api.Check {
	h.mu.Lock() // who waits here gets what the one before found
	defer h.mu.Unlock()
	if time.Since(h.at) < checkTTL {
		return h.found
	}
	// What is found is for others, too, so it does not depend on one caller's patience.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	h.found = []api.Check{
		check("database", h.database.Ready(ctx), hook.Field("/database", "database_not_writable",
			"The database commits nothing: its disk may be full, or the server may be away or read-only.")),
		check("encryption_key", h.database.KeyAtHand(ctx), hook.Field("/encryption_key", "encryption_key_missing",
			"The database uses an encryption key that this server does not have. Give it the key and start it again.")),
		check("lease", unless(h.leased(), "the lease has expired"), hook.Field("/lease", "lease_expired",
			"This server could not renew its lease, so other servers deliver in its place.")),
		check("worker", unless(time.Since(h.beat()) < workerStuck, "the worker does not look around"), hook.Field("/worker",
			"worker_stuck", "The worker that delivers does nothing. Start the server again.")),
	}
	h.at = time.Now()
	return h.found
}

func check(part string, err error, wrong hook.FieldError) api.Check {
	if err == nil {
		return api.Check{Part: part}
	}
	return api.Check{Part: part, Wrong: wrong, Err: err}
}

func unless(ok bool, text string) error {
	if ok {
		return nil
	}
	return errors.New(text)
}

// Disk implements api.Health.
func (h *health) Disk() (d api.Disk, ok bool) {
	if h.disk == nil {
		return d, false
	}
	return h.disk.now(), true
}

// disk watches the room on the disk with the database.
type disk struct {
	dir      string
	lowBelow int64
	log      *slog.Logger
	free     atomic.Int64 // bytes
	low      atomic.Bool  // set when there is less than lowBelow, cleared when there is a tenth more than that
}

func (d *disk) now() api.Disk {
	return api.Disk{Free: d.free.Load(), LowBelow: d.lowBelow, Low: d.low.Load()}
}

// run looks every 10 seconds until ctx ends.
func (d *disk) run(ctx context.Context) error {
	tick := time.NewTicker(diskEvery)
	defer tick.Stop()
	for {
		d.look(freeBytes)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// look measures the room and writes to the log when it becomes low, and when it is not low any more.
func (d *disk) look(measure func(dir string) (int64, error)) {
	free, err := measure(d.dir)
	if err != nil {
		d.log.Warn("the room on the disk cannot be found out", "directory", d.dir, "error", err)
		return
	}
	d.free.Store(free)
	switch was := d.low.Load(); {
	case !was && free < d.lowBelow:
		d.low.Store(true)
		d.log.Warn("the disk is nearly full; when it is full nothing is accepted any more: make room, or shorten --retention",
			"directory", d.dir, "free_bytes", free, "low_below", d.lowBelow)
	case was && free >= d.lowBelow+d.lowBelow/10:
		d.low.Store(false)
		d.log.Info("the disk has room again", "directory", d.dir, "free_bytes", free)
	}
}
