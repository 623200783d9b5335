package window

import "sync/atomic"

// Memory is a [Budget] of a number of bytes. Set Max before it is used.
type Memory struct {
	Max  int // bytes; a single delivery may take more if nothing else waits
	used atomic.Int64
}

// Reserve takes n bytes if there are as many, or if none are taken.
func (m *Memory) Reserve(n int) bool {
	for {
		used := m.used.Load()
		if used > 0 && used+int64(n) > int64(m.Max) {
			return false
		}
		if m.used.CompareAndSwap(used, used+int64(n)) {
			return true
		}
	}
}

// MustReserve takes n bytes for a delivery that is in memory already, even if fewer are left.
func (m *Memory) MustReserve(n int) { m.used.Add(int64(n)) }

// Release gives n bytes back.
func (m *Memory) Release(n int) { m.used.Add(-int64(n)) }

// Used is how many bytes are taken.
func (m *Memory) Used() int { return int(m.used.Load()) }

// Free is how many bytes are left; it may be negative.
func (m *Memory) Free() int { return m.Max - m.Used() }
