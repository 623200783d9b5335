package app

import (
	"encoding/json"
	"net/http"
	"testing"

	"gancho.example/client"
	"gancho/internal/pgtest"
	"gancho/internal/store"
)

// Servers are killed while a bulk action goes through the deliveries that wait. It goes on in the next life, or on the other
// node, and does the same to each delivery once: nothing that was cancelled is sent, and what was sent again arrives once.
func TestKillsOfBulkActions(t *testing.T) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); testKillsOfBulkActions(t, place{dir: t.TempDir()}) })
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		url := pgtest.Database(t, store.Migrate)
		testKillsOfBulkActions(t, place{dir: t.TempDir(), database: url}, place{dir: t.TempDir(), database: url})
	})
}

func testKillsOfBulkActions(t *testing.T, places ...place) {
	const endpoints, events, all = 30, 100, 3000
	var nodes []*process
	for _, at := range places {
		nodes = append(nodes, startAt(t, at))
	}
	rc := &receiver{got: map[string]int{}}
	url := listening(t, func(_ http.ResponseWriter, r *http.Request) {
		rc.mu.Lock()
		defer rc.mu.Unlock()
		rc.got[r.URL.Path+" "+r.Header.Get("webhook-id")]++
	})
	var ids []string
	for range endpoints {
		e := nodes[0].endpoint(client.EndpointInput{URL: url})
		_, err := nodes[0].PatchEndpoint(t.Context(), "acme", e.ID, map[string]any{"url": url + "/" + e.ID})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := nodes[0].PauseEndpoint(t.Context(), "acme", e.ID); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.ID)
	}
	list := make([]client.NewEvent, events)
	for i := range list {
		list[i] = client.NewEvent{Type: "thing.made", Payload: json.RawMessage(`1`)}
	}
	if _, err := nodes[0].PublishEvents(t.Context(), "acme", list); err != nil {
		t.Fatal(err)
	}

	hits, victim := 0, 0
	for _, step := range []struct{ action, before string }{
		{"cancel", "pending"},
		{"retry", "cancelled"},
	} {
		in := client.BulkInput{Action: step.action}
		preview, err := nodes[0].PreviewBulk(t.Context(), "acme", in)
		if err != nil || preview.States[step.before] != all || preview.Changed != all {
			t.Fatalf("before the %s: %+v, %v", step.action, preview, err)
		}
		b, err := nodes[0].StartBulk(t.Context(), "acme", in)
		if err != nil {
			t.Fatal(err)
		}
		for kills, seen := 2, int64(0); b.State == "running"; {
			if b.Changed > seen && kills > 0 {
				kills, seen = kills-1, b.Changed
				hits++
				i := victim % len(nodes)
				victim++
				nodes[i].kill()
				nodes[i] = startAt(t, places[i])
			}
			at := victim % len(nodes)
			eventually(t, "a node says how far the action is", func() bool {
				if b, err = nodes[at].Bulk(t.Context(), "acme", b.ID); err != nil {
					return false
				}
				return b.State != "running" || b.Changed > seen
			})
		}
		if b.State != "done" || b.Changed != all || len(b.Left) != 0 {
			t.Fatalf("after the %s: %+v", step.action, b)
		}
	}
	if hits == 0 {
		t.Error("no server was killed while a bulk action ran")
	}
	t.Logf("%d kills while a bulk action ran", hits)
	waits, err := nodes[0].PreviewBulk(t.Context(), "acme", client.BulkInput{Action: "cancel"})
	if n, _ := rc.counts(); err != nil || waits.Changed != all || n != 0 {
		t.Errorf("%d deliveries arrived at endpoints that were paused; %+v, %v", n, waits, err)
	}
	for _, id := range ids {
		if _, err := nodes[0].ResumeEndpoint(t.Context(), "acme", id); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "all arrive", func() bool { n, _ := rc.counts(); return n == all })
	for _, p := range nodes {
		p.stop() // what is under way ends first
	}
	if n, requests := rc.counts(); n != all || requests != all {
		t.Errorf("%d deliveries arrived in %d requests, want %d in as many", n, requests, all)
	}
}
