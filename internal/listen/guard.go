package listen

import (
	"errors"
	"io"
	"net/http"
	"time"
)

// guard is what each request goes through before the handler.
func (d *Door) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, ok := r.Context().Value(connKey{}).(*conn)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		c.in.begin()
		c.out.begin()
		if c.ambiguous(r) {
			w.Header().Set("Connection", "close")
		}
		r = d.name(r)
		if r.URL.Scheme == "https" {
			w.Header()["Strict-Transport-Security"] = hsts
		}
		if r.Body == nil || r.Body == http.NoBody {
			next.ServeHTTP(w, r)
			return
		}
		b := &body{ReadCloser: r.Body, conn: c}
		r.Body = b // name has made a copy: net/http looks at what its own has
		now := time.Now()
		b.wait(now)
		c.waitingSince.Store(ticks(now))
		next.ServeHTTP(w, r)
		b.left()
	})
}

var hsts = []string{"max-age=31536000"}

// ambiguous reports whether a request may have both a Content-Length and a Transfer-Encoding. net/http follows the
// latter, except under HTTP/1.0.
func (c *conn) ambiguous(r *http.Request) bool {
	if len(r.TransferEncoding) > 0 {
		return c.heads.length.found.Load()
	}
	return !r.ProtoAtLeast(1, 1) && c.heads.encoding.found.Load()
}

// body is the body of a request, whose sender has to make progress.
type body struct {
	io.ReadCloser
	conn *conn
	done bool // there is nothing left to read, or reading failed
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	start := time.Now()
	b.wait(start)
	b.conn.waitingSince.Store(ticks(start))
	n, err := b.ReadCloser.Read(p)
	b.conn.waitingSince.Store(0)
	b.conn.in.moved(n, time.Since(start))
	switch {
	case err == nil:
	case errors.Is(err, io.EOF):
		b.done = true
		// From now on net/http reads to notice that the caller goes away, which may take as long as it likes.
		b.setDeadline(time.Time{})
	default:
		b.done = true
		b.conn.noteCut(err)
		b.setDeadline(start) // net/http must not wait for the rest either
	}
	return n, err
}

// wait sets the deadline of the next read.
func (b *body) wait(now time.Time) {
	if ends, changed := b.conn.in.deadline(now); changed && !b.done {
		b.setDeadline(ends)
	}
}

// left is called when the handler has returned. net/http may want to read a rest of the body that nobody wanted.
func (b *body) left() {
	if !b.done {
		now := time.Now()
		b.setDeadline(now.Add(b.conn.in.patience))
		b.conn.waitingSince.Store(ticks(now)) // until the answer is written, see [conn.Write]
	}
}

func (b *body) setDeadline(t time.Time) {
	b.conn.in.set = t
	_ = b.conn.Conn.SetReadDeadline(t)
}
