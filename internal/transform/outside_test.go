package transform

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"gancho/internal/rawjson"
)

// outsideHeap is how much memory of this process is not Go's heap and not of a file: that of engines, and what threads and
// the race detector need. The collector changes little of it. ok is false where that cannot be read.
func outsideHeap(t *testing.T) (bytes int, ok bool) {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		return 0, false
	}
	const near, huge = 32 << 30, 4 << 30 // of the heap; what only the race detector maps
	heap := int(reflect.ValueOf(t).Pointer())
	counts := false
	for line := range strings.Lines(string(maps)) {
		var start, end, offset, kB int
		var perms, device string
		var inode int
		if n, _ := fmt.Sscanf(line, "%x-%x %s %x %s %d", &start, &end, &perms, &offset, &device, &inode); n == 6 {
			counts = inode == 0 && perms == "rw-p" && max(start-heap, heap-start) > near && end-start < huge
		} else if n, _ := fmt.Sscanf(line, "Rss: %d kB", &kB); n == 1 && counts {
			bytes += kB << 10
		}
	}
	return bytes, true
}

func valid(b []byte) bool { return rawjson.Check(b, rawjson.MaxDepth) == nil }
