package api

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"gancho/internal/hook"
)

const (
	// maxBodies is how many bytes of request bodies may be in memory at the same time, unless the options say otherwise.
	maxBodies = 256 << 20
	// freeBody is how many bytes of a body are not counted, so that small requests do not meet here.
	freeBody = 16 << 10
	// bodiesPatience is how long a request waits for memory.
	bodiesPatience = 5 * time.Second
)

var errTooBusy = &hook.Error{
	Kind: hook.KindUnavailable, Code: "too_busy",
	Detail: "Too many large requests came at the same time, so this one was not read. Send it again in a moment, or in " +
		"smaller parts.",
}

// bodies is the memory for the bodies of all requests. It is counted as the bytes come, so what a caller announces and
// does not send takes none. Each holder has a part of it at most, so that one who sends large bodies slowly leaves room
// for the others.
type bodies struct {
	room     *semaphore.Weighted
	part     int64 // bytes
	patience time.Duration

	mu    sync.Mutex
	parts map[holder]*part // of those who hold some now
}

// newBodies makes memory of size bytes; 0 means [maxBodies]. A holder may have half of it, or one buffer for a body of
// largest bytes if that is more.
func newBodies(size, largest int64) *bodies {
	if size <= 0 {
		size = maxBodies
	}
	return &bodies{
		room: semaphore.NewWeighted(size), part: min(size, max(size/2, largest)), patience: bodiesPatience,
		parts: map[holder]*part{},
	}
}

// holder is who sends bodies: a tenant, or a key if the request is about no tenant. All who send without a key are one,
// the zero holder.
type holder struct {
	tenant string
	key    hook.KeyID
	keyed  bool
}

// holderOf is who sends a request about a tenant, or about none, with a key; nil: without one.
func holderOf(tenant string, key *hook.Key) holder {
	if key == nil {
		return holder{}
	}
	if tenant = cmp.Or(tenant, key.Tenant); tenant != "" {
		return holder{tenant: tenant, keyed: true}
	}
	return holder{key: key.ID, keyed: true}
}

// part is the memory of one holder.
type part struct {
	room     *semaphore.Weighted
	requests int // that use it; mu of bodies guards it
}

// enter is the part of a holder, for one more request.
func (b *bodies) enter(who holder) *part {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, ok := b.parts[who]
	if !ok {
		p = &part{room: semaphore.NewWeighted(b.part)}
		b.parts[who] = p
	}
	p.requests++
	return p
}

// leave says that a request of a holder is over.
func (b *bodies) leave(who holder) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.parts[who]
	if p.requests--; p.requests == 0 {
		delete(b.parts, who)
	}
}

// held is memory that one request has.
type held struct {
	of    *bodies
	by    holder
	part  *part // of by; nil: the request needed none yet
	bytes int64
}

// release gives the memory back. The bytes must not be used any more.
func (h *held) release() {
	if h.part == nil {
		return
	}
	h.part.room.Release(h.bytes)
	h.of.room.Release(h.bytes)
	h.of.leave(h.by)
	h.part, h.bytes = nil, 0
}

// lacks is how many bytes h needs more for a buffer of some size.
func (h *held) lacks(size int64) int64 { return max(0, size-freeBody-h.bytes) }

// tryReserve makes h as large as a buffer of some size needs, and reports whether there was room at once.
func (h *held) tryReserve(size int64) bool {
	more := h.lacks(size)
	if more == 0 {
		return true
	}
	if h.part == nil {
		h.part = h.of.enter(h.by)
	}
	if !h.part.room.TryAcquire(more) {
		return false
	}
	if !h.of.room.TryAcquire(more) {
		h.part.room.Release(more)
		return false
	}
	h.bytes += more
	return true
}

// reserve does the same, but waits for others to finish. It fails with too_busy if that takes too long.
func (h *held) reserve(ctx context.Context, size int64) error {
	if h.tryReserve(size) {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, h.of.patience)
	defer cancel()
	more := h.lacks(size)
	if h.part.room.Acquire(ctx, more) != nil {
		return errTooBusy
	}
	if h.of.room.Acquire(ctx, more) != nil {
		h.part.room.Release(more)
		return errTooBusy
	}
	h.bytes += more
	return nil
}

// read reads the body of a request, up to limit bytes, into buf, whose contents are overwritten. h holds its memory, and
// has to be released in any case. The buffer grows as bytes come.
func (h *held) read(r *http.Request, buf []byte, limit int64) ([]byte, error) {
	if err := plainEncoding(r); err != nil {
		return buf, err
	}
	if r.ContentLength > limit {
		return buf, unreadable(&http.MaxBytesError{Limit: limit}, limit)
	}
	most := limit
	if r.ContentLength >= 0 {
		most = r.ContentLength
	}
	if !h.tryReserve(int64(cap(buf))) {
		buf = nil // it came from a pool and is large, but the body may be small, and then needs no room
	}
	buf = buf[:0]
	for {
		if len(buf) == cap(buf) {
			// One byte more than there can be, so that the end is seen.
			size := max(min(2*int64(cap(buf)), most+1), min(4<<10, most+1), int64(len(buf))+1)
			if err := h.reserve(r.Context(), size); err != nil {
				return buf, err
			}
			buf = append(make([]byte, 0, size), buf...)
		}
		n, err := r.Body.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		if int64(len(buf)) > limit {
			err = &http.MaxBytesError{Limit: limit}
		}
		switch {
		case errors.Is(err, io.EOF):
			return buf, nil
		case err != nil:
			return buf, unreadable(err, limit)
		}
	}
}
