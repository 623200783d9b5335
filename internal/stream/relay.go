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
	// lately is how long ago something may have happened that a reader who began
	// elsewhere should have been told of: others ask at once, but it may take some
	// seconds until that is heard.
	lately = 10 * time.Second
	// What others told is handed on in bursts that leave readers the time to take it.
	burst     = buffer / 4
	burstRest = 10 * time.Millisecond
	// maxLost is of how many tenants it is told apart what could not be told.
	maxLost = 256
)

// Store passes what is told between the nodes.
type Store interface {
	// Exchange is one round trip. What is told twice under one number is told once.
	Exchange(ctx context.Context, x hook.NoticeExchange) ([]hook.RemoteNotices, error)
}

// bundle is what is told at once.
type bundle struct {
	Notices []hook.Notice
	Lost    map[string]int // how many there was no room for, by tenant; "": concerns everybody
}

func (b *bundle) add(n hook.Notice) {
	if len(b.Notices) < buffer {
		b.Notices = append(b.Notices, n)
	} else {
		b.lose(n.Tenant)
	}
}

func (b *bundle) lose(tenant string) {
	if b.Lost == nil {
		b.Lost = map[string]int{}
	}
	if _, ok := b.Lost[tenant]; !ok && len(b.Lost) >= maxLost {
		tenant = ""
	}
	b.Lost[tenant]++
}

// Asked tells whether readers at other nodes want to know what happens here.
func (h *Hub) Asked(yes bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if yes == h.asked {
		return
	}
	h.asked, h.relayed = yes, bundle{}
	h.look()
	// After that, whatever happens finds that it is watched, or is seen here.
	if yes && time.Since(time.UnixMicro(h.latest.Load())) < lately {
		h.relayed.lose("")
	}
}

// gathered is what is to be told to other nodes, nil if there is nothing.
func (h *Hub) gathered() []byte {
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

// missed tells readers that there were notices which they will not get.
func (h *Hub) missed(lost map[string]int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for r := range h.readers {
		for tenant, n := range lost {
			if r.tenant == "" || tenant == "" || r.tenant == tenant {
				r.lost += n
			}
		}
		r.tellLost(time.Now())
	}
}

// Relay brings the notices of other nodes to the readers of a hub, and takes its
// notices to theirs: through the database, twice a second, and only while somebody
// reads. Notices of one node come in their order, each once; those of several nodes
// in any order.
type Relay struct {
	hub    *Hub
	store  Store
	others func() bool
	log    *slog.Logger

	number  int64           // of what was told last
	untold  []byte          // its notices, until it is certain that they were stored
	known   map[int64]int64 // what was read last of each other process; nil: nobody reads here
	failing bool
}

// NewRelay makes a relay; others reports whether there are other nodes. The hub
// must not be in use yet.
func NewRelay(h *Hub, s Store, others func() bool, log *slog.Logger) *Relay {
	h.begun = make(chan struct{}, 1)
	return &Relay{hub: h, store: s, others: others, log: log}
}

// Run relays until ctx ends. [Relay.Flush] then tells the rest.
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

// Flush tells what is to be told, and reads what others told.
func (r *Relay) Flush(ctx context.Context) {
	watches := r.hub.read() && r.others()
	if !watches {
		r.known = nil
	}
	if r.untold == nil {
		if r.untold = r.hub.gathered(); r.untold != nil {
			r.number++
		}
	}
	if !watches && r.untold == nil {
		return
	}
	limit, cancel := context.WithTimeout(ctx, relayTimeout)
	defer cancel()
	list, err := r.store.Exchange(limit, hook.NoticeExchange{Number: r.number, Data: r.untold, Watches: watches, Begins: r.known == nil, Known: r.known})
	if failed := err != nil; failed != r.failing && ctx.Err() == nil {
		r.failing = failed
		if failed {
			r.log.Warn("streams do not tell what happens on other nodes for now, will try again", "error", err)
		}
	}
	if err != nil {
		return
	}
	r.untold = nil
	if watches && r.known == nil {
		r.known = map[int64]int64{}
	}
	for _, t := range list {
		r.told(ctx, t)
	}
}

// told hands on what another node told.
func (r *Relay) told(ctx context.Context, t hook.RemoteNotices) {
	last, known := r.known[t.Source]
	r.known[t.Source] = t.Number
	if t.Data == nil {
		return
	}
	var b bundle
	err := gob.NewDecoder(bytes.NewReader(t.Data)).Decode(&b)
	if gap := t.Number - last - 1; known && gap > 0 || err != nil { // it was gone before it was read, or is of another version
		r.hub.missed(map[string]int{"": max(int(gap), 1)})
	}
	for i, n := range b.Notices {
		if i%burst == burst-1 {
			select {
			case <-ctx.Done():
			case <-time.After(burstRest):
			}
		}
		r.hub.hand(n, false)
	}
	r.hub.missed(b.Lost)
}
