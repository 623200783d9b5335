package contract

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

// headers makes headers of names and values.
func headers(pairs ...string) (out []hook.Header) {
	for i := 0; i < len(pairs); i += 2 {
		out = append(out, hook.Header{Name: pairs[i], Value: pairs[i+1]})
	}
	return out
}

func event(payload string) *hook.Event {
	return &hook.Event{ID: hook.NewEventID(), Tenant: "acme", Contract: "shop", Type: "order.paid", CreatedAt: time.Date(2026, 1, 2, 3, 4, 5, 6e6, time.UTC), Payload: []byte(payload)}
}

func TestRender(t *testing.T) {
	t.Parallel()
	c := loadShop(t)
	cfg := good()
	cfg.Headers = []hook.Header{{Name: "X-B", Value: "2"}, {Name: "X-A", Value: "1"}}
	r, err := c.Render(cfg, event(`{"id": 1.50, "name":"ñ/"}`))
	if err != nil {
		t.Fatal(err)
	}
	want := Rendering{
		Method: "PUT", URL: cfg.URL,
		Headers: headers("Content-Type", "application/json", "authorization", "s3cret", "x-event", "order.paid/1.50", "X-B", "2", "X-A", "1"),
		Body:    []byte(`{"id": 1.50, "name":"\u00f1/"}`),
	}
	if d := cmp.Diff(want, r); d != "" {
		t.Error(d)
	}
	cfg.Settings = []byte(`{"token":"s3cret","source":"a\u00f1/\"b"}`)
	cfg.Method = "POST"
	r, err = c.Render(cfg, event(`{"name":"x"}`)) // no id: x-event is left out
	if err != nil {
		t.Fatal(err)
	}
	want.Method, want.Body = "POST", []byte(`{"name":"x"}`)
	want.Headers = headers("Content-Type", "application/json", "authorization", "s3cret", "x-source", `src-añ/"b`, "X-B", "2", "X-A", "1")
	if d := cmp.Diff(want, r); d != "" {
		t.Error(d)
	}
	if _, err := c.Render(cfg, event(`{"id":"a\nb"}`)); err == nil || !strings.Contains(err.Error(), "x-event") {
		t.Errorf("a line break in a header: %v", err)
	}
	if _, err := c.Render(cfg, event(`{"id":{"a":1}}`)); err != nil {
		t.Error(err)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	const top = "contract: t\ntitle: T\nevents: {e: {title: E}}\nendpoint:\n  settings: {properties: {ct: {type: string, title: CT}}}\n"
	for _, tc := range []struct {
		yaml     string
		settings string
		extra    []hook.Header
		want     []hook.Header
	}{
		{"", "", nil, headers("Content-Type", "application/json", "User-Agent", "Gancho")},
		{"  user_agent: Shop/1\n", "", nil, headers("Content-Type", "application/json", "User-Agent", "Shop/1")},
		{"  user_agent: none\n", "", nil, headers("Content-Type", "application/json")},
		{"", "", headers("user-agent", "me"), headers("Content-Type", "application/json", "user-agent", "me")},
		{"  headers: {accept: a/b, content-type: x/y, user-agent: z}\n", "", nil, headers("accept", "a/b", "content-type", "x/y", "user-agent", "z")},
		{"  content_type: ${settings.ct}\n", `{"ct":"text/x"}`, nil, headers("Content-Type", "text/x", "User-Agent", "Gancho")},
		{"  headers: {x: \"a $${b} ${event.time} ${event.tenant}\"}\n  user_agent: none\n", "", nil, headers("Content-Type", "application/json", "x", "a ${b} 2026-01-02T03:04:05.006Z acme")},
	} {
		c := parseContract(t, top+tc.yaml)
		cfg := hook.EndpointConfig{URL: "http://x", Settings: []byte(tc.settings), Headers: tc.extra}
		if wrong := c.CheckEndpoint(cfg); wrong != nil {
			t.Fatal(tc.yaml, wrong)
		}
		r, err := c.Render(cfg, event(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(tc.want, r.Headers); d != "" {
			t.Errorf("%s:\n%s", tc.yaml, d)
		}
	}
}

// Many senders can use a plan at once. If one appends a header, the others do not get it.
func TestPlanShared(t *testing.T) {
	t.Parallel()
	c := parseContract(t, "contract: t\ntitle: T\nevents: {e: {title: E}}\ndelivery: {success: 'response.status == 200 && response.json.ok'}\n")
	p := c.Plan(hook.EndpointConfig{URL: "http://x"})
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			name := string(rune('a' + i))
			for range 200 {
				r, err := p.Render(event(`{}`))
				headers := append(r.Headers, hook.Header{Name: name})
				if err != nil || len(headers) != 3 || headers[2].Name != name {
					t.Errorf("%v %v", headers, err)
					return
				}
				if v := p.Judge(&hook.Response{Status: 200, Body: []byte(`{"ok":true}`)}); !v.OK {
					t.Error(v)
					return
				}
			}
		})
	}
	wg.Wait()
}

func TestPolicyAndLimits(t *testing.T) {
	t.Parallel()
	c := loadShop(t)
	plain := parseContract(t, "contract: t\ntitle: T\nevents: {e: {title: E}}\n")
	once := parseContract(t, "contract: t\ntitle: T\nevents: {e: {title: E}}\ndelivery: {mode: at_most_once, timeout: 200ms, clock: response}\n")
	strict := parseContract(t, "contract: t\ntitle: T\nevents: {e: {title: E}}\ndelivery: {ordered: strict}\n")
	none := parseContract(t, "contract: t\ntitle: T\nevents: {e: {title: E}}\ndelivery: {retry: none, ordered: true}\n")
	own := hook.EndpointConfig{Timeout: 3 * time.Second, Retry: []time.Duration{0, 1}, Concurrency: 7, PerSecond: 3, Mode: hook.AtMostOnce}
	for _, tc := range []struct {
		name   string
		c      *Contract
		cfg    hook.EndpointConfig
		policy hook.Policy
		limits Limits
	}{
		{"contract", c, hook.EndpointConfig{}, hook.Policy{Retry: []time.Duration{0, time.Minute}, Mode: hook.AtLeastOnce}, Limits{2 * time.Second, 5 * time.Second, ClockResponse, 4, 10, false, false, hook.AtLeastOnce}},
		{"product", plain, hook.EndpointConfig{}, hook.Policy{Retry: hook.DefaultRetry, Mode: hook.AtLeastOnce}, Limits{15 * time.Second, 10 * time.Second, ClockTotal, 32, 0, false, false, hook.AtLeastOnce}},
		{"endpoint", plain, own, hook.Policy{Retry: []time.Duration{0}, Mode: hook.AtMostOnce}, Limits{3 * time.Second, 3 * time.Second, ClockTotal, 7, 3, false, false, hook.AtMostOnce}},
		{"once", once, hook.EndpointConfig{Mode: hook.AtLeastOnce}, hook.Policy{Retry: []time.Duration{0}, Mode: hook.AtMostOnce}, Limits{200 * time.Millisecond, 10 * time.Second, ClockResponse, 32, 0, false, false, hook.AtMostOnce}},
		{"none", none, hook.EndpointConfig{}, hook.Policy{Retry: []time.Duration{0}, Mode: hook.AtLeastOnce}, Limits{15 * time.Second, 10 * time.Second, ClockTotal, 1, 0, true, false, hook.AtLeastOnce}},
		{"strict", strict, hook.EndpointConfig{}, hook.Policy{Retry: hook.DefaultRetry, Mode: hook.AtLeastOnce}, Limits{15 * time.Second, 10 * time.Second, ClockTotal, 1, 0, true, true, hook.AtLeastOnce}},
	} {
		if d := cmp.Diff(tc.policy, tc.c.Policy(tc.cfg)); d != "" {
			t.Errorf("%s: policy\n%s", tc.name, d)
		}
		if d := cmp.Diff(tc.limits, tc.c.Plan(tc.cfg).Limits()); d != "" {
			t.Errorf("%s: limits\n%s", tc.name, d)
		}
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	const top = "contract: t\ntitle: T\nevents: {e: {title: E}}\n"
	any2xx := parseContract(t, top)
	text := parseContract(t, top+"delivery: {success: 'response.status == 200 && !response.html'}\n")
	moved := parseContract(t, top+"delivery: {success: 'response.status == 302'}\n")
	strict := parseContract(t, top+"delivery: {success: 'response.status < 300 && response.json.count > 3'}\n")
	body := parseContract(t, top+"delivery: {success: 'response.body == \"taken\"'}\n")
	for _, tc := range []struct {
		c      *Contract
		status int
		body   string
		class  string // "" is success
		detail string
	}{
		{any2xx, 200, "", "", ""},
		{any2xx, 204, "<html>", "", ""},
		{any2xx, 299, "", "", ""},
		{any2xx, 101, "", hook.ClassStatusOther, "101 Switching Protocols"},
		{any2xx, 301, "", hook.ClassRedirect, "points to https://login.example/?…; redirects are never followed"},
		{any2xx, 304, "", hook.ClassRedirect, "304"},
		{any2xx, 400, "", hook.ClassStatus4xx, "400 Bad Request"},
		{any2xx, 410, "", hook.ClassGone, "410"},
		{any2xx, 429, "", hook.ClassRateLimited, "429"},
		{any2xx, 503, "", hook.ClassStatus5xx, "503"},
		{any2xx, 799, "", hook.ClassStatusOther, "799"},
		{text, 200, "Webhook recebido.", "", ""},
		{text, 200, "", "", ""},
		{text, 200, `{"message":"Workflow was started"}`, "", ""},
		{text, 200, " <!doctype HTML><html>", hook.ClassBodyRule, "an HTML page"},
		{text, 201, "", hook.ClassStatusOther, "201 Created, which the contract does not count as success"},
		{text, 404, "<html>", hook.ClassStatus4xx, "404"},
		{moved, 302, "", "", ""},
		{moved, 200, "", hook.ClassStatusOther, "200"},
		{strict, 200, `{"count":4}`, "", ""},
		{strict, 200, `{"count":3}`, hook.ClassBodyRule, "content is not what"},
		{strict, 200, `{"count":"x"}`, hook.ClassBodyRule, "could not be applied"},
		{strict, 500, `{}`, hook.ClassStatus5xx, "500"},

		// An answer without a status, of a transport that has none.
		{any2xx, 0, "", "", ""},
		{text, 0, "", hook.ClassBodyRule, "the answer has no status, and the rule asks for response.status"},
		{strict, 0, `{"count":4}`, hook.ClassBodyRule, "the answer has no status"},
		{strict, 0, `{"count":3}`, hook.ClassBodyRule, "not what the contract asks for"},
		{body, 0, "taken", "", ""},
		{body, 0, "refused", hook.ClassBodyRule, "not what the contract asks for"},
	} {
		v := tc.c.Judge(&hook.Response{Status: tc.status, Body: []byte(tc.body), Headers: []hook.Header{{Name: "location", Value: "https://login.example/?back=all+that+came"}}})
		if v.OK != (tc.class == "") || v.Class != tc.class || !strings.Contains(v.Detail, tc.detail) || (v.Detail == "") != v.OK {
			t.Errorf("%s with %d %q = %+v, want %q %q", tc.c.Source, tc.status, tc.body, v, tc.class, tc.detail)
		}
	}
}

// Endpoints of a set's contracts may have the schemes of the set, whatever way their
// version came into it.
func TestSchemesOfASet(t *testing.T) {
	t.Parallel()
	const source = "contract: a\ntitle: A\nevents: {e: {title: E}}\n"
	s := Set{Schemes: []string{"kafka", "https"}}
	s.AddOlder(hook.ContractText{Name: "a", Version: 1, Source: []byte(source)})
	s.Add(parseContract(t, source).WithVersion(2))
	for version := range int64(2) {
		c, ok := s.At("a", version+1)
		if !ok {
			t.Fatalf("no version %d", version+1)
		}
		for url, want := range map[string]string{
			"kafka://broker:9092/topic": "",
			"https://a.example":         "",
			"http://a.example":          "The URL has to begin with one of these: kafka://, https://.",
			"kafka:topic":               "The URL has no host. Write it like https://example.com/webhook.",
		} {
			got := ""
			if wrong := c.CheckEndpoint(hook.EndpointConfig{URL: url}); len(wrong) > 0 {
				got = wrong[0].Detail
			}
			if got != want {
				t.Errorf("version %d, %s: %q, want %q", version+1, url, got, want)
			}
		}
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	var s Set
	if _, ok := s.Lookup("a"); ok || len(s.All()) != 0 {
		t.Error("the empty set has something")
	}
	a := parseContract(t, "contract: a\ntitle: A\nevents: {e: {title: E}}\n")
	b := parseContract(t, "contract: b\ntitle: B\nevents: {e: {title: E}}\n")
	a1, a2, a3 := a.WithVersion(1), a.WithVersion(2), a.WithVersion(3)
	for _, c := range []*Contract{a2, b.WithVersion(1), a1, a3} {
		s.Add(c)
	}
	if c, ok := s.Lookup("a"); !ok || c != a3 {
		t.Errorf("the current one is version %d", c.Version)
	}
	if c, ok := s.At("a", 1); !ok || c != a1 {
		t.Error("version 1 is lost")
	}
	if _, ok := s.At("a", 9); ok {
		t.Error("there is a version 9")
	}
	if all := s.All(); len(all) != 2 || all[0] != a3 || all[1].Name != "b" {
		t.Error(all)
	}
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() { s.Add(b.WithVersion(int64(i + 2))) })
		wg.Go(func() { s.Lookup("b"); s.All() })
	}
	wg.Wait()
	if c, _ := s.Lookup("b"); c.Version != 21 {
		t.Errorf("the current b is %d", c.Version)
	}
}

func BenchmarkRenderPlain(b *testing.B) {
	benchmarkRender(b, "endpoint: {sign: standard-webhooks}\n", hook.EndpointConfig{URL: "http://x"})
}

func BenchmarkRenderStyled(b *testing.B) {
	benchmarkRender(b, "endpoint: {settings: {properties: {token: {type: string, title: T}}}, headers: {\"api-key\": \"${settings.token}\"}, json: {ascii: true, escape_slash: true, compact: true}}\n",
		hook.EndpointConfig{URL: "http://x", Settings: []byte(`{"token":"abc"}`)})
}

func BenchmarkRenderTemplate(b *testing.B) {
	benchmarkRender(b, "endpoint: {headers: {x: \"${event.type} ${payload.customer.name}\"}}\n", hook.EndpointConfig{URL: "http://x"})
}

func benchmarkRender(b *testing.B, yaml string, cfg hook.EndpointConfig) {
	c := parseContract(b, "contract: t\ntitle: T\nevents: {e: {title: E}}\n"+yaml)
	ev := event(`{"id":1,"customer":{"name":"Ana","email":"ana@example.com"},"url":"http:\/\/x","pad":"` + strings.Repeat("x", 300) + `"}`)
	p := c.Plan(cfg)
	b.Run("plan", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := p.Render(ev); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("contract", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := c.Render(cfg, ev); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkJudge(b *testing.B) {
	c := parseContract(b, "contract: t\ntitle: T\nevents: {e: {title: E}}\ndelivery: {success: 'response.status == 200 && !response.html'}\n")
	r := &hook.Response{Status: 200, Body: []byte("ok")}
	b.ReportAllocs()
	for b.Loop() {
		if !c.Judge(r).OK {
			b.Fatal()
		}
	}
}

// A payload that is not JSON goes out as it is, with its own Content-Type, unless the
// contract makes the body of it.
func TestRenderNotJSON(t *testing.T) {
	t.Parallel()
	c := loadShop(t)
	ev := event("a=1&b=%20")
	ev.ContentType = "application/x-www-form-urlencoded"
	cfg := good()
	r, err := c.Render(cfg, ev)
	if err != nil {
		t.Fatal(err)
	}
	want := Rendering{ // x-event is of the payload, so it is left out
		Method: "PUT", URL: cfg.URL, Headers: headers("Content-Type", ev.ContentType, "authorization", "s3cret"), Body: ev.Payload,
	}
	if d := cmp.Diff(want, r); d != "" {
		t.Error(d)
	}
	if again, err := c.Render(cfg, event(`{}`)); err != nil || again.Headers[0].Value != "application/json" {
		t.Errorf("the next event: %+v, %v", again, err)
	}
	made := parseContract(t, "contract: t\ntitle: T\nevents: {e: {title: E}}\nendpoint: {body: {a: '${payload.a}'}}\n")
	if r, err := made.Render(hook.EndpointConfig{URL: "http://x"}, ev); err == nil || !strings.Contains(err.Error(), ev.ContentType) {
		t.Errorf("a body made of a form: %+v, %v", r, err)
	}
}

// The classes of answers at their limits, and what is said of a redirect.
func TestJudgeAtLimits(t *testing.T) {
	t.Parallel()
	any2xx := parseContract(t, "contract: t\ntitle: T\nevents: {e: {title: E}}\n")
	rule := parseContract(t, "contract: t\ntitle: T\nevents: {e: {title: E}}\ndelivery: {success: response.body == 'ok'}\n")
	const never = "; redirects are never followed."
	for _, tc := range []struct {
		c       *Contract
		status  int
		headers []hook.Header
		want    Verdict
	}{
		{any2xx, 199, nil, Verdict{Class: hook.ClassStatusOther, Detail: "The receiver answered 199."}},
		{any2xx, 200, nil, Verdict{OK: true}},
		{any2xx, 299, nil, Verdict{OK: true}},
		{any2xx, 300, nil, Verdict{Class: hook.ClassRedirect, Detail: "The receiver answered 300 Multiple Choices" + never}},
		{any2xx, 399, headers("x-a", "b", "location", "/c", "Location", ""), Verdict{Class: hook.ClassRedirect, Detail: "The receiver answered 399 and points to /c" + never}},
		{any2xx, 599, nil, Verdict{Class: hook.ClassStatus5xx, Detail: "The receiver answered 599."}},
		{any2xx, 600, nil, Verdict{Class: hook.ClassStatusOther, Detail: "The receiver answered 600."}},
		{rule, 199, nil, Verdict{Class: hook.ClassStatusOther, Detail: "The receiver answered 199."}},
		{rule, 299, nil, Verdict{Class: hook.ClassBodyRule, Detail: "The receiver answered 299, but the answer's content is not what the contract asks for."}},
		{rule, 300, nil, Verdict{Class: hook.ClassRedirect, Detail: "The receiver answered 300 Multiple Choices" + never}},
	} {
		if d := cmp.Diff(tc.want, tc.c.Judge(&hook.Response{Status: tc.status, Headers: tc.headers})); d != "" {
			t.Errorf("%d: %s", tc.status, d)
		}
	}
}

// A body that the contract makes is secret if it holds what only the sender and the receiver know.
func TestSecretBody(t *testing.T) {
	t.Parallel()
	const settings = "settings: {properties: {s: {title: S, type: string, secret: true}, o: {title: O, type: string}}}"
	const keys = "credentials: {api_key: {length: 40, alphabet: a-z}, secret: {length: 40, alphabet: a-z}, token: {lifetime: 1h}, endpoint: true}\n"
	for _, tc := range []struct {
		source string
		want   bool
	}{
		{"endpoint: {" + settings + "}", false},
		{"endpoint: {" + settings + ", body: {a: '${settings.s}'}}", true},
		{"endpoint: {" + settings + ", body: {a: '${payload.s}'}}", false},
		{"endpoint: {settings: {properties: {o: {title: O, type: string}}}, body: {a: '${settings.o}'}}", false},
		{keys + "endpoint: {body: {a: '${credential.api_key}'}}", true},
		{keys + "endpoint: {headers: {a: '${credential.api_key}'}}", false},
	} {
		c := parseContract(t, "contract: t\ntitle: T\nevents: {e: {title: E}}\n"+tc.source+"\n")
		if got := c.Plan(hook.EndpointConfig{URL: "http://example.com"}).SecretBody(); got != tc.want {
			t.Errorf("%s: %v", tc.source, got)
		}
	}
}

// Requests are sent one after another if the contract says so, or the endpoint.
func TestOrderedByEither(t *testing.T) {
	t.Parallel()
	const head = "contract: t\ntitle: T\nevents: {e: {title: E}}\n"
	for _, source := range []string{head, head + "delivery: {ordered: true}\n"} {
		for _, own := range []bool{false, true} {
			l := parseContract(t, source).Limits(hook.EndpointConfig{Ordered: own, Concurrency: 9})
			if want := own || source != head; l.Ordered != want || (l.Concurrency == 1) != want {
				t.Errorf("%v %q: %+v", own, source, l)
			}
		}
	}
}
