package api

import (
	"bytes"
	"io"
	"net/http"

	"gancho/internal/hook"
)

// maxBodies bounds the large request bodies that are in memory at the same time,
// in bytes: a few dozen callers with the largest batches must not be able to fill
// the memory. What a body has up to keepBuffer is not counted.
const maxBodies = 256 << 20

var errNoRoom = &hook.Error{
	Kind: hook.KindUnavailable, Code: "too_busy",
	Detail: "Too many large requests came at the same time, so this one was not read. Send it again in a moment, or in smaller parts.",
}

// read reads the body, up to limit bytes. A large one is pushed back while others
// take all the room there is; t keeps its place until it is released.
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
		t.body.Grow(int(min(n, keepBuffer-bytes.MinRead)) + bytes.MinRead) // no more on a caller's word alone
	}
	n, err := t.body.ReadFrom(io.LimitReader(r.Body, min(limit+1, keepBuffer)))
	if err == nil && n == keepBuffer {
		size = min(size, maxBodies)
		if !a.large.TryAcquire(size) {
			return errNoRoom
		}
		t.leave = func() { a.large.Release(size) }
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
