package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"gancho.example/client"
)

// A contract that puts its version into a header and into the body.
const liveContract = `contract: live
title: {en: Live}
endpoint:
  headers: {x-version: "VERSION"}
  body: {version: "VERSION", event: "${event.id}"}
delivery: {retry: [0s, 2s, 2s, 2s, 2s, 2s]}
events:
  "*": {title: {en: Any}}
`

// The contract changes while events pour in, and the server is killed in the
// middle: every request is wholly of one version, and every attempt of a delivery
// of the same one. The versions are there after the restart.
func TestContractChangesUnderLoad(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	bodies := map[string]string{} // by event
	seen := map[string]bool{}     // versions
	failures := map[string]bool{} // events that were refused once
	rc := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		raw, _ := io.ReadAll(r.Body)
		var body struct{ Version, Event string }
		if err := json.Unmarshal(raw, &body); err != nil {
			t.Errorf("%q: %v", raw, err)
		}
		mu.Lock()
		defer mu.Unlock()
		if v := r.Header.Get("X-Version"); v != body.Version {
			t.Errorf("header of version %s, body of version %s", v, body.Version)
		}
		if first, again := bodies[body.Event]; again && first != string(raw) {
			t.Errorf("first sent %s, then %s", first, raw)
		}
		bodies[body.Event], seen[body.Version] = string(raw), true
		if len(bodies)%5 == 0 && !failures[body.Event] { // retried when the contract has moved on
			failures[body.Event] = true
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(func() { rc.CloseClientConnections(); rc.Close() })

	dir := t.TempDir()
	p := start(t, dir)
	put := func(version int) {
		t.Helper()
		r, err := p.PutContract(t.Context(), strings.ReplaceAll(liveContract, "VERSION", fmt.Sprint("v", version)))
		if err != nil || r.Version != int64(version) || !r.Created || len(r.KeptBack) != 0 {
			t.Fatalf("version %d: %+v, %v", version, r, err)
		}
	}
	put(1)
	p.endpoint(client.EndpointInput{Contract: "live", URL: rc.URL})
	published := map[string]bool{}
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	var publishers sync.WaitGroup
	for range 4 {
		publishers.Go(func() {
			for ctx.Err() == nil {
				a, err := p.PublishEvent(ctx, "acme", client.NewEvent{Type: "a", Contract: "live", Payload: json.RawMessage(`1`)})
				if err != nil {
					return // killed
				}
				mu.Lock()
				published[a.ID] = true
				mu.Unlock()
			}
		})
	}
	arrived := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(bodies)
	}
	const versions = 6
	for v := 2; v <= versions; v++ {
		before := arrived()
		eventually(t, "some arrive between two versions", func() bool { return arrived() > before+50 })
		put(v)
		eventually(t, "the new version is seen", func() bool {
			mu.Lock()
			defer mu.Unlock()
			return seen[fmt.Sprint("v", v)]
		})
	}
	// An attempt of less than some milliseconds need not be noted when the server is
	// killed, and is then made anew, by the version of the day.
	earlier := func(d client.Delivery) bool {
		mu.Lock()
		defer mu.Unlock()
		body := bodies[d.Event]
		return body != "" && !strings.Contains(body, fmt.Sprint("v", versions))
	}
	eventually(t, "what earlier versions sent is noted", func() bool {
		f := client.DeliveryFilter{State: "pending", Paging: client.Paging{Limit: 200}}
		for {
			page, err := p.Deliveries(t.Context(), "acme", f)
			if err != nil || slices.ContainsFunc(page.Items, earlier) {
				return false
			}
			if page.NextCursor == nil {
				return true
			}
			f.Cursor = *page.NextCursor
		}
	})
	p.kill()
	enough()
	publishers.Wait()

	p = start(t, dir)
	c, err := p.Contract(t.Context(), "live", "", 0)
	if err != nil || c.Version != versions || len(c.Versions) != versions || !strings.Contains(c.Source, fmt.Sprint("v", versions)) {
		t.Errorf("after the restart: %+v, %v", c, err)
	}
	eventually(t, "everything arrived", func() bool {
		mu.Lock()
		defer mu.Unlock()
		for id := range published {
			if bodies[id] == "" {
				return false
			}
		}
		return true
	})
	eventually(t, "what was refused was sent again", func() bool {
		list, err := p.Deliveries(t.Context(), "acme", client.DeliveryFilter{State: "retrying"})
		return err == nil && len(list.Items) == 0
	})
	p.stop()
}

// A snapshot of all orders.
const snapshotContract = `contract: snap
title: {en: Snapshots}
records:
  order: {title: {en: Order}, key: id}
events:
  orders: {title: {en: Orders}, every: 1h, select: order}
`

// Killed while it makes one snapshot after the other: each run that was answered
// has its event, and so has the one that is kept as the last; the clock goes on.
func TestKillDuringRuns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir)
	if _, err := p.PutContract(t.Context(), snapshotContract); err != nil {
		t.Fatal(err)
	}
	rc := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = io.Copy(io.Discard, r.Body) }))
	t.Cleanup(func() { rc.CloseClientConnections(); rc.Close() })
	p.endpoint(client.EndpointInput{Contract: "snap", URL: rc.URL})
	var changes []client.RecordChange
	for i := range 500 {
		changes = append(changes, client.RecordChange{Contract: "snap", Kind: "order", Document: fmt.Appendf(nil, `{"id":%d}`, i)})
	}
	if _, err := p.ChangeRecords(t.Context(), "acme", changes); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		var mu sync.Mutex
		answered := map[string]bool{}
		var runs sync.WaitGroup
		for range 2 {
			runs.Go(func() {
				for {
					r, err := p.RunSchedule(t.Context(), "acme", "snap", "orders")
					if err != nil {
						return // killed
					}
					if r.State != "sent" || r.Records != 500 || r.Event == nil {
						t.Errorf("run %+v", r)
						return
					}
					mu.Lock()
					answered[*r.Event] = true
					mu.Unlock()
				}
			})
		}
		eventually(t, "some runs are made", func() bool { mu.Lock(); defer mu.Unlock(); return len(answered) >= 5 })
		p.kill()
		runs.Wait()

		p = start(t, dir)
		for id := range answered {
			if _, err := p.Event(t.Context(), "acme", id); err != nil {
				t.Errorf("the event of an answered run: %v", err)
			}
		}
		last := ""
		eventually(t, "the clock runs", func() bool {
			list, err := p.Schedules(t.Context(), "acme", "")
			if err != nil {
				return false
			}
			for _, s := range list.Items {
				if s.Contract == "snap" && s.NextRun != nil && s.LastRun != nil && s.LastRun.Event != nil {
					last = *s.LastRun.Event
				}
			}
			return last != ""
		})
		if _, err := p.Event(t.Context(), "acme", last); err != nil {
			t.Errorf("the event of the last run: %v", err)
		}
		eventually(t, "nothing waits any more", func() bool {
			for _, state := range []string{"pending", "sending", "retrying"} {
				waiting, err := p.Deliveries(t.Context(), "acme", client.DeliveryFilter{State: state})
				if err != nil || len(waiting.Items) > 0 {
					return false
				}
			}
			return true
		})
	}
	p.stop()
}
