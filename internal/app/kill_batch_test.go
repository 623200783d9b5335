package app

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"gancho.example/client"
	"gancho/internal/pgtest"
	"gancho/internal/store"
)

// A server that sends several events in one request is killed again and again. Over all of its lives:
//
//   - A request that comes again under the same id has the same bytes: the same events in the same order.
//   - What was accepted arrives. What is to be sent at most once arrives in one request at most.
//   - An ordered endpoint gets the events in their order. Only a whole request may come again, right behind itself.
func TestKillsOfBatches(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		kills, long int
		place       func(t *testing.T) place
	}{
		{"sqlite", 6, 100, func(t *testing.T) place { return place{dir: t.TempDir()} }},
		{"postgres", 2, 30, func(t *testing.T) place { return place{dir: t.TempDir(), database: pgtest.Database(t, store.Migrate)} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			kills := c.kills
			if os.Getenv(longEnv) != "" {
				kills = c.long
			}
			newBundles(t, c.place(t)).run(kills)
		})
	}
}

const bundleContract = `contract: bundle
title: {en: Several at once}
endpoint: {sign: standard-webhooks, item: {id: "${event.id}", n: "${payload.n}"}}
events: {"*": {title: {en: A number}}}
delivery: {batch: {max: 8, wait: 10ms}}
`

// bundles is a siege whose requests have several events.
type bundles struct {
	*siege
	// Guarded by mu.
	bodies map[string][]byte   // by path and id of a request
	ids    map[string][]string // by path: of the requests, as they came
	most   int                 // events in one request
	again  int                 // requests that came again
}

type bundled struct {
	ID string
	N  int
}

func newBundles(t *testing.T, at place) *bundles {
	b := &bundles{siege: newSiege(t, at), bodies: map[string][]byte{}, ids: map[string][]string{}}
	b.siege.receive, b.siege.contract = b.receive, "bundle"
	return b
}

// receive notes a request. Every seventh fails, and some take a while.
func (b *bundles) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var events []bundled
	if err != nil || json.Unmarshal(body, &events) != nil {
		return // the server was killed while it sent this
	}
	b.mu.Lock()
	path, id := r.URL.Path, r.Header.Get("webhook-id")
	was, again := b.bodies[path+" "+id]
	if again && !bytes.Equal(was, body) {
		b.t.Errorf("%s got %s again with other bytes:\n%s\n%s", path, id, was, body)
	}
	b.bodies[path+" "+id] = body
	b.ids[path] = append(b.ids[path], id)
	if b.arrived[path] == nil {
		b.arrived[path] = map[string]int{}
	}
	for _, e := range events {
		b.arrived[path][e.ID]++
	}
	if b.most = max(b.most, len(events)); again {
		b.again++
	}
	b.tries++
	fails, wait := b.tries%7 == 0, time.Duration(0)
	if b.tries%3 == 0 {
		wait = b.below(20 * time.Millisecond)
	}
	b.mu.Unlock()
	time.Sleep(wait) //policy:allow time.Sleep: the receiver takes its time, so that requests are under way when the server is killed
	if fails {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func (b *bundles) run(kills int) {
	b.begin()
	b.call("make a tenant", func(ctx context.Context, c *client.Client) error {
		_, err := c.PutTenant(ctx, "acme", client.TenantInput{})
		return err
	})
	b.call("put a contract", func(ctx context.Context, c *client.Client) error {
		_, err := c.PutContract(ctx, bundleContract)
		return err
	})
	retry := slices.Repeat([]string{"0s"}, 50)
	b.endpoint("/plain", client.EndpointInput{Contract: "bundle", EventTypes: []string{"plain"}, Retry: retry, Concurrency: 3})
	b.endpoint("/once", client.EndpointInput{Contract: "bundle", EventTypes: []string{"once"}, Mode: "at_most_once", Retry: []string{"0s"}})
	b.endpoint("/ordered", client.EndpointInput{Contract: "bundle", EventTypes: []string{"ordered"}, Retry: retry, Ordered: true})
	if b.t.Failed() {
		return
	}
	for _, kind := range []string{"plain", "plain", "once", "ordered"} {
		b.publish(kind, 5)
	}
	b.keep(b.watch)
	b.t.Cleanup(func() { b.ended.Store(true) }) // also if the test gives up
	for range kills {
		time.Sleep(b.moment()) //policy:allow time.Sleep: the moment of the kill is drawn
		b.end()
		tries := b.count("/plain")
		b.begin()
		eventually(b.t, "events arrive after a kill", func() bool { return b.count("/plain") >= tries+40 || b.t.Failed() })
	}
	b.ended.Store(true)
	b.load.Wait()
	eventually(b.t, "every delivery has come to its end", func() bool { return len(b.unfinished()) == 0 })
	b.check()
	b.life.stop()
}

func (b *bundles) check() {
	deliveries := all(b.t, func(p client.Paging) (*client.List[client.Delivery], error) {
		return b.life.Deliveries(b.t.Context(), "acme", client.DeliveryFilter{Paging: p})
	})
	b.mu.Lock()
	defer b.mu.Unlock()
	states := map[string]int{}
	for _, d := range deliveries {
		path := b.paths[d.Endpoint]
		states[path+" "+d.State]++
		switch times := b.arrived[path][d.Event]; {
		case path == "/once" && (times > 1 || times == 0 && d.State == "delivered"):
			b.t.Errorf("at-most-once %s is %s, and arrived %d times", d.Event, d.State, times)
		case path != "/once" && (times == 0 || d.State != "delivered"):
			b.t.Errorf("%s at %s is %s, and arrived %d times", d.Event, path, d.State, times)
		}
	}
	for a, times := range b.fixed {
		if n := b.arrived[a.path][a.event]; n != times {
			b.t.Errorf("%s at %s was shown as delivered, and arrived %d times more after a kill", a.event, a.path, n-times)
		}
	}
	for publisher, ids := range b.published {
		kind, _, _ := strings.Cut(publisher, " ")
		for id, n := range ids {
			if kind != "once" && b.arrived["/"+kind][id] == 0 {
				b.t.Errorf("%s %d (%s) was accepted, and never arrived", kind, n, id)
			}
		}
	}
	last, before := 0, ""
	for _, id := range b.ids["/ordered"] {
		if id == before {
			continue
		}
		var events []bundled
		if err := json.Unmarshal(b.bodies["/ordered "+id], &events); err != nil {
			b.t.Fatal(err)
		}
		for _, e := range events {
			if e.N != last+1 {
				b.t.Errorf("%d came behind %d", e.N, last)
			}
			last = e.N
		}
		before = id
	}
	b.t.Logf("%d requests, up to %d events in one, %d came again; %v", b.tries, b.most, b.again, states)
	if b.most < 2 || b.again == 0 || last == 0 {
		b.t.Error("a part of the load did nothing, so it shows nothing")
	}
}
