//go:build unix

package store

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// quiet finds out whether there is something to read, also while another goroutine reads
// from the connection.
func TestQuiet(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ours, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer ours.Close()
	theirs, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.Close()

	looked := func() bool {
		t.Helper()
		answer := make(chan bool, 1)
		go func() { answer <- quiet(ours) }()
		select {
		case yes := <-answer:
			return yes
		case <-time.After(time.Minute):
			t.Fatal("quiet waits for the reader")
			return false
		}
	}
	if !looked() {
		t.Error("something to read, although nothing was sent")
	}
	read := make(chan error, 1)
	go func() {
		_, err := ours.Read(make([]byte, 1))
		read <- err
	}()
	for range 20 { // the reader may not have begun
		time.Sleep(time.Millisecond) //policy:allow time.Sleep: that a reader waits has no event to wait for
		if !looked() {
			t.Error("something to read, although a reader waits for it")
		}
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-read; !errors.Is(err, io.EOF) {
		t.Errorf("the reader got %v", err)
	}
	if looked() {
		t.Error("nothing to read on a closed connection")
	}
}
