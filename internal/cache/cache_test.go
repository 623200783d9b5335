package cache

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counter is a loader of numbers: each load of a key returns the number of loads so far.
func counter(size int, ttl time.Duration) (*Loader[int], func() int) {
	var mu sync.Mutex
	loads := 0
	c := NewLoader(size, ttl, func(context.Context, string) (int, error) {
		mu.Lock()
		defer mu.Unlock()
		loads++
		return loads, nil
	})
	return c, func() int { mu.Lock(); defer mu.Unlock(); return loads }
}

func get[V any](t *testing.T, c *Loader[V], key string) V {
	t.Helper()
	v, err := c.Get(t.Context(), key)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestKeepsWhatWasUsedLast(t *testing.T) {
	t.Parallel()
	const size = 20
	c, loads := counter(size, 0)
	for i := range 10 * size {
		get(t, c, strconv.Itoa(i))
		get(t, c, "hot") // used all the time, so it is never dropped
		if n := c.Len(); n > size {
			t.Fatalf("%d values are kept, want at most %d", n, size)
		}
	}
	if n := loads(); n != 10*size+1 {
		t.Errorf("%d loads, want %d: the value that is used all the time was dropped", n, 10*size+1)
	}
	for i := 10*size - size/2 + 1; i < 10*size; i++ { // with hot, the half that was used last
		get(t, c, strconv.Itoa(i))
	}
	if n := loads(); n != 10*size+1 {
		t.Errorf("a value of the half that was used last was dropped")
	}
}

func TestSmallestSize(t *testing.T) {
	t.Parallel()
	c, loads := counter(0, 0)
	for range 3 {
		get(t, c, "a")
	}
	for i := range 9 {
		get(t, c, strconv.Itoa(i))
	}
	if n := c.Len(); n > 2 {
		t.Errorf("%d values are kept", n)
	}
	if n := loads(); n != 10 {
		t.Errorf("%d loads, want 10", n)
	}
}

func TestExpires(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, _ := counter(10, time.Minute)
		if v := get(t, c, "a"); v != 1 {
			t.Fatal(v)
		}
		time.Sleep(time.Minute)
		if v := get(t, c, "a"); v != 1 {
			t.Errorf("after exactly the ttl the value was loaded again")
		}
		time.Sleep(time.Nanosecond)
		if v := get(t, c, "a"); v != 2 {
			t.Errorf("the value was used beyond its ttl")
		}
		if v := get(t, c, "a"); v != 2 {
			t.Errorf("the fresh value was not kept")
		}
	})
}

func TestForget(t *testing.T) {
	t.Parallel()
	c, loads := counter(4, 0)
	for _, key := range []string{"a", "b", "c"} { // a and b are in the old generation now
		get(t, c, key)
	}
	get(t, c, "a") // and a is in both
	c.Forget("a")
	if v := get(t, c, "b"); v != 2 {
		t.Errorf("b was forgotten with a")
	}
	if v := get(t, c, "a"); v != 4 {
		t.Errorf("a was not forgotten")
	}
	c.ForgetIf(func(key string, v int) bool { return key == "b" && v == 2 })
	if v := get(t, c, "b"); v != 5 {
		t.Errorf("b was not forgotten")
	}
	c.ForgetIf(func(string, int) bool { return true })
	if n := c.Len(); n != 0 {
		t.Errorf("%d values are left", n)
	}
	if n := loads(); n != 5 {
		t.Errorf("%d loads, want 5", n)
	}
}

func TestFailuresAreNotKept(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	fail := true
	c := NewLoader(10, 0, func(context.Context, string) (string, error) {
		if fail {
			return "half a value", broken
		}
		return "whole", nil
	})
	if v, err := c.Get(t.Context(), "a"); !errors.Is(err, broken) || v != "" {
		t.Errorf("got %q, %v", v, err)
	}
	fail = false
	if v := get(t, c, "a"); v != "whole" {
		t.Errorf("got %q", v)
	}
}

// slow is a loader whose loads wait until the test lets them end.
type slow struct {
	*Loader[string]
	begun chan string // the key of each load that begins
	end   chan string // the value that one load returns
}

func newSlow() *slow {
	s := &slow{begun: make(chan string, 10), end: make(chan string)}
	s.Loader = NewLoader(10, 0, func(ctx context.Context, key string) (string, error) {
		s.begun <- key
		v := <-s.end
		return v, ctx.Err()
	})
	return s
}

func TestOneLoadPerKey(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := newSlow()
		var wg sync.WaitGroup
		for i := range 5 {
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				if i == 0 { // the first caller may give up: the load goes on for the others
					cancel()
				}
				v, err := s.Get(ctx, "a")
				if i == 0 && !errors.Is(err, context.Canceled) || i > 0 && (v != "value" || err != nil) {
					t.Errorf("caller %d got %q, %v", i, v, err)
				}
			})
			synctest.Wait()
		}
		s.end <- "value"
		wg.Wait()
		if n := len(s.begun); n != 1 {
			t.Errorf("%d loads", n)
		}
		if v := get(t, s.Loader, "a"); v != "value" {
			t.Errorf("the value was not kept: %q", v)
		}
	})
}

// A value whose load began before a Forget may be stale: those who wait for it get it, nobody later does.
func TestForgetDuringLoad(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(*Loader[string]){
		"one":  func(c *Loader[string]) { c.Forget("a") },
		"some": func(c *Loader[string]) { c.ForgetIf(func(string, string) bool { return false }) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := newSlow()
				first, second := make(chan string), make(chan string)
				go func() { first <- get(t, s.Loader, "a") }()
				synctest.Wait()
				forget(s.Loader)
				go func() { second <- get(t, s.Loader, "a") }()
				synctest.Wait()
				if n := len(s.begun); n != 2 {
					t.Fatalf("%d loads: the second caller joined a load that may be stale", n)
				}
				s.end <- "value" // one of the two loads; both return the same here, and only one may be kept
				s.end <- "value"
				<-first
				<-second
				if n := s.Len(); n != 1 {
					t.Errorf("%d values are kept", n)
				}
			})
		})
	}
	t.Run("other keys keep what is loaded", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newSlow()
			first := make(chan string)
			go func() { first <- get(t, s.Loader, "a") }()
			synctest.Wait()
			s.Forget("b")
			s.end <- "value"
			<-first
			synctest.Wait()
			if n := s.Len(); n != 1 {
				t.Error("the value of a is not kept, because b was forgotten")
			}
		})
	})
	t.Run("stale value is not kept", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			s := newSlow()
			first := make(chan string)
			go func() { first <- get(t, s.Loader, "a") }()
			synctest.Wait()
			s.Forget("a")
			s.end <- "stale"
			if v := <-first; v != "stale" {
				t.Errorf("who waited got %q", v)
			}
			synctest.Wait()
			if n := s.Len(); n != 0 {
				t.Error("the stale value is kept")
			}
		})
	})
}

func TestCache(t *testing.T) {
	t.Parallel()
	c := New[int](4, 0)
	if v, ok := c.Lookup("a"); ok {
		t.Errorf("an empty cache has %d", v)
	}
	c.Add("a", 1)
	c.Add("b", 2)
	c.Add("a", 3)
	if v, ok := c.Lookup("a"); !ok || v != 3 {
		t.Errorf("got %d, %t, want the value that was added last", v, ok)
	}
	c.Forget("a")
	if _, ok := c.Lookup("a"); ok {
		t.Error("a was not forgotten")
	}
	c.ForgetIf(func(key string, v int) bool { return key == "b" && v == 2 })
	if n := c.Len(); n != 0 {
		t.Errorf("%d values are left", n)
	}
}

func BenchmarkHit(b *testing.B) {
	c := NewLoader(1000, 0, func(_ context.Context, key string) (string, error) { return key, nil })
	keys := make([]string, 100)
	for i := range keys {
		keys[i] = fmt.Sprintf("tenant-%d", i)
	}
	ctx := b.Context()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if _, err := c.Get(ctx, keys[i%len(keys)]); err != nil {
			b.Fatal(err)
		}
	}
}

// A load that panics is an error for those who wait, not the end of the program.
func TestLoadPanics(t *testing.T) {
	t.Parallel()
	l := NewLoader(2, 0, func(_ context.Context, key string) (int, error) {
		if key == "bad" {
			panic("no such place")
		}
		return 7, nil
	})
	if _, err := l.Get(t.Context(), "bad"); err == nil || !strings.Contains(err.Error(), "no such place") {
		t.Errorf("a load that panics gives %v", err)
	}
	if v, err := l.Get(t.Context(), "good"); v != 7 || err != nil {
		t.Errorf("the next load gives %v, %v", v, err)
	}
}
