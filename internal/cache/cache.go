// Package cache keeps values that were made or read lately, so that whoever needs one next does not wait for it again.
//
// A [Cache] holds what others put into it. A [Loader] is a cache that fetches what it does not have.
//
// Both promise bounded memory: they keep at most as many values as they were made for, and always the half that was
// used last. A Loader also promises:
//   - One load per key at a time. Callers that find a load running wait for it, each for as long as its context lets it.
//   - No stale value. A Get that begins after a Forget returned gets nothing that was loaded before.
//   - No kept failures. If a load fails, everybody who waited gets the error, and the next Get loads anew.
package cache

import (
	"sync"
	"time"
)

// Cache keeps values by a text. It is safe for concurrent use; make it with [New].
//
// Values are in two generations of half the size. A value that is added or used moves to the young generation. When
// that is full, it becomes the old generation, and what only the previous old one held is dropped.
type Cache[V any] struct {
	half int
	ttl  time.Duration

	mu         sync.Mutex
	young, old map[string]entry[V]
}

type entry[V any] struct {
	value V
	until time.Time // zero: for ever
}

// New makes a cache for up to size values, at least 2. A value is good for ttl after it was added; 0 means for ever.
func New[V any](size int, ttl time.Duration) *Cache[V] {
	return &Cache[V]{half: max(size/2, 1), ttl: ttl, young: map[string]entry[V]{}}
}

// Lookup returns the value of a key, false if the cache has none.
func (c *Cache[V]) Lookup(key string) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.find(key)
}

// Add keeps a value, in the place of an earlier one of the key.
func (c *Cache[V]) Add(key string, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(key, v)
}

// find is Lookup. The caller holds c.mu.
func (c *Cache[V]) find(key string) (v V, ok bool) {
	e, ok := c.young[key]
	if !ok {
		if e, ok = c.old[key]; ok {
			c.put(key, e)
		}
	}
	if !ok || !e.until.IsZero() && time.Now().After(e.until) {
		return v, false
	}
	return e.value, true
}

// add is Add. The caller holds c.mu.
func (c *Cache[V]) add(key string, v V) {
	e := entry[V]{value: v}
	if c.ttl > 0 {
		e.until = time.Now().Add(c.ttl)
	}
	c.put(key, e)
}

// put stores an entry in the young generation. The caller holds c.mu.
func (c *Cache[V]) put(key string, e entry[V]) {
	if _, ok := c.young[key]; !ok && len(c.young) >= c.half {
		c.old, c.young = c.young, make(map[string]entry[V])
	}
	c.young[key] = e
}

// Forget drops the value of a key.
func (c *Cache[V]) Forget(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forget(key)
}

// ForgetIf drops the values that drop reports true for. It looks at every value, and other callers wait meanwhile.
func (c *Cache[V]) ForgetIf(drop func(key string, value V) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.forgetIf(drop)
}

func (c *Cache[V]) forget(key string) {
	delete(c.young, key)
	delete(c.old, key)
}

func (c *Cache[V]) forgetIf(drop func(key string, value V) bool) {
	for _, generation := range []map[string]entry[V]{c.young, c.old} {
		for key, e := range generation {
			if drop(key, e.value) {
				delete(generation, key)
			}
		}
	}
}

// Len is how many values the cache keeps in memory, expired ones included.
func (c *Cache[V]) Len() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := len(c.young)
	for key := range c.old {
		if _, both := c.young[key]; !both {
			n++
		}
	}
	return n
}
