package app

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"gancho.example/client"
	"gancho/internal/lograte"
	"gancho/internal/pgtest"
	"gancho/internal/store"
)

// The database is away for two minutes under load, and all leases run out with
// nobody to take over: publishers are told with a 503, what was acknowledged
// arrives, the nodes recover by themselves, and their logs stay short.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	away := 2 * time.Minute
	if testing.Short() {
		away = 15 * time.Second // still longer than a lease
	}
	pg := pgtest.Start(t)
	nodes, _ := startNodes(t, 2, pg.Database(t, store.Migrate))
	rc := newReceiver(t, nil)
	types := nodes[0].endpoints(4, client.EndpointInput{URL: rc.URL})
	tr := publish(t, types, clients(nodes))
	eventually(t, "events arrive", func() bool { n, _ := rc.counts(); return n >= 200 })

	pg.Kill()
	gone, tried := time.Now(), tr.retried.Load()
	back := time.After(away)
	for _, p := range nodes {
		eventually(t, "publishers are told", func() bool {
			_, err := p.PublishEvent(t.Context(), "acme", client.NewEvent{Type: types[0], Payload: json.RawMessage(`1`)})
			problem, ok := errors.AsType[*client.Problem](err)
			return ok && problem.Status == http.StatusServiceUnavailable
		})
	}
	<-back
	if err := pg.Start(); err != nil {
		t.Fatal(err)
	}
	before, _ := rc.counts()
	eventually(t, "events arrive again", func() bool { n, _ := rc.counts(); return n >= before+200 })
	tr.end(rc)
	windows := int(time.Since(gone)/lograte.Window) + 2
	for i, p := range nodes {
		lines := strings.Count(p.log.String(), `msg="request failed"`)
		t.Logf("node %d: %d lines of failed requests, %d of everything", i, lines, strings.Count(p.log.String(), "\n"))
		if lines == 0 || lines > windows*lograte.Burst {
			t.Errorf("node %d: %d lines of the %d requests that failed on both", i, lines, tr.retried.Load()-tried)
		}
	}
	for _, p := range nodes {
		p.stop()
	}
}
