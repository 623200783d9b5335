package app

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"gancho.example/client"
	"gancho/internal/pgtest"
	"gancho/internal/refused"
	"gancho/internal/store"
)

// A node with nothing to do asks the database less than once per second, the one
// that leads as well as the others; one that is watched, twice per second more. A slow
// machine makes it ask less often, not more.
func TestIdleNodes(t *testing.T) {
	t.Parallel()
	const window = 12 * time.Second
	nodes, _ := startNodes(t, 2, pgtest.Database(t, store.Migrate))
	nodes[0].endpoint(client.EndpointInput{URL: refused.URL() + "/"})
	idle := func(most ...float64) bool {
		before, since := make([]float64, len(nodes)), time.Now()
		for i, p := range nodes {
			before[i] = p.metric("gancho_database_trips_total")
		}
		time.Sleep(window) //policy:allow time.Sleep: what is counted is what happens in a span of time
		quiet := true
		for i, p := range nodes {
			trips, seconds := p.metric("gancho_database_trips_total")-before[i], time.Since(since).Seconds()
			t.Logf("node %d: %.0f trips in %.1f s", i, trips, seconds)
			quiet = quiet && trips < most[i]*seconds
		}
		return quiet
	}
	sometimes := func(most ...float64) bool { // they may still be starting, or something rare may happen in a window
		for range 6 {
			if idle(most...) {
				return true
			}
		}
		return false
	}
	if !sometimes(1, 1) {
		t.Error("idle nodes ask the database once per second, or more")
	}
	nodes[1].watch()
	if !sometimes(1, 3.5) {
		t.Error("idle nodes of which one is watched ask the database more than twice per second more, or the other one does")
	}
}

// metric reads a value from /metrics.
func (p *process) metric(name string) float64 {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.url+"/metrics", nil)
	if err != nil {
		p.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+testKey)
	answer, err := new(http.Client).Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		if text, ok := strings.CutPrefix(lines.Text(), name+" "); ok {
			v, err := strconv.ParseFloat(text, 64)
			if err != nil {
				p.t.Fatal(err)
			}
			return v
		}
	}
	p.t.Fatalf("no metric %s", name)
	return 0
}
