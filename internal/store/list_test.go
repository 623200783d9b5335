package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
	"gancho/internal/pgtest"
)

// history is an invented history of two tenants.
type history struct {
	tenants    []string
	endpoints  map[string][]hook.EndpointID
	events     []*hook.Event
	deliveries []hook.Delivery
}

// someEventID makes an id of a given time; n distinguishes ids of the same millisecond.
func someEventID(at time.Time, n int) hook.EventID {
	id := hook.IDAt(at)
	binary.BigEndian.PutUint32(id[8:], uint32(n))
	return hook.EventID(id)
}

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// makeHistory stores n events, one per minute, each with up to three deliveries.
func makeHistory(t testing.TB, db *DB, n int) *history {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	h := &history{tenants: []string{"acme", "other"}, endpoints: map[string][]hook.EndpointID{}}
	for _, tenant := range h.tenants {
		if _, _, err := db.PutTenant(t.Context(), tenant, hook.TenantChange{}); err != nil {
			t.Fatal(err)
		}
		for _, contract := range []string{"standard", "kobra", "standard"} {
			e := &hook.Endpoint{ID: hook.NewEndpointID(), Tenant: tenant, Contract: contract, State: hook.EndpointActive, Config: hook.EndpointConfig{URL: "http://x"}}
			if err := db.CreateEndpoint(t.Context(), e); err != nil {
				t.Fatal(err)
			}
			h.endpoints[tenant] = append(h.endpoints[tenant], e.ID)
		}
	}
	states := []hook.State{hook.Delivered, hook.Delivered, hook.Delivered, hook.Failed, hook.Cancelled, hook.Unknown, hook.Pending, hook.Retrying, hook.Sending}
	for i := range n {
		at := start.Add(time.Duration(i) * time.Minute)
		tenant := h.tenants[r.IntN(2)]
		e := &hook.Event{
			ID: someEventID(at, i), Tenant: tenant, Contract: []string{"standard", "kobra"}[r.IntN(2)], Type: fmt.Sprintf("t%d", r.IntN(4)),
			Door: hook.DoorAPI, CreatedAt: at, Payload: []byte("{}"),
		}
		h.events = append(h.events, e)
		for k := range r.IntN(4) {
			d := hook.Delivery{
				ID: e.ID.Delivery(k + 1), Tenant: tenant, Endpoint: h.endpoints[tenant][k], Type: e.Type, Mode: hook.AtLeastOnce,
				State: states[r.IntN(len(states))], CreatedAt: at, Test: k == 2,
			}
			if i%5 == 3 {
				d.Mode = hook.AtMostOnce
			}
			if d.State.Finished() {
				d.FinishedAt, d.Attempts = at.Add(time.Second), 1
				if k == 1 { // a late one
					d.FinishedAt = at.Add(90 * time.Minute)
				}
			} else {
				d.NextAttemptAt = at.Add(time.Hour)
				d.QueueAt = d.NextAttemptAt
			}
			h.deliveries = append(h.deliveries, d)
		}
	}
	h.store(t, db)
	return h
}

func (h *history) store(t testing.TB, db *DB) {
	t.Helper()
	for events := range slices.Chunk(h.events, 2000) {
		if err := db.change(t.Context(), func(x *tx) error {
			for _, e := range events {
				if _, err := x.exec(`INSERT INTO events (tenant, id, contract, type, source, created_at, payload) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
					e.Tenant, e.ID[:], e.Contract, e.Type, string(e.Door), e.CreatedAt.UnixMicro(), e.Payload); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	for deliveries := range slices.Chunk(h.deliveries, 2000) {
		if err := db.change(t.Context(), func(x *tx) error {
			for i := range deliveries {
				d := &deliveries[i]
				if _, err := x.exec(`INSERT INTO deliveries (tenant, id, endpoint, type, mode, state, reason, test, attempts, slot, due_at, next_attempt_at,
					created_at, finished_at, endpoint_version, contract_version) VALUES ($1, $2, $3, $4, $5, $6, '', $7, $8, 0, $9, $10, $11, $12, 0, 0)`,
					d.Tenant, d.ID[:], d.Endpoint[:], d.Type, string(d.Mode), string(d.State), d.Test, d.Attempts, dueAt(d), micros(d.NextAttemptAt),
					d.CreatedAt.UnixMicro(), micros(d.FinishedAt)); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// among reports whether a filter's values have one, or are none.
func among[T comparable](list []T, v T) bool { return len(list) == 0 || slices.Contains(list, v) }

// wanted are the ids of the deliveries that a filter selects, newest first.
func (h *history) wanted(tenant string, f hook.DeliveryFilter) (ids []string) {
	for _, d := range h.deliveries {
		at := hook.ID(d.ID).Time()
		if f.Ended {
			if at = d.FinishedAt; at.IsZero() {
				continue
			}
		}
		if d.Tenant == tenant && among(f.Endpoints, d.Endpoint) && (f.Event.IsZero() || d.ID.Event() == f.Event) &&
			among(f.Types, d.Type) && among(f.States, d.State) &&
			(f.Contracts == nil || slices.Contains(f.Contracts, "kobra") == (d.Endpoint == h.endpoints[tenant][1])) &&
			(f.Since.IsZero() || !at.Before(f.Since)) && (f.Until.IsZero() || at.Before(f.Until)) && (!f.NoTests || !d.Test) {
			ids = append(ids, d.ID.String())
		}
	}
	slices.Sort(ids)
	slices.Reverse(ids)
	return ids
}

// TestDeliveryLists compares every page of lists, with all kinds of filters, with the result
// of a plain loop.
func TestDeliveryLists(t *testing.T) { each(t, testDeliveryLists) }

func testDeliveryLists(t *testing.T, db *DB) {
	h := makeHistory(t, db, 400)
	var filters []hook.DeliveryFilter
	for _, states := range [][]hook.State{
		nil,
		{hook.Delivered},
		{hook.Failed},
		{hook.Cancelled},
		{hook.Unknown},
		{hook.Pending},
		{hook.Retrying},
		{hook.Sending},
		{hook.Pending, hook.Retrying},
		{hook.Sending, hook.Retrying},
		{hook.Failed, hook.Cancelled},
		{hook.Failed, hook.Pending},
	} {
		for _, types := range [][]string{nil, {"t1"}, {"none"}, {"t1", "t2"}} {
			for _, endpoints := range [][]hook.EndpointID{nil, {h.endpoints["acme"][1]}, {h.endpoints["other"][0]}, h.endpoints["acme"][:2]} {
				for _, times := range [][2]time.Time{{}, {start.Add(100 * time.Minute), start.Add(200 * time.Minute)}, {start.Add(300 * time.Minute)}} {
					filters = append(filters, hook.DeliveryFilter{States: states, Types: types, Endpoints: endpoints, Since: times[0], Until: times[1]})
				}
			}
		}
	}
	for i := range filters {
		f := filters[i]
		f.Ended = true
		filters = append(filters, f)
		if len(f.Endpoints) == 0 {
			f.NoTests = true
			filters = append(filters, f)
			f.Ended = false
			filters = append(filters, f)
		}
	}
	for _, e := range h.events[:30] {
		filters = append(filters, hook.DeliveryFilter{Event: e.ID}, hook.DeliveryFilter{Event: e.ID, States: []hook.State{hook.Pending}, Types: []string{e.Type}},
			hook.DeliveryFilter{Event: e.ID, Since: start.Add(10 * time.Minute)})
	}
	for _, f := range slices.Clone(filters) {
		if len(f.Endpoints) == 0 && f.Event.IsZero() {
			f.Contracts = []string{"kobra", "nothing"}
			filters = append(filters, f)
		}
	}
	for _, f := range filters {
		for _, limit := range []int{7, 200} {
			var got []string
			p := hook.Page{Limit: limit}
			for {
				list, next, err := db.Deliveries(t.Context(), "acme", f, p)
				if err != nil {
					t.Fatal(err)
				}
				for _, d := range list {
					got = append(got, d.ID.String())
				}
				if next.IsZero() {
					break
				}
				if len(list) != limit {
					t.Fatalf("%+v: a page of %d, and more follow", f, len(list))
				}
				p.Before = next
			}
			if diff := cmp.Diff(h.wanted("acme", f), got); diff != "" {
				t.Fatalf("%+v, limit %d (-want +got):\n%s", f, limit, diff)
			}
		}
	}
}

// TestBoundedScans checks that a page reads a limited number of rows and says where to go
// on, and that no item is missing in the end.
func TestBoundedScans(t *testing.T) { each(t, testBoundedScans) }

func testBoundedScans(t *testing.T, db *DB) {
	h := makeHistory(t, db, 300)
	decode := func(row scanner) (string, hook.ID, error) {
		d, err := scanDelivery(row)
		return d.ID.String(), hook.ID(d.ID), err
	}
	for _, f := range []hook.DeliveryFilter{
		{Types: []string{"t2"}},
		{Types: []string{"none"}},
		{States: []hook.State{hook.Delivered}},
		{States: []hook.State{hook.Failed}, Types: []string{"t1"}},
		{Endpoints: []hook.EndpointID{h.endpoints["acme"][0]}, States: []hook.State{hook.Delivered}},
		{States: []hook.State{hook.Failed}, Endpoints: []hook.EndpointID{h.endpoints["acme"][1]}},
		{Types: []string{"t2"}, Since: start.Add(50 * time.Minute), Until: start.Add(250 * time.Minute)},
		{States: []hook.State{hook.Delivered}, Since: start.Add(50 * time.Minute), Until: start.Add(250 * time.Minute), Ended: true, NoTests: true},
		{Contracts: []string{"kobra"}},
	} {
		for _, rows := range []int{1, 5, 1000} {
			var got []string
			p := hook.Page{Limit: 4}
			short := 0
			for {
				s := db.deliveryScan("acme", f, p)
				s.rows = rows
				list, next, err := page(t.Context(), db, s, p.Limit, decode)
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, list...)
				if next.IsZero() {
					break
				}
				if len(list) > rows {
					t.Fatalf("%+v: %d items of a page that may read %d rows", f, len(list), rows)
				}
				if len(list) < p.Limit {
					short++
				}
				p.Before = next
			}
			if diff := cmp.Diff(h.wanted("acme", f), got); diff != "" {
				t.Fatalf("%+v, %d rows (-want +got):\n%s", f, rows, diff)
			}
			if rows == 1 && short == 0 {
				t.Errorf("%+v: no page was short, so the limit had no effect", f)
			}
		}
	}
}

func TestEventLists(t *testing.T) { each(t, testEventLists) }

func testEventLists(t *testing.T, db *DB) {
	h := makeHistory(t, db, 300)
	for _, f := range []hook.EventFilter{{}, {Type: "t1"}, {Contract: "kobra"}, {Type: "t2", Contract: "standard", Since: start.Add(time.Hour), Until: start.Add(4 * time.Hour)}, {Type: "none"}} {
		var want, got []string
		for _, e := range h.events {
			if e.Tenant == "acme" && (f.Type == "" || f.Type == e.Type) && (f.Contract == "" || f.Contract == e.Contract) &&
				(f.Since.IsZero() || !e.CreatedAt.Before(f.Since)) && (f.Until.IsZero() || e.CreatedAt.Before(f.Until)) {
				want = append(want, e.ID.String())
			}
		}
		slices.Reverse(want)
		p := hook.Page{Limit: 9}
		for {
			list, next, err := db.Events(t.Context(), "acme", f, p)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range list {
				if e.Payload != nil {
					t.Fatal("an event in a list has a payload")
				}
				got = append(got, e.ID.String())
			}
			if next.IsZero() {
				break
			}
			p.Before = next
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatalf("%+v (-want +got):\n%s", f, diff)
		}
	}
}

// TestListPlans checks the query plans of the main lists in SQLite. A plan that sorts or
// reads a whole table becomes slow when the history grows.
func TestListPlans(t *testing.T) {
	t.Parallel()
	db := open(t)
	makeHistory(t, db, 10)
	endpoint := hook.NewEndpointID()
	before := hook.Page{Limit: 50, Before: hook.NewID()}
	since := time.Now().Add(-time.Hour)
	for _, c := range []struct {
		name string
		f    hook.DeliveryFilter
		plan string
	}{
		{"all", hook.DeliveryFilter{}, "USING PRIMARY KEY (tenant=? AND id>? AND id<?)"},
		{"since", hook.DeliveryFilter{Since: since}, "USING PRIMARY KEY (tenant=? AND id>? AND id<?)"},
		{"event", hook.DeliveryFilter{Event: hook.NewEventID()}, "USING PRIMARY KEY (tenant=? AND id>? AND id<?)"},
		{"event and state", hook.DeliveryFilter{Event: hook.NewEventID(), States: []hook.State{hook.Failed}}, "USING PRIMARY KEY (tenant=? AND id>? AND id<?)"},
		{"endpoint", hook.DeliveryFilter{Endpoints: []hook.EndpointID{endpoint}}, "USING INDEX deliveries_by_endpoint (endpoint=? AND id>? AND id<?)"},
		{"endpoint and type", hook.DeliveryFilter{Endpoints: []hook.EndpointID{endpoint}, Types: []string{"x"}}, "USING INDEX deliveries_by_endpoint (endpoint=? AND id>? AND id<?)"},
		{"failed", hook.DeliveryFilter{States: []hook.State{hook.Failed}}, "USING INDEX deliveries_trouble (tenant=? AND state=? AND id>? AND id<?)"},
		{"failed of an endpoint", hook.DeliveryFilter{States: []hook.State{hook.Failed}, Endpoints: []hook.EndpointID{endpoint}}, "USING INDEX deliveries_trouble (tenant=? AND state=? AND id>? AND id<?)"},
		{"delivered", hook.DeliveryFilter{States: []hook.State{hook.Delivered}}, "USING PRIMARY KEY (tenant=? AND id>? AND id<?)"},
		{"type", hook.DeliveryFilter{Types: []string{"x"}}, "USING PRIMARY KEY (tenant=? AND id>? AND id<?)"},
		{"contracts", hook.DeliveryFilter{Contracts: []string{"a", "b"}}, "USING PRIMARY KEY (tenant=? AND id>? AND id<?)"},
	} {
		s := db.deliveryScan("acme", c.f, before)
		text, args := s.statement(s.lo, 50)
		checkPlan(t, db, c.name, text, args, c.plan)
	}
	for _, c := range []struct {
		name string
		f    hook.DeliveryFilter
		plan string
	}{
		{"pending", hook.DeliveryFilter{States: []hook.State{hook.Pending}}, "USING COVERING INDEX deliveries_due (endpoint=? AND due_at>?)"},
		{"sending of an endpoint", hook.DeliveryFilter{States: []hook.State{hook.Sending}, Endpoints: []hook.EndpointID{endpoint}}, "USING COVERING INDEX deliveries_due (endpoint=? AND due_at=?)"},
		{"retrying of an endpoint", hook.DeliveryFilter{States: []hook.State{hook.Retrying}, Endpoints: []hook.EndpointID{endpoint}}, "USING COVERING INDEX deliveries_due (endpoint=? AND due_at>?)"},
	} {
		text, args := unfinishedQuery("acme", c.f)
		checkPlan(t, db, c.name, text, args, c.plan)
	}
	for _, f := range []hook.EventFilter{{}, {Type: "x"}} {
		s := eventScan("acme", f, before)
		text, args := s.statement(s.lo, 50)
		checkPlan(t, db, "events", text, args, "(tenant=? AND id>? AND id<?)")
	}
}

// TestListPlansOfPostgres checks the plans in PostgreSQL. They depend on the statistics of
// the tables, so they are checked without statistics and with them.
func TestListPlansOfPostgres(t *testing.T) {
	t.Parallel()
	db, err := Open(t.Context(), Options{URL: pgtest.Database(t, Migrate), Key: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	addTenants(t, db)
	var busy *hook.Endpoint // the last of five; the others have no deliveries
	for range 5 {
		busy = &hook.Endpoint{ID: hook.NewEndpointID(), Tenant: "acme", Contract: "standard", State: hook.EndpointActive, Config: hook.EndpointConfig{URL: "http://x"}}
		if err := db.CreateEndpoint(t.Context(), busy); err != nil {
			t.Fatal(err)
		}
	}
	now := time.Now()
	const many = 30_000
	for i, state := range []hook.State{hook.Pending, hook.Failed, hook.Delivered} {
		fill(t, db, busy.ID, state, now.Add(-time.Duration(i+1)*time.Hour), many)
	}
	spy := &planSpy{dialect: db.dialect}
	list := func(f hook.DeliveryFilter) func() error {
		return func() error {
			_, _, err := db.Deliveries(t.Context(), "acme", f, hook.Page{Limit: 50})
			return err
		}
	}
	events := func(f hook.EventFilter) func() error {
		return func() error {
			_, _, err := db.Events(t.Context(), "acme", f, hook.Page{Limit: 50})
			return err
		}
	}
	backlog := func(tenant string, endpoint hook.EndpointID) func() error {
		return func() error { _, err := db.Backlog(t.Context(), tenant, endpoint, 1000); return err }
	}
	replay := &hook.Recovery{Tenant: "acme", Endpoint: busy.ID, Since: now.Add(-24 * time.Hour), Until: now}
	const key, ofEndpoint, trouble, due = "pkey", "endpoint_id_idx", "tenant_state_id_idx", "endpoint_due_at_id_idx"
	check := func() {
		t.Helper()
		for _, c := range []struct {
			name string
			read func() error
			want []string
		}{
			{"all", list(hook.DeliveryFilter{}), []string{key}},
			{"since", list(hook.DeliveryFilter{Since: now.Add(-time.Minute)}), []string{key}},
			{"event", list(hook.DeliveryFilter{Event: hook.NewEventID()}), []string{key}},
			{"type", list(hook.DeliveryFilter{Types: []string{"none"}}), []string{key}},
			{"delivered", list(hook.DeliveryFilter{States: []hook.State{hook.Delivered}}), []string{key}},
			{"endpoint", list(hook.DeliveryFilter{Endpoints: []hook.EndpointID{busy.ID}}), []string{ofEndpoint}},
			{"endpoint and type", list(hook.DeliveryFilter{Endpoints: []hook.EndpointID{busy.ID}, Types: []string{"none"}}), []string{ofEndpoint}},
			{"failed", list(hook.DeliveryFilter{States: []hook.State{hook.Failed}}), []string{trouble}},
			{"failed of an endpoint", list(hook.DeliveryFilter{States: []hook.State{hook.Failed}, Endpoints: []hook.EndpointID{busy.ID}}), []string{trouble}},
			{"pending", list(hook.DeliveryFilter{States: []hook.State{hook.Pending}}), []string{due, key}},
			{"pending of an endpoint", list(hook.DeliveryFilter{States: []hook.State{hook.Pending}, Endpoints: []hook.EndpointID{busy.ID}}), []string{due, ofEndpoint}},
			{"sending", list(hook.DeliveryFilter{States: []hook.State{hook.Sending}}), []string{due}},
			{"events", events(hook.EventFilter{}), []string{key}},
			{"events of a type", events(hook.EventFilter{Type: "none"}), []string{key}},
			{"backlog", backlog("", hook.EndpointID{}), []string{due}},
			{"backlog of a tenant", backlog("acme", hook.EndpointID{}), []string{due}},
			{"backlog of an endpoint", backlog("acme", busy.ID), []string{due}},
			{"size of a replay", func() error { _, err := db.countEvents(t.Context(), "acme", replay.Since, now, 1000); return err }, []string{key}},
			{"replay", func() error { _, err := db.RecoveryPage(t.Context(), replay, 50); return err }, []string{ofEndpoint, key}},
		} {
			spy.plans = ""
			if err := c.read(); err != nil {
				t.Fatalf("%s: %v", c.name, err)
			}
			var used []string
			for _, m := range indexOf.FindAllStringSubmatch(spy.plans, -1) {
				used = append(used, m[1])
			}
			slices.Sort(used)
			if diff := cmp.Diff(c.want, slices.Compact(used)); diff != "" || costly.MatchString(spy.plans) {
				t.Errorf("%s (indexes -want +got):\n%s\n%s", c.name, diff, spy.plans)
			}
		}
	}
	db.dialect = spy
	check()
	if _, err := db.read.ExecContext(t.Context(), `ANALYZE`); err != nil {
		t.Fatal(err)
	}
	check()
}

var (
	indexOf = regexp.MustCompile(`using (?:deliveries|events)_[a-z0-9]+_(\w+) on`)
	costly  = regexp.MustCompile(`(?m)(?:^|-> +)(?:Incremental )?Sort$|Bitmap|Hash|Merge Join|Seq Scan on (?:deliveries|events)`)
)

// planSpy is a dialect that records the plans of the queries it gets through inOrder.
type planSpy struct {
	dialect
	plans string
}

func (s *planSpy) inOrder(ctx context.Context, query string, args []any, row func(scanner) error) error {
	if err := s.dialect.inOrder(ctx, `EXPLAIN (COSTS OFF) `+query, args, func(r scanner) error {
		line, err := one[string](r)
		s.plans += line + "\n"
		return err
	}); err != nil {
		return err
	}
	return s.dialect.inOrder(ctx, query, args, row)
}

func checkPlan(t *testing.T, db *DB, name, text string, args []any, want string) {
	t.Helper()
	rows, err := db.read.QueryContext(t.Context(), "EXPLAIN QUERY PLAN "+text, args...)
	if err != nil {
		t.Fatalf("%s: %v in %s", name, err, text)
	}
	defer rows.Close()
	var plan []string
	for rows.Next() {
		var id, parent, unused int
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan = append(plan, detail)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(plan, "; ")
	if !strings.Contains(all, want) || strings.Contains(all, "TEMP B-TREE") || strings.Contains(all, "SCAN deliveries") || strings.Contains(all, "SCAN events") {
		t.Errorf("%s is read by %s, want %s\n%s", name, all, want, text)
	}
}
