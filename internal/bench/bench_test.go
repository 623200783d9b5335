package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// measure runs the benchmark with the stand-in as its server.
func measure(t *testing.T, o Options) (report, error) {
	t.Helper()
	o.JSON, o.Dir = true, t.TempDir()
	var out bytes.Buffer
	err := Run(t.Context(), o, &out, t.Output())
	var r report
	if jerr := json.Unmarshal(out.Bytes(), &r); jerr != nil {
		t.Fatalf("the report is not JSON: %v\n%s\nand the run said: %v", jerr, out.Bytes(), err)
	}
	left, rerr := os.ReadDir(o.Dir)
	if rerr != nil || len(left) > 0 {
		t.Errorf("left behind in the directory: %v, %v", left, rerr)
	}
	return r, err
}

// find is the one row whose description begins with what.
func find(t *testing.T, r report, what string) *row {
	t.Helper()
	i := slices.IndexFunc(r.Rows, func(w *row) bool { return strings.HasPrefix(w.What, what) })
	if i < 0 {
		t.Fatalf("no row %q in %+v", what, r.Rows)
	}
	return r.Rows[i]
}

func TestEveryScenarioMeasures(t *testing.T) {
	want := map[string][]string{
		"raw":     {"POST to the sink", "send to arrival, p99.9"},
		"publish": {"raw loop beside it", "events accepted", "events delivered and recorded", "CPU of the server per 1000 events", "peak memory", "publish to arrival, saturated, p50"},
		"batch":   {"events delivered and recorded"},
		"records": {"events published, delivered and recorded, 1 per request", "record changes answered, 1 per request", "record changes delivered and recorded, 7 per request", "peak memory"},
		"fanout":  {"deliveries of one event to 3 endpoints"},
		"ordered": {
			"deliveries in order, endpoints: 1", "a POST to the sink and a commit", "backlog delivered in order, endpoints: 1", "commits per delivery",
			"deliveries in order, endpoints: 3", "backlog delivered in order, endpoints: 3",
		},
		"steady":   {"publish to arrival at 200/s, p50", "CPU of the idle server"},
		"hang":     {"2 of 3 endpoints at 200/s, all answer, p50", "2 of 3 endpoints at 200/s, 1 of 3 never answer, p99"},
		"backlog":  {"peak memory", "delivered and recorded, 100 waiting", "publish to arrival at 200/s, 100 waiting"},
		"history":  {"CPU of the server per 1000 events", "deliveries, page after page", "size of the data directory"},
		"schedule": {"records written", "run over 50 records, 10 of them in the event", "publish to arrival at 200/s, a run beside it, p99", "peak memory"},
	}
	for name, rows := range want {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := measure(t, small(name))
			if err != nil {
				t.Fatal(err)
			}
			for _, what := range rows {
				w := find(t, r, what)
				if w.Scenario != name || w.Unit == "" {
					t.Errorf("row %+v: want scenario %s and a unit", w, name)
				}
				if rate := w.Unit == "/s" || w.Unit == "ms" || w.Unit == "MB"; rate && w.Result <= 0 {
					t.Errorf("%s: %v %s", w.What, w.Result, w.Unit)
				}
			}
		})
	}
}

func TestBacklogByPause(t *testing.T) {
	o := small("backlog")
	o.BacklogBy = "pause"
	r, err := measure(t, o)
	if err != nil {
		t.Fatal(err)
	}
	find(t, r, "publish to arrival at 200/s, 100 waiting beside it (pause), p50")
}

func TestCrashFindsNothingLost(t *testing.T) {
	o := small("raw")
	o.Crash = true
	r, err := measure(t, o)
	if err != nil {
		t.Fatal(err)
	}
	if w := find(t, r, "lost"); w.Result != 0 || !*w.OK {
		t.Errorf("lost: %+v", w)
	}
	if w := find(t, r, "events acknowledged"); w.Result < 1 {
		t.Errorf("nothing was acknowledged: %+v", w)
	}
	if w := find(t, r, "kill -9"); w.Result != 1 {
		t.Errorf("kills: %+v", w)
	}
}

func TestCrashFindsWhatIsLost(t *testing.T) {
	if testing.Short() {
		t.Skip("waits out the patience of the benchmark")
	}
	shortenPatience(t)
	t.Setenv(standInFault, "forget")
	o := small("crash")
	r, err := measure(t, o)
	if !errors.Is(err, errLost) {
		t.Fatalf("a server that forgets: error %v, want %v", err, errLost)
	}
	if w := find(t, r, "lost"); w.Result == 0 || *w.OK {
		t.Errorf("lost: %+v", w)
	}
	if len(r.Failures) != 1 {
		t.Errorf("failures: %q", r.Failures)
	}
}

func TestDoubledDeliveriesAreSeen(t *testing.T) {
	t.Setenv(standInFault, "twice")
	r, err := measure(t, small("publish"))
	if err != nil {
		t.Fatal(err)
	}
	if w := find(t, r, "deliveries that came twice"); w.Result < 150 || *w.OK {
		t.Errorf("every one of 200 deliveries came twice, and the report says %+v", w)
	}
}

func TestPushbackIsCountedAndSentAgain(t *testing.T) {
	t.Setenv(standInFault, "busy")
	r, err := measure(t, small("publish"))
	if err != nil {
		t.Fatal(err)
	}
	if w := find(t, r, "answers 429 or 503"); w.Result < 50 {
		t.Errorf("every third request was pushed back, and the report says %+v", w)
	}
}

func TestMissingDeliveriesAreAnError(t *testing.T) {
	shortenPatience(t)
	t.Setenv(standInFault, "drop")
	_, err := measure(t, small("publish"))
	if !errors.Is(err, errStalled) {
		t.Errorf("a server that delivers nothing: error %v, want %v", err, errStalled)
	}
}

func shortenPatience(t *testing.T) {
	old := patience
	patience = time.Second
	t.Cleanup(func() { patience = old })
}

func TestCancelStopsEveryProcess(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := small("steady")
	o.Duration, o.Dir = time.Hour, t.TempDir()
	progress := cancelOn{"steady", cancel}
	err := Run(ctx, o, io.Discard, progress)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		text, _ := os.ReadFile(path)
		if _, after, ok := strings.Cut(string(text), ") "); ok {
			if f := strings.Fields(after); len(f) > 1 && f[1] == strconv.Itoa(os.Getpid()) {
				t.Errorf("a child is left: %s", text)
			}
		}
	}
}

// cancelOn cancels a little after a line with the word is written.
type cancelOn struct {
	word   string
	cancel func()
}

func (c cancelOn) Write(p []byte) (int, error) {
	if strings.Contains(string(p), c.word) {
		time.AfterFunc(300*time.Millisecond, c.cancel)
	}
	return len(p), nil
}

func TestWrongOptionsAreRefused(t *testing.T) {
	for flag, change := range map[string]func(*Options){
		"--run":         func(o *Options) { o.Run = []string{"publish", "sing"} },
		"--payload":     func(o *Options) { o.Payload = 10 },
		"--hang":        func(o *Options) { o.Hang = o.Endpoints },
		"--batch":       func(o *Options) { o.Batch = 1001 },
		"--concurrency": func(o *Options) { o.Concurrency = 0 },
		"--backlog-by":  func(o *Options) { o.BacklogBy = "luck" },
	} {
		o := small("raw")
		change(&o)
		if err := Run(t.Context(), o, io.Discard, io.Discard); err == nil || !strings.HasPrefix(err.Error(), flag+":") {
			t.Errorf("%s: error %v, want one that names the flag", flag, err)
		}
	}
}
