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
	group  singleflight.Group
	// loads has the newest load of each key that is being loaded; guarded by values.mu. Forget removes it. A load that
	// is not in it when it ends still answers those who wait for it, but its value is not kept.
	loads map[string]*running
}

// running stands for one load of a key. It is compared by its address, so it must not be empty.
type running struct{ _ byte }

// NewLoader makes a loader that keeps up to size values, at least 2, each for ttl after it was loaded; a ttl of 0 means
// for ever. load makes the value of a key. Other callers may wait for the same load, so the context of load has the
// values of the first caller's context but does not end with it.
func NewLoader[V any](size int, ttl time.Duration, load func(ctx context.Context, key string) (V, error)) *Loader[V] {
	return &Loader[V]{load: load, values: New[V](size, ttl), loads: map[string]*running{}}
}

// Get returns the value of a key. If the loader does not have it, Get loads it or waits for the load that runs. The
// error is that of the load, or that of ctx if ctx ended first. If the load panics, that is its error.
func (l *Loader[V]) Get(ctx context.Context, key string) (V, error) {
	l.values.mu.Lock()
	v, ok := l.values.find(key)
	l.values.mu.Unlock()
	if ok {
		return v, nil
	}
	background := context.WithoutCancel(ctx)
	result := l.group.DoChan(key, func() (value any, err error) {
		this := l.begin(key)
		// The load runs on a goroutine of its own, where a panic would end the program.
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("loading failed: %v\n%s", p, debug.Stack())
			}
			v, _ := value.(V)
			l.end(key, this, v, err)
		}()
		return l.load(background, key)
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

// begin notes that a load of a key begins.
func (l *Loader[V]) begin(key string) *running {
	l.values.mu.Lock()
	defer l.values.mu.Unlock()
	this := new(running)
	l.loads[key] = this
	return this
}

// end keeps the value of a load, unless it failed or a Forget came after its beginning.
func (l *Loader[V]) end(key string, this *running, v V, err error) {
	l.values.mu.Lock()
	defer l.values.mu.Unlock()
	if l.loads[key] != this {
		return
	}
	delete(l.loads, key)
	if err == nil {
		l.values.add(key, v)
	}
}

// Forget drops the value of a key. What is being loaded of other keys is kept.
func (l *Loader[V]) Forget(key string) {
	l.values.mu.Lock()
	defer l.values.mu.Unlock()
	l.values.forget(key)
	l.forgetLoad(key)
}

// ForgetIf drops the values that drop reports true for, and whatever is being loaded, since nobody knows yet what it
// will be. It looks at every value, and other callers wait meanwhile.
func (l *Loader[V]) ForgetIf(drop func(key string, value V) bool) {
	l.values.mu.Lock()
	defer l.values.mu.Unlock()
	l.values.forgetIf(drop)
	for key := range l.loads {
		l.forgetLoad(key)
	}
}

// forgetLoad makes later callers start a new load of a key. The caller holds values.mu.
func (l *Loader[V]) forgetLoad(key string) {
	delete(l.loads, key)
	l.group.Forget(key)
}

// Len is how many values are kept in memory, expired ones included.
func (l *Loader[V]) Len() int { return l.values.Len() }
