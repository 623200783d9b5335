package bench

import (
	"context"
	"fmt"
	"time"
)

// Targets of servers that share a PostgreSQL.
const (
	enginesRatio  = 0.6 // one node on PostgreSQL to SQLite
	engineRounds  = 2
	nodeEndpoints = 12  // so that two and three nodes can share them evenly
	notifiedIdle  = 1.0 // queries per second and node
	polledIdle    = 2.0
	idleNodes     = 2
)

// engines compares one node on PostgreSQL with SQLite. The two take turns, because
// machines are noisy.
func (b *bench) engines(ctx context.Context) error {
	db, err := b.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer db.close()
	var sqlite, postgres, costs float64
	known := false
	for round := range engineRounds {
		r, err := b.publishTo(ctx, fmt.Sprintf("sqlite-%d", round), "")
		if err != nil {
			return err
		}
		sqlite += r.recorded
		before, _, err := db.cpu()
		if err != nil {
			return err
		}
		if r, err = b.publishTo(ctx, fmt.Sprintf("postgresql-%d", round), b.o.Database); err != nil {
			return err
		}
		postgres += r.recorded
		var after float64
		if after, known, err = db.cpu(); err != nil {
			return err
		}
		costs += (after - before) / float64(b.o.Events+warmUp(b.o.Events)) * 1000
	}
	b.report.add("events delivered and recorded, SQLite", sqlite/engineRounds, "/s")
	b.report.add("events delivered and recorded, one node on PostgreSQL", postgres/engineRounds, "/s").to(sqlite/engineRounds, "SQLite").atLeast(enginesRatio)
	if known {
		b.report.add("CPU of the database per 1000 events", costs/engineRounds, "s")
	}
	return nil
}

// publishTo saturates a fresh server on a database, "" for SQLite, with one event
// per request to one endpoint.
func (b *bench) publishTo(ctx context.Context, name, database string) (*saturation, error) {
	s, err := b.startServerOn(ctx, name, database)
	if err != nil {
		return nil, err
	}
	defer s.stop()
	if _, err := s.addEndpointWith(ctx, "bench", b.sink.endpoint(0), "bench.one", b.o.Concurrency); err != nil {
		return nil, err
	}
	l := b.load(s, "bench.one")
	if err := b.warm(ctx, s, l, 1, ""); err != nil {
		return nil, err
	}
	return b.saturate(ctx, s, l, 1, "")
}

// cluster is some nodes on one database, with endpoints spread over them.
type cluster struct {
	nodes []*server
	types []string // one for each endpoint
	ids   []string // of the endpoints
}

// startCluster starts so many nodes with one tenant and some endpoints, and waits
// until those are spread evenly.
func (b *bench) startCluster(ctx context.Context, db *database, name string, nodes, endpoints int) (_ *cluster, err error) {
	c := &cluster{}
	defer func() {
		if err != nil {
			c.stop()
		}
	}()
	for i := range nodes {
		s, err := b.startServerOn(ctx, fmt.Sprintf("%s-%d", name, i), b.o.Database)
		if err != nil {
			return c, err
		}
		c.nodes = append(c.nodes, s)
		s.tenant = c.nodes[0].tenant
	}
	for e := range endpoints {
		typ := fmt.Sprintf("bench.e%d", e)
		id, err := c.nodes[0].addEndpoint(ctx, fmt.Sprintf("bench %d", e), b.sink.endpoint(e), typ)
		if err != nil {
			return c, err
		}
		c.types, c.ids = append(c.types, typ), append(c.ids, id)
	}
	return c, db.spread(ctx, nodes)
}

// stop ends the nodes.
func (c *cluster) stop() {
	for _, s := range c.nodes {
		s.stop()
	}
}

// loadCluster is a load on all nodes, in turns.
func (b *bench) loadCluster(c *cluster) load {
	l := b.load(c.nodes[0], c.types...)
	for _, s := range c.nodes[1:] {
		l.others = append(l.others, s.eventsURL())
	}
	return l
}

// cpu is the CPU time of all nodes, in seconds.
func (c *cluster) cpu() (seconds float64, err error) {
	for _, s := range c.nodes {
		one, err := s.cpu()
		if err != nil {
			return 0, err
		}
		seconds += one
	}
	return seconds, nil
}

// nodes shows how throughput and cost change with the number of nodes.
func (b *bench) nodes(ctx context.Context) error {
	db, err := b.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer db.close()
	alone := 0.0
	for n := 1; n <= b.o.Nodes; n++ {
		recorded, err := b.nodesAtOnce(ctx, db, n)
		if err != nil {
			return err
		}
		if n == 1 {
			alone = recorded.Result
		} else {
			recorded.to(alone, "one node")
		}
	}
	return nil
}

// nodesAtOnce saturates n nodes and returns the row of how many events they
// delivered.
func (b *bench) nodesAtOnce(ctx context.Context, db *database, n int) (*row, error) {
	c, err := b.startCluster(ctx, db, fmt.Sprintf("nodes-%d", n), n, nodeEndpoints)
	if err != nil {
		return nil, err
	}
	defer c.stop()
	l := b.loadCluster(c)
	if err := b.warm(ctx, c.nodes[0], l, 1, ""); err != nil {
		return nil, err
	}
	before, err := c.cpu()
	if err != nil {
		return nil, err
	}
	databaseBefore, known, err := db.cpu()
	if err != nil {
		return nil, err
	}
	r, err := b.saturate(ctx, c.nodes[0], l, 1, "")
	if err != nil {
		return nil, err
	}
	after, err := c.cpu()
	if err != nil {
		return nil, err
	}
	databaseAfter, _, err := db.cpu()
	if err != nil {
		return nil, err
	}
	which := fmt.Sprintf(", %d nodes", n)
	if n == 1 {
		which = ", 1 node"
	}
	thousands := float64(r.events) / 1000
	recorded := b.report.add("events delivered and recorded"+which, r.recorded, "/s")
	b.report.add("CPU of all nodes per 1000 events"+which, (after-before)/thousands, "s")
	if known {
		b.report.add("CPU of the database per 1000 events"+which, (databaseAfter-databaseBefore)/thousands, "s")
	}
	if r.doubled > 0 {
		b.report.add("deliveries that came twice"+which, float64(r.doubled), "").atMost(0)
	}
	return recorded, nil
}

// idle counts the transactions of nodes that have nothing to do.
func (b *bench) idle(ctx context.Context) error {
	db, err := b.openDatabase(ctx)
	if err != nil {
		return err
	}
	defer db.close()
	c, err := b.startCluster(ctx, db, "idle", idleNodes, idleNodes)
	if err != nil {
		return err
	}
	defer c.stop()
	polls, err := db.polls(ctx)
	if err != nil {
		return err
	}
	// PostgreSQL counts the transactions of the start up to 10 s later.
	if err := pauseFor(ctx, min(b.o.Idle, 11*time.Second)); err != nil {
		return err
	}
	before, err := db.transactions(ctx)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := pauseFor(ctx, b.o.Idle); err != nil {
		return err
	}
	after, err := db.transactions(ctx)
	if err != nil {
		return err
	}
	// Two of the transactions are the benchmark's own.
	each := float64(max(after-before-2, 0)) / time.Since(start).Seconds() / idleNodes
	what := fmt.Sprintf("transactions of each idle node over %s, ", b.o.Idle)
	if polls {
		b.report.add(what+"polling", each, "/s").atMost(polledIdle)
	} else {
		b.report.add(what+"notified", each, "/s").under(notifiedIdle)
	}
	return nil
}
