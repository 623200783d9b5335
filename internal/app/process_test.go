package app

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"gancho.example/client"
	"gancho/internal/pgtest"
	"gancho/internal/store"
	"gancho/internal/transform"
)

// These tests run the real server as a process of its own, because they kill it.

const serveEnv = "GANCHO_TEST_SERVE" // a Config as JSON: serve it instead of testing

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == ScriptCommand {
		if err := transform.Serve(os.Stdin, os.Stdout, func() { os.Exit(1) }); err != nil {
			os.Exit(1)
		}
		os.Exit(0)
	}
	if text := os.Getenv(serveEnv); text != "" {
		os.Exit(serveForTest(text))
	}
	os.Exit(m.Run())
}

type testConfig struct {
	Data        string
	Database    string
	StopTimeout time.Duration
	OwnKeys     bool

	// The default if zero.
	MaxConnections int
	OperatorListen string
	PublicURL      string
	PortalLogo     string
	PortalAccent   string
	FileLimit      uint64 // bytes; no file of the process gets larger, as on a full disk
	DiskLow        int64
	MaxBodies      int64
	Clock          string // a file, see jumpingClock
}

func serveForTest(text string) int {
	var tc testConfig
	if err := json.Unmarshal([]byte(text), &tc); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	cfg := DefaultConfig()
	cfg.Listen, cfg.Data, cfg.AdminKey, cfg.StopTimeout = "127.0.0.1:0", tc.Data, testKey, tc.StopTimeout
	cfg.Database, cfg.EncryptionKey = Secret(tc.Database), Secret(sharedKey())
	if tc.OwnKeys {
		cfg.AdminKey, cfg.EncryptionKey = "", ""
	}
	cfg.OperatorListen = tc.OperatorListen
	cfg.PortalLogo, cfg.PortalAccent = tc.PortalLogo, Colour(tc.PortalAccent)
	if err := cfg.PublicURL.UnmarshalText([]byte(tc.PublicURL)); tc.PublicURL != "" && err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	if tc.DiskLow > 0 {
		cfg.DiskLow = Bytes(tc.DiskLow)
	}
	if tc.MaxBodies > 0 {
		cfg.MaxBodies = Bytes(tc.MaxBodies)
	}
	if n := tc.FileLimit; n > 0 {
		signal.Ignore(syscall.SIGXFSZ) // so that writing fails, as on a full disk
		if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &syscall.Rlimit{Cur: n, Max: n}); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	if tc.Clock != "" {
		wallClock = jumpingClock(tc.Clock)
	}
	if tc.MaxConnections > 0 {
		cfg.MaxConnections = tc.MaxConnections
	}
	cfg.AllowNetworks = Networks{netip.MustParsePrefix("127.0.0.0/8")}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := Run(ctx, cfg, os.Stdout, os.Stderr); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// sharedKey encrypts what servers under test store, wherever they store it.
func sharedKey() string { return base64.StdEncoding.EncodeToString(make([]byte, 32)) }

const testKey = "test-admin-key-0123456789"

// process is a running server.
type process struct {
	*client.Client
	t    *testing.T
	cmd  *exec.Cmd
	url  string
	log  *tail // of its standard error
	out  *tail // of its standard output
	done chan error
}

// tail is what a process has written.
type tail struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

var listens = regexp.MustCompile(`Gancho listens on (\S+)`)

// place is where a server keeps its data.
type place struct {
	dir      string
	database string // "": in the directory
	ownKeys  bool   // the keys are in the directory, too; the test writes testKey into admin.key
}

// eachPlace runs a test on a database of each kind.
func eachPlace(t *testing.T, fn func(t *testing.T, at place)) {
	t.Helper()
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); fn(t, place{dir: t.TempDir()}) })
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		fn(t, place{dir: t.TempDir(), database: pgtest.Database(t, store.Migrate)})
	})
}

// start runs a server on a directory.
func start(t *testing.T, dir string) *process {
	t.Helper()
	return startAt(t, place{dir: dir})
}

// command is what runs a server.
func (at place) command(t *testing.T) *exec.Cmd {
	t.Helper()
	return at.commandWith(t, func(*testConfig) {})
}

// commandWith is [place.command] of a server with another configuration.
func (at place) commandWith(t *testing.T, change func(*testConfig)) *exec.Cmd {
	t.Helper()
	c := testConfig{Data: at.dir, Database: at.database, StopTimeout: 5 * time.Second, OwnKeys: at.ownKeys}
	change(&c)
	cfg, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), serveEnv+"="+string(cfg))
	return cmd
}

// startAt runs a server.
func startAt(t *testing.T, at place) *process {
	t.Helper()
	return startWith(t, at, func(*testConfig) {})
}

// startWith runs a server with another configuration.
func startWith(t *testing.T, at place, change func(*testConfig)) *process {
	t.Helper()
	p := &process{t: t, log: &tail{}, out: &tail{}, done: make(chan error, 1), cmd: at.commandWith(t, change)}
	p.cmd.Stderr = io.MultiWriter(t.Output(), p.log)
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.cmd.Process.Kill(); <-p.done })
	address := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			_, _ = p.out.Write(append(lines.Bytes(), '\n'))
			if m := listens.FindStringSubmatch(lines.Text()); m != nil {
				address <- m[1]
			}
		}
		p.done <- p.cmd.Wait()
		close(p.done)
		close(address)
	}()
	select {
	case p.url = <-address:
	case <-time.After(time.Minute):
	}
	if p.url == "" {
		t.Fatal("the server did not come up")
	}
	p.Client = client.New(p.url, testKey)
	return p
}

// kill ends the server as a power cut would, as far as a process can tell.
func (p *process) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	<-p.done
}

// stop asks the server to end and waits for it.
func (p *process) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	select {
	case err := <-p.done:
		if err != nil {
			p.t.Errorf("the server ended with %v", err)
		}
	case <-time.After(time.Minute):
		p.t.Fatal("the server does not stop")
	}
}

// receiver counts how often each event arrives; answer says what it answers.
type receiver struct {
	URL    string
	mu     sync.Mutex
	got    map[string]int
	answer func(w http.ResponseWriter, r *http.Request)
}

func newReceiver(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) *receiver {
	rc := &receiver{got: map[string]int{}, answer: answer}
	rc.URL = listening(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		rc.mu.Lock()
		rc.got[r.Header.Get("webhook-id")]++
		rc.mu.Unlock()
		if rc.answer != nil {
			rc.answer(w, r)
		}
	})
	return rc
}

// listening serves h until the test ends, and returns its URL.
func listening(t *testing.T, h http.HandlerFunc) (url string) {
	srv := httptest.NewServer(h)
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return srv.URL
}

func (rc *receiver) counts() (events, requests int) {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	for _, n := range rc.got {
		requests += n
	}
	return len(rc.got), requests
}

// has reports whether an event has arrived.
func (rc *receiver) has(id string) bool {
	rc.mu.Lock()
	defer rc.mu.Unlock()
	return rc.got[id] > 0
}

// eventually waits until ok holds. What takes longest is that a test which a killed
// node of several had in hand is given up: a minute and its timeouts.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(4 * time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("still not so: %s", what)
		}
		time.Sleep(20 * time.Millisecond) //policy:allow time.Sleep: polls a real process, with a deadline
	}
}

func (p *process) endpoint(in client.EndpointInput) *client.Endpoint {
	p.t.Helper()
	if _, err := p.PutTenant(p.t.Context(), "acme", client.TenantInput{}); err != nil {
		p.t.Fatal(err)
	}
	e, err := p.CreateEndpoint(p.t.Context(), "acme", in)
	if err != nil {
		p.t.Fatal(err)
	}
	return e
}

// Killed under full load: everything that was acknowledged arrives, and nothing arrives again that the
// API showed as delivered before the kill. What it did not show yet may be repeated: its result was
// lost with the server.
func TestKillUnderLoad(t *testing.T) { eachPlace(t, testKillUnderLoad) }

func testKillUnderLoad(t *testing.T, dir place) {
	rc := newReceiver(t, nil)
	p := startAt(t, dir)
	p.endpoint(client.EndpointInput{URL: rc.URL, Concurrency: 16})

	var mu sync.Mutex
	acknowledged := map[string]bool{}
	ctx, enough := context.WithCancel(t.Context())
	var publishers sync.WaitGroup
	for range 16 {
		publishers.Go(func() {
			for ctx.Err() == nil {
				a, err := p.PublishEvent(ctx, "acme", client.NewEvent{Type: "order.paid", Payload: json.RawMessage(`{"n":1}`)})
				if err != nil {
					return // killed
				}
				mu.Lock()
				acknowledged[a.ID] = true
				mu.Unlock()
			}
		})
	}
	shown := p.watchDelivered()
	eventually(t, "300 of at least 500 events are shown as delivered", func() bool {
		n, _ := rc.counts()
		return n >= 500 && shown.count() >= 300
	})
	p.kill()
	enough()
	publishers.Wait()
	shown.stop()

	p = startAt(t, dir)
	eventually(t, "all acknowledged events arrived", func() bool {
		rc.mu.Lock()
		defer rc.mu.Unlock()
		for id := range acknowledged {
			if rc.got[id] == 0 {
				return false
			}
		}
		return true
	})
	eventually(t, "nothing waits any more", func() bool {
		for _, state := range []string{"pending", "sending", "retrying"} {
			waiting, err := p.Deliveries(t.Context(), "acme", client.DeliveryFilter{State: state})
			if err != nil || len(waiting.Items) > 0 {
				return false
			}
		}
		return true
	})
	shown.check(t, rc)
	p.stop()
}

// shown is what the API of a server shows as delivered, from watchDelivered until stop, or until the
// server is killed.
type shown struct {
	mu     sync.Mutex
	events map[string]bool
	cancel context.CancelFunc
	done   sync.WaitGroup
}

func (p *process) watchDelivered() *shown {
	ctx, cancel := context.WithCancel(p.t.Context())
	s := &shown{events: map[string]bool{}, cancel: cancel}
	s.done.Go(func() {
		for {
			list, err := p.Deliveries(ctx, "acme", client.DeliveryFilter{State: "delivered", Paging: client.Paging{Limit: 200}})
			if err != nil {
				return
			}
			s.mu.Lock()
			for _, d := range list.Items {
				s.events[d.Event] = true
			}
			s.mu.Unlock()
		}
	})
	p.t.Cleanup(s.stop)
	return s
}

func (s *shown) stop() { s.cancel(); s.done.Wait() }

func (s *shown) count() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.events) }

// check fails for each event that was shown as delivered and arrived more than once. Call it after stop.
func (s *shown) check(t *testing.T, rc *receiver) {
	t.Helper()
	rc.mu.Lock()
	defer rc.mu.Unlock()
	for id := range s.events {
		if n := rc.got[id]; n != 1 {
			t.Errorf("%s was shown as delivered, and arrived %d times", id, n)
		}
	}
}

// Killed while records change: a record and the event of its change are there
// together, or neither is, and what was acknowledged is.
func TestKillWhileRecordsChange(t *testing.T) { eachPlace(t, testKillWhileRecordsChange) }

func testKillWhileRecordsChange(t *testing.T, dir place) {
	p := startAt(t, dir)
	if _, err := p.PutTenant(t.Context(), "acme", client.TenantInput{}); err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	acknowledged := map[string]string{} // event by key
	ctx, enough := context.WithCancel(t.Context())
	var writers sync.WaitGroup
	for w := range 8 {
		writers.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				key := fmt.Sprintf("%d-%d", w, i)
				a, err := p.PutRecord(ctx, "acme", "kobra", "visit", key, json.RawMessage(`{"visitID":"`+key+`","productID":1,"finished":true}`))
				if err != nil {
					return // killed
				}
				mu.Lock()
				acknowledged[key] = a.Events[0].ID
				mu.Unlock()
			}
		})
	}
	eventually(t, "100 records are there", func() bool { mu.Lock(); defer mu.Unlock(); return len(acknowledged) >= 100 })
	p.kill()
	enough()
	writers.Wait()

	p = startAt(t, dir)
	records, events := map[string]bool{}, map[string]bool{}
	for cursor, more := "", true; more; {
		page, err := p.Records(t.Context(), "acme", client.RecordFilter{Paging: client.Paging{Limit: 200, Cursor: cursor}})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.Items {
			records[r.Key] = true
		}
		if more = page.NextCursor != nil; more {
			cursor = *page.NextCursor
		}
	}
	for cursor, more := "", true; more; {
		page, err := p.Events(t.Context(), "acme", client.EventFilter{Paging: client.Paging{Limit: 200, Cursor: cursor}})
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Items {
			events[e.ID] = true
		}
		if more = page.NextCursor != nil; more {
			cursor = *page.NextCursor
		}
	}
	if len(records) != len(events) {
		t.Errorf("%d records and %d events of their making", len(records), len(events))
	}
	for key, event := range acknowledged {
		if !records[key] || !events[event] {
			t.Errorf("%s was acknowledged: the record is there: %v, its event: %v", key, records[key], events[event])
		}
	}
	p.stop()
}

// Killed while a receiver thinks: the attempt is shown as interrupted, costs no
// place in the schedule, and at-most-once is not sent again.
func TestKillDuringAttempts(t *testing.T) { eachPlace(t, testKillDuringAttempts) }

func testKillDuringAttempts(t *testing.T, dir place) {
	release := make(chan struct{})
	rc := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	p := startAt(t, dir)
	again := p.endpoint(client.EndpointInput{Name: "again", URL: rc.URL, Retry: []string{"0s"}, EventTypes: []string{"again"}})
	once := p.endpoint(client.EndpointInput{Name: "once", URL: rc.URL, Mode: "at_most_once", Retry: []string{"0s"}, EventTypes: []string{"once"}})
	for _, kind := range []string{"again", "once"} {
		if _, err := p.PublishEvent(t.Context(), "acme", client.NewEvent{Type: kind, Payload: json.RawMessage(`1`)}); err != nil {
			t.Fatal(err)
		}
	}
	find := func(e *client.Endpoint) client.Delivery {
		list, err := p.Deliveries(t.Context(), "acme", client.DeliveryFilter{Endpoint: e.ID})
		if err != nil || len(list.Items) != 1 {
			t.Fatalf("deliveries of %s: %+v, %v", e.Name, list, err)
		}
		return list.Items[0]
	}
	eventually(t, "both are out and noted", func() bool {
		return find(again).State == "sending" && find(once).State == "sending"
	})
	eventually(t, "both have arrived", func() bool { n, _ := rc.counts(); return n == 2 })
	p.kill()
	close(release)

	p = startAt(t, dir)
	eventually(t, "the first is delivered", func() bool { return find(again).State == "delivered" })
	eventually(t, "the other is unknown", func() bool { return find(once).State == "unknown" })
	d, err := p.Delivery(t.Context(), "acme", find(again).ID)
	if err != nil {
		t.Fatal(err)
	}
	if len(d.AttemptList) != 2 || !d.AttemptList[0].Interrupted || d.AttemptList[1].Interrupted {
		t.Errorf("attempts: %+v", d.AttemptList)
	}
	if d := find(once); d.Reason != "interrupted" {
		t.Errorf("reason %q", d.Reason)
	}
	if _, requests := rc.counts(); requests != 3 {
		t.Errorf("%d requests, want 3: one sent twice, one sent once", requests)
	}
	p.stop()
}

// Killed during a test: it ends as failed, with the attempt in its history, and is
// not sent again, whatever the endpoint promises and does.
func TestKillDuringTest(t *testing.T) { eachPlace(t, testKillDuringTest) }

func testKillDuringTest(t *testing.T, dir place) {
	release := make(chan struct{})
	rc := newReceiver(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	p := startAt(t, dir)
	paused := p.endpoint(client.EndpointInput{Name: "paused", URL: rc.URL, State: "paused"})
	once := p.endpoint(client.EndpointInput{Name: "once", URL: rc.URL, Mode: "at_most_once", Retry: []string{"0s"}})
	var ended sync.WaitGroup
	for _, e := range []*client.Endpoint{paused, once} {
		ended.Go(func() {
			if r, err := p.TestEndpoint(context.Background(), "acme", e.ID, "", client.TestInput{}); err == nil {
				t.Errorf("%s: answered %+v", e.Name, r)
			}
		})
	}
	eventually(t, "both have arrived", func() bool { n, _ := rc.counts(); return n == 2 })
	p.kill()
	ended.Wait()
	close(release)

	p = startAt(t, dir)
	for _, e := range []*client.Endpoint{paused, once} {
		var d client.Delivery
		eventually(t, "the test of "+e.Name+" is failed", func() bool {
			list, err := p.Deliveries(t.Context(), "acme", client.DeliveryFilter{Endpoint: e.ID})
			if err != nil || len(list.Items) != 1 {
				t.Fatalf("deliveries of %s: %+v, %v", e.Name, list, err)
			}
			d = list.Items[0]
			return d.State == "failed"
		})
		full, err := p.Delivery(t.Context(), "acme", d.ID)
		if err != nil || !d.Test || d.Reason != "interrupted" || len(full.AttemptList) != 1 || !full.AttemptList[0].Interrupted || full.Diagnosis.Code != "attempt_interrupted" {
			t.Errorf("%s: %+v %v", e.Name, full, err)
		}
		r, err := p.TestEndpoint(t.Context(), "acme", e.ID, "", client.TestInput{})
		if err != nil || !r.Passed {
			t.Errorf("another test of %s: %+v, %v", e.Name, r, err)
		}
		if now, err := p.Endpoint(t.Context(), "acme", e.ID); err != nil || now.LastRun != nil || now.LastStatus != "" {
			t.Errorf("%s: %+v, %v", e.Name, now, err)
		}
	}
	if _, requests := rc.counts(); requests != 4 {
		t.Errorf("%d requests, want 4: nothing is sent twice", requests)
	}
	p.stop()
}

// A stop finishes what is in flight, and interrupts what takes too long without
// counting it against the schedule.
func TestStopFinishes(t *testing.T) { eachPlace(t, testStopFinishes) }

func testStopFinishes(t *testing.T, dir place) {
	hang := make(chan struct{})
	rc := newReceiver(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/slow":
			time.Sleep(500 * time.Millisecond) //policy:allow time.Sleep: the receiver takes its time, which is the case under test
		case "/hangs":
			select {
			case <-hang:
			case <-r.Context().Done():
			}
		}
	})
	p := startAt(t, dir)
	slow := p.endpoint(client.EndpointInput{URL: rc.URL + "/slow", EventTypes: []string{"slow"}})
	hangs := p.endpoint(client.EndpointInput{URL: rc.URL + "/hangs", EventTypes: []string{"hangs"}, Retry: []string{"0s"}})
	for _, kind := range []string{"slow", "hangs"} {
		if _, err := p.PublishEvent(t.Context(), "acme", client.NewEvent{Type: kind, Payload: json.RawMessage(`1`)}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "both have arrived", func() bool { n, _ := rc.counts(); return n == 2 })
	p.stop()
	close(hang)
	p = startAt(t, dir)
	state := func(e *client.Endpoint) client.Delivery {
		list, err := p.Deliveries(t.Context(), "acme", client.DeliveryFilter{Endpoint: e.ID})
		if err != nil || len(list.Items) != 1 {
			t.Fatalf("%+v, %v", list, err)
		}
		return list.Items[0]
	}
	if d := state(slow); d.State != "delivered" || d.Attempts != 1 {
		t.Errorf("the slow one: %+v", d)
	}
	eventually(t, "the hanging one is delivered in the end", func() bool { return state(hangs).State == "delivered" })
	if d := state(hangs); d.Attempts != 2 {
		t.Errorf("the hanging one: %+v", d)
	}
	p.stop()
}

func TestSecondServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start(t, dir)
	cfg := DefaultConfig()
	cfg.Listen, cfg.Data = "127.0.0.1:0", dir
	err := Run(t.Context(), cfg, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "another gancho") {
		t.Errorf("a second server on the same data: %v", err)
	}
}

func TestPortTaken(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	cfg := DefaultConfig()
	cfg.Listen, cfg.Data = l.Addr().String(), t.TempDir()
	err = Run(t.Context(), cfg, io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "another server") {
		t.Errorf("port taken: %v", err)
	}
}
