//go:build !linux

package bench

import "time"

// now is the wall clock in nanoseconds: other systems give no monotonic clock
// that two processes can compare.
func now() int64 { return time.Now().UnixNano() }

// sleep waits at least d.
func sleep(d time.Duration) { time.Sleep(d) }
