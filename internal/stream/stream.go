// Package stream tells whoever watches what happens, while it happens.
//
// Nobody is ever held up by a reader: each has a short buffer, and one that is
// too slow misses notices and is told how many. As long as nobody watches,
// telling costs some nanoseconds.
//
// A hub knows what happens on its own node: which deliveries it accepts and which
// attempts it makes. Those of other nodes a [Relay] brings; of what is changed each
// node learns by itself, for [Hub.Changed].
package stream

import (
	"sync"
	"sync/atomic"
	"time"

	"gancho/internal/hook"
)

const (
	maxReaders = 1000
	maxEach    = 100 // readers of one tenant, so that one keeps nobody else out
	buffer     = 256 // notices that wait for one reader, or for a relay
)

// Hub hands notices to its readers. The zero value is ready, with none. Its
// methods may be called from any goroutine.
type Hub struct {
	watched atomic.Bool   // somebody reads, here or at another node
	latest  atomic.Int64  // when something happened here, whether told or not; microseconds since 1970
	begun   chan struct{} // the relay is told of the first reader; nil: there is none

	mu      sync.Mutex
	readers map[*Reader]struct{}
	each    map[string]int // readers by tenant; "" are those of all
	closed  bool
	asked   bool   // readers of other nodes want to know
	relayed bundle // what waits for the relay to tell them
}

// Reader gets the notices of one tenant, or all.
type Reader struct {
	hub    *Hub
	tenant string // "" for all
	out    chan hook.Notice
	lost   int // since the last one it got; guarded by the hub
}

// Subscribe makes a reader of a tenant's notices, or of all if tenant is "". It
// is not ok if there are too many readers, of the tenant or at all, or the hub is closed. The reader must
// be closed.
func (h *Hub) Subscribe(tenant string) (r *Reader, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || len(h.readers) >= maxReaders || tenant != "" && h.each[tenant] >= maxEach {
		return nil, false
	}
	if h.readers == nil {
		h.readers, h.each = map[*Reader]struct{}{}, map[string]int{}
	}
	h.each[tenant]++
	r = &Reader{hub: h, tenant: tenant, out: make(chan hook.Notice, buffer)}
	h.readers[r] = struct{}{}
	h.look()
	if len(h.readers) == 1 {
		select {
		case h.begun <- struct{}{}:
		default:
		}
	}
	return r, true
}

// Watch is [Hub.Subscribe] for those who know no Reader: leave closes it.
func (h *Hub) Watch(tenant string) (notices <-chan hook.Notice, leave func(), ok bool) {
	r, ok := h.Subscribe(tenant)
	if !ok {
		return nil, nil, false
	}
	return r.Notices(), r.Close, true
}

// look sees whether anybody reads. The caller holds the lock.
func (h *Hub) look() { h.watched.Store(len(h.readers) > 0 || h.asked) }

// Notices are what the reader gets. The channel is closed with the hub.
func (r *Reader) Notices() <-chan hook.Notice { return r.out }

// Close ends a reader.
func (r *Reader) Close() {
	r.hub.mu.Lock()
	defer r.hub.mu.Unlock()
	if _, open := r.hub.readers[r]; !open {
		return
	}
	delete(r.hub.readers, r)
	if r.hub.each[r.tenant]--; r.hub.each[r.tenant] == 0 {
		delete(r.hub.each, r.tenant)
	}
	r.hub.look()
}

// Close ends all readers, and refuses new ones.
func (h *Hub) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return
	}
	h.closed = true
	for r := range h.readers {
		close(r.out)
	}
	clear(h.readers)
	h.look()
}

// read reports whether somebody reads at this node.
func (h *Hub) read() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.readers) > 0
}

// hand hands a notice to those who read its tenant's, to everybody if it has none;
// and to other nodes if it is this one's to tell.
func (h *Hub) hand(n hook.Notice, own bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for r := range h.readers {
		if r.tenant == "" || n.Tenant == "" || r.tenant == n.Tenant {
			r.tell(n)
		}
	}
	if own && h.asked {
		h.relayed.add(n)
	}
}

// tell puts a notice into the buffer if there is room, after one that says how
// many there was no room for.
func (r *Reader) tell(n hook.Notice) {
	need := 1
	if r.lost > 0 {
		need = 2
	}
	if cap(r.out)-len(r.out) < need { // only a reader makes room, so what is free stays free
		r.lost++
		return
	}
	r.tellLost(n.At)
	r.out <- n
}

// tellLost tells how many notices the reader did not get, if there is room.
func (r *Reader) tellLost(now time.Time) {
	if r.lost > 0 && len(r.out) < cap(r.out) {
		r.out <- hook.Notice{Kind: hook.NoticeLost, At: now.UTC(), Tenant: r.tenant, Lost: r.lost}
		r.lost = 0
	}
}

// happened notes that something happened at a time, and reports whether anybody
// wants to know.
func (h *Hub) happened(at time.Time) bool {
	h.latest.Store(at.UnixMicro()) // before it looks: see [Hub.Asked]
	return h.watched.Load()
}

// Attempted tells of an attempt and what it made of its delivery.
func (h *Hub) Attempted(d *hook.Delivery, a *hook.Attempt) {
	end := a.StartedAt.Add(a.Timing.Total)
	if !h.happened(end) {
		return
	}
	n := of(d, hook.NoticeAttempt, end)
	n.Number, n.Class, n.Took = a.Number, a.Class, a.Timing.Total
	if a.Response != nil {
		n.Status = a.Response.Status
	}
	h.hand(n, true)
}

// Cancelled tells of a delivery that ended without an attempt.
func (h *Hub) Cancelled(d *hook.Delivery) {
	if h.happened(d.FinishedAt) {
		h.hand(of(d, hook.NoticeDelivery, d.FinishedAt), true)
	}
}

// Made tells of new deliveries.
func (h *Hub) Made(jobs []hook.Job) {
	for i := range jobs {
		d := &jobs[i].Delivery
		if !h.happened(d.CreatedAt) {
			return
		}
		h.hand(of(d, hook.NoticeDelivery, d.CreatedAt), true)
	}
}

// Changed tells of committed configuration, but not of API keys.
func (h *Hub) Changed(c hook.Change) {
	if !h.watched.Load() {
		return
	}
	n := hook.Notice{Kind: hook.NoticeTenant, At: time.Now().UTC(), Tenant: c.Tenant, Endpoint: c.Endpoint, Contract: c.Contract}
	switch {
	case !c.Endpoint.IsZero():
		n.Kind = hook.NoticeEndpoint
	case c.Contract != "":
		n.Kind = hook.NoticeContract
	case c.Tenant == "" || !c.Key.IsZero():
		return
	}
	h.hand(n, false) // other nodes learn of it as this one does
}

func of(d *hook.Delivery, kind hook.NoticeKind, at time.Time) hook.Notice {
	n := hook.Notice{
		Kind: kind, At: at.UTC(), Tenant: d.Tenant, Endpoint: d.Endpoint, Delivery: d.ID, Type: d.Type, State: d.State, Reason: d.Reason, Test: d.Test,
	}
	if !d.State.Finished() {
		n.NextAttemptAt = d.NextAttemptAt
	}
	return n
}
