// Package stream sends live notices of what happens to the people and programs that watch.
//
// A [Hub] gets the notices of its own node: new deliveries, attempts and changes of the
// configuration. It hands them to its readers. A [Relay] exchanges notices of deliveries and
// attempts with other nodes; changes of the configuration reach every node anyway.
//
// It promises that no reader delays anybody. Each reader has a buffer. One that is too slow
// misses notices, and then gets a notice that says how many. While nobody watches, a notice
// costs some nanoseconds.
package stream

import (
	"sync"
	"sync/atomic"
	"time"

	"gancho/internal/hook"
)

const (
	maxReaders = 1000
	maxEach    = 100 // readers of one tenant, so that others find room
	buffer     = 256 // notices that can wait for one reader, or for the relay
)

// Hub hands notices to its readers. The zero value is ready to use. Its methods may be
// called from any goroutine.
type Hub struct {
	watched atomic.Bool   // somebody reads, on this node or another
	latest  atomic.Int64  // when something happened here last, noticed or not; microseconds since 1970
	begun   chan struct{} // tells the relay of the first reader; nil: there is no relay

	mu      sync.Mutex
	readers map[*Reader]struct{}
	each    map[string]int // readers by tenant; "" are those of all
	closed  bool
	asked   bool   // set while somebody on another node reads
	relayed bundle // waits for the relay to take it to other nodes
}

// Reader gets the notices of one tenant, or those of all.
type Reader struct {
	hub    *Hub
	tenant string // "" for all
	out    chan hook.Notice
	lost   int // how many it missed since the last one it got; guarded by hub.mu
}

// Subscribe makes a reader of a tenant's notices, or of all notices if tenant is "". ok is
// false if the hub is closed, or the tenant or the hub has too many readers. Otherwise the
// caller has to close the reader.
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
	h.updateWatched()
	if len(h.readers) == 1 {
		select {
		case h.begun <- struct{}{}:
		default:
		}
	}
	return r, true
}

// Watch is [Hub.Subscribe] for callers that do not import Reader. leave closes the reader.
func (h *Hub) Watch(tenant string) (notices <-chan hook.Notice, leave func(), ok bool) {
	r, ok := h.Subscribe(tenant)
	if !ok {
		return nil, nil, false
	}
	return r.Notices(), r.Close, true
}

// updateWatched sets h.watched. The caller holds h.mu.
func (h *Hub) updateWatched() { h.watched.Store(len(h.readers) > 0 || h.asked) }

// Notices is the channel of the reader's notices. It is closed when the hub is closed.
func (r *Reader) Notices() <-chan hook.Notice { return r.out }

// Close ends the reader. It may be called twice.
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
	r.hub.updateWatched()
}

// Close ends all readers and refuses new ones.
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
	h.updateWatched()
}

// hasReaders reports whether somebody reads on this node.
func (h *Hub) hasReaders() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.readers) > 0
}

// publish hands a notice to the readers of its tenant, or to all readers if it has no
// tenant. If relay is set, other nodes get it, too.
func (h *Hub) publish(n hook.Notice, relay bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for r := range h.readers {
		if r.tenant == "" || n.Tenant == "" || r.tenant == n.Tenant {
			r.send(n)
		}
	}
	if relay && h.asked {
		h.relayed.add(n)
	}
}

// send puts a notice into the buffer if there is room. If notices were missed before, there
// has to be room for two: the first says how many. The caller holds hub.mu.
func (r *Reader) send(n hook.Notice) {
	need := 1
	if r.lost > 0 {
		need = 2
	}
	if cap(r.out)-len(r.out) < need { // room can only grow meanwhile: all senders hold hub.mu
		r.lost++
		return
	}
	r.sendLost(n.At)
	r.out <- n
}

// sendLost says how many notices the reader has missed, if it has missed any and there is
// room. The caller holds hub.mu.
func (r *Reader) sendLost(now time.Time) {
	if r.lost > 0 && len(r.out) < cap(r.out) {
		r.out <- hook.Notice{Kind: hook.NoticeLost, At: now.UTC(), Tenant: r.tenant, Lost: r.lost}
		r.lost = 0
	}
}

// happened notes the time of the newest happening, and reports whether anybody reads.
func (h *Hub) happened(at time.Time) bool {
	h.latest.Store(at.UnixMicro()) // before the load below: see [Hub.Asked]
	return h.watched.Load()
}

// Attempted publishes a notice of an attempt.
func (h *Hub) Attempted(d *hook.Delivery, a *hook.Attempt) {
	end := a.StartedAt.Add(a.Timing.Total)
	if !h.happened(end) {
		return
	}
	n := noticeOf(d, hook.NoticeAttempt, end)
	n.Number, n.Class, n.Took = a.Number, a.Class, a.Timing.Total
	if a.Response != nil {
		n.Status = a.Response.Status
	}
	h.publish(n, true)
}

// Cancelled publishes a notice of a delivery that ended without an attempt.
func (h *Hub) Cancelled(d *hook.Delivery) {
	if h.happened(d.FinishedAt) {
		h.publish(noticeOf(d, hook.NoticeDelivery, d.FinishedAt), true)
	}
}

// Made publishes a notice of each new delivery.
func (h *Hub) Made(jobs []hook.Job) {
	for i := range jobs {
		d := &jobs[i].Delivery
		if !h.happened(d.CreatedAt) {
			return
		}
		h.publish(noticeOf(d, hook.NoticeDelivery, d.CreatedAt), true)
	}
}

// Changed publishes a notice of a committed change of the configuration. Changes of API
// keys have none.
func (h *Hub) Changed(c hook.Change) {
	if !h.watched.Load() {
		return
	}
	n := hook.Notice{
		Kind: hook.NoticeTenant, At: time.Now().UTC(), Tenant: c.Tenant, Endpoint: c.Endpoint, Contract: c.Contract,
	}
	switch {
	case !c.Endpoint.IsZero():
		n.Kind = hook.NoticeEndpoint
	case c.Contract != "":
		n.Kind = hook.NoticeContract
	case c.Tenant == "" || !c.Key.IsZero():
		return
	}
	h.publish(n, false) // every node calls Changed by itself
}

// noticeOf is a notice of a delivery.
func noticeOf(d *hook.Delivery, kind hook.NoticeKind, at time.Time) hook.Notice {
	n := hook.Notice{
		Kind: kind, At: at.UTC(), Tenant: d.Tenant, Endpoint: d.Endpoint, Delivery: d.ID, Type: d.Type,
		State: d.State, Reason: d.Reason, Test: d.Test,
	}
	if !d.State.Finished() {
		n.NextAttemptAt = d.NextAttemptAt
	}
	return n
}
