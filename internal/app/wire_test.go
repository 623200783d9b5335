package app

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// wire is a receiver that keeps requests as they came over the wire: net/http
// would rewrite header names and forget their order, which a contract promises.
type wire struct {
	l       net.Listener
	serving sync.WaitGroup

	mu     sync.Mutex
	conns  map[net.Conn]bool
	got    []wireRequest
	answer wireAnswer
	closed bool
	ending chan struct{}
}

var contentLength = regexp.MustCompile(`(?i)\r\ncontent-length: *(\d+)`)

type wireRequest struct {
	head string // request line and headers, with the empty line after them
	body []byte
}

type wireAnswer struct {
	status      int
	delay       time.Duration
	body        string
	contentType string
}

func newWire(t *testing.T) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{l: l, conns: map[net.Conn]bool{}, ending: make(chan struct{})}
	w.serving.Go(w.accept)
	return w
}

func (w *wire) host() string { return w.l.Addr().String() }
func (w *wire) url() string  { return "http://" + w.host() }

func (w *wire) answers(a wireAnswer) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.answer = a
}

func (w *wire) requests() []wireRequest {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.got[:len(w.got):len(w.got)]
}

func (w *wire) accept() {
	for {
		c, err := w.l.Accept()
		if err != nil {
			return
		}
		w.mu.Lock()
		if w.closed {
			c.Close()
		} else {
			w.conns[c] = true
			w.serving.Go(func() { w.serve(c) })
		}
		w.mu.Unlock()
	}
}

// serve answers the requests of one connection, one after the other.
func (w *wire) serve(c net.Conn) {
	defer func() {
		c.Close()
		w.mu.Lock()
		delete(w.conns, c)
		w.mu.Unlock()
	}()
	r := bufio.NewReader(c)
	for {
		var head strings.Builder
		for {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			head.WriteString(line)
			if line == "\r\n" {
				break
			}
		}
		size := 0
		if m := contentLength.FindStringSubmatch(head.String()); m != nil {
			size, _ = strconv.Atoi(m[1])
		}
		body := make([]byte, size)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		w.mu.Lock()
		w.got = append(w.got, wireRequest{head.String(), body})
		a := w.answer
		w.mu.Unlock()
		select {
		case <-time.After(a.delay):
		case <-w.ending:
			return
		}
		answer := fmt.Sprintf("HTTP/1.1 %d %s\r\nContent-Length: %d\r\n", a.status, http.StatusText(a.status), len(a.body))
		if a.contentType != "" {
			answer += "Content-Type: " + a.contentType + "\r\n"
		}
		if _, err := io.WriteString(c, answer+"\r\n"+a.body); err != nil {
			return
		}
	}
}

func (w *wire) close() {
	w.l.Close()
	close(w.ending)
	w.mu.Lock()
	w.closed = true
	for c := range w.conns {
		c.Close()
	}
	w.mu.Unlock()
	w.serving.Wait()
}
