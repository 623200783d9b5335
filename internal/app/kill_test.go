package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"gancho.example/client"
	"gancho/internal/pgtest"
	"gancho/internal/store"
)

// longEnv makes some tests run ten times as long (make test-long).
const longEnv = "GANCHO_TEST_LONG"

// A server is killed again and again under mixed load, each time at another moment. Beside it a model
// notes what was acknowledged. What the server promises must hold over all of its lives:
//
//   - What was accepted arrives. What the API showed as delivered never arrives again.
//   - At-most-once arrives at most once. If it did not arrive, it is shown as unknown or failed.
//   - Ordered endpoints get every number, and never an earlier one behind a later one.
//   - A paused endpoint gets nothing until it is resumed, and a deleted one nothing more.
//   - A record is as it was last written, and each of its changes made one event.
//   - A run of a schedule that was answered has its event, and no run made two.
//   - Whoever is not answered tries again with the same id, and nothing is stored twice.
func TestKills(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		kills, long int
		place       func(t *testing.T) place
	}{
		{"sqlite", 10, 100, func(t *testing.T) place { return place{dir: t.TempDir()} }},
		{"postgres", 3, 30, func(t *testing.T) place { return place{dir: t.TempDir(), database: pgtest.Database(t, store.Migrate)} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			kills := c.kills
			if os.Getenv(longEnv) != "" {
				kills = c.long
			}
			newSiege(t, c.place(t)).run(kills)
		})
	}
}

const siegeContract = `contract: siege
title: {en: Under siege}
records:
  thing: {title: {en: Thing}, key: id}
endpoint: {sign: standard-webhooks}
events:
  changed: {title: {en: A thing changed}, on: thing}
  things: {title: {en: All things}, every: 1m, select: thing}
`

// siege is a server that is killed, its receiver, and the model.
type siege struct {
	t     *testing.T
	place place
	url   string // of the receiver
	began time.Time
	rng   *rand.Rand
	ended atomic.Bool // no more load
	// receive is the receiver, and contract that of the published events; both are set before the first life begins.
	receive  http.HandlerFunc
	contract string
	load     sync.WaitGroup

	mu    sync.Mutex
	alive *sync.Cond
	life  *life             // nil: it is down
	open  map[net.Conn]bool // connections to the receiver
	tries int               // requests to the receiver
	paths map[string]string // by id of the endpoint
	// arrived counts requests by path and event, order has the numbers in the order in which they came.
	arrived map[string]map[string]int
	order   map[string][]int

	published map[string]map[string]int // by type: the numbers of the acknowledged events
	written   map[string]int            // by key: the number in the acknowledged document
	changes   int                       // acknowledged changes of records
	runs      map[string]bool           // events of acknowledged runs
	doubtful  int                       // runs that nobody answered
	shown     map[arrival]bool          // what the API showed as delivered
	fixed     map[arrival]int           // how often it had arrived when that was known, and must not arrive again
	deleted   map[string]bool           // paths of deleted endpoints
	buried    map[string]int            // how many requests had come there
}

// arrival is an event at an endpoint.
type arrival struct{ path, event string }

// life is the server between two kills.
type life struct {
	*process
	ctx    context.Context
	cancel context.CancelFunc
	dying  atomic.Bool // it is about to be killed: errors are no news
}

func newSiege(t *testing.T, at place) *siege {
	s := &siege{
		t: t, place: at, began: time.Now(), rng: rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 0)), open: map[net.Conn]bool{}, paths: map[string]string{},
		arrived: map[string]map[string]int{}, order: map[string][]int{}, published: map[string]map[string]int{}, written: map[string]int{},
		runs: map[string]bool{}, shown: map[arrival]bool{}, fixed: map[arrival]int{}, deleted: map[string]bool{}, buried: map[string]int{},
	}
	s.alive = sync.NewCond(&s.mu)
	s.receive = s.note
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.receive(w, r) }))
	srv.Config.ConnState = func(c net.Conn, state http.ConnState) {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.open[c] = true; state == http.StateClosed || state == http.StateHijacked {
			delete(s.open, c)
		}
	}
	srv.Start()
	s.url = srv.URL
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return s
}

// note notes a request. Every seventh fails, and some take a while.
func (s *siege) note(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	var of struct{ N int }
	_ = json.Unmarshal(body, &of) // a snapshot has no number
	s.mu.Lock()
	events := s.arrived[r.URL.Path]
	if events == nil {
		events = map[string]int{}
		s.arrived[r.URL.Path] = events
	}
	events[r.Header.Get("webhook-id")]++
	if strings.HasPrefix(r.URL.Path, "/ordered") {
		s.order[r.URL.Path] = append(s.order[r.URL.Path], of.N)
	}
	s.tries++
	fails, wait := s.tries%7 == 0, time.Duration(0)
	if s.tries%5 == 0 {
		wait = s.below(20 * time.Millisecond)
	}
	s.mu.Unlock()
	time.Sleep(wait) //policy:allow time.Sleep: the receiver takes its time, so that requests are under way when the server is killed
	if fails {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// begin starts the server.
func (s *siege) begin() *life {
	l := &life{process: startAt(s.t, s.place)}
	l.ctx, l.cancel = context.WithCancel(s.t.Context())
	s.mu.Lock()
	s.life = l
	s.alive.Broadcast()
	s.mu.Unlock()
	return l
}

// end kills the server, and returns when the receiver has read all that the server had sent.
func (s *siege) end() {
	s.mu.Lock()
	l := s.life
	s.life = nil
	s.mu.Unlock()
	l.dying.Store(true)
	l.kill()
	l.cancel()
	eventually(s.t, "the killed server's connections are closed", func() bool { s.mu.Lock(); defer s.mu.Unlock(); return len(s.open) == 0 })
	s.mu.Lock()
	defer s.mu.Unlock()
	for a := range s.shown {
		if _, ok := s.fixed[a]; !ok {
			s.fixed[a] = s.arrived[a.path][a.event]
		}
	}
	for path := range s.deleted {
		if _, ok := s.buried[path]; !ok {
			s.buried[path] = s.requests(path)
		}
	}
}

// requests is how many came to a path; with mu held.
func (s *siege) requests(path string) (n int) {
	for _, times := range s.arrived[path] {
		n += times
	}
	return n
}

func (s *siege) count(path string) int { s.mu.Lock(); defer s.mu.Unlock(); return s.requests(path) }

// call makes a request of the API until a server answers it, over as many lives as that takes. It
// returns how many died over it.
func (s *siege) call(what string, fn func(ctx context.Context, c *client.Client) error) (died int) {
	for ; ; died++ {
		s.mu.Lock()
		for s.life == nil {
			s.alive.Wait()
		}
		l := s.life
		s.mu.Unlock()
		err := fn(l.ctx, l.Client)
		if err == nil {
			return died
		}
		if !l.dying.Load() {
			s.t.Errorf("%s: %v", what, err)
			return died
		}
		<-l.ctx.Done()
	}
}

// endpoint makes an endpoint whose URL has the path it returns: that which is given, or one like it if a
// life died over it, which may have made the endpoint all the same.
func (s *siege) endpoint(path string, in client.EndpointInput) (made *client.Endpoint, its string) {
	its = path
	s.call("make an endpoint", func(ctx context.Context, c *client.Client) (err error) {
		in.URL, in.Name = s.url+its, its
		if made, err = c.CreateEndpoint(ctx, "acme", in); err != nil {
			its += "x"
			return err
		}
		s.mu.Lock()
		s.paths[made.ID] = its
		s.mu.Unlock()
		return nil
	})
	return made, its
}

// keep runs fn again and again, with short pauses, until the load ends.
func (s *siege) keep(fn func(n int)) {
	s.load.Go(func() {
		for n := 1; !s.ended.Load() && !s.t.Failed(); n++ {
			fn(n)
			s.mu.Lock()
			pause := s.below(4 * time.Millisecond)
			s.mu.Unlock()
			time.Sleep(pause) //policy:allow time.Sleep: the load leaves room for the rest of the machine
		}
	})
}

// publish is a publisher of events of one type. It publishes burst of them at once, so that a queue
// forms, and then the next.
func (s *siege) publish(kind string, burst int) {
	s.mu.Lock()
	ids := map[string]int{}
	publisher := len(s.published)
	s.published[fmt.Sprintf("%s %d", kind, publisher)] = ids
	s.mu.Unlock()
	s.keep(func(n int) {
		var events []client.NewEvent
		for i := range burst {
			number := (n-1)*burst + i + 1
			events = append(events, client.NewEvent{
				Type: kind, Contract: s.contract, ID: fmt.Sprintf("%s-%d-%d", kind, publisher, number), Payload: fmt.Appendf(nil, `{"n":%d}`, number),
			})
		}
		s.call("publish "+kind, func(ctx context.Context, c *client.Client) error {
			answers, err := c.PublishEvents(ctx, "acme", events)
			if err != nil {
				return err
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			for i, a := range answers.Items {
				if a.Error != nil {
					return a.Error
				}
				ids[a.ID] = (n-1)*burst + i + 1
			}
			return nil
		})
	})
}

// write is the only writer of some records.
func (s *siege) write(writer int) {
	s.keep(func(n int) {
		key := fmt.Sprintf("%d-%d", writer, n%3)
		s.call("write a record", func(ctx context.Context, c *client.Client) error {
			_, err := c.PutRecord(ctx, "acme", "siege", "thing", key, fmt.Appendf(nil, `{"id":%q,"n":%d}`, key, n))
			return err
		})
		s.mu.Lock()
		s.written[key] = n
		s.changes++
		s.mu.Unlock()
	})
}

// snapshot runs the schedule.
func (s *siege) snapshot(int) {
	died := s.call("run the schedule", func(ctx context.Context, c *client.Client) error {
		r, err := c.RunSchedule(ctx, "acme", "siege", "things")
		if err == nil && r.Event != nil {
			s.mu.Lock()
			s.runs[*r.Event] = true
			s.mu.Unlock()
		}
		return err
	})
	s.mu.Lock()
	s.doubtful += died
	s.mu.Unlock()
	time.Sleep(30 * time.Millisecond) //policy:allow time.Sleep: snapshots are dear, and the load leaves room for the others
}

// watch notes what the API shows as delivered.
func (s *siege) watch(int) {
	s.call("list deliveries", func(ctx context.Context, c *client.Client) error {
		list, err := c.Deliveries(ctx, "acme", client.DeliveryFilter{State: "delivered", Paging: client.Paging{Limit: 200}})
		if err != nil {
			return err
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, d := range list.Items {
			if path := s.paths[d.Endpoint]; path != "" { // else its creation is not answered yet, or never was
				s.shown[arrival{path, d.Event}] = true
			}
		}
		return nil
	})
	time.Sleep(20 * time.Millisecond) //policy:allow time.Sleep: it looks some 30 times in each life
}

// remove makes an endpoint, lets it get something, and deletes it.
func (s *siege) remove(n int) {
	e, path := s.endpoint(fmt.Sprintf("/doomed-%d", n), client.EndpointInput{EventTypes: []string{"plain"}, Retry: slices.Repeat([]string{"0s"}, 50)})
	if e == nil {
		return
	}
	time.Sleep(50 * time.Millisecond) //policy:allow time.Sleep: it gets some events; nothing depends on how many
	s.call("delete an endpoint", func(ctx context.Context, c *client.Client) error {
		err := c.DeleteEndpoint(ctx, "acme", e.ID)
		if p, ok := errors.AsType[*client.Problem](err); ok && p.Status == http.StatusNotFound { // by the life before, which did not say so
			return nil
		}
		return err
	})
	s.mu.Lock()
	s.deleted[path] = true
	s.mu.Unlock()
}

func (s *siege) run(kills int) {
	s.begin()
	s.call("make a tenant", func(ctx context.Context, c *client.Client) error {
		_, err := c.PutTenant(ctx, "acme", client.TenantInput{})
		return err
	})
	s.call("put a contract", func(ctx context.Context, c *client.Client) error {
		_, err := c.PutContract(ctx, siegeContract)
		return err
	})
	retry := slices.Repeat([]string{"0s"}, 50)
	s.endpoint("/plain", client.EndpointInput{EventTypes: []string{"plain"}, Retry: retry, Concurrency: 8})
	s.endpoint("/once", client.EndpointInput{EventTypes: []string{"once"}, Mode: "at_most_once", Retry: []string{"0s"}})
	for i := range 3 {
		s.endpoint(fmt.Sprintf("/ordered-%d", i), client.EndpointInput{EventTypes: []string{"ordered"}, Retry: retry, Ordered: true})
	}
	s.endpoint("/ordered-once", client.EndpointInput{EventTypes: []string{"ordered"}, Mode: "at_most_once", Retry: []string{"0s"}, Ordered: true})
	pausing, _ := s.endpoint("/pausing", client.EndpointInput{EventTypes: []string{"pausing"}, Retry: retry})
	s.endpoint("/changed", client.EndpointInput{Contract: "siege", EventTypes: []string{"changed"}, Retry: retry})
	s.endpoint("/things", client.EndpointInput{Contract: "siege", EventTypes: []string{"things"}, Retry: retry})
	if s.t.Failed() {
		return
	}
	for _, kind := range []string{"plain", "plain", "plain", "once", "once", "pausing"} {
		s.publish(kind, 1)
	}
	s.publish("ordered", 4)
	s.write(0)
	s.write(1)
	s.keep(s.snapshot)
	s.keep(s.watch)
	s.keep(s.remove)
	s.t.Cleanup(func() { s.ended.Store(true) }) // also if the test gives up

	for kill := range kills {
		s.pause(pausing, true)
		time.Sleep(s.moment()) //policy:allow time.Sleep: the moment of the kill is drawn
		s.end()
		before, tries := s.count("/pausing"), s.count("/plain")
		s.begin()
		eventually(s.t, "events arrive after a kill", func() bool { return s.count("/plain") >= tries+40 || s.t.Failed() })
		if n := s.count("/pausing") - before; n != 0 {
			s.t.Errorf("%d requests to a paused endpoint after kill %d", n, kill)
		}
		s.pause(pausing, false)
		eventually(s.t, "what waited for a paused endpoint arrives", func() bool { return s.count("/pausing") > before || s.t.Failed() })
	}
	s.ended.Store(true)
	s.load.Wait()
	s.t.Cleanup(func() {
		if s.t.Failed() {
			s.t.Logf("not at their end: %+v", s.unfinished())
		}
	})
	eventually(s.t, "every delivery has come to its end", func() bool { return len(s.unfinished()) == 0 })
	s.check()
	s.life.stop()
}

// below draws a time; with mu held.
func (s *siege) below(d time.Duration) time.Duration { return time.Duration(s.rng.Int64N(int64(d))) }

func (s *siege) moment() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.below(80 * time.Millisecond)
}

// pause pauses an endpoint or resumes it.
func (s *siege) pause(e *client.Endpoint, pause bool) {
	s.call("pause or resume", func(ctx context.Context, c *client.Client) (err error) {
		if pause {
			_, err = c.PauseEndpoint(ctx, "acme", e.ID)
		} else {
			_, err = c.ResumeEndpoint(ctx, "acme", e.ID)
		}
		return err
	})
}

// unfinished lists some deliveries that have not come to their end.
func (s *siege) unfinished() (list []client.Delivery) {
	for _, state := range []string{"pending", "sending", "retrying"} {
		page, err := s.life.Deliveries(context.Background(), "acme", client.DeliveryFilter{State: state})
		if err != nil || page.NextCursor != nil {
			return []client.Delivery{{Reason: fmt.Sprint("too many, or not known: ", err)}}
		}
		list = append(list, page.Items...)
	}
	return orUnfinished(s.t, list, s.life.Client)
}

// orUnfinished is list, or if that is empty, all deliveries that have not come to their end. One that fails and is sent again
// can be missing in lists by state that are read one after the other, but not in that of all.
func orUnfinished(t *testing.T, list []client.Delivery, c *client.Client) []client.Delivery {
	t.Helper()
	if len(list) > 0 {
		return list
	}
	for _, d := range all(t, func(p client.Paging) (*client.List[client.Delivery], error) {
		return c.Deliveries(context.Background(), "acme", client.DeliveryFilter{Paging: p})
	}) {
		if slices.Contains([]string{"pending", "sending", "retrying"}, d.State) {
			list = append(list, d)
		}
	}
	return list
}

// all reads a list page by page.
func all[T any](t *testing.T, page func(p client.Paging) (*client.List[T], error)) (items []T) {
	t.Helper()
	for p := (client.Paging{Limit: 200}); ; {
		list, err := page(p)
		if err != nil {
			t.Fatal(err)
		}
		items = append(items, list.Items...)
		if list.NextCursor == nil {
			return items
		}
		p.Cursor = *list.NextCursor
	}
}

// check compares what came with what was promised, after everything has come to its end.
func (s *siege) check() {
	c, ctx := s.life.Client, s.t.Context()
	stored := map[string][]string{} // events by type
	for _, e := range all(s.t, func(p client.Paging) (*client.List[client.Event], error) {
		return c.Events(ctx, "acme", client.EventFilter{Paging: p})
	}) {
		stored[e.Type] = append(stored[e.Type], e.ID)
	}
	deliveries := all(s.t, func(p client.Paging) (*client.List[client.Delivery], error) {
		return c.Deliveries(ctx, "acme", client.DeliveryFilter{Paging: p})
	})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.checkEvents(stored)
	s.checkOrder()
	once := 0
	for _, d := range deliveries {
		path := s.paths[d.Endpoint]
		times := s.arrived[path][d.Event]
		switch {
		case path == "": // a life that made this endpoint died before it said so
		case d.State == "delivered" && times == 0:
			s.t.Errorf("%s at %s is shown as delivered, and never arrived", d.Event, path)
		case strings.Contains(path, "once"):
			once++
			if times > 1 || times == 0 && d.State != "unknown" && d.State != "failed" {
				s.t.Errorf("at-most-once %s at %s is %s, and arrived %d times", d.Event, path, d.State, times)
			}
		}
	}
	for a, times := range s.fixed {
		if n := s.arrived[a.path][a.event]; n != times {
			s.t.Errorf("%s at %s was shown as delivered, and arrived %d times more after a kill", a.event, a.path, n-times)
		}
	}
	for path, times := range s.buried {
		if n := s.requests(path); n != times {
			s.t.Errorf("%s was deleted, and got %d requests more after a kill", path, n-times)
		}
	}
	for key, n := range s.written {
		document, err := c.Record(ctx, "acme", "siege", "thing", key)
		if want := fmt.Sprintf(`{"id":%q,"n":%d}`, key, n); err != nil || string(document) != want {
			s.t.Errorf("record %s is %s, %v; want %s", key, document, err, want)
		}
	}
	doubled := 0
	for _, n := range s.arrived["/plain"] {
		doubled += n - 1
	}
	s.t.Logf("%d requests, %d deliveries, %d at most once, %d record changes, %d runs; %d shown as delivered before a kill, %d endpoints deleted before one; %d requests to the plain endpoint were repeated",
		s.tries, len(deliveries), once, s.changes, len(s.runs), len(s.fixed), len(s.buried), doubled)
	if len(s.fixed) == 0 || len(s.buried) == 0 || once == 0 || s.changes == 0 || len(s.runs) == 0 {
		s.t.Error("a part of the load did nothing, so it shows nothing")
	}
}

// checkEvents: each event that was published is stored once and has arrived; each change of a record
// made one event; each run that was answered, too.
func (s *siege) checkEvents(stored map[string][]string) {
	published := map[string]int{}
	for publisher, ids := range s.published {
		kind, _, _ := strings.Cut(publisher, " ")
		published[kind] += len(ids)
		for id, n := range ids {
			if (kind == "plain" || kind == "pausing") && s.arrived["/"+kind][id] == 0 {
				s.t.Errorf("%s %d (%s) was accepted, and never arrived", kind, n, id)
			}
		}
	}
	published["changed"] = s.changes
	for kind, n := range published {
		if len(stored[kind]) != n {
			s.t.Errorf("%d events %s were accepted, and %d are stored", n, kind, len(stored[kind]))
		}
	}
	for _, id := range stored["changed"] {
		if s.arrived["/changed"][id] == 0 {
			s.t.Errorf("the event %s of a record's change never arrived", id)
		}
	}
	runs := map[string]bool{}
	for _, id := range stored["things"] {
		runs[id] = true
	}
	for id := range s.runs {
		if !runs[id] {
			s.t.Errorf("a run was answered, and its event %s is not stored", id)
		}
	}
	byClock := int(time.Since(s.began).Minutes()) + 2 // also runs on its own, once a minute
	if n := len(runs) - len(s.runs); n > s.doubtful+byClock {
		s.t.Errorf("%d events of runs, of which %d were answered and %d died", len(runs), len(s.runs), s.doubtful)
	}
}

// checkOrder: every number came to every ordered endpoint, and none again behind a later one.
func (s *siege) checkOrder() {
	last := 0
	for publisher, ids := range s.published {
		if strings.HasPrefix(publisher, "ordered") {
			last = slices.Max(slices.Collect(maps.Values(ids)))
		}
	}
	for path, numbers := range s.order {
		for i := 1; i < len(numbers); i++ {
			if numbers[i] < numbers[i-1] {
				s.t.Errorf("%s got %v", path, numbers[max(i-3, 0):min(i+3, len(numbers))])
			}
		}
		if distinct := len(slices.Compact(slices.Sorted(slices.Values(numbers)))); distinct != last && path != "/ordered-once" {
			s.t.Errorf("%s got %d numbers of %d", path, distinct, last)
		}
	}
}
