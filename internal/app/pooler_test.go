package app

import (
	"strings"
	"testing"

	"gancho.example/client"
	"gancho/internal/pgtest"
	"gancho/internal/store"
)

// Behind PgBouncer, which gives each transaction to another session and has fewer of
// them than one node wants connections: nodes poll, what is changed on one holds
// on the other, and one that is killed is taken over, with nothing lost.
func TestBehindPooler(t *testing.T) {
	t.Parallel()
	const sessions = 5
	direct := pgtest.Database(t, store.Migrate)
	nodes, _ := startNodes(t, 2, pgtest.Pooler(t, direct, sessions))
	for _, p := range nodes {
		if !strings.Contains(p.log.String(), "polling instead") {
			t.Error("a node believes that notifications come through")
		}
	}
	rc := newReceiver(t, nil)
	types := nodes[0].endpoints(6, client.EndpointInput{URL: rc.URL})
	tr := publish(t, types, clients(nodes))
	eventually(t, "events arrive", func() bool { n, _ := rc.counts(); return n >= 200 })
	pausedElsewhere(t, nodes)
	if n := sessionsOf(t, direct); n > sessions {
		t.Errorf("%d sessions: this is no pooler of %d", n, sessions)
	}
	nodes[0].kill()
	before := tr.count()
	eventually(t, "the other goes on accepting", func() bool { return tr.count() >= before+200 })
	tr.end(rc)
	nodes[1].stop()
}

// sessionsOf counts the sessions of clients in a database, but for its own.
func sessionsOf(t *testing.T, url string) (n int) {
	t.Helper()
	err := connect(t, url).QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()`).Scan(&n)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
