package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestPayloadHasTheSizeAskedFor(t *testing.T) {
	for _, size := range []int{minPayload, minPayload + 1, 400, 5000} {
		p := payload(7, size)
		var s stamp
		if err := json.Unmarshal([]byte(p), &s); err != nil || len(p) != size || s.Run != numberBase+7 {
			t.Errorf("payload(7, %d): %d bytes, run %d, %v\n%s", size, len(p), s.Run, err, p)
		}
	}
}

func TestStampReachesEveryEventOfABatch(t *testing.T) {
	m := newMessage(3, 300, []string{"a", "b.long", "c"}, true, true)
	m.stamp(41, 123456789)
	var events []struct {
		Type    string `json:"type"`
		Payload stamp  `json:"payload"`
	}
	if err := json.Unmarshal(m.body, &events); err != nil {
		t.Fatalf("%v\n%s", err, m.body)
	}
	for i, e := range events {
		if e.Payload.N-numberBase != int64(41+i) || e.Payload.T-timeBase != 123456789 || e.Type != []string{"a", "b.long", "c"}[i] {
			t.Errorf("event %d: %+v", i, e)
		}
	}
	if len(events) != 3 {
		t.Errorf("%d events, want 3", len(events))
	}
}

func TestEachEventKeepsItsTypeInEveryBatch(t *testing.T) {
	l := load{types: []string{"a", "b", "c", "d", "e", "f"}, batch: 4, payload: 200}
	ms := l.messages()
	for r := range 10 {
		var events []struct{ Type string }
		l.enveloped = true
		if err := json.Unmarshal(newMessage(1, 200, l.typesFrom(r*4, 4), true, true).body, &events); err != nil {
			t.Fatal(err)
		}
		if got, want := l.typesFrom((r%len(ms))*4, 4), l.typesFrom(r*4, 4); !slices.Equal(got, want) {
			t.Errorf("request %d: types %v, want %v", r, got, want)
		}
	}
}

func TestQuantiles(t *testing.T) {
	var s samples
	for i := range 1000 {
		s = append(s, int64(1000-i))
	}
	s.sorted()
	for q, want := range map[float64]time.Duration{0.0001: 1, 0.5: 500, 0.99: 990, 0.999: 999, 1: 1000} {
		if got := s.quantile(q); got != want {
			t.Errorf("quantile %v: %d, want %d", q, got, want)
		}
	}
	if got := samples(nil).quantile(0.5); got != 0 {
		t.Errorf("quantile of nothing: %d", got)
	}
	if got := (samples{7}).quantile(0.999); got != 7 {
		t.Errorf("quantile of one: %d", got)
	}
}

func TestArrivals(t *testing.T) {
	r, err := newSinkRun(runSize{Events: 4, Width: 2})
	if err != nil {
		t.Fatal(err)
	}
	r.note(0, 1, 10, 15, nil)
	r.note(3, 0, 20, 40, nil)
	r.note(3, 0, 20, 50, http.Header{"Webhook-Id": {"evt_x"}})
	r.note(4, 0, 1, 1, nil)  // no such event
	r.note(1, 2, 1, 1, nil)  // no such endpoint
	r.note(-1, 0, 1, 1, nil) // nonsense
	st := r.stats()
	if st.Arrived != 2 || st.Strange != 3 || st.Last != 40 || len(st.Doubles) != 1 || st.Doubles[0] != (double{Slot: 6, Arrived: 50, ID: "evt_x"}) {
		t.Errorf("stats: %+v", st)
	}
	got, err := parseDump(r.dump())
	want := []arrival{{}, {10, 15}, {}, {}, {}, {}, {20, 40}, {}}
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("dump: %v, %v; want %v", got, err, want)
	}
	if times := travelTimes(got); !slices.Equal(times, samples{5, 20}) {
		t.Errorf("travel times: %v", times)
	}
	if _, err := parseDump(make([]byte, 17)); err == nil {
		t.Error("a dump that is cut off was taken")
	}
	for _, size := range []runSize{{0, 1}, {1, 0}, {1 << 60, 1 << 60}} {
		if _, err := newSinkRun(size); err == nil {
			t.Errorf("a run of %+v was taken", size)
		}
	}
}

func TestSinkProcessTakesALoad(t *testing.T) {
	ctx := t.Context()
	s, err := startSink(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.stop()
	l := load{url: s.endpoint(0), want: http.StatusOK, run: 5, types: []string{""}, payload: 200, events: 103, concurrency: 3}
	if err := s.begin(ctx, 5, runSize{Events: 103, Width: 1}); err != nil {
		t.Fatal(err)
	}
	out, err := l.do(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if n := out.accepted(); n != 103 {
		t.Errorf("%d of 103 accepted", n)
	}
	as, err := s.arrivals(ctx, 5)
	if err != nil {
		t.Fatal(err)
	}
	const skew = int64(time.Millisecond) // the cores of a virtual machine agree to some microseconds only
	for n, a := range as {
		if a.arrived < a.sent-skew || a.sent < out.began-skew || a.arrived > out.ended+skew {
			t.Errorf("event %d: sent %d, arrived %d, not in order within %d and %d: the processes' clocks differ", n, a.sent, a.arrived, out.began, out.ended)
		}
	}
	if err := s.forget(ctx, 5); err != nil {
		t.Fatal(err)
	}
	if _, err := s.stats(ctx, 5); err == nil {
		t.Error("a forgotten run still answers")
	}
}

func TestPacedLoadSendsEachOnce(t *testing.T) {
	var mu sync.Mutex
	seen := map[int64]int{}
	srv := startHandler(t, func(w http.ResponseWriter, r *http.Request) {
		var s stamp
		_ = json.NewDecoder(r.Body).Decode(&s)
		mu.Lock()
		defer mu.Unlock()
		seen[s.N-numberBase]++
	})
	l := load{url: srv, want: 200, types: []string{""}, payload: 200, events: 50, concurrency: 4, rate: 2000}
	out, err := l.do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(seen) != 50 || len(out.late) != 50 || out.accepted() != 50 {
		t.Errorf("%d seen, %d paced, %d accepted; want 50", len(seen), len(out.late), out.accepted())
	}
	for n, times := range seen {
		if times != 1 {
			t.Errorf("event %d came %d times", n, times)
		}
	}
}

func TestTimeOfAPacedEventIsWhenItWasLetGo(t *testing.T) {
	// No worker is free until every event has been let go. The stamps must not
	// hide how long the events then wait.
	var mu sync.Mutex
	var stamps []int64
	srv := startHandler(t, func(_ http.ResponseWriter, r *http.Request) {
		var s stamp
		_ = json.NewDecoder(r.Body).Decode(&s)
		mu.Lock()
		defer mu.Unlock()
		stamps = append(stamps, s.T-timeBase)
	})
	l := load{url: srv, want: http.StatusOK, types: []string{""}, payload: 200, events: 6, batch: 1, rate: 5000}
	paced := make(chan due, l.events)
	l.pace(t.Context(), l.events, paced)
	allGone := now()
	transport := newTransport(1)
	defer transport.CloseIdleConnections()
	p, err := newPoster(t.Context(), transport, srv, "")
	if err != nil {
		t.Fatal(err)
	}
	next := func() (due, bool) { d, ok := <-paced; return d, ok }
	if err := l.work(t.Context(), p, next, &loaded{acks: make([]int64, l.events)}); err != nil {
		t.Fatal(err)
	}
	if len(stamps) != l.events || !slices.IsSorted(stamps) || stamps[l.events-1] > allGone {
		t.Errorf("stamps %v; want %d in order, none after %d", stamps, l.events, allGone)
	}
}

func TestLoadStopsAtARefusal(t *testing.T) {
	srv := startHandler(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "payload_invalid", http.StatusUnprocessableEntity)
	})
	l := load{url: srv, want: 202, types: []string{"x"}, payload: 200, events: 50, concurrency: 4}
	if _, err := l.do(t.Context()); err == nil || !strings.Contains(err.Error(), "payload_invalid") {
		t.Errorf("error %v, want the server's words", err)
	}
}

func TestLoadSeesARefusedItemOfABatch(t *testing.T) {
	srv := startHandler(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(202)
		fmt.Fprint(w, `{"items":[{"id":"evt_1"},{"error":{"code":"payload_invalid"}}]}`)
	})
	l := load{url: srv, want: 202, types: []string{"x"}, payload: 200, events: 4, batch: 2, enveloped: true, concurrency: 1}
	if _, err := l.do(t.Context()); err == nil || !strings.Contains(err.Error(), "payload_invalid") {
		t.Errorf("error %v, want the item's", err)
	}
}

// startHandler serves h on 127.0.0.1 and returns its URL.
func startHandler(t *testing.T, h http.HandlerFunc) string {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	return srv.URL
}

func TestProcessThatEndsBySelfSaysWhy(t *testing.T) {
	dir := t.TempDir()
	p, err := startProcess(dir, "server", nil, "serve", "--no-such-flag")
	if err != nil {
		t.Fatal(err)
	}
	<-p.exited
	if err := p.ended(); err == nil || !strings.Contains(err.Error(), "no-such-flag") {
		t.Errorf("error %v, want the process's last words", err)
	}
	p.stop(time.Second) // of a process that is gone: harmless
	p.kill()
}

func TestKillIsFinal(t *testing.T) {
	s, err := startSink(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s.kill()
	if s.ended() == nil {
		t.Error("killed, but it seems to run")
	}
	if err := s.begin(t.Context(), 1, runSize{1, 1}); err == nil {
		t.Error("killed, but it answers")
	}
}

func TestSinkEndsWithItsParent(t *testing.T) {
	s, err := startSink(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	s.stdin.Close() // what happens when the parent is gone
	<-s.exited
	if s.err != nil {
		t.Errorf("the sink ended with %v", s.err)
	}
	s.stop()
}

func TestSettingsOfTheCallerStayOut(t *testing.T) {
	t.Setenv("GANCHO_DATA", "elsewhere")
	p, err := startProcess(t.TempDir(), "sink", nil, "bench-sink")
	if err != nil {
		t.Fatal(err)
	}
	defer p.stop(time.Second)
	for _, v := range p.cmd.Env {
		if strings.HasPrefix(v, "GANCHO_") {
			t.Errorf("the child got %s", v)
		}
	}
}

func TestUsageOfThisProcess(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("no /proc here")
	}
	for cpu := 0.0; cpu == 0; { // burns some until it shows
		var err error
		if cpu, err = cpuSeconds(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
	if mb, err := peakMemory(os.Getpid()); err != nil || mb <= 1 {
		t.Errorf("peak memory: %v MB, %v", mb, err)
	}
}

func TestTicksSkipTheName(t *testing.T) {
	got, err := parseTicks("12 (a ) b) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20", 11, 12)
	if err != nil || got != 2 {
		t.Errorf("%v, %v; want 2 s", got, err)
	}
	if _, err := parseTicks("12 (short) S 1", 11); err == nil {
		t.Error("a line that is cut off was taken")
	}
}

func TestWaitForGivesUpOnlyWithoutProgress(t *testing.T) {
	n := int64(0)
	err := waitFor(t.Context(), time.Millisecond, time.Hour, func() (int64, bool, error) { n++; return n, n == 5, nil })
	if err != nil || n != 5 {
		t.Errorf("%v after %d", err, n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := waitFor(ctx, time.Hour, time.Hour, func() (int64, bool, error) { return 0, false, nil }); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if err := waitFor(t.Context(), time.Millisecond, 0, func() (int64, bool, error) { return 0, false, nil }); !errors.Is(err, errStalled) {
		t.Errorf("stalled: %v", err)
	}
}

func TestNumbersForPeople(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 7: "7", 999: "999", 1000: "1,000", 1234567.8: "1,234,568", 123.4: "123", 12.34: "12.3", 0.256: "0.26", 0.0871: "0.087", -1234: "-1,234",
	} {
		if got := number(v); got != want {
			t.Errorf("number(%v) = %q, want %q", v, got, want)
		}
	}
}

func TestTableHoldsTheRatioAgainstTheTarget(t *testing.T) {
	r := report{scenario: "publish"}
	r.add("fast enough", 30, "/s").to(100, "raw").atLeast(0.25).aim(0.33)
	r.add("too slow", 20, "/s").to(100, "raw").atLeast(0.25)
	r.add("without ratio", 9, "ms").atMost(8)
	var out strings.Builder
	if err := r.print(&out, false); err != nil {
		t.Fatal(err)
	}
	var lines []string
	for l := range strings.Lines(out.String()) {
		lines = append(lines, strings.Join(strings.Fields(l), " "))
	}
	for _, want := range []string{
		"publish fast enough 30 /s 0.30 × raw ≥ 0.25, aim for 0.33 yes",
		"too slow 20 /s 0.20 × raw ≥ 0.25 NO",
		"without ratio 9 ms ≤ 8 NO",
	} {
		if !slices.Contains(lines, want) {
			t.Errorf("no line %q in\n%s", want, out.String())
		}
	}
}
