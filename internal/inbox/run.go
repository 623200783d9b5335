package inbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

const (
	drainTime  = 5 * time.Second
	maxHead    = 64 << 10
	headerTime = 10 * time.Second
	idleTime   = 2 * time.Minute
)

// Run listens on an address (host:port, port 0 picks a free one), prints where
// to send to, and receives until ctx ends; then it lets requests under way
// finish, for 5 seconds at most. It fails at once if the secret cannot be used
// or the address cannot be had.
func Run(ctx context.Context, listen string, o Options) error {
	in := New(o)
	if in.badKey != nil {
		return in.badKey
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", listen)
	if err != nil {
		return fmt.Errorf("the inbox cannot listen on %s: %w", listen, err)
	}
	fmt.Fprintf(in.opts.Out, "The inbox listens on http://%s (every path), and shows what arrived at http://%s/requests\n", l.Addr(), l.Addr())
	return in.Serve(ctx, l)
}

// Serve is [Run] on a listener that is there already. It closes the listener.
func (in *Inbox) Serve(ctx context.Context, l net.Listener) error {
	srv := &http.Server{
		Handler:           in,
		ReadHeaderTimeout: headerTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHead,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			if rc, ok := c.(*recordedConn); ok {
				return context.WithValue(ctx, recorderKey{}, &rc.recorder)
			}
			return ctx
		},
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(recordingListener{l}) }()
	select {
	case err := <-failed:
		return fmt.Errorf("the inbox stopped: %w", err)
	case <-ctx.Done():
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	if err := srv.Shutdown(stop); err != nil {
		srv.Close() // the time is over: a delay longer than that is cut
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// net/http rewrites header names and forgets their order, and both are what a
// person who tries a webhook wants to see. So the connection keeps the bytes it
// reads until the handler takes them as the head of its request.

type recorderKey struct{}

type recordingListener struct{ net.Listener }

func (l recordingListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &recordedConn{Conn: c}, nil
}

type recordedConn struct {
	net.Conn
	recorder recorder
}

func (c *recordedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if n > 0 {
		c.recorder.add(p[:n])
	}
	return n, err
}

func (c *recordedConn) Write(p []byte) (int, error) {
	c.recorder.answered()
	return c.Conn.Write(p)
}

// recorder holds the head of one request, at most.
type recorder struct {
	mu      sync.Mutex
	head    []byte
	full    bool // the head is complete, or too long to keep
	writing bool // the answer has begun: what is read next is the next request
}

func (r *recorder) add(p []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.writing {
		r.head, r.full, r.writing = nil, false, false
	}
	if r.full {
		return
	}
	r.head = append(r.head, p...)
	if i := bytes.Index(r.head, []byte("\r\n\r\n")); i >= 0 {
		r.head, r.full = r.head[:i], true
	} else if len(r.head) > maxHead {
		r.head, r.full = nil, true
	}
}

func (r *recorder) answered() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.writing = true
}

// take returns the headers of req, if what was recorded is its head (it may not
// be, if the sender did not wait for an answer before its next request).
func (r *recorder) take(req *http.Request) ([][2]string, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.full || r.head == nil {
		return nil, false
	}
	line, rest, _ := strings.Cut(string(r.head), "\r\n")
	r.head = nil // a request without its own record must not get this one
	if line != req.Method+" "+req.RequestURI+" "+req.Proto {
		return nil, false
	}
	var list [][2]string
	for line := range strings.SplitSeq(rest, "\r\n") {
		name, value, ok := strings.Cut(line, ":")
		if ok {
			list = append(list, [2]string{name, strings.Trim(value, " \t")})
		}
	}
	return list, true
}
