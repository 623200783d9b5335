package app

import (
	"context"
	"encoding/json"
	"maps"
	"sync"
	"testing"

	"gancho.example/client"
	"gancho/internal/pgtest"
	"gancho/internal/store"
)

// reader is somebody who watches a node.
type reader struct {
	mu  sync.Mutex
	got map[string]int // notices by kind and delivery
}

func (p *process) watch() *reader {
	r := &reader{got: map[string]int{}}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n, err := range p.Stream(ctx, "acme") {
			if err != nil {
				return
			}
			r.mu.Lock()
			r.got[n.Kind+" "+n.Delivery]++
			r.mu.Unlock()
		}
	}()
	p.t.Cleanup(func() { stop(); <-done })
	return r
}

func (r *reader) has(notice string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.got[notice] > 0
}

// What happens on any node is told once by each of them, with notifications and
// without.
func TestStreamOfAllNodes(t *testing.T) {
	t.Parallel()
	for name, between := range map[string]func(url string) string{
		"directly":       func(url string) string { return url },
		"through pooler": func(url string) string { return pgtest.Pooler(t, url, 5) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testStreamOfAllNodes(t, between(pgtest.Database(t, store.Migrate)))
		})
	}
}

func testStreamOfAllNodes(t *testing.T, url string) {
	nodes, _ := startNodes(t, 2, url)
	rc := newReceiver(t, nil)
	nodes[0].endpoint(client.EndpointInput{URL: rc.URL, EventTypes: []string{"watched"}})
	var readers []*reader
	for _, p := range nodes {
		readers = append(readers, p.watch())
	}
	publish := func(p *process) (delivery string) {
		t.Helper()
		a, err := p.PublishEvent(t.Context(), "acme", client.NewEvent{Type: "watched", Payload: json.RawMessage(`1`)})
		if err != nil {
			t.Fatal(err)
		}
		list, err := p.Deliveries(t.Context(), "acme", client.DeliveryFilter{Event: a.ID})
		if err != nil {
			t.Fatal(err)
		}
		if len(list.Items) == 0 { // this node has not been told of the endpoint yet
			return ""
		}
		return list.Items[0].ID
	}
	everywhere := func(deliveries ...string) bool {
		for _, r := range readers {
			for _, id := range deliveries {
				if !r.has("delivery "+id) || !r.has("attempt "+id) {
					return false
				}
			}
		}
		return true
	}
	// A reader may not be there yet, or another node not know of it.
	var early []string
	eventually(t, "what happens on each node is told by all", func() bool {
		for _, p := range nodes {
			early = append(early, publish(p))
		}
		for i := 0; i < len(early); i += len(nodes) {
			if everywhere(early[i : i+len(nodes)]...) {
				return true
			}
		}
		return false
	})
	var late []string
	for range 3 {
		for _, p := range nodes {
			late = append(late, publish(p))
		}
	}
	eventually(t, "what happens then is told by all", func() bool { return everywhere(late...) })
	for i, r := range readers {
		r.mu.Lock()
		got := maps.Clone(r.got)
		r.mu.Unlock()
		for notice, n := range got {
			if n != 1 && notice != "lost " && notice != "endpoint " {
				t.Errorf("node %d tells %q %d times", i, notice, n)
			}
		}
	}
	for _, p := range nodes {
		p.stop()
	}
}
