package bench

import (
	"syscall"
	"time"
	"unsafe"
)

// The monotonic clock of the system counts alike in every process, but Go only
// shows differences of it. Reading it once by hand makes those comparable
// between the generator and the sink, without a system call per event.
var (
	clockStart = time.Now()
	clockBase  = monotonic()
)

func monotonic() int64 {
	const clockMonotonic = 1
	var ts syscall.Timespec
	if _, _, errno := syscall.Syscall(syscall.SYS_CLOCK_GETTIME, clockMonotonic, uintptr(unsafe.Pointer(&ts)), 0); errno != 0 {
		return clockStart.UnixNano()
	}
	return ts.Nano()
}

// now is the system's monotonic clock in nanoseconds, the same in every process.
func now() int64 { return clockBase + int64(time.Since(clockStart)) }

// sleep waits d to within some 60 µs, where [time.Sleep] rounds up to a
// millisecond on an otherwise idle process.
func sleep(d time.Duration) {
	if d <= 0 {
		return
	}
	ts := syscall.NsecToTimespec(int64(d))
	_ = syscall.Nanosleep(&ts, nil) // a signal may end it early; callers look at the clock again
}
