//go:build unix

package store

import (
	"errors"
	"io"
	"net"
	"testing"
	"time"
)

// A look at a connection finds out whether there is something to read, also while
// somebody reads there already.
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
			t.Fatal("the look waits for a reader")
			return false
		}
	}
	if !looked() {
		t.Error("something to read, before anything came")
	}
	read := make(chan error, 1)
	go func() {
		_, err := ours.Read(make([]byte, 1))
		read <- err
	}()
	for range 20 { // the reader may only be on its way
		time.Sleep(time.Millisecond) //policy:allow time.Sleep: that a reader waits has no event to wait for
		if !looked() {
			t.Error("something to read, while somebody waits for it")
		}
	}
	if err := theirs.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-read; !errors.Is(err, io.EOF) {
		t.Errorf("the reader got %v", err)
	}
	if looked() {
		t.Error("a closed connection has nothing to say")
	}
}
