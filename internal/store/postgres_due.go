package store

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"gancho/internal/hook"

	"github.com/jackc/pgx/v5/pgconn"
)

// The queues of many endpoints are read with one statement, because most of the cost of a page
// is the statement and not its rows. A request that comes while a statement runs waits for the
// next one.

const (
	// readsApart is the least time between small reads, so that more requests share one.
	// A request after a pause is answered at once.
	readsApart    = 10 * time.Millisecond
	readsTogether = 32 // queues in one statement
	readTimeout   = 30 * time.Second
	fewRows       = 128
	// eventsTogether is how many payloads are read with one statement.
	eventsTogether = 32
)

// queueReads are the requests that wait to be read together.
type queueReads struct {
	mu      sync.Mutex
	waiting []*queueRead
	running bool
	next    time.Time // when the next small read may begin, see readsApart
}

// readQueue reads a queue, with others that are asked for at the same time.
func (p *postgres) readQueue(ctx context.Context, q *queueRead) error {
	q.done = make(chan struct{})
	r := &p.reads
	r.mu.Lock()
	r.waiting = append(r.waiting, q)
	if !r.running {
		r.running = true
		go p.readQueues()
	}
	r.mu.Unlock()
	select {
	case <-q.done:
		return q.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readQueues reads until no request waits.
func (p *postgres) readQueues() {
	r := &p.reads
	for {
		time.Sleep(time.Until(r.next))
		r.mu.Lock()
		n := min(len(r.waiting), readsTogether)
		list := r.waiting[:n:n]
		if r.waiting = r.waiting[n:]; n == 0 {
			r.waiting, r.running = nil, false
		}
		r.mu.Unlock()
		if n == 0 {
			return
		}
		start := time.Now()
		rows := p.answer(list)
		if r.next = start; rows < fewRows {
			r.next = start.Add(readsApart)
		}
	}
}

// answer answers some requests, and returns how many rows were read. If the server refuses
// the statement, each request is tried by itself, so that only the wrong one fails.
func (p *postgres) answer(list []*queueRead) (rows int) {
	rows, err := p.readTogether(list)
	if _, refused := errors.AsType[*pgconn.PgError](err); refused && len(list) > 1 {
		for i := range list {
			rows += p.answer(list[i : i+1])
		}
		return rows
	}
	for _, q := range list {
		q.err = err
		close(q.done)
	}
	return rows
}

// readTogether reads some queues with one statement, and payloads with another.
func (p *postgres) readTogether(list []*queueRead) (n int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), readTimeout)
	defer cancel()
	var ids, after [][]byte
	var since, until, at []int64
	var most []int32
	for _, q := range list {
		q.list = []hook.Delivery{}
		ids, after, most = append(ids, q.id[:]), append(after, append([]byte{}, q.after...)), append(most, int32(q.n))
		since, until, at = append(since, q.since), append(until, q.until), append(at, q.at)
	}
	rows, err := p.sql.QueryContext(ctx, postgresQueue, ids, since, until, at, after, most)
	if err != nil {
		return 0, storageError(err)
	}
	defer rows.Close()
	for rows.Next() {
		var which int
		d, err := scanDelivery(numbered{rows, &which})
		if err != nil {
			return n, storageError(err)
		}
		list[which-1].list = append(list[which-1].list, d)
		n++
	}
	if err := rows.Err(); err != nil {
		return n, storageError(err)
	}
	p.eventsAlong(ctx, list)
	return n, nil
}

// numbered scans a row that has a number before its columns.
type numbered struct {
	row    scanner
	number *int
}

// Scan scans the number and then the columns.
func (r numbered) Scan(into ...any) error { return r.row.Scan(append([]any{r.number}, into...)...) }

// eventsAlong reads payloads that some requests want, at most eventsTogether. A lane reads the
// other payloads when it needs them. If reading fails here, the lane reads all of them later,
// and gets the error then.
func (p *postgres) eventsAlong(ctx context.Context, list []*queueRead) {
	events := map[hook.EventID]*hook.Event{}
	var tenants []string
	var ids [][]byte
	for _, q := range list {
		if q.wants == nil {
			continue
		}
		for i := range q.list {
			d := &q.list[i]
			if len(ids) < eventsTogether && q.wants(d) {
				id := d.ID.Event()
				tenants, ids = append(tenants, d.Tenant), append(ids, id[:])
			}
		}
	}
	if len(ids) == 0 || p.events(ctx, events, tenants, ids) != nil {
		return
	}
	for _, q := range list {
		q.events = events
	}
}

// readEvents reads the events of all the deliveries.
func (p *postgres) readEvents(ctx context.Context, into map[hook.EventID]*hook.Event, list []hook.Delivery) error {
	tenants, ids := make([]string, len(list)), make([][]byte, len(list))
	for i := range list {
		id := list[i].ID.Event()
		tenants[i], ids[i] = list[i].Tenant, id[:]
	}
	err := p.events(ctx, into, tenants, ids)
	if first := list[0].ID.Event(); err == nil && into[first] == nil {
		return hook.NotFound("event", first.String())
	}
	return err
}

// events reads events by their keys. LIMIT 1 forces the planner to look up each key; without
// statistics it might read the whole table instead.
func (p *postgres) events(ctx context.Context, into map[hook.EventID]*hook.Event, tenants []string, ids [][]byte) error {
	rows, err := p.sql.QueryContext(ctx, `SELECT e.* FROM unnest($1::text[], $2::bytea[]) AS u (tenant, id),
		LATERAL (SELECT `+eventColumns+` FROM events WHERE tenant = u.tenant AND id = u.id AND id BETWEEN $3 AND $4 LIMIT 1) AS e`,
		tenants, ids, slices.MinFunc(ids, bytes.Compare), slices.MaxFunc(ids, bytes.Compare))
	if err != nil {
		return storageError(err)
	}
	defer rows.Close()
	for rows.Next() {
		e, err := p.seal.scanEvent(rows)
		if err != nil {
			return storageError(err)
		}
		into[e.ID] = e
	}
	return storageError(rows.Err())
}
