package deliver

import (
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gancho/internal/hook"
)

// deafPort is a loopback port on which connects hang: a listener whose queue is
// full, and which never accepts.
func deafPort(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := "127.0.0.1:" + strconv.Itoa(name.(*syscall.SockaddrInet4).Port)
	for range 16 {
		c, err := net.DialTimeout("tcp", addr, 2*time.Second) // much, or a busy machine seems to have a full queue
		if err != nil {
			return addr // the queue is full
		}
		t.Cleanup(func() { c.Close() })
	}
	t.Skip("this kernel accepts connections beyond the queue of a listener")
	return ""
}

func TestConnectTimeout(t *testing.T) {
	t.Parallel()
	addr := deafPort(t)
	for _, tt := range []struct {
		name   string
		change func(*Shot)
		detail string
	}{
		{"its own limit", func(s *Shot) { s.ConnectTimeout = 150 * time.Millisecond }, "within the limit of 150 ms for setting up the connection"},
		{"the whole limit", func(s *Shot) { s.Timeout = 150 * time.Millisecond }, "within the limit of 150 ms"},
		{"under ClockResponse", func(s *Shot) {
			s.ConnectTimeout, s.Timeout, s.Clock = 150*time.Millisecond, time.Nanosecond, ClockResponse
		}, "within the limit of 150 ms for setting up the connection"},
	} {
		shot := post("http://"+addr+"/", "x")
		tt.change(shot)
		x := newSender(t).Send(t.Context(), shot)
		if x.Class != hook.ClassConnectTimeout || !strings.Contains(x.Detail, tt.detail) || !x.Unsent {
			t.Errorf("%s: %s: %s", tt.name, x.Class, x.Detail)
		}
		checkSentence(t, x.Detail)
	}
}

func TestCloseEndsDials(t *testing.T) {
	t.Parallel()
	s := newSender(t)
	addr := deafPort(t)
	done := make(chan *Exchange)
	go func() { done <- s.Send(t.Context(), post("http://"+addr+"/", "x")) }()
	s.Close()
	if x := <-done; x.Class != hook.ClassInterrupted || !x.Unsent {
		t.Errorf("%s: %s", x.Class, x.Detail)
	}
}
