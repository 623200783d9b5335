package stream

import (
	"slices"
	"sync"
	"testing"
	"time"

	"gancho/internal/hook"
)

func delivery(tenant string, state hook.State) *hook.Delivery {
	return &hook.Delivery{
		Tenant: tenant, ID: hook.NewEventID().Delivery(1), Endpoint: hook.NewEndpointID(), Type: "order.paid",
		State: state, FinishedAt: time.Now(),
	}
}

func subscribe(t *testing.T, h *Hub, tenant string) *Reader {
	t.Helper()
	r, ok := h.Subscribe(tenant)
	if !ok {
		t.Fatal("refused")
	}
	return r
}

func TestWhoGetsWhichNotice(t *testing.T) {
	t.Parallel()
	var h Hub
	h.Cancelled(delivery("acme", hook.Cancelled)) // nobody reads
	all, ours := subscribe(t, &h, ""), subscribe(t, &h, "acme")
	d := delivery("acme", hook.Retrying)
	d.NextAttemptAt = time.Now()
	h.Attempted(d, &hook.Attempt{
		Number: 2, Class: hook.ClassStatus5xx, Response: &hook.Response{Status: 500}, Timing: hook.Timing{Total: time.Second},
	})
	h.Cancelled(delivery("other", hook.Cancelled))
	h.Made([]hook.Job{{Delivery: *delivery("acme", hook.Pending)}, {Delivery: *delivery("other", hook.Pending)}})
	h.Changed(hook.Change{Tenant: "acme", Endpoint: hook.NewEndpointID()})
	h.Changed(hook.Change{Tenant: "other"})
	h.Changed(hook.Change{Key: hook.NewKeyID()}) // has no notice
	h.Changed(hook.Change{Tenant: "acme", Key: hook.NewKeyID()})
	h.Changed(hook.Change{})
	h.Changed(hook.Change{Contract: "standard"}) // for all readers
	h.Close()
	h.Close()
	if _, ok := h.Subscribe(""); ok {
		t.Error("a closed hub takes readers")
	}
	kinds := func(r *Reader) (list []hook.NoticeKind) {
		for n := range r.Notices() {
			list = append(list, n.Kind)
			if n.Kind == hook.NoticeAttempt && (n.Delivery != d.ID || n.Status != 500 || n.Number != 2 ||
				n.Took != time.Second || !n.NextAttemptAt.Equal(d.NextAttemptAt)) {
				t.Errorf("attempt %+v", n)
			}
		}
		r.Close()
		return list
	}
	if got := kinds(all); len(got) != 7 {
		t.Errorf("all: %v", got)
	}
	want := []hook.NoticeKind{hook.NoticeAttempt, hook.NoticeDelivery, hook.NoticeEndpoint, hook.NoticeContract}
	if got := kinds(ours); !slices.Equal(got, want) {
		t.Errorf("ours: %v", got)
	}
}

// TestSlowReader publishes more notices than fit into a reader's buffer. The reader gets the first
// ones, then how many it missed, then those that come after it has made room.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	var h Hub
	slow := subscribe(t, &h, "")
	const published = buffer + 1000
	for range published {
		h.Cancelled(delivery("acme", hook.Cancelled))
	}
	for range buffer {
		if n := <-slow.Notices(); n.Kind != hook.NoticeDelivery {
			t.Fatalf("%+v", n)
		}
	}
	h.Cancelled(delivery("acme", hook.Cancelled))
	if n := <-slow.Notices(); n.Kind != hook.NoticeLost || n.Lost != published-buffer {
		t.Errorf("%+v", n)
	}
	if n := <-slow.Notices(); n.Kind != hook.NoticeDelivery {
		t.Errorf("%+v", n)
	}
	slow.Close()
	slow.Close()
	if h.watched.Load() {
		t.Error("nobody reads, but the hub still makes notices")
	}
}

// TestEverybodyAtOnce calls everything at once, for the race detector.
func TestEverybodyAtOnce(t *testing.T) {
	t.Parallel()
	var h Hub
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 200 {
				h.Cancelled(delivery("acme", hook.Cancelled))
			}
		})
		wg.Go(func() {
			for range 20 {
				r, ok := h.Subscribe([]string{"", "acme", "other"}[i%3])
				if !ok {
					return
				}
				for range len(r.Notices()) {
					<-r.Notices()
				}
				r.Close()
			}
		})
	}
	wg.Go(h.Close)
	wg.Wait()
}

func TestReadersAreBounded(t *testing.T) {
	t.Parallel()
	var h Hub
	first := subscribe(t, &h, "acme")
	for range maxEach - 1 {
		subscribe(t, &h, "acme")
	}
	if _, ok := h.Subscribe("acme"); ok {
		t.Error("one more of a tenant")
	}
	subscribe(t, &h, "other") // another tenant still has room
	for range maxReaders - maxEach - 1 {
		subscribe(t, &h, "")
	}
	first.Close()
	first.Close() // closing twice changes nothing
	subscribe(t, &h, "acme")
	for _, tenant := range []string{"", "third"} {
		if _, ok := h.Subscribe(tenant); ok {
			t.Errorf("one more of %q", tenant)
		}
	}
}

func BenchmarkNobodyReads(b *testing.B) {
	var h Hub
	d, a := delivery("acme", hook.Delivered), &hook.Attempt{}
	for b.Loop() {
		h.Attempted(d, a)
	}
}
