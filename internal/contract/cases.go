package contract

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"

	"gancho/internal/hook"
	"gancho/internal/rawjson"
	"gancho/internal/template"
	"gancho/internal/work"
	"gancho/internal/yamlfile"
)

// Test is an example for a contract with its expected result.
type Test struct {
	Name string
	Line int

	kind     string // of the records, "" if the payload is given
	event    string // that is rendered
	old, new []byte
	records  [][]byte
	payload  []byte
	fires    []string // nil: not checked

	cfg        hook.EndpointConfig
	credential *Credential

	url     string
	headers []hook.Header
	body    []byte
}

// Result is the result of a test.
type Result struct {
	Name   string
	Line   int    // of the contract file
	Wrong  string // "" if the test passed; else a sentence, and what was expected and what came
	Events []Fired
}

// testURL is the URL of the requests of tests.
const testURL = "https://receiver.example/webhook"

// tests reads the section "tests".
func (l *loader) tests(c *Contract, n *yamlfile.Node) {
	if n.Kind != yamlfile.KindMapping {
		l.ProblemAt(n, "tests is a mapping from the name of each test to what it is.", "Write for example: tests: {a paid order: {event: order.paid, new: examples/order.json, body: examples/order.json}}")
		return
	}
	for _, p := range n.Pairs {
		if o := l.Object(p.Value, "The test "+p.Key, keysOf["tests.*"]); o.Node != nil {
			c.tests = append(c.tests, l.test(c, o, p))
		}
	}
}

func (l *loader) test(c *Contract, o yamlfile.Object, p yamlfile.Pair) Test {
	t := Test{Name: p.Key, Line: p.Line, cfg: hook.EndpointConfig{URL: testURL}}
	if v := o.Get("event"); v != nil {
		t.event = l.Str(v)
		e, ok := c.Event(t.event)
		switch {
		case !ok && v.Kind == yamlfile.KindText:
			l.ProblemAt(v, fmt.Sprintf("There is no event type %s.", t.event), nearestFix(t.event, c.EventNames()))
		case e.Schedule != nil:
			t.kind = e.Schedule.Select
		default:
			t.kind = e.On
		}
	}
	if v := o.Get("on"); v != nil {
		if t.kind = l.Str(v); c.record(t.kind) == nil && v.Kind == yamlfile.KindText {
			l.ProblemAt(v, fmt.Sprintf("There is no record %s.", t.kind), nearestFix(t.kind, c.kinds()))
		}
	}
	for key, into := range map[string]*[]byte{"old": &t.old, "new": &t.new, "payload": &t.payload} {
		if v := o.Get(key); v != nil {
			*into = l.document(v)
		}
	}
	if v := o.Get("records"); v != nil {
		if v.Kind == yamlfile.KindList {
			t.records = [][]byte{}
			for _, item := range v.Items {
				t.records = append(t.records, l.document(item))
			}
		} else if doc := l.document(v); doc != nil {
			if t.records = rawjson.Elements(doc); rawjson.KindOf(doc) != '[' {
				l.ProblemAt(v, "records is a list of documents, or a JSON list of them.", "")
			}
		}
	}
	l.testInputs(&t, o)
	if v := o.Get("fires"); v != nil {
		t.fires = []string{}
		for _, item := range l.List(v) {
			t.fires = append(t.fires, l.Str(item))
		}
	}
	if v := o.Get("url"); v != nil {
		t.url = l.Str(v)
	}
	if v := o.Get("headers"); v != nil {
		if v.Kind != yamlfile.KindMapping {
			l.ProblemAt(v, fmt.Sprintf("headers is a mapping from names to values, not %s.", v.Kind), "Write for example: x-source: shop")
		}
		for _, h := range v.Pairs {
			t.headers = append(t.headers, hook.Header{Name: h.Key, Value: l.Str(h.Value)})
		}
	}
	if v := o.Get("body"); v != nil {
		t.body = l.exact(v)
	}
	given := 0
	for _, has := range []bool{o.Get("old") != nil || o.Get("new") != nil, o.Get("records") != nil, o.Get("payload") != nil} {
		if has {
			given++
		}
	}
	switch {
	case given != 1:
		l.Problem(p.Line, p.Column, fmt.Sprintf("The test %s needs one thing to begin with.", p.Key), "Give one of: old and new (a change of a record), records (for a schedule), payload.")
	case t.fires == nil && t.body == nil && t.headers == nil && t.url == "":
		l.Problem(p.Line, p.Column, fmt.Sprintf("The test %s expects nothing.", p.Key), "Add what has to come out: fires, body, headers or url.")
	case t.event == "" && (t.fires == nil || t.body != nil || t.headers != nil || t.url != ""):
		l.Problem(p.Line, p.Column, fmt.Sprintf("The test %s does not say which event is sent.", p.Key), "Add for example: event: order.paid")
	}
	return t
}

// testInputs reads the settings, the method and the credential of a test.
func (l *loader) testInputs(t *Test, o yamlfile.Object) {
	if v := o.Get("settings"); v != nil {
		t.cfg.Settings = l.JSON(v)
	}
	if v := o.Get("method"); v != nil {
		t.cfg.Method = l.Str(v)
	}
	if v := o.Get("credential"); v != nil {
		t.credential = &Credential{}
		members := l.Object(v, "credential", template.CredentialMembers)
		for name, into := range map[string]*string{"api_key": &t.credential.APIKey, "id": &t.credential.ID, "name": &t.credential.Name, "tenant": &t.credential.Tenant} {
			if m := members.Get(name); m != nil {
				*into = l.Str(m)
			}
		}
	}
}

var fileName = regexp.MustCompile(`^[A-Za-z0-9_./-]+\.(json|txt)$`)

// exact reads bytes: a text, or the name of a file with them.
func (l *loader) exact(n *yamlfile.Node) []byte {
	text := l.Str(n)
	if n.Quote == yamlfile.Block {
		return []byte(strings.TrimRight(text, "\n"))
	}
	if l.fsys == nil || !fileName.MatchString(text) {
		return []byte(text)
	}
	b, err := fs.ReadFile(l.fsys, path.Join(path.Dir(l.Name), text))
	if err != nil {
		l.ProblemAt(n, fmt.Sprintf("The file %s cannot be used: %s.", text, fileError(err)), "Give the name relative to this contract.")
		return nil
	}
	b = bytes.TrimRight(b, " \t\r\n")
	l.Inline(n, b)
	return b
}

// document reads a JSON document: as bytes, see exact, or written as YAML.
func (l *loader) document(n *yamlfile.Node) []byte {
	if n.Kind == yamlfile.KindMapping || n.Kind == yamlfile.KindList {
		return l.JSON(n)
	}
	b := l.exact(n)
	if b == nil || n.Kind != yamlfile.KindText {
		return nil
	}
	if err := rawjson.Check(b, rawjson.MaxDepth); err != nil {
		l.ProblemAt(n, "The document is refused. "+err.Error(), "")
		return nil
	}
	return b
}

// Tests lists the names of the contract's tests in the order of the file.
func (c *Contract) Tests() []string {
	var out []string
	for _, t := range c.tests {
		out = append(out, t.Name)
	}
	return out
}

// RunTests runs the tests of the contract. It also checks that the examples of its events
// are written as the contract would send them.
func (c *Contract) RunTests() []Result {
	var out []Result
	if !c.MakesBody() {
		out = c.testExamples()
	}
	for i := range c.tests {
		r := c.tests[i].run(c)
		r.Name, r.Line = c.tests[i].Name, c.tests[i].Line
		out = append(out, r)
	}
	return out
}

// testExamples checks that the examples of events are in the style of endpoint.json.
func (c *Contract) testExamples() (out []Result) {
	test := func(name string, line int, example []byte) {
		r := Result{Name: name, Line: line}
		if b, err := rawjson.Restyle(example, c.endpoint.json); err != nil {
			r.Wrong = "The example is not valid JSON."
		} else if !bytes.Equal(b, example) {
			r.Wrong = difference("The example is not written as endpoint.json says.", b, example)
		}
		out = append(out, r)
	}
	for _, e := range c.events {
		if e.Example != nil {
			test("example of "+e.Name, e.line, e.Example)
		}
		for _, further := range e.Cases {
			test("example of "+e.Name+", case "+further.Name, e.line, further.Example)
		}
	}
	return out
}

// FailedTests runs the tests of the contract and returns those that fail, as
// problems of its file; nil if none does.
func (c *Contract) FailedTests(file string) *Problems {
	var p Problems
	for _, r := range c.RunTests() {
		if r.Wrong != "" {
			p.List = append(p.List, Problem{
				File: file, Line: r.Line, Column: 1, Message: fmt.Sprintf("%s fails. %s", capital(r.Name), r.Wrong),
				Fix: "Correct the contract, or what the test expects.",
			})
		}
	}
	if len(p.List) == 0 {
		return nil
	}
	return &p
}

// testUnits is the work that one test of a contract may cost, see package work: about 2 s.
const testUnits = 20_000_000

func (t *Test) run(c *Contract) (r Result) {
	payload, wrong := t.happen(work.NewBudget(context.Background(), testUnits, nil), c, &r)
	if wrong != "" || t.event == "" {
		r.Wrong = wrong
		return r
	}
	if least, _ := c.EventTypesPerEndpoint(); least > 0 {
		t.cfg.EventTypes = []string{t.event}
	}
	if found := c.CheckEndpoint(t.cfg); len(found) > 0 {
		r.Wrong = fmt.Sprintf("The endpoint of the test is refused at %s: %s", found[0].Pointer, found[0].Detail)
		return r
	}
	ev := &hook.Event{ID: hook.EventID(hook.IDAt(testTime)), Tenant: "test", Contract: c.Name, Type: t.event, CreatedAt: testTime, Payload: payload}
	req, err := c.PlanFor(t.cfg, t.credential).Render(ev)
	if err != nil {
		r.Wrong = "The request cannot be made: " + strings.TrimSuffix(err.Error(), ".") + "."
		return r
	}
	r.Wrong = t.compare(c, &req)
	return r
}

// testTime is the time of the events of tests.
var testTime = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// happen makes the event of a test.
func (t *Test) happen(b *work.Budget, c *Contract, r *Result) (payload []byte, wrong string) {
	switch {
	case t.records != nil:
		s, ok := c.NewSnapshot(b, t.event)
		if !ok {
			return nil, fmt.Sprintf("The event type %s has no schedule.", t.event)
		}
		for _, doc := range t.records {
			if wrong := t.refused(b, c, doc); wrong != "" {
				return nil, wrong
			}
			if _, err := s.Add(doc); err != nil {
				return nil, capital(strings.TrimSuffix(err.Error(), ".")) + "."
			}
		}
		return s.Payload(), ""
	case t.old != nil || t.new != nil:
		return t.change(b, c, r)
	}
	if found := c.CheckPayload(t.event, t.payload); len(found) > 0 {
		return nil, fmt.Sprintf("The payload is refused at %s: %s", orRoot(found[0].Pointer), found[0].Detail)
	}
	return c.Redact(t.payload), ""
}

// change makes the event of a change of a record.
func (t *Test) change(b *work.Budget, c *Contract, r *Result) (payload []byte, wrong string) {
	for _, doc := range [][]byte{t.old, t.new} {
		if doc != nil {
			if wrong := t.refused(b, c, doc); wrong != "" {
				return nil, wrong
			}
		}
	}
	events, troubles := c.Fire(b, t.kind, t.old, t.new)
	r.Events = events
	if len(troubles) > 0 {
		return nil, troubles[0].Detail
	}
	names := []string{}
	for _, e := range events {
		names = append(names, e.Type)
		if e.Type == t.event {
			payload = e.Payload
		}
	}
	switch {
	case t.fires != nil && !slices.Equal(t.fires, names):
		return nil, fmt.Sprintf("The change fires [%s], not [%s].", strings.Join(names, ", "), strings.Join(t.fires, ", "))
	case t.event != "" && payload == nil:
		return nil, fmt.Sprintf("The change fires [%s], and not %s.", strings.Join(names, ", "), t.event)
	}
	return payload, ""
}

// refused returns the reason why a document cannot be a record, "" if it can.
func (t *Test) refused(b *work.Budget, c *Contract, doc []byte) string {
	if found := c.CheckRecord(b, t.kind, doc); len(found) > 0 {
		return fmt.Sprintf("The record is refused at %s: %s", orRoot(found[0].Pointer), found[0].Detail)
	}
	return ""
}

// compare compares a request with what is expected.
func (t *Test) compare(c *Contract, req *Rendering) string {
	if t.body != nil && !bytes.Equal(t.body, req.Body) {
		return difference("The body differs.", t.body, req.Body)
	}
	if s := c.endpoint.bodySchema; s != nil && rawjson.Check(req.Body, rawjson.MaxDepth) == nil {
		if found := s.Check(nil, req.Body); len(found) > 0 {
			return fmt.Sprintf("The body is not as endpoint.schema says at %s: %s", orRoot(found[0].Pointer), found[0].Detail)
		}
	}
	if t.url != "" && t.url != req.URL {
		return difference("The URL differs.", []byte(t.url), []byte(req.URL))
	}
	for _, want := range t.headers {
		i := slices.IndexFunc(req.Headers, func(h hook.Header) bool { return strings.EqualFold(h.Name, want.Name) })
		switch {
		case i < 0:
			return fmt.Sprintf("The header %s is missing.", want.Name)
		case req.Headers[i] != want:
			return difference("A header differs.", []byte(want.Name+": "+want.Value), []byte(req.Headers[i].Name+": "+req.Headers[i].Value))
		}
	}
	return ""
}

// difference shows the parts of two texts around the first difference.
func difference(what string, want, got []byte) string {
	at := 0
	for at < len(want) && at < len(got) && want[at] == got[at] {
		at++
	}
	from := max(0, at-30)
	show := func(b []byte) string {
		end := min(len(b), at+50)
		if from > end {
			return ""
		}
		s := string(b[from:end])
		if from > 0 {
			s = "…" + s
		}
		if end < len(b) {
			s += "…"
		}
		return s
	}
	return fmt.Sprintf("%s At byte %d of %d:\n  expected  %s\n  but came  %s", what, at+1, len(want), show(want), show(got))
}
