package store

import (
	"cmp"
	"context"
	"crypto/sha256"
	"database/sql"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
	"gancho/internal/pgtest"
)

// These tests let one statement of a scenario fail, each in turn: make test the first with each text, make test-long each one.
// Whoever got an error tries again, as callers do. In the end the database must have exactly what it has without a failure, and nothing of a
// deleted tenant.

// failing is how a statement fails.
type failing int

const (
	lost    failing = iota // the statement does not reach the database, as if that were away
	refused                // the database refuses it, as it does a statement that is wrong
	unknown                // the database carries it out, and its answer is lost
)

func (f failing) String() string { return []string{"lost", "refused", "unknown"}[f] }

// faults lets a statement fail.
type faults struct {
	left atomic.Int64 // it is the statement after which this is 0; below: none fails
	how  atomic.Int64
	hits atomic.Int64 // how many have failed

	mu   sync.Mutex
	text string   // the next statement with this text fails; "": none
	seen []string // the texts of all statements, in the order in which they first came
}

// arm lets the statement with number k, from 1, fail.
func (f *faults) arm(k int, how failing) {
	f.hits.Store(0)
	f.how.Store(int64(how))
	f.left.Store(int64(k))
}

// armText lets the next statement with a text fail.
func (f *faults) armText(text string, how failing) {
	f.arm(0, how)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text = text
}

// disarm reports whether the statement came.
func (f *faults) disarm() bool {
	f.left.Store(-1)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.text = ""
	return f.hits.Load() > 0
}

// pause lets no statement fail until resume is called.
func (f *faults) pause() (resume func()) {
	armed := f.left.Swap(-1)
	return func() { f.left.Store(armed) }
}

// hit is called for each statement, and reports whether it is to fail.
func (f *faults) hit(text string) bool {
	left := f.left.Load()
	if left < 0 {
		return false
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if text != "" && !slices.Contains(f.seen, text) {
		f.seen = append(f.seen, text)
	}
	named := text != "" && text == f.text
	if !named && (left == 0 || f.left.Add(-1) != 0) {
		return false
	}
	f.text = ""
	f.hits.Add(1)
	return true
}

// forget forgets which statements came.
func (f *faults) forget() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen = nil
}

// texts are the texts of all statements that came since forget was called.
func (f *faults) texts() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.seen)
}

var errLost = errors.New("the connection is lost")

// faultyDriver is SQLite with faults, which are looked up by the file's path.
type faultyDriver struct{ real driver.Driver }

var faultsOf sync.Map

var registerFaulty = sync.OnceFunc(func() {
	db, err := sql.Open("sqlite", "")
	if err != nil {
		panic(err)
	}
	sql.Register("sqlite-faulty", faultyDriver{db.Driver()})
})

func (d faultyDriver) Open(dsn string) (driver.Conn, error) {
	path, _, _ := strings.Cut(strings.TrimPrefix(dsn, "file:"), "?")
	f, ok := faultsOf.Load(path)
	if !ok {
		return nil, fmt.Errorf("no faults for %s", dsn)
	}
	c, err := d.real.Open(dsn)
	if err != nil {
		return nil, err
	}
	return &faultyConn{c.(sqliteConn), f.(*faults)}, nil
}

// sqliteConn is what database/sql uses of a connection to SQLite.
type sqliteConn interface {
	driver.Conn
	driver.ConnBeginTx
	driver.ConnPrepareContext
	driver.ExecerContext
	driver.QueryerContext
	driver.SessionResetter
}

type faultyConn struct {
	sqliteConn
	f *faults
}

func (c *faultyConn) fail(text string) error {
	switch {
	case !c.f.hit(text):
		return nil
	case failing(c.f.how.Load()) == refused:
		_, err := c.sqliteConn.ExecContext(context.Background(), "no statement", nil)
		return err
	}
	return errLost
}

func (c *faultyConn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.fail(query); err != nil {
		return nil, err
	}
	return c.sqliteConn.ExecContext(ctx, query, args)
}

func (c *faultyConn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.fail(query); err != nil {
		return nil, err
	}
	return c.sqliteConn.QueryContext(ctx, query, args)
}

func (c *faultyConn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	if err := c.fail("BEGIN"); err != nil {
		return nil, err
	}
	return c.sqliteConn.BeginTx(ctx, o)
}

func (c *faultyConn) PrepareContext(ctx context.Context, query string) (driver.Stmt, error) {
	stmt, err := c.sqliteConn.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	return &faultyStmt{stmt.(sqliteStmt), c, query}, nil
}

type sqliteStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

type faultyStmt struct {
	sqliteStmt
	c    *faultyConn
	text string
}

func (s *faultyStmt) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	if err := s.c.fail(s.text); err != nil {
		return nil, err
	}
	return s.sqliteStmt.ExecContext(ctx, args)
}

func (s *faultyStmt) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	if err := s.c.fail(s.text); err != nil {
		return nil, err
	}
	return s.sqliteStmt.QueryContext(ctx, args)
}

// proxy lets clients of PostgreSQL through, and cuts a connection at a statement, or at a group of them
// that a client sent together: before the server gets it (lost), or when the server has carried it out
// (unknown). It returns the URL to use instead.
func proxy(t *testing.T, target string, f *faults) string {
	t.Helper()
	u, err := url.Parse(target)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	network, server := "tcp", u.Host
	if dir := q.Get("host"); dir != "" {
		network, server = "unix", filepath.Join(dir, ".s.PGSQL."+cmp.Or(q.Get("port"), "5432"))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); conns.Wait() })
	conns.Go(func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() { relay(client, network, server, f) })
		}
	})
	q.Set("sslmode", "disable")
	q.Del("host")
	q.Del("port")
	u.Host, u.RawQuery = l.Addr().String(), q.Encode()
	return u.String()
}

// relay passes the messages of one connection on.
func relay(client net.Conn, network, server string, f *faults) {
	defer client.Close()
	back, err := net.Dial(network, server)
	if err != nil {
		return
	}
	defer back.Close()
	var deaf atomic.Bool // the client gets nothing more, and the end when the server is ready
	var answers sync.WaitGroup
	answers.Go(func() {
		defer client.Close()
		for {
			m, err := message(back, true)
			if err != nil || deaf.Load() && m[0] == 'Z' {
				return
			}
			if !deaf.Load() {
				if _, err := client.Write(m); err != nil {
					return
				}
			}
		}
	})
	defer answers.Wait()
	defer back.Close()
	typed := false                  // the first message has no type
	prepared := map[string]string{} // texts by name
	group := ""                     // the texts of the group that is being sent
	for {
		m, err := message(client, typed)
		if err != nil {
			return
		}
		if typed {
			group += textOf(m, prepared)
		}
		if typed && (m[0] == 'S' || m[0] == 'Q') { // Sync ends a group of statements; Query is one by itself
			if f.hit(group) {
				if failing(f.how.Load()) != unknown {
					return
				}
				deaf.Store(true)
			}
			group = ""
		}
		typed = true
		if _, err := back.Write(m); err != nil {
			return
		}
	}
}

// textOf is the text of the statement that a message is about, and what is done with it; "" of other messages. It keeps the
// texts of prepared statements by their names.
func textOf(m []byte, prepared map[string]string) string {
	field := func(n int) string { return strings.Split(string(m[5:]), "\x00")[n] }
	switch m[0] {
	case 'P':
		prepared[field(0)] = field(1)
		return "prepare " + field(1) + ";"
	case 'B':
		return "run " + prepared[field(1)] + ";"
	case 'Q':
		return field(0)
	}
	return ""
}

// message reads a message of PostgreSQL's protocol.
func message(r io.Reader, typed bool) ([]byte, error) {
	head := 4
	if typed {
		head = 5
	}
	m := make([]byte, head)
	if _, err := io.ReadFull(r, m); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint32(m[head-4:])) - 4
	m = append(m, make([]byte, n)...)
	_, err := io.ReadFull(r, m[head:])
	return m, err
}

// scenario is what is done in a tenant.
type scenario struct {
	t      *testing.T
	db     *DB
	tenant string
	errs   []string // of tries that failed
	ended  bool     // the rest would only follow from an error that was reported
}

// step does something, and does it again as long as it fails, three times at most. done reports whether a
// try that failed was carried out all the same; nil: doing it again does no harm.
func (s *scenario) step(what string, do func(ctx context.Context) error, done func() bool) {
	s.t.Helper()
	var err error
	for try := 0; try < 3 && !s.ended; try++ {
		if try > 0 && done != nil && done() {
			return
		}
		if err = do(s.t.Context()); err == nil {
			return
		}
		s.errs = append(s.errs, fmt.Sprintf("%s: %v", what, err))
	}
	if !s.ended {
		s.t.Errorf("%s fails again and again: %q", what, s.errs)
		s.ended = true
	}
}

// submit commits an event with two deliveries, under a request key, so that a second try is recognized.
func (s *scenario) submit(key string, e *hook.EndpointID, modes ...hook.Mode) (list []hook.Delivery) {
	a := accepted(s.tenant, "x-"+key, `{"n":1}`)
	for i, mode := range modes {
		now := time.Now()
		a.Deliveries = append(a.Deliveries, hook.Delivery{
			ID: a.Event.ID.Delivery(i + 1), Tenant: s.tenant, Endpoint: *e, Type: a.Event.Type, Mode: mode, State: hook.Pending,
			CreatedAt: now, NextAttemptAt: now, QueueAt: now,
		})
	}
	sub := hook.Submission{
		Tenant: s.tenant, RequestKey: key, RequestHash: sha256.Sum256([]byte(key)), Items: []*hook.Accepted{a},
		Answer: func(hook.Verdicts) []byte { return []byte("answer") },
	}
	s.step("submit "+key, func(context.Context) error {
		v, err := s.db.Submit(sub, time.Hour)
		if err == nil && v.Prior != nil && string(v.Prior) != "answer" {
			s.t.Errorf("a second try got the answer %q", v.Prior)
		}
		return err
	}, nil)
	return a.Deliveries
}

func (s *scenario) save(what string, r hook.Result) {
	s.step(what, func(context.Context) error {
		stored := make(chan error, 1)
		s.db.SaveResult(r, func(err error) { stored <- err })
		return <-stored
	}, nil)
}

// run does a bit of everything that writes.
func (s *scenario) run() {
	db, ctx, now := s.db, s.t.Context(), time.Now()
	name := "Acme"
	s.step("tenant", func(ctx context.Context) error {
		_, _, err := db.PutTenant(ctx, s.tenant, hook.TenantChange{Name: &name, Portal: &hook.PortalAccess{Actions: []string{}}})
		return err
	}, nil)
	e := &hook.Endpoint{
		ID: hook.NewEndpointID(), Tenant: s.tenant, Name: "e", Contract: "standard", State: hook.EndpointActive,
		Config: hook.EndpointConfig{URL: "http://x/"}, Secrets: []hook.Secret{{Text: "whsec_a"}},
	}
	s.step("endpoint", func(ctx context.Context) error { return db.CreateEndpoint(ctx, e) }, func() bool {
		_, err := db.Endpoint(ctx, e.ID)
		return err == nil
	})
	s.step("test", func(ctx context.Context) error {
		return db.NoteTest(ctx, e.ID, hook.LastTest{At: now, Status: "timeout"})
	}, nil)
	list := s.submit("k", &e.ID, hook.AtLeastOnce, hook.AtLeastOnce, hook.AtMostOnce)
	attempt := func(d hook.Delivery, state hook.State) hook.Result {
		d.State, d.Attempts, d.FinishedAt = state, 1, now
		if state == hook.Retrying {
			d.FinishedAt, d.QueueAt, d.NextAttemptAt = time.Time{}, now.Add(time.Hour), now.Add(time.Hour)
		}
		return hook.Result{Delivery: d, Attempt: &hook.Attempt{Delivery: d.ID, Number: 1, StartedAt: now}, Frozen: &hook.Frozen{Body: []byte("body")}}
	}
	s.save("delivered", attempt(list[0], hook.Delivered))
	s.save("retrying", attempt(list[1], hook.Retrying))
	s.step("intent", func(context.Context) error {
		d := list[2]
		d.State = hook.Sending
		return db.Intend(hook.Result{Delivery: d})
	}, nil)
	s.save("failed", attempt(list[2], hook.Failed))
	s.step("retry", func(ctx context.Context) error { _, err := db.Retry(ctx, s.tenant, list[0].ID, false); return err }, func() bool {
		d, err := db.Delivery(ctx, s.tenant, list[0].ID)
		return err == nil && d.State == hook.Pending
	})
	s.records()
	s.omissions()
	s.debounce(e.ID)
	s.schedule(e.ID)
	s.step("update", func(ctx context.Context) error {
		edited, err := db.Endpoint(ctx, e.ID)
		if err == nil && edited.Config.URL != "http://y/" {
			edited.Config.URL = "http://y/"
			_, err = db.UpdateEndpoint(ctx, edited, true)
		}
		return err
	}, nil)
	s.step("state", func(ctx context.Context) error {
		return db.SetEndpointState(ctx, e.ID, hook.EndpointPaused, hook.ReasonByPerson, now)
	}, nil)
	s.replay(e.ID)
	s.bulk(hook.BulkCancel, nil)
	s.bulk(hook.BulkRetry, nil)
	s.bulk(hook.BulkCancel, &hook.PayloadSearch{Text: "{", Shown: func(_ hook.Sight, e *hook.Event) *hook.Event { return e }})
	s.access()
	s.step("public docs", func(ctx context.Context) error { return db.SetPublicDocs(ctx, "standard", true) }, func() bool {
		on, err := db.HasPublicDocs(ctx, "standard")
		return err == nil && on
	})
	// Nobody is told that health was not stored, as the next attempt stores a newer one; so it is not compared.
	db.SaveHealth(e.ID, hook.Health{LastRun: now, LastStatus: "timeout"})
	s.step("statistics", func(ctx context.Context) error { return db.Ready(ctx) }, nil)
	s.step("expire", func(ctx context.Context) error { _, err := db.Expire(ctx, time.Unix(0, 0), 10); return err }, nil)
	s.reads(e.ID, list[0].ID)
}

// records writes a record, changes it and deletes another, each with an event.
func (s *scenario) records() {
	change := func(key string, was, is int64, doc string) {
		w := order(key, was, is, doc, accepted(s.tenant, fmt.Sprint(key, is), `{}`))
		w.Record.Tenant = s.tenant
		s.step("record "+key, func(context.Context) error {
			_, err := s.db.Submit(hook.Submission{Tenant: s.tenant, Records: []*hook.RecordWrite{w}}, time.Hour)
			return err
		}, nil)
	}
	change("a", 0, 1, `{"a":1}`)
	change("a", 1, 2, `{"a":2}`)
	change("b", 0, 1, `{"b":1}`)
	change("b", 1, 2, "")
}

// omissions counts what an error left out, twice in the same hour.
func (s *scenario) omissions() {
	s.step("omissions", func(ctx context.Context) error {
		return s.db.AddOmissions(ctx, []*hook.Omission{omitted(s.tenant, "a", "1", time.Unix(1e9, 0))})
	}, func() bool {
		list, _, err := s.db.Omissions(s.t.Context(), s.tenant, hook.OmissionFilter{}, hook.Page{Limit: 2})
		return err == nil && len(list) == 1
	})
	s.step("more omissions", func(ctx context.Context) error {
		return s.db.AddOmissions(ctx, []*hook.Omission{omitted(s.tenant, "a", "2", time.Unix(1e9, 0))})
	}, func() bool {
		list, _, err := s.db.Omissions(s.t.Context(), s.tenant, hook.OmissionFilter{}, hook.Page{Limit: 2})
		return err == nil && len(list) == 1 && list[0].Count == 2
	})
}

// debounce commits two events of which the second takes the place of the first.
func (s *scenario) debounce(e hook.EndpointID) {
	for _, key := range []string{"first", "second"} {
		a := accepted(s.tenant, key, `{}`, e)
		a.Debounce = &hook.Debounce{Key: sha256.Sum256([]byte("order 1")), Wait: time.Hour}
		s.step("debounce "+key, func(context.Context) error {
			_, err := s.db.Submit(hook.Submission{Tenant: s.tenant, Items: []*hook.Accepted{a}}, time.Hour)
			return err
		}, nil)
	}
}

// schedule arranges a schedule, and ends a run of it with an event.
func (s *scenario) schedule(e hook.EndpointID) {
	name := hook.ScheduleName{Tenant: s.tenant, Contract: "c", Type: "snap"}
	s.step("arrange", func(ctx context.Context) error {
		return s.db.ArrangeSchedules(ctx, []hook.Schedule{{ScheduleName: name, Rhythm: "1h", Start: time.Now(), NextAt: time.Now().Add(time.Hour)}})
	}, nil)
	for n := range 2 {
		event := accepted(s.tenant, fmt.Sprint("run", n), `[]`, e)
		s.step("run", func(context.Context) error {
			run := hook.ScheduleRun{At: time.Now(), State: hook.RunSent, Event: event.Event.ID}
			_, err := s.db.Submit(hook.Submission{Tenant: s.tenant, RunEnd: &hook.RunEnd{ScheduleName: name, Run: run}, Items: []*hook.Accepted{event}}, time.Hour)
			return err
		}, func() bool {
			_, err := s.db.Event(s.t.Context(), s.tenant, event.Event.ID)
			return err == nil
		})
	}
}

// bulk does something with all deliveries, or with what a search finds, and saves a filter.
func (s *scenario) bulk(kind hook.BulkKind, search *hook.PayloadSearch) {
	b := hook.Bulk{ID: hook.BulkID(hook.NewID()), Tenant: s.tenant, Kind: kind, Search: search, State: hook.BulkRunning, CreatedAt: time.Now().Add(time.Hour)}
	s.step("bulk action", func(ctx context.Context) error { return s.db.CreateBulk(ctx, &b) }, func() bool {
		_, err := s.db.Bulk(s.t.Context(), s.tenant, b.ID)
		return err == nil
	})
	s.step("bulk preview", func(ctx context.Context) error { _, err := s.db.PreviewBulk(ctx, b, time.Minute); return err }, nil)
	s.step("bulk step", func(ctx context.Context) error {
		now, err := s.db.Bulk(ctx, s.tenant, b.ID)
		if err != nil || now.State != hook.BulkRunning {
			return err
		}
		now.Search = search
		_, err = s.db.AdvanceBulk(ctx, &now, func(hook.EndpointID) bool { return false })
		return err
	}, nil)
	f := hook.SavedFilter{ID: hook.FilterID(hook.NewID()), Tenant: s.tenant, Name: string(kind), Query: map[string]string{"state": "failed"}, CreatedAt: time.Now()}
	s.step("filter", func(ctx context.Context) error { return s.db.SaveFilter(ctx, &f, nil, 10) }, nil)
	s.step("payloads", func(ctx context.Context) error {
		_, err := s.db.SearchDeliveries(ctx, s.tenant, hook.DeliveryFilter{}, hook.Page{Limit: 10}, func(*hook.Event) bool { return true })
		return err
	}, nil)
}

// replay recovers what failed.
func (s *scenario) replay(e hook.EndpointID) {
	r := &hook.Recovery{
		ID: hook.RecoveryID(hook.NewEventID()), Tenant: s.tenant, Endpoint: e, Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour),
		States: []hook.State{hook.Failed}, Missing: true, State: hook.RecoveryRunning, CreatedAt: time.Now(),
	}
	s.step("recovery", func(ctx context.Context) error { return s.db.CreateRecovery(ctx, r) }, func() bool {
		_, err := s.db.Recovery(s.t.Context(), s.tenant, r.ID)
		return err == nil
	})
	s.step("recover", func(ctx context.Context) error {
		now, err := s.db.Recovery(ctx, s.tenant, r.ID)
		if err != nil || now.State != hook.RecoveryRunning {
			return err
		}
		page, err := s.db.RecoveryPage(ctx, now, 10)
		if err != nil {
			return err
		}
		step := hook.RecoveryStep{Examined: len(page), Done: true}
		for _, it := range page {
			step.Cursor = it.Event.ID
			if it.Delivery == nil {
				step.Create = append(step.Create, hook.Delivery{
					ID: it.Event.ID.Delivery(1), Tenant: s.tenant, Endpoint: e, Type: it.Event.Type, Mode: hook.AtLeastOnce, State: hook.Pending,
					CreatedAt: time.Now(), NextAttemptAt: time.Now(), QueueAt: time.Now(),
				})
			}
		}
		return s.db.AdvanceRecovery(ctx, now, step)
	}, nil)
	s.step("stop recovery", func(ctx context.Context) error { return s.db.StopRecovery(ctx, r) }, nil)
}

// access makes a key and a portal link.
func (s *scenario) access() {
	k := hook.Key{ID: hook.KeyID(hook.NewEventID()), Name: "k", Role: hook.RoleTenant, Tenant: s.tenant, Hash: sha256.Sum256([]byte(s.tenant)), CreatedAt: time.Now()}
	s.step("key", func(ctx context.Context) error { return s.db.CreateKey(ctx, k) }, func() bool {
		_, err := s.db.Key(s.t.Context(), k.ID)
		return err == nil
	})
	l := hook.PortalLink{ID: hook.PortalLinkID(hook.NewEventID()), Tenant: s.tenant, Name: "l", Role: hook.RoleTenant, CreatedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}
	once := &hook.Once{Tenant: s.tenant, Key: "link", Hash: [32]byte{1}, Keep: time.Hour}
	s.step("link", func(ctx context.Context) error { return s.db.CreatePortalLink(hook.WithOnce(ctx, once), l) }, func() bool {
		_, err := s.db.PortalLink(s.t.Context(), l.ID)
		if _, claim := s.db.OnceAnswer(s.t.Context(), once); (err == nil) != (claim != nil) {
			s.t.Errorf("the link is stored: %v, its key is claimed: %v", err == nil, claim != nil)
		}
		return err == nil
	})
	s.step("answer", func(ctx context.Context) error { return s.db.KeepOnceAnswer(ctx, once, []byte("answer")) }, nil)
	s.step("contracts in use", func(ctx context.Context) error { _, err := s.db.ContractsInUse(ctx, s.tenant); return err }, nil)
	s.step("open link", func(ctx context.Context) error {
		return s.db.OpenPortalLink(ctx, l.ID, time.Now(), time.Now().Add(2*time.Hour))
	}, nil)
}

// reads reads what senders and people read.
func (s *scenario) reads(e hook.EndpointID, d hook.DeliveryID) {
	for what, read := range map[string]func(ctx context.Context) error{
		"due": func(ctx context.Context) error {
			_, err := s.db.Due(ctx, e, time.Now().Add(time.Hour), 10, 1<<20, func(hook.DeliveryID) bool { return false })
			return err
		},
		"in hands": func(ctx context.Context) error { _, err := s.db.InHands(ctx, e, 10); return err },
		"attempts": func(ctx context.Context) error { _, err := s.db.Attempts(ctx, d, 10); return err },
		"body":     func(ctx context.Context) error { _, err := s.db.Body(ctx, d); return err },
		"work":     func(ctx context.Context) error { _, err := s.db.EndpointsWithWork(ctx); return err },
		"events": func(ctx context.Context) error {
			_, _, err := s.db.Events(ctx, s.tenant, hook.EventFilter{}, hook.Page{Limit: 10})
			return err
		},
		"records": func(ctx context.Context) error {
			return s.db.EachRecord(ctx, s.tenant, "shop", "order", func(hook.Record) error { return nil })
		},
	} {
		s.step("read "+what, read, nil)
	}
}

// left is what the database has of a tenant, without ids, times and what is sealed.
func left(db *DB, tenant string) (lines []string, err error) {
	for _, q := range []string{
		`SELECT 'tenant', name, deleted_at FROM tenants WHERE id = $1`,
		`SELECT 'event', contract, type, external_id FROM events WHERE tenant = $1`,
		`SELECT 'delivery', mode, state, reason, attempts, CASE WHEN due_at IS NULL THEN 'ended' WHEN due_at = 0 THEN 'in hands' ELSE 'waits' END
			FROM deliveries WHERE tenant = $1`,
		`SELECT 'attempt', number FROM attempts WHERE delivery IN (SELECT id FROM deliveries WHERE tenant = $1)`,
		`SELECT 'body', 1 FROM bodies WHERE delivery IN (SELECT id FROM deliveries WHERE tenant = $1)`,
		`SELECT 'idempotency', key FROM idempotency WHERE tenant = $1`,
		`SELECT 'debounce', delivery IN (SELECT id FROM deliveries WHERE state = 'pending') FROM debounces WHERE tenant = $1`,
		`SELECT 'omission', type, reason, count, unkept FROM omissions WHERE tenant = $1`,
		`SELECT 'endpoint', name, state, state_reason, version FROM endpoints WHERE tenant = $1`,
		`SELECT 'version', version FROM endpoint_versions WHERE endpoint IN (SELECT id FROM endpoints WHERE tenant = $1)`,
		`SELECT 'recovery', examined, requeued, state FROM recoveries WHERE tenant = $1`,
		`SELECT 'bulk', kind, examined, changed, left_alone, state FROM bulk_actions WHERE tenant = $1`,
		`SELECT 'filter', name, query FROM saved_filters WHERE tenant = $1`,
		`SELECT 'record', key, version FROM records WHERE tenant = $1`,
		`SELECT 'schedule', contract, type, rhythm FROM schedules WHERE tenant = $1`,
		`SELECT 'audit', action, name FROM audit WHERE tenant = $1`,
		`SELECT 'key', name FROM keys WHERE tenant = $1`,
		`SELECT 'link', name FROM portal_links WHERE tenant = $1`,
	} {
		rows, err := allRows(db, q, tenant)
		if err != nil {
			return nil, fmt.Errorf("%w in %s", err, q)
		}
		lines = append(lines, rows...)
	}
	slices.Sort(lines)
	return lines, nil
}

// orphans are rows that refer to something that is not there.
func orphans(t *testing.T, db *DB) {
	t.Helper()
	for what, q := range map[string]string{
		"deliveries without an event": `SELECT count(*) FROM deliveries d WHERE NOT EXISTS (SELECT 1 FROM events e WHERE e.tenant = d.tenant
			AND substr(e.id, 1, 14) = substr(d.id, 1, 14))`,
		"attempts without a delivery": `SELECT count(*) FROM attempts WHERE delivery NOT IN (SELECT id FROM deliveries)`,
		"bodies without a delivery":   `SELECT count(*) FROM bodies WHERE delivery NOT IN (SELECT id FROM deliveries)`,
		"finished deliveries in the queue, or others not in it": `SELECT count(*) FROM deliveries
			WHERE (due_at IS NULL) <> (state IN ('delivered', 'failed', 'unknown', 'cancelled')) OR (due_at = 0) <> (state = 'sending')`,
	} {
		var n int
		if err := db.read.QueryRow(q).Scan(&n); err != nil || n != 0 {
			t.Errorf("%d %s (%v)", n, what, err)
		}
	}
}

// remove deletes the tenant and all that it has.
func (s *scenario) remove() {
	s.step("delete", func(ctx context.Context) error {
		err := s.db.DeleteTenant(ctx, s.tenant)
		if hook.IsKind(err, hook.KindNotFound) { // an earlier try deleted it
			return nil
		}
		return err
	}, nil)
	for more := true; more && !s.ended; {
		s.step("purge", func(ctx context.Context) (err error) { more, err = s.db.Purge(ctx); return err }, nil)
	}
}

// eachStatement runs the scenario with each statement failing, in each of some ways. Unless everything is to be tried, that is
// the first statement with each text, every stride-th of them.
func eachStatement(t *testing.T, db *DB, f *faults, stride int, ways ...failing) {
	t.Helper()
	t.Helper()
	tenants := int(time.Now().UnixMicro() % 1e9) // another name in each
	once := func(what string, arm func()) (lines []string, came bool) {
		tenants++
		s := &scenario{t: t, db: db, tenant: fmt.Sprintf("t%d", tenants)}
		look := func() (lines []string) { // without failures
			defer f.pause()()
			lines, err := left(db, s.tenant)
			if err != nil {
				t.Fatal(err)
			}
			orphans(t, db)
			return lines
		}
		arm()
		s.run()
		lines = look()
		s.remove()
		came = f.disarm()
		rest := slices.DeleteFunc(look(), func(line string) bool { return strings.HasPrefix(line, `"audit"`) })
		if len(rest) > 0 {
			t.Errorf("a deleted tenant leaves %q", rest)
		}
		if t.Failed() {
			t.Fatalf("%s: %q", what, s.errs)
		}
		return lines, came
	}
	nothing := func() { f.forget(); f.arm(0, lost) }
	once("nothing fails", nothing) // opens connections, and prepares statements
	want, _ := once("nothing fails", nothing)
	texts := f.texts()
	if len(want) < 20 {
		t.Fatalf("the scenario leaves %q", want)
	}
	try := func(what string, arm func()) (came bool) {
		got, came := once(what, arm)
		if !slices.Equal(want, got) {
			t.Fatalf("%s; then there is, without (-) and with (+) that:\n%s", what, gocmp.Diff(want, got))
		}
		return came
	}
	for _, how := range ways {
		n := 0
		if long() {
			for came := true; came; {
				n++
				came = try(fmt.Sprintf("statement %d was %s", n, how), func() { f.arm(n, how) })
			}
			n--
		} else {
			for i := 0; i < len(texts); i += stride {
				if try(fmt.Sprintf("%s was %s", texts[i], how), func() { f.armText(texts[i], how) }) {
					n++
				}
			}
		}
		t.Logf("%d statements, %s; %d texts", n, how, len(texts))
		if tried := (len(texts) + stride - 1) / stride; n < tried*9/10 {
			t.Errorf("only %d of %d statements came", n, tried)
		}
	}
}

// long reports whether everything is to be tried (make test-long).
func long() bool { return os.Getenv("GANCHO_TEST_LONG") != "" }

// Each statement that SQLite is given fails once, in two ways. make test takes the first with each text, and a third of them
// in the second way; make test-long takes all. Both run it without the race detector, which makes SQLite ten times as slow.
func TestEachStatementFails(t *testing.T) {
	t.Parallel()
	db, f := openFaulty(t, filepath.Join(t.TempDir(), "gancho.db"))
	eachStatement(t, db, f, 1, lost)
	eachStatement(t, db, f, 3, refused)
}

func openFaulty(t *testing.T, path string) (*DB, *faults) {
	t.Helper()
	registerFaulty()
	f := &faults{}
	faultsOf.Store(path, f)
	return run(t, Options{Path: path, Key: make([]byte, 32), driver: "sqlite-faulty"}), f
}

// The connection to PostgreSQL is cut at each group of statements, before the server has it or after.
func TestEachConnectionFails(t *testing.T) {
	t.Parallel()
	f := &faults{}
	db := run(t, Options{URL: proxy(t, pgtest.Database(t, Migrate), f), Key: make([]byte, 32)})
	eachStatement(t, db, f, 1, lost)
	eachStatement(t, db, f, 3, unknown)
}

// A file is made and its tables are brought up to date in many statements. If one of them fails, the next
// start goes on from there.
func TestEachStatementOfOpeningFails(t *testing.T) {
	t.Parallel()
	registerFaulty()
	stride := 17
	if long() {
		stride = 1
	}
	for k, came := 1, true; came; k += stride {
		path := filepath.Join(t.TempDir(), "gancho.db")
		f := &faults{}
		faultsOf.Store(path, f)
		o := Options{Path: path, Key: make([]byte, 32), driver: "sqlite-faulty"}
		f.arm(k, failing(k%2))
		db, err := Open(t.Context(), o)
		if came = f.disarm(); err == nil {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		}
		t.Run(fmt.Sprint("after ", k), func(t *testing.T) {
			db := run(t, o)
			newTenant(t, db, "acme")
			submit(t, db, accepted("acme", "", `1`, hook.NewEndpointID()))
		})
	}
}
