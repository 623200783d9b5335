package ingest_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/ingest"
	"gancho/internal/pgtest"
	"gancho/internal/store"
	"gancho/internal/storetest"
)

// clock is a clock that stands still until a test sets it.
type clock struct {
	mu  sync.Mutex
	at  time.Time
	log bytes.Buffer // of the program that has this clock
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// delayed runs a test on both databases under a contract named shop, with what its section delivery says.
func delayed(t *testing.T, delivery string, fn func(t *testing.T, b *setup, c *clock)) {
	t.Helper()
	for _, kind := range []string{"sqlite", "postgres"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := &clock{at: time.Now().Truncate(time.Millisecond)}
			o := store.Options{Key: store.NewKey(), Now: c.now}
			if kind == "sqlite" {
				o.Path = filepath.Join(t.TempDir(), "gancho.db")
			} else {
				o.URL = pgtest.Database(t, store.Migrate)
			}
			b := newSetup(t, storetest.Run(t, o))
			shop, err := contract.Parse("shop.yaml", []byte("contract: shop\ntitle: {en: Shop}\n"+
				"events: {order.changed: {title: {en: Changed}}}\ndelivery: "+delivery+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			set := new(contract.Set)
			set.Add(shop.WithVersion(1))
			b.contracts = set
			b.Ingest = ingest.New(ingest.Options{
				Store: b.db, Dispatcher: b.dispatcher, Contracts: set, KeepKeys: time.Hour, Now: c.now, Log: slog.New(slog.NewTextHandler(&c.log, nil)),
			})
			b.db.Watch(b.Forget)
			fn(t, b, c)
		})
	}
}

func changed(order int, total string) hook.NewEvent {
	return hook.NewEvent{
		Contract: "shop", Type: "order.changed", Door: hook.DoorAPI, Payload: fmt.Appendf(nil, `{"id":%d,"total":%s}`, order, total),
	}
}

// state is what became of the only delivery of an answered event.
func (b *setup) state(a hook.EventAnswer) hook.Delivery {
	b.t.Helper()
	if a.Wrong != nil || a.Deliveries != 1 {
		b.t.Fatalf("%+v", a)
	}
	d, err := b.db.Delivery(b.t.Context(), "acme", a.ID.Delivery(1))
	if err != nil {
		b.t.Fatal(err)
	}
	return d
}

func TestDelay(t *testing.T) {
	t.Parallel()
	delayed(t, "{delay: 10m, retry: [5s, 1m]}", func(t *testing.T, b *setup, c *clock) {
		b.endpoint("shop", hook.EndpointActive, hook.EndpointConfig{})
		d := b.state(b.accept(changed(1, "5"))[0])
		if want := c.now().Add(10*time.Minute + 5*time.Second); d.State != hook.Pending || !d.NextAttemptAt.Equal(want) {
			t.Errorf("%s, due at %s; want pending, %s", d.State, d.NextAttemptAt, want)
		}
		if len(b.dispatcher.announced) > 0 {
			t.Error("a delivery that waits was announced as if it would be sent at once")
		}
	})
}

// Of events that follow each other quickly, only the last one is sent: after it nothing came for the time to wait.
func TestDebounce(t *testing.T) {
	t.Parallel()
	delayed(t, `{debounce: {key: "${payload.id}", wait: 30s, max: 70s}}`, func(t *testing.T, b *setup, c *clock) {
		e := b.endpoint("shop", hook.EndpointActive, hook.EndpointConfig{})
		due := func(name string, a hook.EventAnswer, in time.Duration) {
			t.Helper()
			if d := b.state(a); d.State != hook.Pending || !d.NextAttemptAt.Equal(c.now().Add(in)) || !d.QueueAt.Equal(d.NextAttemptAt) {
				t.Errorf("%s: %s, due %s from now; want pending, %s", name, d.State, d.NextAttemptAt.Sub(c.now()), in)
			}
		}
		replaced := func(name string, a hook.EventAnswer) {
			t.Helper()
			if d := b.state(a); d.State != hook.Cancelled || d.Reason != hook.ReasonSuperseded || !d.FinishedAt.Equal(c.now()) {
				t.Errorf("%s: %s, %s, %s", name, d.State, d.Reason, d.FinishedAt)
			}
		}
		first := b.accept(changed(1, "1"))[0]
		due("first", first, 30*time.Second)
		other := b.accept(changed(2, "1"))[0]
		c.pass(20 * time.Second)
		second := b.accept(changed(1, "2"))[0]
		replaced("first", first)
		due("second", second, 30*time.Second)
		due("of another key", other, 10*time.Second)

		// Several in one request, and so in one commit.
		c.pass(20 * time.Second)
		three := b.accept(changed(1, "3"), changed(1, "4"), changed(1, "5"))
		replaced("second", second)
		replaced("third", three[0])
		replaced("fourth", three[1])
		due("fifth", three[2], 30*time.Second) // 70 s after the first

		// Whoever goes on changing gets one at the latest after max.
		c.pass(20 * time.Second)
		last := b.accept(changed(1, "6"))[0]
		replaced("fifth", three[2])
		due("sixth", last, 10*time.Second)
		c.pass(10 * time.Second)
		next := b.accept(changed(1, "7"))[0]
		due("sixth, while the next one waits", last, 0)
		due("seventh", next, 30*time.Second)

		// Without a key, each is sent.
		keyless := hook.NewEvent{Contract: "shop", Type: "order.changed", Door: hook.DoorAPI, Payload: []byte(`{"total":1}`)}
		for _, a := range b.accept(keyless, keyless) {
			due("without a key", a, 0)
		}
		if len(b.dispatcher.take()) != 2 {
			t.Error("not exactly those without a key were offered")
		}
		if n := len(b.dispatcher.superseded); n != 5 {
			t.Errorf("the worker heard of %d superseded ones, want 5", n)
		}
		for _, d := range b.dispatcher.superseded {
			if d.Endpoint != e.ID || d.Tenant != "acme" || d.Type != "order.changed" || d.State != hook.Cancelled {
				t.Errorf("the worker heard of %+v", d)
			}
		}
		if b.dispatcher.woken[e.ID] != 8 {
			t.Errorf("the worker was woken %d times, want 8: for each that waits", b.dispatcher.woken[e.ID])
		}
	})
}

// What lets each delivery wait, the contract's delay and the first delay of the schedule, counts for a debounced one, too:
// it is due at the later of the two times, also if it takes the place of another, and also after max.
func TestDebounceKeepsTheDelay(t *testing.T) {
	t.Parallel()
	delayed(t, `{delay: 10m, retry: [5s, 1m], debounce: {key: "${payload.id}", wait: 30s, max: 2m}}`, func(t *testing.T, b *setup, c *clock) {
		quick := b.endpoint("shop", hook.EndpointActive, hook.EndpointConfig{})
		slow := b.endpoint("shop", hook.EndpointActive, hook.EndpointConfig{Retry: []time.Duration{time.Hour}, Ordered: true})
		delays := map[hook.EndpointID]time.Duration{quick.ID: 10*time.Minute + 5*time.Second, slow.ID: 70 * time.Minute}
		of := func(a hook.EventAnswer) (list []hook.Delivery) {
			t.Helper()
			if a.Wrong != nil || a.Deliveries != len(delays) {
				t.Fatalf("%+v", a)
			}
			for n := 1; n <= len(delays); n++ {
				d, err := b.db.Delivery(t.Context(), "acme", a.ID.Delivery(n))
				if err != nil {
					t.Fatal(err)
				}
				list = append(list, d)
			}
			return list
		}
		// due checks that the deliveries of an event, which was accepted some time ago, wait for their delay from then.
		due := func(name string, a hook.EventAnswer, ago time.Duration) {
			t.Helper()
			for _, d := range of(a) {
				in := d.NextAttemptAt.Sub(c.now())
				if want := delays[d.Endpoint] - ago; d.State != hook.Pending || in != want || !d.QueueAt.Equal(d.NextAttemptAt) {
					t.Errorf("%s: %s, due %s from now; want pending, %s", name, d.State, in, want)
				}
			}
		}
		replaced := func(name string, a hook.EventAnswer) {
			t.Helper()
			for _, d := range of(a) {
				if d.State != hook.Cancelled || d.Reason != hook.ReasonSuperseded {
					t.Errorf("%s: %s, %s", name, d.State, d.Reason)
				}
			}
		}
		first := b.accept(changed(1, "1"))[0]
		due("first", first, 0)
		c.pass(time.Minute)
		three := b.accept(changed(1, "2"), changed(1, "3"), changed(1, "4"))
		replaced("first", first)
		replaced("second", three[0])
		replaced("third", three[1])
		due("fourth", three[2], 0)

		// After max, the next ones wait for themselves, so that what waits goes out although events keep coming.
		c.pass(time.Minute)
		next := b.accept(changed(1, "5"), changed(1, "6"))
		replaced("fifth", next[0])
		due("fourth", three[2], time.Minute)
		due("sixth", next[1], 0)
		c.pass(time.Minute)
		last := b.accept(changed(1, "7"))[0]
		replaced("sixth", next[1])
		due("fourth", three[2], 2*time.Minute)
		due("seventh", last, 0)
	})
}

// Where the delay is the shorter of the two, a debounced delivery waits for a newer one as if there were none.
func TestDebounceWithAShortDelay(t *testing.T) {
	t.Parallel()
	delayed(t, `{delay: 10s, debounce: {key: "${payload.id}", wait: 30s, max: 45s}}`, func(t *testing.T, b *setup, c *clock) {
		b.endpoint("shop", hook.EndpointActive, hook.EndpointConfig{})
		due := func(name string, a hook.EventAnswer, want time.Duration) {
			t.Helper()
			if d := b.state(a); d.State != hook.Pending || d.NextAttemptAt.Sub(c.now()) != want {
				t.Errorf("%s: %s, due %s from now; want pending, %s", name, d.State, d.NextAttemptAt.Sub(c.now()), want)
			}
		}
		first := b.accept(changed(1, "1"))[0]
		due("first", first, 30*time.Second)
		c.pass(20 * time.Second)
		second := b.accept(changed(1, "2"))[0]
		due("second", second, 25*time.Second) // max is over
		c.pass(20 * time.Second)
		third := b.accept(changed(1, "3"))[0]
		due("third", third, 10*time.Second) // max is over sooner than the delay
		c.pass(5 * time.Second)
		fourth := b.accept(changed(1, "4"))[0]
		due("third, which was not replaced: it would have waited longer", third, 5*time.Second)
		due("fourth", fourth, 30*time.Second)
	})
}

// What a person sent again is not replaced by a newer event, although the row still says that it waits.
func TestDebounceRetriedByAPerson(t *testing.T) {
	t.Parallel()
	delayed(t, `{debounce: {key: "${payload.id}", wait: 1h}}`, func(t *testing.T, b *setup, c *clock) {
		b.endpoint("shop", hook.EndpointActive, hook.EndpointConfig{})
		first := b.accept(changed(1, "1"))[0]
		c.pass(time.Minute)
		cancelled, ok := hook.Next(b.state(first), hook.Trigger{Kind: hook.OnEndpointStop}, hook.Policy{}, hook.Standing{State: hook.EndpointDisabled}, c.now())
		if !ok {
			t.Fatal("not cancelled")
		}
		if err := b.db.Intend(hook.Result{Delivery: cancelled.Delivery}); err != nil {
			t.Fatal(err)
		}
		if _, err := b.db.Retry(t.Context(), "acme", first.ID.Delivery(1), false); err != nil {
			t.Fatal(err)
		}
		b.accept(changed(1, "2"))
		if d := b.state(first); d.State != hook.Pending || !d.NextAttemptAt.Equal(c.now()) {
			t.Errorf("%s, %s, due %s", d.State, d.Reason, d.NextAttemptAt)
		}
	})
}

// A request that is sent again is answered as the first time, and supersedes nothing.
func TestDebounceRepeated(t *testing.T) {
	t.Parallel()
	delayed(t, `{debounce: {key: "${payload.id}", wait: 1h}}`, func(t *testing.T, b *setup, c *clock) {
		b.endpoint("shop", hook.EndpointActive, hook.EndpointConfig{})
		item := changed(1, "1")
		item.ExternalID = "a"
		first := b.accept(item)[0]
		c.pass(time.Minute)
		if again := b.accept(item)[0]; !again.Duplicate || again.ID != first.ID {
			t.Errorf("%+v", again)
		}
		if d := b.state(first); d.State != hook.Pending || !d.NextAttemptAt.Equal(c.now().Add(59*time.Minute)) {
			t.Errorf("%s, %s", d.State, d.NextAttemptAt)
		}
	})
}

// Publishers at the same time: exactly one delivery waits in the end.
func TestDebounceTogether(t *testing.T) {
	t.Parallel()
	delayed(t, `{debounce: {key: "${payload.id}", wait: 1h}}`, func(t *testing.T, b *setup, _ *clock) {
		b.endpoint("shop", hook.EndpointActive, hook.EndpointConfig{})
		const publishers, each = 8, 10
		answers := make([][]hook.EventAnswer, publishers)
		var wg sync.WaitGroup
		for i := range publishers {
			wg.Go(func() {
				for range each {
					list, err := b.Accept(t.Context(), hook.NewEvents{Tenant: "acme", Items: []hook.NewEvent{changed(1, "1"), changed(2, "1")}})
					if err != nil {
						t.Error(err)
						return
					}
					answers[i] = append(answers[i], list...)
				}
			})
		}
		wg.Wait()
		count := map[hook.State]int{}
		for _, list := range answers {
			for _, a := range list {
				count[b.state(a).State]++
			}
		}
		if count[hook.Pending] != 2 || count[hook.Cancelled] != 2*publishers*each-2 {
			t.Errorf("%v, want 2 pending and all others cancelled", count)
		}
		if n := len(b.dispatcher.superseded); n != 2*publishers*each-2 {
			t.Errorf("the worker heard of %d", n)
		}
	})
}

// A computed key. If it cannot be computed, the event is sent without waiting.
func TestDebounceComputed(t *testing.T) {
	t.Parallel()
	delayed(t, `{debounce: {key: {$expr: "string(payload.id % 10)"}, wait: 1h}}`, func(t *testing.T, b *setup, c *clock) {
		b.endpoint("shop", hook.EndpointActive, hook.EndpointConfig{})
		first, second := b.accept(changed(1, "1"))[0], b.accept(changed(11, "1"))[0]
		if d := b.state(first); d.State != hook.Cancelled {
			t.Errorf("the first of two with the same key: %s", d.State)
		}
		text := hook.NewEvent{Contract: "shop", Type: "order.changed", Door: hook.DoorAPI, Payload: []byte(`{"id":"one"}`)}
		third := b.accept(text)[0]
		if d := b.state(third); d.State != hook.Pending || !d.NextAttemptAt.Equal(c.now()) {
			t.Errorf("without a key: %s, %s", d.State, d.NextAttemptAt)
		}
		if d := b.state(second); d.State != hook.Pending {
			t.Errorf("the second: %s", d.State)
		}
	})
}

// What a person sends early is over, and no newer event can take its place.
func TestDebounceSentEarly(t *testing.T) {
	t.Parallel()
	delayed(t, `{debounce: {key: "${payload.id}", wait: 1h}, mode: at_most_once}`, func(t *testing.T, b *setup, c *clock) {
		b.endpoint("shop", hook.EndpointActive, hook.EndpointConfig{})
		first := b.accept(changed(1, "1"))[0]
		d := b.state(first)
		taken, ok := hook.Next(d, hook.Trigger{Kind: hook.OnTake}, hook.Policy{}, hook.Standing{}, c.now())
		if !ok {
			t.Fatal("not taken")
		}
		if err := b.db.Intend(hook.Result{Delivery: taken.Delivery}); err != nil {
			t.Fatal(err)
		}
		b.accept(changed(1, "2"))
		if now := b.state(first); now.State != hook.Sending || now.Superseded {
			t.Errorf("%s, superseded %t", now.State, now.Superseded)
		}
		if len(b.dispatcher.superseded) > 0 {
			t.Errorf("%+v", b.dispatcher.superseded)
		}
	})
}

// A key that fails may quote the payload. The log does not.
func TestDebounceKeyIsNotLogged(t *testing.T) {
	t.Parallel()
	delayed(t, `{debounce: {key: {$expr: "string(unix(payload.total))"}, wait: 1h}}`, func(t *testing.T, b *setup, c *clock) {
		b.endpoint("shop", hook.EndpointActive, hook.EndpointConfig{})
		b.accept(changed(1, `"ana@b.example"`))
		if got := c.log.String(); !strings.Contains(got, "key of debounce failed") || strings.Contains(got, "ana@") {
			t.Error(got)
		}
	})
}
