package stream

import (
	"bytes"
	"context"
	"encoding/gob"
	"log/slog"
	"time"

	"gancho/internal/hook"
)

const (
	relayEvery   = 500 * time.Millisecond
	relayTimeout = 5 * time.Second
	// askDelay is longer than it takes this node to learn that somebody began to read on
	// another node. Notices of that time were not relayed.
	askDelay = 10 * time.Second
	// Notices of other nodes are published in bursts, so that readers have time to take them.
	burst      = buffer / 4
	burstPause = 10 * time.Millisecond
	// maxLost is for how many tenants missed notices are counted separately.
	maxLost = 256
)

// Store passes notices between the nodes.
type Store interface {
	// Exchange stores this node's notices and returns those of others, in one round trip.
	// Notices that are sent twice under one number are stored once.
	Exchange(ctx context.Context, x hook.NoticeExchange) ([]hook.RemoteNotices, error)
}

// bundle is what one node sends to the others at once. It is encoded with gob.
type bundle struct {
	Notices []hook.Notice
	Lost    map[string]int // how many notices are missing, by tenant; "": of tenants that are not known
}

// add adds a notice, or counts it as lost if there is no room.
func (b *bundle) add(n hook.Notice) {
	if len(b.Notices) < buffer {
		b.Notices = append(b.Notices, n)
	} else {
		b.lose(n.Tenant)
	}
}

// lose counts a lost notice of a tenant.
func (b *bundle) lose(tenant string) {
	if b.Lost == nil {
		b.Lost = map[string]int{}
	}
	if _, ok := b.Lost[tenant]; !ok && len(b.Lost) >= maxLost {
		tenant = ""
	}
	b.Lost[tenant]++
}

// Asked sets whether somebody reads on another node.
func (h *Hub) Asked(yes bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if yes == h.asked {
		return
	}
	h.asked, h.relayed = yes, bundle{}
	h.updateWatched()
	// What happens from now on either finds watched set, or has set latest before this
	// line reads it: happened stores latest first and loads watched second.
	if yes && time.Since(time.UnixMicro(h.latest.Load())) < askDelay {
		h.relayed.lose("")
	}
}

// takeRelayed takes the notices for other nodes, encoded; nil if there are none.
func (h *Hub) takeRelayed() []byte {
	h.mu.Lock()
	b := h.relayed
	h.relayed = bundle{}
	h.mu.Unlock()
	if len(b.Notices) == 0 && len(b.Lost) == 0 {
		return nil
	}
	var out bytes.Buffer
	if err := gob.NewEncoder(&out).Encode(b); err != nil { // plain values always encode
		panic(err)
	}
	return out.Bytes()
}

// missed notes for the readers how many notices of other nodes they will not get, by tenant.
func (h *Hub) missed(lost map[string]int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for r := range h.readers {
		for tenant, n := range lost {
			if r.tenant == "" || tenant == "" || r.tenant == tenant {
				r.lost += n
			}
		}
		r.sendLost(time.Now())
	}
}

// Relay brings the notices of other nodes to the readers of a hub, and the hub's notices to
// the readers of other nodes: through the database, twice a second, and only while somebody
// reads. The notices of one node come in their order and each once. Those of several nodes
// come in any order.
type Relay struct {
	hub    *Hub
	store  Store
	others func() bool
	log    *slog.Logger

	number  int64           // of the last bundle of this process
	unsent  []byte          // that bundle, until it is certain that it was stored
	known   map[int64]int64 // number of the last bundle of each other process; nil while nobody reads here
	failing bool            // set when an exchange fails, cleared when one works
}

// NewRelay makes a relay; others reports whether there are other nodes. The hub
// must not be in use yet.
func NewRelay(h *Hub, s Store, others func() bool, log *slog.Logger) *Relay {
	h.begun = make(chan struct{}, 1)
	return &Relay{hub: h, store: s, others: others, log: log}
}

// Run relays until ctx ends. Call [Relay.Flush] then to send the rest.
func (r *Relay) Run(ctx context.Context) error {
	tick := time.NewTicker(relayEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-r.hub.begun:
		}
		r.Flush(ctx)
	}
}

// Flush sends this node's notices and publishes those of others.
func (r *Relay) Flush(ctx context.Context) {
	watches := r.hub.hasReaders() && r.others()
	if !watches {
		r.known = nil
	}
	if r.unsent == nil {
		if r.unsent = r.hub.takeRelayed(); r.unsent != nil {
			r.number++
		}
	}
	if !watches && r.unsent == nil {
		return
	}
	limit, cancel := context.WithTimeout(ctx, relayTimeout)
	defer cancel()
	list, err := r.store.Exchange(limit, hook.NoticeExchange{
		Number: r.number, Data: r.unsent, Watches: watches, Begins: r.known == nil, Known: r.known,
	})
	if failed := err != nil; failed != r.failing && ctx.Err() == nil {
		r.failing = failed
		if failed {
			r.log.Warn("streams do not show what happens on other nodes for now, will try again", "error", err)
		}
	}
	if err != nil {
		return
	}
	r.unsent = nil
	if watches && r.known == nil {
		r.known = map[int64]int64{}
	}
	for _, t := range list {
		r.receive(ctx, t)
	}
}

// receive publishes the notices of another node.
func (r *Relay) receive(ctx context.Context, t hook.RemoteNotices) {
	last, known := r.known[t.Source]
	r.known[t.Source] = t.Number
	if t.Data == nil {
		return
	}
	var b bundle
	err := gob.NewDecoder(bytes.NewReader(t.Data)).Decode(&b)
	// Bundles can be deleted before they are read, and other versions may write what cannot be decoded.
	if gap := t.Number - last - 1; known && gap > 0 || err != nil {
		r.hub.missed(map[string]int{"": max(int(gap), 1)})
	}
	for i, n := range b.Notices {
		if i%burst == burst-1 {
			select {
			case <-ctx.Done():
			case <-time.After(burstPause):
			}
		}
		r.hub.publish(n, false)
	}
	r.hub.missed(b.Lost)
}
