package refused

import (
	"net"
	"strings"
	"testing"
	"time"
)

// Nobody gets through to the address, and nobody can begin to listen on it.
func TestURL(t *testing.T) {
	t.Parallel()
	addr := strings.TrimPrefix(URL(), "http://")
	for range 3 {
		if conn, err := net.DialTimeout("tcp", addr, time.Minute); err == nil {
			_ = conn.Close() // the test has failed anyway
			t.Fatalf("%s accepts connections", addr)
		} else if !strings.Contains(err.Error(), "refused") {
			t.Errorf("dialing: %v, want refused", err)
		}
		if l, err := net.Listen("tcp", addr); err == nil {
			_ = l.Close() // the test has failed anyway
			t.Fatalf("somebody could listen on %s", addr)
		}
	}
	if again := URL(); again != "http://"+addr {
		t.Errorf("the address changed from %s to %s", addr, again)
	}
}
