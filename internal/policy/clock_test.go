package policy

import (
	"regexp"
	"strings"
	"testing"
)

// TestNoWallClockInNanoseconds finds times that are kept in memory as Unix times in nanoseconds. They lose the reading of the
// monotonic clock, so a wall clock that is put forward or back would make somebody wait for a day, or look idle for one.
// What is stored has microseconds.
func TestNoWallClockInNanoseconds(t *testing.T) {
	t.Parallel()
	call := regexp.MustCompile(`\.UnixNano\b`)
	allowed := map[string]string{
		"internal/bench/":         "compares the clocks of processes on one machine",
		"internal/share/share.go": "asks the wall clock beside the monotonic one, to notice that the machine slept",
	}
	for file, src := range goFiles(t) {
		for prefix := range allowed {
			if strings.HasPrefix(file, prefix) {
				src = nil
			}
		}
		if !isTest(file) && call.Match(src) {
			t.Errorf("%s keeps a time in nanoseconds since 1970: keep a time.Time, or the time since a start, which the monotonic clock tells", file)
		}
	}
}
