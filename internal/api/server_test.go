package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"gancho.example/client"
	"gancho/contracts"
	"gancho/internal/admin"
	"gancho/internal/api"
	"gancho/internal/auth"
	"gancho/internal/catalog"
	"gancho/internal/contract"
	"gancho/internal/deliver"
	"gancho/internal/docpage"
	"gancho/internal/egress"
	"gancho/internal/explain"
	"gancho/internal/guide"
	"gancho/internal/hook"
	"gancho/internal/ingest"
	"gancho/internal/quota"
	"gancho/internal/refused"
	"gancho/internal/schedule"
	"gancho/internal/send"
	sendhttp "gancho/internal/send/http"
	"gancho/internal/store"
	"gancho/internal/storetest"
	"gancho/internal/stream"
	"gancho/internal/transform"
	"gancho/internal/view"
)

// changes is how the program gives the comparison of contracts to the API.
func changes(ctx context.Context, before, after *contract.Contract, language string) (out []client.ContractChange, whole bool) {
	list, whole := guide.ChangesWithin(ctx, before, after)
	for _, c := range list {
		out = append(out, client.ContractChange(c.In(language)))
	}
	return out, whole
}

func docMarkdown(c *contract.Contract, language, server string) []byte {
	return guide.Sender{URL: server}.Markdown(c, language)
}

func docOpenAPI(c *contract.Contract, language, server string) []byte {
	return guide.Sender{URL: server}.OpenAPI(c, language)
}

// docPage is how the program makes pages of the documentation of contracts.
func docPage(c *contract.Contract, language, server string) client.ContractPage {
	p := docpage.Render(docMarkdown(c, language, server), language, guide.Placeholders(c))
	return client.ContractPage{Title: p.Title, Description: p.Description, HTML: p.HTML, Contents: []client.ContentsEntry{}}
}

const adminKey = "admin-key-0123456789"

// nobody is the start of a URL at which nobody listens.
var nobody = refused.URL()

// server is the API with the real store, the real ingest and the shipped contracts. Its worker sends nothing except
// tests of endpoints.
type server struct {
	t         testing.TB
	db        *store.DB
	api       *api.API
	in        *ingest.Ingest
	schedules *schedule.Scheduler
	worker    *idleWorker
	contracts *contract.Set
	live      *stream.Hub
	log       *syncBuffer
	answers   *syncBuffer // all answers' bodies
}

// idleWorker gets deliveries and does not send them.
type idleWorker struct {
	mu    sync.Mutex
	woken []hook.EndpointID
}

func (*idleWorker) Offer([]hook.Job) {}

func (*idleWorker) Await(*hook.Delivery) bool { return false }

func (*idleWorker) Supersede([]hook.Delivery) {}

func (*idleWorker) CallOff(*hook.Delivery) {}

func (w *idleWorker) Wake(id hook.EndpointID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.woken = append(w.woken, id)
}

// ownsNone keeps the worker from sending what the store has queued.
type ownsNone struct{ deliver.OwnsAll }

func (ownsNone) Owns(hook.EndpointID) bool { return false }

// Check implements api.Health.
func (s *server) Check(ctx context.Context) []api.Check {
	checks := []api.Check{{Part: "database", Err: s.db.Ready(ctx)}, {Part: "worker"}}
	if checks[0].Err != nil {
		checks[0].Wrong = hook.Field("/database", "database_not_writable", "The database commits nothing.")
	}
	return checks
}

// Disk implements api.Health.
func (s *server) Disk() (api.Disk, bool) { return api.Disk{Free: 5, LowBelow: 10, Low: true}, true }

// syncBuffer is a buffer for several goroutines.
type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// shipped are the contracts that come with the program.
var shipped = sync.OnceValue(func() []*contract.Contract {
	files, err := fs.Glob(contracts.Files, "*.yaml")
	if err != nil {
		panic(err)
	}
	var list []*contract.Contract
	for _, f := range files {
		c, err := contract.Load(contracts.Files, f)
		if err != nil {
			panic(err)
		}
		list = append(list, c.WithVersion(1))
	}
	return list
})

func newServer(t testing.TB) *server {
	t.Helper()
	return newServerOf(t, storetest.Open(t))
}

func newServerOf(t testing.TB, db *store.DB) *server {
	t.Helper()
	s := &server{t: t, db: db, worker: &idleWorker{}, live: &stream.Hub{}, log: &syncBuffer{}, answers: &syncBuffer{}}
	log := slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	known := catalog.New(db, log)
	s.contracts = known.Set()
	set := s.contracts
	for _, c := range shipped() {
		version, _, err := db.PutContract(t.Context(), c.Name, c.Source, hook.ContractShipped, hook.Precondition{})
		if err != nil {
			t.Fatal(err)
		}
		set.Add(c.WithVersion(version))
	}
	if err := known.Reload(t.Context()); err != nil { // what an earlier server on the same database was told
		t.Fatal(err)
	}
	s.in = ingest.New(ingest.Options{Store: db, Dispatcher: s.worker, Contracts: set, KeepKeys: 24 * time.Hour, MaxPayload: 64 << 10, Log: log, Shown: view.Views{Contracts: set}.Event})
	s.schedules = schedule.New(schedule.Options{Store: db, Accepter: s.in, Contracts: set, Node: "test", Log: log})
	sender := sendhttp.New(sendhttp.Options{Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	t.Cleanup(sender.Close)
	scripts := transform.Inline{Limits: transform.Limits{Time: time.Minute, Memory: 32 << 20, Depth: 1000}}
	tester := deliver.New(deliver.Options{
		Store: db, Past: db, Transports: send.Transports{"http": sender, "https": sender}, Contracts: set, Owner: ownsNone{}, Scripts: scripts, Log: log, InFlight: 1, MemoryBytes: 1 << 20,
	})
	keys := auth.New(db, adminKey, nil)
	limits := quota.New(db, hook.Limits{}, log)
	const maxPayload = 64 << 10
	s.api = api.New(api.Options{
		Once: db,
		Admin: admin.Admin{
			People:      admin.People{Store: db},
			Tenants:     admin.Tenants{Store: db},
			Endpoints:   admin.Endpoints{Store: db, Egress: egress.NewKeeper(db, nil), Contracts: set, Scripts: scripts},
			Credentials: admin.Credentials{Store: db, Egress: egress.NewKeeper(db, nil), Contracts: set},
			Keys:        admin.Keys{Store: db},
			Contracts:   admin.Contracts{Store: db, InForce: set, Catalog: known, Library: contract.NewLibrary(contracts.Library())},
			Tests:       admin.Tests{Store: db, Contracts: set, Tester: tester, MaxPayload: maxPayload, Hide: view.Views{Contracts: set}.Public},
			Recoveries:  admin.Recoveries{Store: db, Contracts: set, Recoverer: s.in, Waker: s.worker},
			Bulks:       admin.Bulks{Store: db, Recoverer: s.in, Shown: view.Views{Contracts: set}.Event},
			Filters:     admin.SavedFilters{Store: db},
			Schedules:   admin.Schedules{Store: db, Contracts: set, Runner: s.schedules},
			Deliveries:  admin.Deliveries{Store: db, Contracts: set, Waker: s.worker},
			Events:      admin.Events{Store: db},
			PortalLinks: admin.PortalLinks{Store: db},
			Lookups:     admin.Lookups{Store: db},
			SealKeys:    admin.EncryptionKeys{Store: db, Begun: func() {}},
		},
		Auth: keys, Accepter: s.in, Changer: s.in, Quota: limits, Explain: explain.Explainer{Contracts: set}, Views: view.Views{Contracts: set}, Streams: s.live,
		Guide: api.Guide{Markdown: docMarkdown, OpenAPI: docOpenAPI, Page: docPage, Setup: guide.SetupRequest, Changes: changes}, Examples: set.All, Senders: []string{"203.0.113.7", "2001:db8:20::/48"},
		Events: db, Deliveries: db, Records: db, Stats: db, Omissions: db, Audit: db, Health: s, Log: log, MaxPayload: maxPayload,
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "up 1\n") }),
	})
	db.Watch(keys.Changed)
	db.Watch(limits.Changed)
	db.Watch(s.live.Changed)
	db.Watch(s.in.Forget)
	known.Watch(s.in.Forget)
	return s
}

// answer is the answer to a request.
type answer struct {
	t      testing.TB
	Status int
	Header http.Header
	Body   string
}

// do makes a request with the admin key.
func (s *server) do(method, path, body string) answer {
	s.t.Helper()
	return s.as(adminKey, method, path, body)
}

// as makes a request with a key.
func (s *server) as(key, method, path, body string, header ...string) answer {
	s.t.Helper()
	r := httptest.NewRequestWithContext(s.t.Context(), method, path, strings.NewReader(body))
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return s.serve(r)
}

func (s *server) serve(r *http.Request) answer {
	s.t.Helper()
	w := httptest.NewRecorder()
	s.api.ServeHTTP(w, r)
	_, _ = s.answers.Write(w.Body.Bytes())
	a := answer{s.t, w.Code, w.Header(), w.Body.String()}
	if a.Status >= 400 {
		a.checkProblem(r.Method)
	}
	if a.Header.Get("X-Content-Type-Options") != "nosniff" || a.Header.Get("Cache-Control") != "no-store" {
		s.t.Errorf("%s %s: a browser may guess the type of the answer, or keep it: %v", r.Method, r.URL.Path, a.Header)
	}
	d, err := theDocument()
	if err == nil {
		err = d.conforms(r.Method, r.URL.Path, a)
	}
	if err != nil {
		s.t.Error(err)
	}
	return a
}

// checkProblem checks that a failure has the form of a problem.
func (a answer) checkProblem(method string) {
	a.t.Helper()
	if ct := a.Header.Get("Content-Type"); ct != "application/problem+json" {
		a.t.Errorf("status %d comes as %q: %s", a.Status, ct, a.Body)
	}
	if method == http.MethodHead {
		return
	}
	var p struct {
		Type, Title, Detail, Code string
		Status                    int
		Errors                    []struct {
			Pointer, Parameter, Detail *string
			Line, Column               int
			Fix, Code                  string
			Params                     map[string]string
		}
	}
	d := json.NewDecoder(strings.NewReader(a.Body))
	d.DisallowUnknownFields()
	if err := d.Decode(&p); err != nil {
		a.t.Errorf("not a problem: %v: %s", err, a.Body)
	}
	if p.Status != a.Status || p.Code == "" || p.Title == "" || p.Detail == "" || p.Type != "urn:gancho:problem:"+p.Code {
		a.t.Errorf("an incomplete problem: %s", a.Body)
	}
	for _, e := range p.Errors {
		places := 0
		for _, there := range []bool{e.Pointer != nil, e.Parameter != nil, e.Line > 0 && e.Column > 0} {
			if there {
				places++
			}
		}
		if places != 1 || e.Detail == nil || *e.Detail == "" || (e.Code == "") != (e.Line > 0) {
			a.t.Errorf("an incomplete place of an error: %s", a.Body)
		}
	}
}

// want checks the status of an answer.
func (a answer) want(status int) answer {
	a.t.Helper()
	if a.Status != status {
		a.t.Fatalf("status %d, want %d: %s", a.Status, status, a.Body)
	}
	return a
}

// get reads a member of the answer by its dotted path.
func (a answer) get(path string) any {
	a.t.Helper()
	var v any
	d := json.NewDecoder(strings.NewReader(a.Body))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		a.t.Fatalf("%v: %s", err, a.Body)
	}
	for name := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[name]
		case []any:
			i := int(name[0] - '0')
			if i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

// is checks a member of the answer.
func (a answer) is(path string, want any) answer {
	a.t.Helper()
	got, _ := json.Marshal(a.get(path))
	if expected, _ := json.Marshal(want); string(got) != string(expected) {
		a.t.Errorf("%s is %s, want %s: %s", path, got, expected, a.Body)
	}
	return a
}

func (a answer) str(path string) string {
	a.t.Helper()
	s, ok := a.get(path).(string)
	if !ok {
		a.t.Fatalf("no string at %s: %s", path, a.Body)
	}
	return s
}

// tenant creates a tenant and returns its path.
func (s *server) tenant(id string) string {
	s.t.Helper()
	s.do("PUT", "/v1/tenants/"+id, `{"name":"`+id+`"}`).want(201)
	return "/v1/tenants/" + id
}

// endpoint creates an endpoint and returns its path and id.
func (s *server) endpoint(tenant, body string) (path, id string) {
	s.t.Helper()
	id = s.do("POST", tenant+"/endpoints", body).want(201).str("id")
	return tenant + "/endpoints/" + id, id
}

// key creates an API key and returns its text.
func (s *server) key(body string) string {
	s.t.Helper()
	return s.do("POST", "/v1/keys", body).want(201).str("key")
}

// finish records the outcome of a delivery, as the worker does.
func (s *server) finish(d hook.Delivery, state hook.State, at *hook.Attempt) {
	s.t.Helper()
	d.State, d.FinishedAt, d.Attempts, d.Slot = state, time.Now(), d.Attempts+1, d.Slot+1
	if state == hook.Retrying {
		d.FinishedAt = time.Time{}
		d.NextAttemptAt = time.Now().Add(time.Hour)
		d.QueueAt = d.NextAttemptAt
	}
	done := make(chan error, 1)
	s.db.SaveResult(hook.Result{Delivery: d, Attempt: at}, func(err error) { done <- err })
	if err := <-done; err != nil {
		s.t.Fatal(err)
	}
}

// deliveriesOf are the deliveries of an event.
func (s *server) deliveriesOf(tenant, event string) []hook.Delivery {
	s.t.Helper()
	id, err := hook.ParseEventID(event)
	if err != nil {
		s.t.Fatal(err)
	}
	list, _, err := s.db.Deliveries(s.t.Context(), tenant, hook.DeliveryFilter{Event: id}, hook.Page{Limit: 200})
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}
