package deliver

import "sync/atomic"

// memoryBudget bounds the memory of the deliveries that wait in all lanes together.
// It implements [window.Budget].
type memoryBudget struct {
	max  int // bytes; a single delivery may take more if nothing else waits
	used atomic.Int64
}

// Reserve takes n bytes if there are as many.
func (b *memoryBudget) Reserve(n int) bool {
	for {
		used := b.used.Load()
		if used > 0 && used+int64(n) > int64(b.max) {
			return false
		}
		if b.used.CompareAndSwap(used, used+int64(n)) {
			return true
		}
	}
}

// MustReserve takes n bytes for a delivery that is in memory already, even if fewer are left.
func (b *memoryBudget) MustReserve(n int) { b.used.Add(int64(n)) }

// Release gives n bytes back.
func (b *memoryBudget) Release(n int) { b.used.Add(-int64(n)) }

// free is how many bytes are left; it may be negative.
func (b *memoryBudget) free() int { return b.max - int(b.used.Load()) }
