package http

import (
	"net"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// hangingPort is a loopback port on which connecting hangs: its listener has a full queue
// and never accepts.
func hangingPort(t *testing.T) string {
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
		c, err := net.DialTimeout("tcp", addr, 2*time.Second) // long, since on a busy machine the queue would seem to be full
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
	addr := hangingPort(t)
	for _, tt := range []struct {
		name   string
		change func(*send.Message)
		detail string
	}{
		{"its own limit", func(s *send.Message) { s.ConnectTimeout = 150 * time.Millisecond }, "within the limit of 150 ms for setting up the connection"},
		{"the whole limit", func(s *send.Message) { s.Timeout = 150 * time.Millisecond }, "within the limit of 150 ms"},
		{"with ClockResponse", func(s *send.Message) {
			s.ConnectTimeout, s.Timeout, s.Clock = 150*time.Millisecond, time.Nanosecond, send.ClockResponse
		}, "within the limit of 150 ms for setting up the connection"},
	} {
		m := post("http://"+addr+"/", "x")
		tt.change(m)
		x := newTransport(t).Send(t.Context(), m)
		if x.Class != hook.ClassConnectTimeout || !strings.Contains(x.Detail, tt.detail) || !x.Unsent {
			t.Errorf("%s: %s: %s", tt.name, x.Class, x.Detail)
		}
		checkSentence(t, x.Detail)
	}
}

func TestCloseEndsDials(t *testing.T) {
	t.Parallel()
	tr := newTransport(t)
	addr := hangingPort(t)
	done := make(chan *send.Reply)
	go func() { done <- tr.Send(t.Context(), post("http://"+addr+"/", "x")) }()
	tr.Close()
	if x := <-done; x.Class != hook.ClassInterrupted || !x.Unsent {
		t.Errorf("%s: %s", x.Class, x.Detail)
	}
}
