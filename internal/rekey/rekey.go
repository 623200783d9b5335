// Package rekey carries out rotations of the encryption key: each node follows which keys there are,
// and one node at a time seals again what is sealed under an old key.
//
// It promises that nobody waits for it: it works in small transactions with pauses between them.
// What fails is logged and tried again, and a rotation goes on after a crash.
package rekey

import (
	"context"
	"log/slog"
	"sync/atomic"
	"time"
)

// Store is what a rotation needs of the database.
type Store interface {
	// FollowKeys takes over what other nodes changed about the keys. It reports whether a rotation
	// is under way.
	FollowKeys(ctx context.Context) (rotating bool, err error)
	// LeadRotation does the next step of a rotation. It returns how long to wait before the next
	// call.
	LeadRotation(ctx context.Context) (wait time.Duration, err error)
}

const (
	every = 10 * time.Second       // between two looks at the keys
	often = 500 * time.Millisecond // while a rotation is under way
	again = time.Second            // until a step that failed is tried again
)

// Rotator carries out the rotations of one database. Make it with [New].
type Rotator struct {
	store  Store
	log    *slog.Logger
	begins chan struct{}

	rotating atomic.Bool   // what Run saw last
	rotates  chan struct{} // has an element if Run saw a rotation that Lead may not know of
}

// New returns a rotator.
func New(store Store, log *slog.Logger) *Rotator {
	return &Rotator{store: store, log: log, begins: make(chan struct{}, 1), rotates: make(chan struct{}, 1)}
}

// Begin says that a rotation was begun on this node. It never blocks.
func (r *Rotator) Begin() {
	select {
	case r.begins <- struct{}{}:
	default:
	}
}

// Run follows the keys until ctx ends. Every node runs it.
func (r *Rotator) Run(ctx context.Context) error {
	for {
		wait := every
		rotating, err := r.store.FollowKeys(ctx)
		if err != nil && ctx.Err() == nil {
			r.log.Error("cannot follow the encryption keys, will try again; if a key is missing, give it to this server as well", "error", err)
		}
		r.rotating.Store(rotating)
		if rotating {
			wait = often
			select {
			case r.rotates <- struct{}{}:
			default:
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-r.begins:
		case <-time.After(wait):
		}
	}
}

// Lead seals again what is sealed under an old key, until ctx ends. One node at a time runs it.
// It asks the database nothing as long as Run sees no rotation.
func (r *Rotator) Lead(ctx context.Context) error {
	for ctx.Err() == nil {
		if !r.rotating.Load() {
			select {
			case <-ctx.Done():
				return nil
			case <-r.rotates:
			}
		}
		wait, err := r.store.LeadRotation(ctx)
		if err != nil {
			if ctx.Err() == nil {
				r.log.Error("cannot go on with the rotation of the encryption key, will try again", "error", err)
			}
			wait = max(wait, again)
		}
		if wait == 0 {
			continue
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
	return nil
}
