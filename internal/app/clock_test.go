package app

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
	"unsafe"

	"gancho.example/client"
)

// putForward is t as a wall clock shows it that was put forward by some seconds, or back, while the monotonic clock went on.
func putForward(t time.Time, by time.Duration) time.Time {
	// A Time with a monotonic reading has the seconds since 1885 of the wall clock in its first word, above 30 bits of
	// nanoseconds.
	*(*uint64)(unsafe.Pointer(&t)) += uint64(by/time.Second) << 30
	return t
}

// jumpingClock is a wall clock that is put forward by as much as a file says; no file: not at all.
func jumpingClock(file string) func() time.Time {
	return func() time.Time {
		text, err := os.ReadFile(file)
		if err != nil {
			return time.Now()
		}
		by, err := time.ParseDuration(string(text))
		if err != nil {
			panic(err)
		}
		return putForward(time.Now(), by)
	}
}

// putClock puts the wall clock of a server with a [jumpingClock] forward, compared with the real one.
func putClock(t *testing.T, file string, by time.Duration) {
	t.Helper()
	if err := os.WriteFile(file+".new", []byte(by.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		t.Fatal(err)
	}
}

func TestClock(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	start := time.Now()
	var now time.Time
	x := clock{wall: func() time.Time { return now }}
	for _, c := range []struct {
		name string
		by   time.Duration // how far the wall clock is off
		at   time.Duration // since the start, by the monotonic clock
		want time.Duration // since the start, as the clock shows it
	}{
		{"the start", 0, 0, 0},
		{"an hour later", 0, time.Hour, time.Hour},
		{"put back", -day, time.Hour + time.Second, time.Hour + time.Second},
		{"goes on", -day, 3 * time.Hour, 3 * time.Hour},
		{"put right", 0, 4 * time.Hour, 4 * time.Hour},
		{"put forward", day, 5 * time.Hour, 29 * time.Hour},
		{"and right again", 0, 6 * time.Hour, 30 * time.Hour},
		{"goes on again", 0, 7 * time.Hour, 31 * time.Hour},
		{"the wall clock overtakes", day + time.Second, 8 * time.Hour, 32*time.Hour + time.Second},
	} {
		now = putForward(start.Add(c.at), c.by)
		got := x.Now()
		if shown := got.Round(0).Sub(start.Round(0)); shown != c.want {
			t.Errorf("%s: %v after the start, want %v", c.name, shown, c.want)
		}
		if passed := got.Sub(start); passed != c.at {
			t.Errorf("%s: %v have passed, want %v", c.name, passed, c.at)
		}
	}
}

// The wall clock of a server is put forward, or back, by a day while deliveries wait for a retry, are on the way, are
// ordered, limited in their rate, held, or at-most-once. All arrive, each as often as without that; retries neither come
// before their time nor a day late; the order stays. Then the server is killed, and another goes on by the clock as it
// is.
func TestClockJumps(t *testing.T) {
	for name, by := range map[string]time.Duration{"forward": 24 * time.Hour, "back": -24 * time.Hour} {
		t.Run(name, func(t *testing.T) { eachPlace(t, func(t *testing.T, at place) { testClockJumps(t, at, by) }) })
	}
}

const firstWait = 5 * time.Second // of a retry; what is checked is that it was not less

func testClockJumps(t *testing.T, at place, by time.Duration) {
	rc := &clockReceiver{t: t, hold: make(chan struct{}), fails: map[string]int{}, got: map[string][]arrived{}}
	url := listening(t, rc.serve)
	file := filepath.Join(t.TempDir(), "clock")
	withClock := func(c *testConfig) { c.Clock = file }
	p := startWith(t, at, withClock)
	if _, err := p.PutTenant(t.Context(), "acme", client.TenantInput{}); err != nil {
		t.Fatal(err)
	}
	waits := []string{"0s", firstWait.String(), firstWait.String(), firstWait.String()}
	ids := map[string]string{}
	for _, in := range []client.EndpointInput{
		{Name: "retry", Retry: waits},
		{Name: "ordered", Ordered: true, Retry: waits},
		{Name: "running"},
		{Name: "once", Mode: "at_most_once"},
		{Name: "rate", RateLimit: &client.RateLimit{PerSecond: 2}},
		{Name: "paused", State: "paused"},
		{Name: "killed", Retry: waits},
	} {
		in.URL, in.EventTypes = url+"/"+in.Name, []string{in.Name}
		e, err := p.CreateEndpoint(t.Context(), "acme", in)
		if err != nil {
			t.Fatal(err)
		}
		ids[in.Name] = e.ID
	}
	publish := func(kind string, from, to int) {
		t.Helper()
		for n := from; n <= to; n++ {
			e := client.NewEvent{Type: kind, ID: fmt.Sprint(kind, n), Payload: json.RawMessage(fmt.Sprint(n))}
			if a, err := p.PublishEvent(t.Context(), "acme", e); err != nil || a.Duplicate {
				t.Fatal(a, err)
			}
		}
	}
	rc.fail("/retry", 2)   // both of its first events
	rc.fail("/ordered", 1) // the first holds up the others
	publish("retry", 1, 2)
	publish("ordered", 1, 5)
	publish("running", 1, 2)
	publish("once", 1, 2)
	publish("rate", 1, 5)
	publish("paused", 1, 2)
	eventually(t, "the first retries wait and the first requests are on the way", func() bool {
		return rc.count("/retry") >= 2 && rc.count("/ordered") >= 1 && rc.count("/running") == 2 && rc.count("/once") == 2 &&
			p.waiting(t, ids["retry"], "retrying") == 2
	})

	putClock(t, file, by)
	publish("ordered", 6, 10)
	publish("once", 3, 4)
	publish("rate", 6, 10)
	publish("paused", 3, 4)
	rc.release()
	if _, err := p.ResumeEndpoint(t.Context(), "acme", ids["paused"]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "everything is delivered", func() bool {
		for kind, n := range map[string]int{"retry": 2, "ordered": 10, "running": 2, "once": 4, "rate": 10, "paused": 4} {
			if p.waiting(t, ids[kind], "delivered") != n {
				return false
			}
		}
		return true
	})
	again := client.NewEvent{Type: "paused", ID: "paused3", Payload: json.RawMessage("3")}
	if a, err := p.PublishEvent(t.Context(), "acme", again); err != nil || !a.Duplicate {
		t.Errorf("an event that was accepted after the jump is accepted again: %+v, %v", a, err)
	}
	for kind, most := range map[string]int{"/retry": 2, "/running": 1, "/once": 1, "/rate": 1, "/paused": 1} {
		rc.eachCame(kind, most)
	}
	rc.inOrder("/ordered", 10)
	if by < 0 { // a clock that is put forward looks like a machine that slept, and what came due meanwhile is due
		rc.waited("/retry")
	}

	// Killed while one delivery waits for its retry and others are on the way.
	rc.fail("/killed", 1)
	publish("killed", 1, 1)
	eventually(t, "the retry waits", func() bool { return p.waiting(t, ids["killed"], "retrying") == 1 })
	rc.holdAgain()
	publish("running", 3, 4)
	publish("once", 5, 6)
	eventually(t, "requests are on the way", func() bool { return rc.count("/running") == 4 && rc.count("/once") == 6 })
	p.kill()
	putClock(t, file, 2*by) // once more, while no server runs
	rc.release()
	p = startWith(t, at, withClock)
	eventually(t, "all is delivered, except what nobody knows about", func() bool {
		return p.waiting(t, ids["killed"], "delivered") == 1 && p.waiting(t, ids["running"], "delivered") == 4 &&
			p.waiting(t, ids["once"], "unknown") == 2
	})
	rc.eachCame("/once", 1)
	rc.eachCame("/killed", 2)
	p.stop()
}

// waiting is how many deliveries of an endpoint are in a state.
func (p *process) waiting(t *testing.T, endpoint, state string) int {
	t.Helper()
	list, err := p.Deliveries(t.Context(), "acme", client.DeliveryFilter{Endpoint: endpoint, State: state})
	if err != nil {
		t.Fatal(err)
	}
	return len(list.Items)
}

// clockReceiver notes what arrives, by path.
type clockReceiver struct {
	t     *testing.T
	mu    sync.Mutex
	hold  chan struct{}  // requests to /running and /once wait until it is closed
	fails map[string]int // how many requests to a path are still to fail
	got   map[string][]arrived
}

// arrived is one request.
type arrived struct {
	event, body string
	at          time.Time
	failed      bool
}

func (rc *clockReceiver) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	rc.mu.Lock()
	path := r.URL.Path
	failed := rc.fails[path] > 0
	if failed {
		rc.fails[path]--
	}
	rc.got[path] = append(rc.got[path], arrived{r.Header.Get("webhook-id"), string(body), time.Now(), failed})
	hold := rc.hold
	rc.mu.Unlock()
	if path == "/running" || path == "/once" {
		select {
		case <-hold:
		case <-r.Context().Done():
		}
	}
	if failed {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (rc *clockReceiver) fail(path string, n int) { rc.mu.Lock(); rc.fails[path] = n; rc.mu.Unlock() }

func (rc *clockReceiver) release() { rc.mu.Lock(); close(rc.hold); rc.mu.Unlock() }

func (rc *clockReceiver) holdAgain() { rc.mu.Lock(); rc.hold = make(chan struct{}); rc.mu.Unlock() }

func (rc *clockReceiver) count(path string) int { return len(rc.all(path)) }

func (rc *clockReceiver) all(path string) []arrived {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return slices.Clone(rc.got[path])
}

// eachCame fails unless each event came to a path, and at most so often.
func (rc *clockReceiver) eachCame(path string, most int) {
	rc.t.Helper()
	times := map[string]int{}
	for _, a := range rc.all(path) {
		times[a.event]++
	}
	for id, n := range times {
		if n > most {
			rc.t.Errorf("%s came to %s %d times, at most %d is right", id, path, n, most)
		}
	}
}

// inOrder fails unless the numbers from 1 to n came in their order, each again until it did not fail.
func (rc *clockReceiver) inOrder(path string, n int) {
	rc.t.Helper()
	var came, want []string
	for _, a := range rc.all(path) {
		if !a.failed {
			came = append(came, a.body)
		}
	}
	for k := range n {
		want = append(want, fmt.Sprint(k+1))
	}
	if !slices.Equal(came, want) {
		rc.t.Errorf("%s got %s", path, strings.Join(came, " "))
	}
}

// waited fails if a retry came too soon. The wait may be a tenth shorter than the schedule says.
func (rc *clockReceiver) waited(path string) {
	rc.t.Helper()
	first := map[string]time.Time{}
	for _, a := range rc.all(path) {
		if before, again := first[a.event]; !again {
			first[a.event] = a.at
		} else if waited := a.at.Sub(before); waited < firstWait*9/10 {
			rc.t.Errorf("%s came again to %s after %v", a.event, path, waited)
		}
	}
}
