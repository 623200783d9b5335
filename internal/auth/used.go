package auth

import (
	"context"
	"sync/atomic"
	"time"

	"gancho/internal/hook"
)

// When a key was used last is noted in memory and stored once a minute for all keys together, so that no request costs
// a write. A crash loses at most that minute.
const usedEvery = time.Minute

// note notes that a key was used. The admin key is not stored, so it is not noted.
func (a *Auth) note(k *hook.Key, now time.Time) {
	if k.ID.IsZero() {
		return
	}
	minute := now.Unix() / 60
	v, ok := a.used.Load(k) // by the pointer, which needs no memory of its own
	if !ok {
		v, _ = a.used.LoadOrStore(k, new(atomic.Int64))
	}
	if at := v.(*atomic.Int64); at.Load() != minute { // usually equal, so that cores do not contend for the line
		at.Store(minute)
	}
}

// Run stores once a minute which keys were used and how many tries were refused, until ctx ends, and then once more.
func (a *Auth) Run(ctx context.Context) error {
	tick := time.NewTicker(usedEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			a.Flush(context.WithoutCancel(ctx))
			return nil
		case <-tick.C:
			a.Flush(ctx)
		}
	}
}

// Flush stores which keys were used since the last call, and how many tries were refused. What the database does not take
// is dropped: the next use of a key is later anyway, and the metrics count the tries, too.
func (a *Auth) Flush(ctx context.Context) {
	at := map[hook.KeyID]time.Time{}
	a.used.Range(func(key, minute any) bool {
		id, used := key.(*hook.Key).ID, time.Unix(minute.(*atomic.Int64).Load()*60, 0).UTC()
		if used.After(at[id]) { // the key may have been read from the database several times
			at[id] = used
		}
		a.used.Delete(key)
		return true
	})
	_ = a.store.KeysUsed(ctx, at) // it is only shown to people
	a.noteRefusals(ctx)
}
