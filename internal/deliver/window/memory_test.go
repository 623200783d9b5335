package window

import (
	"sync"
	"testing"
)

func TestMemory(t *testing.T) {
	t.Parallel()
	m := Memory{Max: 10}
	takes := func(n int, want bool, used int) {
		t.Helper()
		if got := m.Reserve(n); got != want || m.Used() != used || m.Free() != 10-used {
			t.Fatalf("Reserve(%d) = %v, %d are used, %d free; want %v, %d", n, got, m.Used(), m.Free(), want, used)
		}
	}
	takes(4, true, 4)
	takes(7, false, 4)
	takes(6, true, 10)
	takes(1, false, 10)
	m.MustReserve(5)
	takes(0, false, 15)
	m.Release(15)
	takes(11, true, 11) // more than there is, if nobody else has any
	m.Release(11)
	takes(0, true, 0)
}

// Many that take memory at the same time do not take more than there is.
func TestMemoryAtOnce(t *testing.T) {
	t.Parallel()
	m := Memory{Max: 100}
	var takers sync.WaitGroup
	for range 8 {
		takers.Go(func() {
			for range 1000 {
				if m.Reserve(30) {
					if used := m.Used(); used > 100 {
						t.Errorf("%d bytes are used", used)
					}
					m.Release(30)
				}
			}
		})
	}
	takers.Wait()
	if m.Used() != 0 {
		t.Errorf("%d bytes stay used", m.Used())
	}
}
