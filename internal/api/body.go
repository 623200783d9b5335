package api

import (
	"bytes"
	"io"
	"net/http"

	"gancho/internal/hook"
)

// maxBodies is how many bytes of large request bodies may be in memory at the same time. Without it a few dozen callers
// with the largest batches could fill the memory. The first keepBuffer bytes of each body are not counted.
const maxBodies = 256 << 20

var errTooBusy = &hook.Error{
	Kind: hook.KindUnavailable, Code: "too_busy",
	Detail: "Too many large requests came at the same time, so this one was not read. Send it again in a moment, or in " +
		"smaller parts.",
}

// read reads the body into t, up to limit bytes. If it is large, its memory is reserved until t is released. If others
// have reserved all there is, the request is refused with too_busy.
func (a *acceptHandlers) read(t *intake, r *http.Request, limit int64) error {
	if err := plainEncoding(r); err != nil {
		return err
	}
	t.body.Reset()
	size := limit
	if n := r.ContentLength; n > limit {
		return unreadable(&http.MaxBytesError{Limit: limit}, limit)
	} else if n >= 0 {
		size = n
		t.body.Grow(int(min(n, keepBuffer-bytes.MinRead)) + bytes.MinRead) // a caller may announce more than it sends
	}
	n, err := t.body.ReadFrom(io.LimitReader(r.Body, min(limit+1, keepBuffer)))
	if err == nil && n == keepBuffer {
		size = min(size, maxBodies)
		if !a.large.TryAcquire(size) {
			return errTooBusy
		}
		t.freeMemory = func() { a.large.Release(size) }
		var rest int64
		rest, err = t.body.ReadFrom(io.LimitReader(r.Body, limit+1-n))
		n += rest
	}
	if err == nil && n > limit {
		err = &http.MaxBytesError{Limit: limit}
	}
	if err != nil {
		return unreadable(err, limit)
	}
	return nil
}
