package app

import (
	"strings"
	"testing"

	"gancho.example/client"
	"gancho/internal/pgtest"
	"gancho/internal/store"
)

// newerTables is what a node of the next release might do to the tables when it
// starts, as far as migrations may; each is a transaction of its own.
var newerTables = []string{
	`CREATE TABLE later (id BIGINT NOT NULL PRIMARY KEY)`,
	`ALTER TABLE tenants ADD COLUMN later TEXT`,
	`ALTER TABLE endpoints ADD COLUMN later TEXT NOT NULL DEFAULT 'x'`,
	`ALTER TABLE events ADD COLUMN later TEXT`,
	`ALTER TABLE deliveries ADD COLUMN later BIGINT NOT NULL DEFAULT 0`,
	`ALTER TABLE attempts ADD COLUMN later TEXT`,
	`ALTER TABLE nodes ADD COLUMN later TEXT`,
	`CREATE INDEX deliveries_later ON deliveries (later) WHERE later > 0`,
	`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, true)`,
}

// While a newer version brings the tables up to date, nodes of this one go on; they
// may also be started again, until a later version takes away what they need.
func TestNewerVersionBeside(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, store.Migrate)
	nodes, places := startNodes(t, 2, url)
	database := connect(t, url)
	rc := newReceiver(t, nil)
	types := nodes[0].endpoints(4, client.EndpointInput{URL: rc.URL})
	// Only the second is published to all the time: the first is started again.
	tr := publish(t, types, clients(nodes[1:]))
	arrive := func() {
		t.Helper()
		before, _ := rc.counts()
		eventually(t, "events arrive", func() bool { n, _ := rc.counts(); return n >= before+100 })
	}
	arrive()
	for _, change := range newerTables {
		if _, err := database.Exec(t.Context(), change); err != nil {
			t.Fatal(err)
		}
	}
	arrive()
	nodes[1].endpoints(2, client.EndpointInput{URL: rc.URL}) // configuration can be changed
	nodes[0].stop()
	nodes[0] = startAt(t, places[0])
	more := publish(t, types, clients(nodes))
	arrive()
	more.end(rc)

	nodes[0].stop()
	if _, err := database.Exec(t.Context(), `UPDATE compatible SET since = 999`); err != nil {
		t.Fatal(err)
	}
	said, err := places[0].command(t).CombinedOutput()
	if err == nil || !strings.Contains(string(said), "start the newer version") {
		t.Errorf("a node on tables that are too new: %v, and said\n%s", err, said)
	}
	arrive()
	tr.end(rc)
	nodes[1].stop()
}
