package ingest_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/ingest"
	"gancho/internal/store"
	"gancho/internal/storetest"
)

const counterContract = `
contract: counter
title: Counter
redact: [secret]
records:
  count:
    title: Count
    key: id
    schema: {type: object, required: [id, n], properties: {n: {type: integer}}}
  free: {title: Free, key: id}
events:
  counted:
    title: Counted
    on: count
    when: old != null && new != null && changed("n")
    payload: {id: "${new.id}", from: "${old.n}", to: "${new.n}"}
  born: {title: Born, on: count, when: old == null}
  gone: {title: Gone, on: count, when: new == null, payload: old}
  large: {title: Large, on: count, when: 'new != null && new.x != null && new.x > 10'}
  both: {title: Both, on: free, payload: {a: "${new}", b: "${new}"}}
`

// withCounter is a setup that also has the contract counter and an active endpoint of it. It returns
// what is logged, and how many conditions failed.
func withCounter(t *testing.T, db *store.DB) (*setup, *bytes.Buffer, *atomic.Int32) {
	t.Helper()
	c, err := contract.Parse("counter.yaml", []byte(counterContract))
	if err != nil {
		t.Fatal(err)
	}
	log, troubles := &bytes.Buffer{}, &atomic.Int32{}
	b := newSetup(t, db)
	b.Contracts.Add(c.WithVersion(1))
	b.Ingest = ingest.New(ingest.Options{
		Store: db, Dispatcher: b.dispatcher, Contracts: b.Contracts, KeepKeys: time.Hour, MaxPayload: 1 << 10,
		Omitted: func(o *hook.Omission) {
			if o.Endpoint.IsZero() {
				troubles.Add(1)
			}
		}, Log: slog.New(slog.NewTextHandler(log, nil)),
	})
	db.Watch(b.Forget)
	b.endpoint("counter", hook.EndpointActive, hook.EndpointConfig{})
	return b, log, troubles
}

func (b *setup) change(items ...hook.RecordChange) []hook.RecordAnswer {
	b.t.Helper()
	answers, err := b.Change(b.t.Context(), hook.RecordChanges{Tenant: "acme", Items: items})
	if err != nil {
		b.t.Fatal(err)
	}
	if len(answers) != len(items) {
		b.t.Fatalf("%d answers to %d changes", len(answers), len(items))
	}
	return answers
}

func change(op hook.RecordOp, key, doc string) hook.RecordChange {
	name := hook.RecordName{Contract: "counter", Kind: "count", Key: key}
	return hook.RecordChange{RecordName: name, Op: op, Document: []byte(doc)}
}

func put(key, doc string) hook.RecordChange { return change(hook.RecordPut, key, doc) }

// outcome is an answer in one line: what was wrong, what was changed, which events were fired.
func outcome(a hook.RecordAnswer) string {
	var s []string
	if a.Wrong != nil {
		s = append(s, a.Wrong.Code)
		for _, f := range a.Wrong.Fields {
			s = append(s, f.Pointer)
		}
	}
	if a.Created {
		s = append(s, "created")
	}
	if a.Changed {
		s = append(s, "changed")
	}
	if a.Version != 0 {
		s = append(s, "there")
	}
	if a.Duplicate {
		s = append(s, "duplicate")
	}
	for _, e := range a.Events {
		s = append(s, fmt.Sprintf("%s:%d", e.Type, e.Deliveries))
	}
	for _, t := range a.Troubles {
		s = append(s, "trouble:"+t.Type)
	}
	return strings.Join(s, " ")
}

func TestChange(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b, log, troubles := withCounter(t, db)
		const large = `{"id":"a","n":7,"x":11}`
		for _, c := range []struct {
			name, want, doc string
			items           []hook.RecordChange
		}{
			{"patch of nothing", "record_not_found", "", []hook.RecordChange{change(hook.RecordPatch, "a", `{"n":1}`)}},
			{"delete nothing", "record_not_found", "", []hook.RecordChange{change(hook.RecordDelete, "a", "")}},
			{
				"create", "created changed there born:1", `{"id":"a","n":1}`,
				[]hook.RecordChange{put("a", `{"id":"a","n":1}`)},
			},
			{"the same", "there", `{"id":"a","n":1}`, []hook.RecordChange{put("a", `{"id":"a","n":1}`)}},
			{
				"other white space", "changed there", "{\"id\":\"a\", \"n\":1}\n",
				[]hook.RecordChange{put("a", "{\"id\":\"a\", \"n\":1}\n")},
			},
			{
				"change", "changed there counted:1", `{"id":"a","n":2}`,
				[]hook.RecordChange{put("a", `{"id":"a","n":2}`)},
			},
			{
				"patch", "changed there counted:1", `{"id":"a","n":3,"y":1.50}`,
				[]hook.RecordChange{change(hook.RecordPatch, "a", `{"n":3,"y":1.50}`)},
			},
			{
				"patch to the same", "there", `{"id":"a","n":3,"y":1.50}`,
				[]hook.RecordChange{change(hook.RecordPatch, "a", `{"n":3,"z":null}`)},
			},
			{
				"patch against the schema", "record_invalid /patch/n", `{"id":"a","n":3,"y":1.50}`,
				[]hook.RecordChange{change(hook.RecordPatch, "a", `{"n":"x"}`)},
			},
			{
				"patch of the key", "record_key_invalid /patch/id", `{"id":"a","n":3,"y":1.50}`,
				[]hook.RecordChange{change(hook.RecordPatch, "a", `{"id":"b"}`)},
			},
			{
				"patch by a list", "record_invalid /patch", `{"id":"a","n":3,"y":1.50}`,
				[]hook.RecordChange{change(hook.RecordPatch, "a", `[1]`)},
			},
			{
				"a condition that fails", "changed there counted:1 trouble:large", `{"id":"a","n":4,"x":"hunter2"}`,
				[]hook.RecordChange{put("a", `{"id":"a","n":4,"x":"hunter2"}`)},
			},
			{
				"a chain",
				"changed there counted:1; changed there counted:1 large:1; changed gone:1; record_not_found; " +
					"created changed there born:1",
				`{"id":"a","n":1}`,
				[]hook.RecordChange{
					put("a", `{"id":"a","n":6,"x":1}`), put("", large), change(hook.RecordDelete, "a", ""),
					change(hook.RecordPatch, "a", "{}"), put("a", `{"id":"a","n":1}`),
				},
			},
			{
				"wrong items do not harm the others",
				"contract_unknown /contract; contract_unknown /contract; record_kind_unknown /kind; " +
					"record_invalid /document/n; record_key_invalid /document/id; " +
					"record_key_invalid /key; record_key_invalid /key; document_too_large /document; api; " +
					"created changed there born:1",
				`{"id":"a","n":1}`,
				[]hook.RecordChange{
					{RecordName: hook.RecordName{Contract: "none", Kind: "count", Key: "a"}},
					{RecordName: hook.RecordName{Kind: "count", Key: "a"}},
					{RecordName: hook.RecordName{Contract: "counter", Kind: "none", Key: "a"}},
					put("a", `{"id":"a"}`),
					put("a", `{"id":"b","n":1}`),
					change(hook.RecordDelete, "", ""),
					change(hook.RecordDelete, strings.Repeat("x", contract.MaxRecordKey+1), ""),
					put("a", `{"id":"a","n":1,"t":"`+strings.Repeat("x", 1<<10)+`"}`),
					{Wrong: hook.Invalid("api", "")},
					put("other", `{"id":"other","n":1}`),
				},
			},
			{
				"a patch that makes it too large", "document_too_large /patch", `{"id":"a","n":1}`,
				[]hook.RecordChange{change(hook.RecordPatch, "a", `{"t":"`+strings.Repeat("x", 1010)+`"}`)},
			},
			{"delete", "changed gone:1", "", []hook.RecordChange{change(hook.RecordDelete, "a", "")}},
			{
				"a number is its text", "created changed there born:1", "",
				[]hook.RecordChange{put("", `{"id":42,"n":1}`)},
			},
			{"the same key as text", "there", "", []hook.RecordChange{put("42", `{"id":42,"n":1}`)}},
			{
				"a payload that is too large", "created changed there trouble:both", "",
				[]hook.RecordChange{
					{
						RecordName: hook.RecordName{Contract: "counter", Kind: "free"}, Op: hook.RecordPut,
						Document: []byte(`{"id":1,"t":"` + strings.Repeat("x", 600) + `"}`),
					},
				},
			},
		} {
			var got []string
			for _, a := range b.change(c.items...) {
				got = append(got, outcome(a))
			}
			if s := strings.Join(got, "; "); s != c.want {
				t.Errorf("%s:\n got %s\nwant %s", c.name, s, c.want)
			}
			r, err := db.Record(t.Context(), "acme", "counter", "count", "a")
			if string(r.Document) != c.doc || (c.doc == "") != hook.IsKind(err, hook.KindNotFound) {
				t.Errorf("%s: now %q %v, want %q", c.name, r.Document, err, c.doc)
			}
		}
		if n := troubles.Load(); n != 2 || strings.Count(log.String(), "condition failed") != 2 {
			t.Errorf("%d failures were counted, and the log says %s", n, log)
		}
		if strings.Contains(log.String(), "hunter2") {
			t.Errorf("the log quotes the document: %s", log)
		}
		var payloads []string
		for _, j := range b.dispatcher.take() {
			if j.Event.Type == "counted" {
				payloads = append(payloads, string(j.Event.Payload))
			}
			if j.Event.Door != hook.DoorRecord {
				t.Errorf("door %s", j.Event.Door)
			}
		}
		want := []string{
			`{"id":"a","from":1,"to":2}`, `{"id":"a","from":2,"to":3}`, `{"id":"a","from":3,"to":4}`,
			`{"id":"a","from":4,"to":6}`, `{"id":"a","from":6,"to":7}`,
		}
		if diff := cmp.Diff(want, payloads); diff != "" {
			t.Error(diff)
		}
	})
}

func TestChangeRedactsWhatItFires(t *testing.T) {
	t.Parallel()
	b, _, _ := withCounter(t, storetest.Open(t))
	b.change(put("a", `{"id":"a","n":1,"secret":"hunter2"}`))
	jobs := b.dispatcher.take()
	if len(jobs) != 1 || string(jobs[0].Event.Payload) != `{"id":"a","n":1,"secret":"[redacted]"}` {
		t.Errorf("%d jobs, %s", len(jobs), jobs[0].Event.Payload)
	}
}

func TestChangeUnderCondition(t *testing.T) {
	t.Parallel()
	b, _, _ := withCounter(t, storetest.Open(t))
	v := b.change(put("a", `{"id":"a","n":1}`))[0].Version
	n := 1
	for _, c := range []struct {
		name, want string
		op         hook.RecordOp
		key        string
		when       hook.Precondition
	}{
		{"absent, but there", "record_exists", hook.RecordPut, "a", hook.Precondition{Absent: true}},
		{"absent", "created changed there born:1", hook.RecordPut, "b", hook.Precondition{Absent: true}},
		{"present, but absent", "record_changed", hook.RecordPut, "c", hook.Precondition{Present: true}},
		{
			"a version of nothing", "record_changed", hook.RecordDelete, "c",
			hook.Precondition{Present: true, Versions: []int64{v}},
		},
		{"present", "changed there counted:1", hook.RecordPut, "a", hook.Precondition{Present: true}},
		{
			"an old version", "record_changed", hook.RecordPut, "a",
			hook.Precondition{Present: true, Versions: []int64{v}},
		},
		{"no version", "record_changed", hook.RecordPatch, "a", hook.Precondition{Present: true, Versions: []int64{}}},
	} {
		n++
		item := change(c.op, c.key, fmt.Sprintf(`{"id":%q,"n":%d}`, c.key, n))
		item.If = c.when
		a := b.change(item)[0]
		if got := outcome(a); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
		if a.Wrong != nil && a.Wrong.Kind != hook.KindPrecondition {
			t.Errorf("%s: %s", c.name, a.Wrong.Kind)
		}
		if a.Version != 0 && a.Wrong == nil && c.key == "a" {
			if a.Version <= v {
				t.Errorf("%s: version %d after %d", c.name, a.Version, v)
			}
		}
	}
}

// A version is never given twice, not even after a deletion.
func TestVersionsGrow(t *testing.T) {
	t.Parallel()
	b, _, _ := withCounter(t, storetest.Open(t))
	var items []hook.RecordChange
	for i := range 300 {
		items = append(items, put("a", fmt.Sprintf(`{"id":"a","n":%d}`, i)), change(hook.RecordDelete, "a", ""))
	}
	last := int64(0)
	for range 3 {
		for _, a := range b.change(items...) {
			if a.Wrong != nil {
				t.Fatal(a.Wrong)
			}
			if a.Version != 0 && a.Version <= last {
				t.Fatalf("%d after %d", a.Version, last)
			}
			last = max(last, a.Version)
		}
	}
}

// Many callers change the same records at once. Whatever the order, each event of a record begins with
// the document that the event before ended with.
func TestChangesAtOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *store.DB) {
		b, _, _ := withCounter(t, db)
		const callers, each, records = 16, 20, 3
		for r := range records {
			b.change(put("", fmt.Sprintf(`{"id":"r%d","n":0}`, r)))
		}
		b.dispatcher.take()
		var wg sync.WaitGroup
		for c := range callers {
			wg.Go(func() {
				for i := range each {
					n := 1 + c*each + i // no other change writes the same number
					var items []hook.RecordChange
					for r := range records {
						if (n+r)%2 == 0 { // singles and batches, in several orders
							items = append(items, change(hook.RecordPatch, fmt.Sprintf("r%d", (c+r)%records), fmt.Sprintf(
								`{"n":%d}`, n,
							)))
						}
					}
					answers, err := b.Change(t.Context(), hook.RecordChanges{Tenant: "acme", Items: items})
					if err != nil {
						t.Error(err)
						return
					}
					for _, a := range answers {
						if got := outcome(a); got != "changed there counted:1" {
							t.Errorf("%d: %s", n, got)
						}
					}
				}
			})
		}
		wg.Wait()
		next := map[string]map[int]int{} // of each record: from → to
		total := 0
		for _, j := range b.dispatcher.take() {
			var p struct {
				ID       string
				From, To int
			}
			if err := json.Unmarshal(j.Event.Payload, &p); err != nil {
				t.Fatal(err)
			}
			if next[p.ID] == nil {
				next[p.ID] = map[int]int{}
			}
			if to, twice := next[p.ID][p.From]; twice {
				t.Errorf("%s: from %d both to %d and %d", p.ID, p.From, to, p.To)
			}
			next[p.ID][p.From] = p.To
			total++
		}
		if want := callers * each * records / 2; total != want {
			t.Errorf("%d events, want %d", total, want)
		}
		for r := range records {
			id := fmt.Sprintf("r%d", r)
			at, steps := 0, 0
			for to, ok := next[id][at]; ok; to, ok = next[id][at] {
				at, steps = to, steps+1
			}
			stored, err := db.Record(t.Context(), "acme", "counter", "count", id)
			if want := fmt.Sprintf(`{"id":%q,"n":%d}`, id, at); err != nil || string(stored.Document) != want ||
				steps != len(next[id]) {
				t.Errorf(
					"%s: %d of %d steps lead to %d, stored is %s %v", id, steps, len(next[id]), at, stored.Document,
					err,
				)
			}
		}
	})
}

// A repeated request gets the answer of the first one, and nothing is changed.
func TestChangeOnce(t *testing.T) {
	t.Parallel()
	b, _, _ := withCounter(t, storetest.Open(t))
	request := func(hash byte, items ...hook.RecordChange) ([]hook.RecordAnswer, error) {
		return b.Change(t.Context(), hook.RecordChanges{
			Tenant: "acme", Items: items, RequestKey: "k", RequestHash: [32]byte{hash},
		})
	}
	items := []hook.RecordChange{
		put("a", `{"id":"a","n":1,"x":"y"}`), put("b", `{}`), change(hook.RecordPatch, "c", `{}`),
	}
	first, err := request(1, items...)
	if err != nil {
		t.Fatal(err)
	}
	b.dispatcher.take()
	b.change(change(hook.RecordDelete, "a", ""))
	again, err := request(1, items...)
	if err != nil {
		t.Fatal(err)
	}
	if again[0].Duplicate = false; len(b.dispatcher.take()) != 1 { // the deletion
		t.Error("it was done again")
	}
	if diff := cmp.Diff(first, again, cmpopts.EquateEmpty()); diff != "" {
		t.Error(diff)
	}
	if _, err := request(2, items...); !hook.IsKind(err, hook.KindConflict) {
		t.Errorf("another request under the same key: %v", err)
	}
	_, err = b.Change(t.Context(), hook.RecordChanges{Tenant: "nobody", Items: items})
	if !hook.IsKind(err, hook.KindNotFound) {
		t.Errorf("an unknown tenant: %v", err)
	}
}

// raced is a store in which somebody else does something right before each submission.
type raced struct {
	*store.DB
	first func()
}

func (s *raced) Submit(sub hook.Submission, keep time.Duration) (hook.Verdicts, error) {
	s.first()
	return s.DB.Submit(sub, keep)
}

// A change that is overtaken each time fails. The rest of its batch is stored, its deliveries are
// called off, and the same request can be completed later.
func TestChangeThatIsAlwaysOvertaken(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	other, _, _ := withCounter(t, db)
	other.change(put("a", `{"id":"a","n":0}`))
	e := other.endpoint("counter", hook.EndpointActive, hook.EndpointConfig{})
	n, stop := 0, false
	mine := &dispatcher{woken: map[hook.EndpointID]int{}, ready: map[hook.EndpointID]bool{e.ID: true}}
	in := ingest.New(ingest.Options{
		Dispatcher: mine, Contracts: other.Contracts, KeepKeys: time.Hour, Log: slog.New(slog.DiscardHandler),
		Store: &raced{db, func() {
			if n++; !stop {
				other.change(put("a", fmt.Sprintf(`{"id":"a","n":%d}`, n)))
			}
		}},
	})
	items := []hook.RecordChange{
		put("a", `{"id":"a","n":-1}`), put("b", `{"id":"b","n":0}`), put("a", `{"id":"a","n":-2}`),
	}
	request := hook.RecordChanges{Tenant: "acme", Items: items, RequestKey: "k"}
	answers, err := in.Change(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"record_busy", "created changed there born:2", "record_busy"} {
		if got := outcome(answers[i]); got != want {
			t.Errorf("item %d: %s, want %s", i, got, want)
		}
	}
	if answers[0].Wrong.Kind != hook.KindUnavailable {
		t.Errorf("%v", answers[0].Wrong)
	}
	if len(mine.announced) != 2 {
		t.Errorf("%d deliveries are announced, want the two of b", len(mine.announced))
	}
	if again, err := in.Change(t.Context(), request); err != nil || outcome(again[0]) != "record_busy" ||
		outcome(again[1]) != "created changed there duplicate born:2" {
		t.Errorf("again: %v %v", again, err)
	}
	stop = true
	answers, err = in.Change(t.Context(), request)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"changed there counted:2", "created changed there duplicate born:2", "changed there counted:2"}
	for i, want := range want {
		if got := outcome(answers[i]); got != want {
			t.Errorf("without the race, item %d: %s, want %s", i, got, want)
		}
	}
	if again, err := in.Change(t.Context(), request); err != nil ||
		outcome(again[0]) != "changed there duplicate counted:2" {
		t.Errorf("repeated when all is done: %v %v", again, err)
	}
	if r, err := db.Record(t.Context(), "acme", "counter", "count", "a"); err != nil ||
		string(r.Document) != `{"id":"a","n":-2}` {
		t.Errorf("stored: %s %v", r.Document, err)
	}
}

// An item that had nothing to change may have been worked out from an item before it. If that one is
// overtaken, both are worked out again.
func TestChangeAfterOneThatWasOvertaken(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	other, _, _ := withCounter(t, db)
	other.change(put("a", `{"id":"a","n":1}`))
	once := sync.OnceFunc(func() { other.change(put("a", `{"id":"a","n":5}`)) })
	in := ingest.New(ingest.Options{
		Dispatcher: &dispatcher{}, Contracts: other.Contracts, KeepKeys: time.Hour,
		Log: slog.New(slog.DiscardHandler), Store: &raced{
			db, once,
		},
	})
	answers, err := in.Change(t.Context(), hook.RecordChanges{Tenant: "acme", Items: []hook.RecordChange{
		change(hook.RecordPatch, "a", `{"x":"y"}`), change(hook.RecordPatch, "a", `{"n":1}`),
	}})
	if err != nil {
		t.Fatal(err)
	}
	const want = "changed there trouble:large, changed there counted:1 trouble:large"
	if got := outcome(answers[0]) + ", " + outcome(answers[1]); got != want {
		t.Error(got)
	}
	if r, err := db.Record(t.Context(), "acme", "counter", "count", "a"); err != nil ||
		string(r.Document) != `{"id":"a","n":1,"x":"y"}` {
		t.Errorf("stored: %s %v", r.Document, err)
	}
}

// counted is a store that counts submissions and notes the largest.
type counted struct {
	*store.DB
	submissions int
	most        int // bytes of documents in one submission
	deliveries  int // the most in one submission
}

func (s *counted) Submit(sub hook.Submission, keep time.Duration) (hook.Verdicts, error) {
	s.submissions++
	n, deliveries := 0, 0
	for _, w := range sub.Records {
		n += len(w.Record.Document)
		for _, it := range w.Events {
			deliveries += len(it.Deliveries)
		}
	}
	s.most, s.deliveries = max(s.most, n), max(s.deliveries, deliveries)
	return s.DB.Submit(sub, keep)
}

// A request that changes large documents is worked out in rounds, so the memory it needs does not grow
// with the number of its items. It is still one request: repeated, it gets one answer.
func TestChangeOfLargeDocuments(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	b, _, _ := withCounter(t, db)
	limited := &counted{DB: db}
	in := ingest.New(ingest.Options{
		Dispatcher: &dispatcher{}, Contracts: b.Contracts, KeepKeys: time.Hour, MaxPayload: 2 << 20,
		Log: slog.New(slog.DiscardHandler), Store: limited,
	})
	pad := strings.Repeat("x", 1<<20)
	items := []hook.RecordChange{
		put("a", `{"id":"a","n":0,"pad":"`+pad+`"}`), put("b", `{"id":"b","n":0,"pad":"`+pad+`"}`),
	}
	for n := range 10 {
		items = append(items, change(hook.RecordPatch, "ab"[n%2:n%2+1], fmt.Sprintf(`{"n":%d}`, n+1)))
	}
	request := hook.RecordChanges{Tenant: "acme", Items: items, RequestKey: "k"}
	for _, want := range []string{"changed there counted:1", "changed there duplicate counted:1"} {
		answers, err := in.Change(t.Context(), request)
		if err != nil {
			t.Fatal(err)
		}
		for i, a := range answers[2:] {
			if got := outcome(a); got != want {
				t.Errorf("patch %d: %s, want %s", i, got, want)
			}
		}
	}
	if limited.submissions < 3 || limited.most > 6<<20 {
		t.Errorf("%d submissions, the largest with %d bytes", limited.submissions, limited.most)
	}
	for key, n := range map[string]int{"a": 9, "b": 10} {
		r, err := db.Record(t.Context(), "acme", "counter", "count", key)
		if want := fmt.Sprintf(`{"id":%q,"n":%d,"pad":"%s"}`, key, n, pad); err != nil || string(r.Document) != want {
			t.Errorf("%s is stored as %.40s… %v", key, r.Document, err)
		}
	}
}

// A request whose changes make very many deliveries is worked out in rounds, too.
func TestChangeForManyEndpoints(t *testing.T) {
	t.Parallel()
	db := storetest.Open(t)
	b, _, _ := withCounter(t, db)
	for range 99 {
		b.endpoint("counter", hook.EndpointActive, hook.EndpointConfig{})
	}
	limited := &counted{DB: db}
	in := ingest.New(ingest.Options{
		Dispatcher: &dispatcher{}, Contracts: b.Contracts, KeepKeys: time.Hour,
		Log: slog.New(slog.DiscardHandler), Store: limited,
	})
	items := make([]hook.RecordChange, 120)
	for n := range items {
		items[n] = put("a", fmt.Sprintf(`{"id":"a","n":%d,"x":0}`, n))
	}
	answers, err := in.Change(t.Context(), hook.RecordChanges{Tenant: "acme", Items: items})
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range answers[1:] {
		if got := outcome(a); got != "changed there counted:100" {
			t.Errorf("item %d: %s", i+1, got)
		}
	}
	if limited.submissions < 2 || limited.deliveries > 9_000 {
		t.Errorf("%d submissions, the largest with %d deliveries", limited.submissions, limited.deliveries)
	}
}
