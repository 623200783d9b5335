package contract

import (
	"bytes"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gancho/internal/hook"
	"gancho/internal/rawjson"
	"gancho/internal/sign"
	"gancho/internal/template"
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
	shakes   bool     // it is a handshake, whose payload is that
	fires    []string // nil: not checked

	cfg        hook.EndpointConfig
	credential *Credential
	facts      facts
	given      []given // which facts the file gives

	url     *string // nil: not checked
	headers []expectedHeader
	body    []byte // nil: not checked
	answer  *expectedAnswer
	// received is a request of somebody else; nil: the test makes one, or none.
	received   *sign.Message
	unverified bool             // its signature is wrong
	keys       map[string]place // where they are in the file
}

// place is a place in a file.
type place struct{ line, column int }

// facts are what a request depends on beside its event and its endpoint.
type facts struct {
	id      string // of the event; "": one of the time
	time    time.Time
	secrets []hook.Secret // none: the request is not signed
	nonce   string        // "": a random one
	keys    []byte        // the document with the public key; nil: nobody fetches one
	attempt int           // from 1
	past    Attempt       // what came of the attempts before it
	name    string        // of the endpoint
}

// given is a fact that a test gives, and other values that it could have: with one of them, what the test checks has to
// become another.
type given struct {
	key    string
	others []func(*Test)
}

// expectedHeader is a header that a request has to have, or must not have.
type expectedHeader struct {
	hook.Header
	absent bool
	line   int
}

// expectedAnswer is an answer and what it has to mean for the delivery.
type expectedAnswer struct {
	hook.Response
	is string
}

// What an answer means: the event was delivered, is sent again, is not, or waits until somebody resumes the endpoint.
const (
	meansSuccess = "success"
	meansRetry   = "retry"
	meansStop    = "stop"
	meansPause   = "pause"
)

// testURL is the URL of the requests of tests.
const testURL = "https://receiver.example/webhook"

// testName is the name of the endpoint of tests.
const testName = "Test"

// tests reads the section "tests".
func (l *loader) tests(c *Contract, n *yamlfile.Node) {
	if n.Kind != yamlfile.KindMapping {
		l.ProblemAt(n, "tests is a mapping from the name of each test to what it is.", "Write for example: tests: {a paid order: {event: order.paid, new: examples/order.json, body: examples/order.json}}")
		return
	}
	for _, p := range n.Pairs {
		before := l.Count()
		if o := l.Object(p.Value, "The test "+p.Key, keysOf["tests.*"]); o.Node != nil {
			t := l.test(c, o, p)
			if l.stored && l.Count() > before { // it changes no delivery
				l.Forget(before)
				continue
			}
			c.tests = append(c.tests, t)
		}
	}
}

func (l *loader) test(c *Contract, o yamlfile.Object, p yamlfile.Pair) Test {
	t := Test{Name: p.Key, Line: p.Line, facts: facts{time: testTime, attempt: 1, name: testName}, keys: map[string]place{}}
	t.cfg.URL = testURL
	for _, key := range o.Node.Pairs {
		t.keys[key.Key] = place{key.Line, key.Column}
	}
	l.testOrigin(c, &t, o)
	l.testInputs(c, &t, o)
	l.testFacts(c, &t, o)
	l.testExpected(c, &t, o)
	begins := 0
	for _, has := range []bool{
		o.Get("old") != nil || o.Get("new") != nil, o.Get("records") != nil, o.Get("payload") != nil, t.shakes, t.received != nil,
	} {
		if has {
			begins++
		}
	}
	request := t.body != nil || t.headers != nil || t.url != nil || t.facts.keys != nil && t.received == nil
	switch {
	case begins > 1 || begins == 0 && (t.answer == nil || t.event != "" || request):
		l.Problem(p.Line, p.Column, fmt.Sprintf("The test %s needs one thing to begin with.", p.Key), "Give one of: old and new (a change of a record), records (for a schedule), payload, challenge (for a handshake), received (a request to verify).")
	case t.received != nil:
		l.receivedAlone(&t)
	case t.fires == nil && !request && t.answer == nil:
		l.Problem(p.Line, p.Column, fmt.Sprintf("The test %s expects nothing.", p.Key), "Add what has to come out: fires, body, headers or url; or an answer and what it means.")
	case t.event == "" && (begins > 0 && t.fires == nil || request):
		l.Problem(p.Line, p.Column, fmt.Sprintf("The test %s does not say which event is sent.", p.Key), "Add for example: event: order.paid")
	default:
		l.idle(&t, o)
	}
	return t
}

// idle reports keys of a test that cannot do anything beside the others.
func (l *loader) idle(t *Test, o yamlfile.Object) {
	idle := func(key, why, fix string) {
		if at, ok := t.keys[key]; ok {
			l.Problem(at.line, at.column, fmt.Sprintf("%s does nothing in this test: %s.", key, why), fix)
		}
	}
	if t.event == "" && t.answer == nil {
		for _, key := range []string{"attempt", "method", "settings", "endpoint"} {
			idle(key, "no request is made", "Say which event is sent, for example event: order.paid, or remove the line.")
		}
	}
	if t.event == "" {
		for _, key := range []string{"id", "time", "secret", "nonce", "credential"} {
			idle(key, "no request is made", "Say which event is sent, for example event: order.paid, or remove the line.")
		}
	}
	if o.Get("old") == nil && o.Get("new") == nil {
		const fix = "Remove the line, or give the change of a record: old and new."
		idle("fires", "only a change of a record fires events", fix)
		idle("on", "only a change of a record is one of a kind", fix)
	}
}

// testOrigin reads what a test begins with.
func (l *loader) testOrigin(c *Contract, t *Test, o yamlfile.Object) {
	if v := o.Get("challenge"); v != nil {
		switch event := o.Get("event"); {
		case !c.Verifies():
			l.ProblemAt(v, "challenge does nothing in this test: this contract has no handshake.", "Describe it under endpoint: verify, or remove the line.")
		case event != nil:
			l.ProblemAt(event, "A handshake is no event.", "Leave event out, or challenge.")
		}
		t.event, t.shakes, t.payload = HandshakeType, true, challengePayload(l.Str(v))
		return
	}
	if v := o.Get("received"); v != nil {
		l.testReceived(c, t, v)
	}
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
		kind := l.Str(v)
		if v.Kind == yamlfile.KindText && c.record(kind) == nil {
			l.ProblemAt(v, fmt.Sprintf("There is no record %s.", kind), nearestFix(kind, c.kinds()))
		} else if t.kind != "" && t.kind != kind {
			l.ProblemAt(v, fmt.Sprintf("The event %s is made of the record %s, not of %s.", t.event, t.kind, kind), "Remove the line.")
		}
		t.kind = kind
	}
	for key, into := range map[string]*[]byte{"old": &t.old, "new": &t.new, "payload": &t.payload} {
		if v := o.Get(key); v != nil {
			*into = l.document(v)
		}
	}
	v := o.Get("records")
	switch {
	case v == nil:
	case v.Kind == yamlfile.KindList:
		t.records = [][]byte{}
		for _, item := range v.Items {
			t.records = append(t.records, l.document(item))
		}
	default:
		if doc := l.document(v); doc != nil {
			if t.records = rawjson.Elements(doc); rawjson.KindOf(doc) != '[' {
				l.ProblemAt(v, "records is a list of documents, or a JSON list of them.", "")
			}
		}
	}
}

// testInputs reads the endpoint and the credential of a test.
func (l *loader) testInputs(c *Contract, t *Test, o yamlfile.Object) {
	if v := o.Get("settings"); v != nil {
		t.cfg.Settings = l.testSettings(v)
	}
	if v := o.Get("method"); v != nil {
		t.cfg.Method = l.Str(v)
	}
	if v := o.Get("endpoint"); v != nil {
		members := l.Object(v, "endpoint", keysOf["tests.*.endpoint"])
		if u := members.Get("url"); u != nil {
			t.cfg.URL = l.Str(u)
			t.give("endpoint", func(t *Test) { t.cfg.URL = testURL }, func(t *Test) { t.cfg.URL = testURL + "/other?a=b" })
		}
		for _, twice := range []string{"settings", "method"} {
			if m := members.Get(twice); m != nil && o.Get(twice) != nil {
				l.ProblemAt(m, twice+" is there already, outside endpoint.", "Keep one of them.")
			}
		}
		if m := members.Get("settings"); m != nil {
			t.cfg.Settings = l.testSettings(m)
		}
		if m := members.Get("method"); m != nil {
			t.cfg.Method = l.Str(m)
		}
		if m := members.Get("name"); m != nil {
			t.facts.name = l.Str(m)
			t.give("endpoint", func(t *Test) { t.facts.name = "another" + t.facts.name }, func(t *Test) { t.cfg.URL = testURL + "/other?a=b" })
		}
		if m := members.Get("headers"); m != nil {
			for _, h := range l.testHeaders(m) {
				t.cfg.Headers = append(t.cfg.Headers, h.Header)
			}
		}
	}
	if v := o.Get("credential"); v != nil {
		t.credential = &Credential{}
		members := l.Object(v, "credential", template.CredentialMembers)
		for name, into := range map[string]*string{"api_key": &t.credential.APIKey, "id": &t.credential.ID, "name": &t.credential.Name, "tenant": &t.credential.Tenant} {
			if m := members.Get(name); m != nil {
				*into = l.Str(m)
			}
		}
		if v.Kind == yamlfile.KindMapping && t.event != "" && !c.NeedsCredential() {
			l.ProblemAt(v, "credential does nothing in this test: no request of this contract names a credential.", "Remove the line.")
		}
	}
}

// testAttempt reads the number of an attempt, or that and what came of the attempts before it.
func (l *loader) testAttempt(f *facts, n *yamlfile.Node) {
	if n.Kind != yamlfile.KindMapping {
		f.attempt = int(l.Number(n, 1, hook.MaxRetries))
		return
	}
	o := l.Object(n, "attempt", keysOf["tests.*.attempt"])
	if v := o.Get("number"); v != nil {
		f.attempt = int(l.Number(v, 1, hook.MaxRetries))
	}
	if v := o.Get("first_at"); v != nil {
		f.past.FirstAt = l.moment(v)
	}
	if v := o.Get("last_status"); v != nil {
		f.past.LastStatus = int(l.Number(v, 100, 599))
	}
	if v := o.Get("last_error"); v != nil {
		f.past.LastError = l.Str(v)
	}
	if f.attempt == 1 && f.past != (Attempt{}) {
		l.ProblemAt(n, "Nothing comes before the first attempt.", "Add for example number: 2")
	}
}

func (l *loader) testSettings(n *yamlfile.Node) []byte {
	if n.Kind != yamlfile.KindMapping {
		l.ProblemAt(n, fmt.Sprintf("settings is a mapping from names to values, not %s.", n.Kind), "Write for example: {token: abc}")
		return nil
	}
	return l.JSON(n)
}

// give notes a fact that the file gives, with other values that it could have.
func (t *Test) give(key string, others ...func(*Test)) { t.given = append(t.given, given{key, others}) }

// testFacts reads what a request depends on beside its event and its endpoint.
func (l *loader) testFacts(c *Contract, t *Test, o yamlfile.Object) {
	f, scheme := &t.facts, c.endpoint.scheme
	if v := o.Get("id"); v != nil {
		f.id = l.Str(v)
		t.give("id", func(t *Test) { t.facts.id = "" }, func(t *Test) { t.facts.id = hook.EventID(hook.IDAt(testTime.Add(time.Hour))).String() })
	}
	if v := o.Get("time"); v != nil {
		f.time = l.moment(v)
		var others []func(*Test)
		for _, d := range []time.Duration{time.Second, 13 * time.Hour, 40 * 24 * time.Hour, 400 * 24 * time.Hour} {
			others = append(others, func(t *Test) { t.facts.time = t.facts.time.Add(d) })
		}
		t.give("time", others...)
	}
	if v := o.Get("attempt"); v != nil {
		l.testAttempt(f, v)
		var others []func(*Test)
		for _, n := range []int{1, 2, 3, hook.MaxRetries} {
			others = append(others, func(t *Test) { t.facts.attempt = n })
		}
		others = append(others, func(t *Test) {
			t.facts.past = Attempt{FirstAt: testTime.Add(-time.Hour), LastStatus: 299, LastError: "another" + t.facts.past.LastError}
		})
		t.give("attempt", others...)
	}
	if v := o.Get("secret"); v != nil {
		items := []*yamlfile.Node{v}
		if v.Kind == yamlfile.KindList {
			items = v.Items
		}
		for _, item := range items {
			text := l.Str(item)
			f.secrets = append(f.secrets, hook.Secret{Text: text})
			if scheme != nil && item.Kind == yamlfile.KindText {
				err := scheme.Check(text)
				if t.received != nil {
					_, err = scheme.VerifyKey(text)
				}
				if err != nil {
					l.ProblemAt(item, "This cannot be the secret: "+strings.TrimPrefix(err.Error(), sign.ErrSecret.Error()+": ")+".", "")
				}
			}
		}
		t.give("secret", func(t *Test) { t.facts.secrets = nil })
	}
	if v := o.Get("nonce"); v != nil {
		f.nonce = l.Str(v)
		t.give("nonce", func(t *Test) { t.facts.nonce = "another" + f.nonce })
	}
	l.testKeys(c, t, o)
	for _, key := range []string{"secret", "nonce"} {
		if at, ok := t.keys[key]; ok && scheme == nil {
			l.Problem(at.line, at.column, key+" does nothing in this test: this contract does not sign.", "Describe the signature under endpoint: sign, or remove the line.")
		}
	}
}

// moment reads a time: RFC 3339, or seconds since 1970.
func (l *loader) moment(n *yamlfile.Node) time.Time {
	if seconds, err := strconv.ParseInt(n.Text, 10, 64); err == nil && n.Kind == yamlfile.KindNumber && seconds >= 0 && seconds < 1<<34 {
		return time.Unix(seconds, 0).UTC()
	}
	at, err := time.Parse(time.RFC3339, n.Text)
	if err != nil {
		l.ProblemAt(n, "This is not a time.", "Write it as 2026-01-02T03:04:05Z, or as seconds since 1970: 1767323045")
		return testTime
	}
	return at.UTC()
}

// testExpected reads what has to come out.
func (l *loader) testExpected(c *Contract, t *Test, o yamlfile.Object) {
	if v := o.Get("fires"); v != nil {
		t.fires = []string{}
		for _, item := range l.List(v) {
			name := l.Str(item)
			switch e, ok := c.Event(name); {
			case item.Kind != yamlfile.KindText:
			case !ok:
				l.ProblemAt(item, fmt.Sprintf("There is no event type %s.", name), nearestFix(name, c.EventNames()))
			case e.On == "":
				l.ProblemAt(item, fmt.Sprintf("No change of a record makes an event %s.", name), "Remove it, or add on: to the event type.")
			}
			t.fires = append(t.fires, name)
		}
	}
	if v := o.Get("url"); v != nil {
		text := l.Str(v)
		t.url = &text
		l.unsigned(c, t, v, "URL", sign.InQuery)
	}
	if v := o.Get("headers"); v != nil {
		t.headers = l.testHeaders(v)
		for _, h := range t.headers {
			if s := c.endpoint.scheme; s != nil && s.Carries(h.Name) && t.facts.secrets == nil && o.Get("secret") == nil {
				l.Problem(h.line, v.Column, fmt.Sprintf("The header %s carries the signature, and this test has no secret.", h.Name), "Add the secret that the request is signed with: secret: …")
			}
		}
	}
	if v := o.Get("body"); v != nil {
		t.body = l.exact(v)
		l.unsigned(c, t, v, "body", sign.InBody)
	}
	if v := o.Get("answer"); v != nil {
		t.answer = l.testAnswer(v)
	}
}

// unsigned reports a part of the request that has the signature in it, and that a test without a secret checks.
func (l *loader) unsigned(c *Contract, t *Test, n *yamlfile.Node, what string, in sign.Part) {
	s := c.endpoint.scheme
	if s == nil || t.facts.secrets != nil {
		return
	}
	for _, part := range append(slices.Clone(s.Parts), s) {
		if d := part.Description; d != nil && slices.ContainsFunc(d.Places, func(p sign.Place) bool { return p.In == in }) {
			l.ProblemAt(n, fmt.Sprintf("The signature stands in the %s, and this test has no secret.", what), "Add the secret that the request is signed with: secret: …")
			return
		}
	}
}

// testHeaders reads headers. One without a value must not be there.
func (l *loader) testHeaders(n *yamlfile.Node) (out []expectedHeader) {
	if n.Kind != yamlfile.KindMapping || len(n.Pairs) == 0 {
		what := string(n.Kind)
		if n.Kind == yamlfile.KindMapping {
			what = "an empty one"
		}
		l.ProblemAt(n, fmt.Sprintf("headers is a mapping from names to values, not %s.", what), "Write for example: {x-source: shop}. null stands for a header that must not be there.")
		return []expectedHeader{}
	}
	for _, h := range n.Pairs {
		if !validHeaderName(h.Key) {
			l.Problem(h.Line, h.Column, fmt.Sprintf("%q cannot be the name of a header.", h.Key), "Use letters, digits and -.")
		}
		out = append(out, expectedHeader{hook.Header{Name: h.Key, Value: l.Str(h.Value)}, h.Value.Kind == yamlfile.KindNull, h.Line})
	}
	return out
}

// testAnswer reads an answer and what it has to mean.
func (l *loader) testAnswer(n *yamlfile.Node) *expectedAnswer {
	a := &expectedAnswer{Response: hook.Response{Status: 200}}
	o := l.Object(n, "answer", keysOf["tests.*.answer"])
	if v := o.Get("status"); v != nil {
		a.Status = int(l.Number(v, 100, 599))
	}
	if v := o.Get("headers"); v != nil {
		for _, h := range l.testHeaders(v) {
			a.Headers = append(a.Headers, h.Header)
		}
	}
	if v := o.Get("body"); v != nil {
		a.Body = l.exact(v)
	}
	switch v := o.Get("is"); {
	case v != nil:
		a.is = l.OneOf(v, meansSuccess, meansRetry, meansStop, meansPause)
	case o.Node != nil:
		l.ProblemAt(n, "answer does not say what it means.", "Add is: success, is: retry, is: stop or is: pause")
	}
	return a
}

var fileName = regexp.MustCompile(`^[A-Za-z0-9_./-]+\.(json|txt|pem)$`)

// exact reads bytes: a text, or the name of a file with them. A mapping or a list is JSON in one line.
func (l *loader) exact(n *yamlfile.Node) []byte {
	if n.Kind == yamlfile.KindMapping || n.Kind == yamlfile.KindList {
		return l.JSON(n)
	}
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
	b := l.exact(n)
	if n.Kind == yamlfile.KindMapping || n.Kind == yamlfile.KindList {
		return b
	}
	if b == nil || n.Kind != yamlfile.KindText {
		return nil
	}
	if err := rawjson.Check(b, rawjson.MaxDepth); err != nil {
		l.ProblemAt(n, "The document is refused. "+err.Error(), "")
		return nil
	}
	return b
}
