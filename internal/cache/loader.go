package cache

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"golang.org/x/sync/singleflight"
)

// Loader is a cache that loads the values it does not have. It is safe for concurrent use; make it with [NewLoader].
type Loader[V any] struct {
	load   func(ctx context.Context, key string) (V, error)
	values *Cache[V]
	// running are the loads that run. It is guarded by values.mu. Each Forget replaces it: a load of an earlier group
	// still answers those who wait for it, but its value is not kept, and later callers do not join it.
	running *singleflight.Group
}

// NewLoader makes a loader that keeps up to size values, at least 2, each for ttl after it was loaded; a ttl of 0 means
// for ever. load makes the value of a key. Other callers may wait for the same load, so the context of load has the
// values of the first caller's context but does not end with it.
func NewLoader[V any](size int, ttl time.Duration, load func(ctx context.Context, key string) (V, error)) *Loader[V] {
	return &Loader[V]{load: load, values: New[V](size, ttl), running: new(singleflight.Group)}
}

// Get returns the value of a key. If the loader does not have it, Get loads it or waits for the load that runs. The
// error is that of the load, or that of ctx if ctx ended first. If the load panics, that is its error.
func (l *Loader[V]) Get(ctx context.Context, key string) (V, error) {
	l.values.mu.Lock()
	v, ok := l.values.find(key)
	running := l.running
	l.values.mu.Unlock()
	if ok {
		return v, nil
	}
	background := context.WithoutCancel(ctx)
	result := running.DoChan(key, func() (value any, err error) {
		// The load runs on a goroutine of its own, where a panic would end the program.
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("loading failed: %v\n%s", p, debug.Stack())
			}
		}()
		v, err := l.load(background, key)
		if err == nil {
			l.keep(key, v, running)
		}
		return v, err
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return v, r.Err
		}
		return r.Val.(V), nil
	case <-ctx.Done():
		return v, ctx.Err()
	}
}

// keep adds a loaded value, unless a Forget came between the start of its load and now.
func (l *Loader[V]) keep(key string, v V, running *singleflight.Group) {
	l.values.mu.Lock()
	defer l.values.mu.Unlock()
	if l.running == running {
		l.values.add(key, v)
	}
}

// Forget drops the value of a key.
func (l *Loader[V]) Forget(key string) {
	l.values.mu.Lock()
	defer l.values.mu.Unlock()
	l.values.forget(key)
	l.running = new(singleflight.Group)
}

// ForgetIf drops the values that drop reports true for. It looks at every value, and other callers wait meanwhile.
func (l *Loader[V]) ForgetIf(drop func(key string, value V) bool) {
	l.values.mu.Lock()
	defer l.values.mu.Unlock()
	l.values.forgetIf(drop)
	l.running = new(singleflight.Group)
}

// Len is how many values are kept in memory, expired ones included.
func (l *Loader[V]) Len() int { return l.values.Len() }
