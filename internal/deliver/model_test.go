package deliver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// This test lets everything happen to real lanes and a real store that can happen at
// once: publishers offer long after the commit, pages are old when they arrive, the
// database fails, or says so although it did not, receivers fail, endpoints are paused,
// snapshots are superseded, and the endpoints move to another node and back. The model
// test of package window does the same in smaller steps, for the window alone.

// chance draws what happens, from a seed.
type chance struct {
	mu    sync.Mutex
	rng   *rand.Rand
	quiet bool // no more trouble: set when the publishers are done, so that everything can come to its end
}

func (c *chance) below(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rng.IntN(n)
}

// trouble is true once in so many times, until it is quiet.
func (c *chance) trouble(once int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.quiet && c.rng.IntN(once) == 0
}

// rest lets up to d pass.
func (c *chance) rest(d time.Duration) { <-time.After(time.Duration(c.below(int(d)))) }

// unreliable is a store that is slow and fails now and then.
type unreliable struct {
	Store
	*chance
}

var errTrouble = hook.Unavailable(errors.New("trouble"))

func (m *unreliable) Endpoint(ctx context.Context, id hook.EndpointID) (*hook.Endpoint, error) {
	if m.trouble(10) {
		return nil, errTrouble
	}
	return m.Store.Endpoint(ctx, id)
}

func (m *unreliable) Due(ctx context.Context, id hook.EndpointID, now time.Time, n, maxBytes int, skip func(hook.DeliveryID) bool) (hook.DuePage, error) {
	page, err := m.Store.Due(ctx, id, now, 1+m.below(8), maxBytes, skip) // many short pages
	if m.trouble(3) {
		m.rest(300 * time.Millisecond)
	}
	if m.trouble(20) {
		return hook.DuePage{}, errTrouble
	}
	return page, err
}

func (m *unreliable) Intend(r hook.Result) error {
	if m.trouble(10) {
		return errTrouble
	}
	err := m.Store.Intend(r)
	if m.trouble(10) {
		return errTrouble
	}
	return err
}

func (m *unreliable) SaveResult(r hook.Result, done func(error)) {
	if m.trouble(10) {
		done(errTrouble)
		return
	}
	m.Store.SaveResult(r, func(err error) {
		if m.trouble(10) {
			err = errTrouble
		}
		done(err)
	})
}

// model is one run of the test.
type model struct {
	*world
	*chance
	endpoints []*hook.Endpoint
	batched   bool // several events go in one request
	mu        sync.Mutex
	published map[string]hook.DeliveryID // by payload: what is committed, or is about to be
	answered  map[string][]bool          // by payload: whether each request succeeded
	order     map[string][]int           // by URL: the numbers of the first events of the requests
	together  int                        // the most events in one request
}

// answer is what a receiver does.
func (m *model) answer(_ int, message *send.Message) *send.Reply {
	if m.trouble(3) {
		m.rest(2 * time.Second)
	}
	x := status(200)
	switch {
	case m.trouble(6):
		x = status(500)
	case m.trouble(40):
		x = status(503)
		x.RetryAfter = 2 * time.Second
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	parts := []string{string(message.Body)}
	if m.batched {
		parts = strings.Split(strings.Trim(string(message.Body), "[]"), ",")
	}
	var numbers []int
	for _, part := range parts {
		var number int
		if _, err := fmt.Sscanf(part, message.Target+" %d", &number); err != nil {
			m.t.Error(err)
		}
		if _, ok := m.published[part]; !ok {
			m.t.Errorf("%s was sent, and not published", part)
		}
		numbers = append(numbers, number)
		m.answered[part] = append(m.answered[part], x.Response.Status == 200)
	}
	if m.together = max(m.together, len(parts)); len(parts) > modelBatch || strings.HasPrefix(message.Target, "http://ordered") && !slices.IsSorted(numbers) {
		m.t.Errorf("one request to %s has %v", message.Target, numbers)
	}
	m.order[message.Target] = append(m.order[message.Target], numbers[0])
	return x
}

// modelBatch is how many events go in one request at most.
const modelBatch = 3

// publish is a publisher. It publishes a few events, waits until they are accepted, and goes
// on. from is the number of its first event.
func (m *model) publish(e *hook.Endpoint, from int, snapshots bool) {
	for range 5 {
		jobs := newJobs(e, 1+m.below(6), func(i int) string { return fmt.Sprint(e.Config.URL, " ", from+i) })
		from += len(jobs)
		if !m.trouble(8) { // else the lane does not expect them
			for i := range jobs {
				m.await(&jobs[i].Delivery)
			}
		}
		m.rest(10 * time.Millisecond)
		if m.trouble(6) { // the commit fails
			for i := range jobs {
				m.w.CallOff(&jobs[i].Delivery)
			}
			continue
		}
		m.mu.Lock()
		for _, job := range jobs {
			m.published[string(job.Event.Payload)] = job.Delivery.ID
		}
		m.mu.Unlock()
		if snapshots && m.below(2) == 0 {
			m.w.Supersede(m.snapshot(e, jobs))
		} else {
			m.commit(jobs)
		}
		if m.below(3) == 0 {
			m.rest(time.Second)
		}
		m.w.Offer(jobs)
		m.rest(time.Second)
	}
}

// snapshot commits jobs of which the first is a snapshot that supersedes the one before.
func (m *model) snapshot(e *hook.Endpoint, jobs []hook.Job) []hook.Delivery {
	end := &hook.RunEnd{
		ScheduleName: hook.ScheduleName{Tenant: "acme", Contract: "standard", Type: e.ID.String()},
		Run:          hook.ScheduleRun{At: time.Now(), State: hook.RunSent, Event: jobs[0].Event.ID},
	}
	sub := hook.Submission{Tenant: "acme", RunEnd: end}
	for _, job := range jobs {
		sub.Items = append(sub.Items, &hook.Accepted{Event: job.Event, Deliveries: []hook.Delivery{job.Delivery}})
	}
	v, err := m.db.Submit(sub, time.Hour)
	if err != nil {
		m.t.Error(err)
		return nil
	}
	return v.Run.Superseded
}

// disturb lets things happen to endpoints.
func (m *model) disturb(moving bool) {
	for range 8 {
		m.rest(2 * time.Second)
		e := m.endpoints[m.below(len(m.endpoints))]
		switch n := m.below(4); {
		case n < 2:
			m.w.Wake(e.ID)
		case n == 2:
			m.w.Refresh(hook.Change{Endpoint: e.ID})
		case moving:
			m.move()
		default:
			m.pause(e)
		}
	}
}

// pause pauses an endpoint for a while. A request that is in flight then may end.
func (m *model) pause(e *hook.Endpoint) {
	set := func(s hook.EndpointState) {
		if err := m.db.SetEndpointState(context.Background(), e.ID, s, "", time.Now()); err != nil {
			m.t.Error(err)
		}
	}
	sent := func() int {
		m.mu.Lock()
		defer m.mu.Unlock()
		return len(m.order[e.Config.URL])
	}
	set(hook.EndpointPaused)
	<-time.After(5 * time.Second) // no answer takes longer
	before := sent()
	<-time.After(2 * time.Second)
	if n := sent() - before; n > 0 {
		m.t.Errorf("%d requests to %s while it is paused", n, e.Config.URL)
	}
	set(hook.EndpointActive)
}

// move hands the endpoints over, and takes them back.
func (m *model) move() {
	m.owner.none.Store(true)
	if err := m.w.HandOver(context.Background(), OwnsAll{}.Owns); err != nil {
		m.t.Error(err)
	}
	m.rest(time.Second)
	m.takeOver()
}

// check is called in the end and reports what is wrong.
func (m *model) check() {
	for payload, id := range m.published {
		d, answers := m.delivery(id), m.answered[payload]
		at := slices.Index(answers, true)
		switch {
		case !d.State.Finished():
			m.t.Errorf("%s was forgotten: %+v", payload, d)
		case d.Mode == hook.AtMostOnce && len(answers) > 1, at >= 0 && at < len(answers)-1:
			m.t.Errorf("%s was sent again: %v", payload, answers)
		case d.State == hook.Delivered && at < 0, at >= 0 && d.State != hook.Delivered, d.State == hook.Cancelled && d.Reason != hook.ReasonSuperseded:
			m.t.Errorf("%s was answered %v, and is %+v", payload, answers, d)
		case d.Attempts != len(answers):
			m.t.Errorf("%s: %d attempts of %d are known", payload, d.Attempts, len(answers))
		}
	}
	for _, e := range m.endpoints {
		if e.Config.Ordered && !slices.IsSorted(m.order[e.Config.URL]) {
			m.t.Errorf("%s got %v", e.Config.URL, m.order[e.Config.URL])
		}
		l := m.w.existing(e.ID)
		if l == nil { // handed over
			continue
		}
		l.mu.Lock()
		if !l.window.Empty() || l.starting != 0 || l.inFlight != 0 || !l.window.CaughtUp() || !l.window.NextDue().IsZero() {
			m.t.Errorf("%s left over: %+v, %d starting, %d in flight", e.Config.URL, l.window, l.starting, l.inFlight)
		}
		l.mu.Unlock()
	}
	if bytes := m.w.memory.Used(); bytes != 0 || m.w.slots.used != 0 || len(m.w.unstored) != 0 {
		m.t.Errorf("left over: %d bytes, %d slots, %d results", bytes, m.w.slots.used, len(m.w.unstored))
	}
	m.w.tend(time.Now().Add(2 * idleAfter))
	if n := len(m.w.all()); n != 0 {
		m.t.Errorf("%d lanes are not idle in the end", n)
	}
}

// Whatever happens, each delivery comes to its end, is sent successfully once, and in order
// if its endpoint is ordered. Then the lanes have nothing left in memory.
func TestModel(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			testModel(t, seed, seed%2 == 1, false)
		})
	}
}

// The same holds if several events go in one request.
func TestModelOfBatches(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			testModel(t, seed, seed%2 == 1, true)
		})
	}
}

func testModel(t *testing.T, seed uint64, moving, batched bool) {
	retry := make([]time.Duration, 20)
	for i := range retry {
		retry[i] = time.Duration(i) * 300 * time.Millisecond
	}
	once := []time.Duration{0}
	m := &model{
		chance: &chance{rng: rand.New(rand.NewPCG(seed, 0))}, published: map[string]hook.DeliveryID{}, answered: map[string][]bool{}, order: map[string][]int{},
	}
	bubble(t, time.Hour, hook.EndpointConfig{Retry: retry, Concurrency: 3}, m.answer, func(t *testing.T, x *world) {
		m.world = x
		if m.batched = batched; batched {
			x.setContract(standard + fmt.Sprintf("delivery: {batch: {max: %d, wait: 200ms}}\n", modelBatch))
		}
		x.w.Store = &unreliable{x.db, m.chance}
		x.w.memory.Max = 30 * 700 // memory for about 30 deliveries
		m.endpoints = []*hook.Endpoint{
			x.endpoint,
			x.addEndpoint("http://once", hook.EndpointConfig{Retry: once, Mode: hook.AtMostOnce, Concurrency: 2}),
			x.addEndpoint("http://ordered", hook.EndpointConfig{Retry: retry, Ordered: true}),
			x.addEndpoint("http://orderedonce", hook.EndpointConfig{Retry: once, Mode: hook.AtMostOnce, Ordered: true}),
		}
		var all sync.WaitGroup
		for i, e := range m.endpoints {
			all.Go(func() { m.publish(e, 0, i != 1) })
			if !e.Config.Ordered {
				all.Go(func() { m.publish(e, 1000, false) })
			}
		}
		all.Go(func() { m.disturb(moving) })
		all.Wait()
		m.chance.mu.Lock()
		m.quiet = true
		m.chance.mu.Unlock()
		if moving { // what was announced while nobody owned the endpoints
			if err := x.w.sweep(t.Context()); err != nil {
				t.Error(err)
			}
		}
		pass(10 * time.Minute)
		synctest.Wait()
		if batched && m.together != modelBatch {
			t.Errorf("no request had more than %d events", m.together)
		}
		m.check()
	})
}
