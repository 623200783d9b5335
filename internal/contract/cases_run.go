package contract

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"gancho/internal/hook"
	"gancho/internal/rawjson"
	"gancho/internal/sign"
	"gancho/internal/work"
)

// Result is the result of a test.
type Result struct {
	Name   string
	Line   int    // of the contract file: of the test, or of what differs
	Wrong  string // "" if the test passed; else what differs, a sentence each, with what was expected and what came
	Events []Fired
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
		t := c.tests[i]
		r := t.run(c)
		r.Name = t.Name
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
	r.Line = t.Line
	payload, wrong := []byte(nil), ""
	if t.received != nil {
		out, _ := t.outcome(c, nil)
		r.Wrong = t.verdict(&out)
		if faults := t.without(c, nil, &out); r.Wrong == "" && len(faults) > 0 {
			r.Line, r.Wrong = faults[0].line, faults[0].text
		}
		return r
	}
	if t.shakes {
		if !c.Verifies() {
			r.Wrong = "The contract has no handshake."
			return r
		}
		payload = t.payload
	} else if t.old != nil || t.new != nil || t.records != nil || t.payload != nil {
		payload, wrong = t.happen(work.NewBudget(context.Background(), testUnits, nil), c, &r)
	}
	if wrong != "" {
		r.Wrong = wrong
		return r
	}
	if least, _ := c.EventTypesPerEndpoint(); least > 0 && t.event != "" && !t.shakes {
		t.cfg.EventTypes = []string{t.event}
	}
	out, wrong := t.outcome(c, payload)
	if wrong != "" {
		r.Wrong = wrong
		return r
	}
	faults := t.compare(t.as(c), &out)
	switch again, _ := t.outcome(c, payload); {
	case len(faults) == 0:
		faults = t.without(c, payload, &out)
	case t.sees(&out, &again):
		faults = []fault{{t.keys["secret"].line, "The signature has a random part, so this test can never pass. Add the part itself: nonce: …"}}
	}
	for i, f := range faults {
		if i == 0 {
			r.Line, r.Wrong = f.line, f.text
		} else {
			r.Wrong += "\n" + f.text
		}
	}
	return r
}

// as is the contract as the test uses it: with the challenge and the secret of the test, if it makes a handshake.
func (t *Test) as(c *Contract) *Contract {
	if t.shakes {
		return c.Handshake(&hook.Event{Payload: t.payload}, t.facts.secrets)
	}
	return c
}

// fault is something that is not as a test expects it.
type fault struct {
	line int
	text string
}

// outcome is what comes out of a test: the request that goes out, and what the answer means.
type outcome struct {
	Rendering
	meaning  string // "" without an answer
	verdict  Verdict
	verified string // what came of verifying it: "", verifiedText, or what is wrong
}

// outcome makes the request of a test and judges its answer. wrong says why there is no request.
func (t *Test) outcome(c *Contract, payload []byte) (out outcome, wrong string) {
	if t.received != nil {
		out.verified = t.verify(c, *t.received)
		return out, ""
	}
	c = t.as(c)
	if t.event != "" {
		if found := c.CheckEndpoint(t.cfg); len(found) > 0 {
			return out, fmt.Sprintf("The endpoint of the test is refused at %s: %s", found[0].Pointer, found[0].Detail)
		}
		ev := &hook.Event{
			ID: hook.EventID(hook.IDAt(t.facts.time)), Tenant: "test", Contract: c.Name, Type: t.event, CreatedAt: t.facts.time, Payload: payload,
		}
		plan := c.PlanFor(t.cfg, t.credential).Of(hook.EndpointID(hook.IDAt(testTime)), t.facts.name)
		at := t.facts.past
		at.Number, at.At = t.facts.attempt, t.facts.time
		id, err := hook.ParseEventID(t.facts.id)
		if err == nil {
			ev.ID = id
		}
		out.Rendering, err = plan.RenderFor(ev, &at)
		if err == nil && t.facts.id != "" && ev.ID != id { // of another system, such as msg_1; only the signature can have it
			other := *ev
			other.ID[0]++
			if r, err := plan.RenderFor(&other, &at); err != nil || !same(&r, &out.Rendering) {
				return out, "The contract puts ${event.id} into the request, so the id of the test has to be one of Gancho, such as " + ev.ID.String() + "."
			}
		}
		if err == nil {
			err = t.sign(c, &out.Rendering, ev)
		}
		if err == nil && t.facts.keys != nil {
			out.verified = t.verify(c, sign.Message{Method: out.Method, URL: out.URL, Headers: out.Headers, Body: out.Body})
		}
		if err != nil {
			return out, "The request cannot be made: " + strings.TrimSuffix(err.Error(), ".") + "."
		}
	}
	if t.answer != nil {
		out.verdict = c.JudgeAttempt(Attempted{Response: &t.answer.Response, Number: t.facts.attempt})
		out.meaning = t.means(c, out.verdict)
	}
	return out, ""
}

// sign puts the signature into a request, if the test has a secret.
func (t *Test) sign(c *Contract, req *Rendering, ev *hook.Event) error {
	scheme := c.endpoint.scheme
	if scheme == nil || len(t.facts.secrets) == 0 {
		return nil
	}
	signer, err := scheme.NewSigner(t.facts.secrets)
	if err != nil {
		return err
	}
	m := sign.Message{
		ID: t.facts.id, Time: t.facts.time, Nonce: t.facts.nonce,
		Method: req.Method, URL: req.URL, Headers: slices.Clip(req.Headers), Body: req.Body,
		Settings: t.cfg.Settings,
	}
	if m.ID == "" {
		m.ID = ev.ID.String()
	}
	signed, err := signer.Sign(m)
	if err == nil {
		req.URL, req.Headers, req.Body = signed.URL, signed.Headers, signed.Body
	}
	return err
}

// means says what becomes of a delivery after an answer.
func (t *Test) means(c *Contract, v Verdict) string {
	p := c.Policy(t.cfg)
	d := hook.Delivery{State: hook.Sending, Mode: p.Mode, Attempts: t.facts.attempt - 1, Slot: t.facts.attempt - 1}
	next, _ := hook.Next(d, hook.Trigger{Kind: hook.OnAttempt, Outcome: v.Outcome()}, p,
		hook.Standing{State: hook.EndpointActive}, t.facts.time)
	switch state := next.Delivery.State; {
	case state == hook.Delivered:
		return meansSuccess
	case state.Waiting() && next.Endpoint == hook.EndpointPaused:
		return meansPause
	case state.Waiting():
		return meansRetry
	}
	return meansStop
}

// testTime is the time of tests that give none.
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

// compare lists what is not as the test expects it.
func (t *Test) compare(c *Contract, out *outcome) (faults []fault) {
	add := func(line int, text string) { faults = append(faults, fault{line, text}) }
	if t.body != nil && !bytes.Equal(t.body, out.Body) {
		add(t.keys["body"].line, difference("The body differs.", t.body, out.Body))
	}
	if wrong := t.verdict(out); wrong != "" {
		add(t.keys["keys"].line, wrong)
	}
	if s := c.endpoint.bodySchema; s != nil && t.event != "" && rawjson.Check(out.Body, rawjson.MaxDepth) == nil {
		if found := s.Check(nil, out.Body); len(found) > 0 {
			add(t.Line, fmt.Sprintf("The body is not as endpoint.schema says at %s: %s", orRoot(found[0].Pointer), found[0].Detail))
		}
	}
	if t.url != nil && *t.url != out.URL {
		add(t.keys["url"].line, difference("The URL differs.", []byte(*t.url), []byte(out.URL)))
	}
	for _, want := range t.headers {
		i := slices.IndexFunc(out.Headers, func(h hook.Header) bool { return strings.EqualFold(h.Name, want.Name) })
		switch {
		case i < 0 && !want.absent:
			add(want.line, fmt.Sprintf("The header %s is missing.", want.Name))
		case i >= 0 && want.absent:
			add(want.line, fmt.Sprintf("The header %s must not be there, and it is %q.", want.Name, out.Headers[i].Value))
		case i >= 0 && out.Headers[i] != want.Header:
			add(want.line, difference("A header differs.", []byte(want.Name+": "+want.Value), []byte(out.Headers[i].Name+": "+out.Headers[i].Value)))
		}
	}
	if t.answer != nil && t.answer.is != out.meaning {
		why := ""
		if !out.verdict.OK {
			why = " (" + out.verdict.Class + ": " + strings.TrimSuffix(out.verdict.Detail, ".") + ")"
		}
		add(t.keys["answer"].line, fmt.Sprintf("The answer means %s%s, not %s.", out.meaning, why, t.answer.is))
	}
	return faults
}

// without lists the facts that the test gives in vain: with others, what it checks would be the same.
func (t *Test) without(c *Contract, payload []byte, out *outcome) (faults []fault) {
	for _, g := range t.given {
		used := false
		for _, other := range g.others {
			changed := *t
			changed.facts.secrets = slices.Clone(t.facts.secrets)
			other(&changed)
			now, wrong := changed.outcome(c, payload)
			if used = used || wrong != "" || t.sees(out, &now); used {
				break
			}
		}
		if !used {
			faults = append(faults, fault{
				t.keys[g.key].line, fmt.Sprintf("%s does nothing here: what this test checks is the same with another one. Remove it, or check what it is in.", g.key),
			})
		}
	}
	return faults
}

// same reports whether two requests are the same.
func same(a, b *Rendering) bool {
	return a.URL == b.URL && slices.Equal(a.Headers, b.Headers) && bytes.Equal(a.Body, b.Body)
}

// sees reports whether two outcomes differ in what the test checks.
func (t *Test) sees(a, b *outcome) bool {
	if a.meaning != b.meaning || a.verified != b.verified || t.url != nil && a.URL != b.URL || t.body != nil && !bytes.Equal(a.Body, b.Body) {
		return true
	}
	return slices.ContainsFunc(t.headers, func(h expectedHeader) bool {
		named := func(x hook.Header) bool { return strings.EqualFold(x.Name, h.Name) }
		i, k := slices.IndexFunc(a.Headers, named), slices.IndexFunc(b.Headers, named)
		return (i < 0) != (k < 0) || i >= 0 && a.Headers[i] != b.Headers[k]
	})
}

// maxShown is how many differences of two documents are shown.
const maxShown = 8

// difference shows where two texts differ: by their members if both are JSON and differ in more than one place, else by
// the bytes around the first difference.
func difference(what string, want, got []byte) string {
	if rawjson.Check(want, rawjson.MaxDepth) == nil && rawjson.Check(got, rawjson.MaxDepth) == nil {
		found := rawjson.Differences(want, got, maxShown+1)
		switch {
		case len(found) == 0 && rawjson.Same(want, got):
			return firstDifference(what+" Only spaces and line breaks are others.", want, got)
		case len(found) == 0:
			return firstDifference(what+" Only the order of members is another.", want, got)
		case len(found) > 1:
			return members(what, found)
		}
	}
	return firstDifference(what, want, got)
}

// members shows which members of two documents differ.
func members(what string, found []rawjson.Difference) string {
	var b strings.Builder
	b.WriteString(what)
	for i, d := range found {
		if i == maxShown {
			b.WriteString("\n  and more")
			break
		}
		at := orRoot(d.Pointer)
		switch {
		case d.New == nil:
			fmt.Fprintf(&b, "\n  %s is missing, expected %s", at, brief(d.Old))
		case d.Old == nil:
			fmt.Fprintf(&b, "\n  %s was not expected: %s", at, brief(d.New))
		default:
			fmt.Fprintf(&b, "\n  %s: expected %s, but came %s", at, brief(d.Old), brief(d.New))
		}
	}
	return b.String()
}

// brief is the beginning of a value.
func brief(token []byte) string {
	const most = 80
	if len(token) <= most {
		return string(token)
	}
	return strings.ToValidUTF8(string(token[:most]), "") + "…"
}

// firstDifference shows the parts of two texts around the first difference.
func firstDifference(what string, want, got []byte) string {
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
