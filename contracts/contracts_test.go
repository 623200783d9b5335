package contracts_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/contracts"
	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/sign"
)

func load(t testing.TB, file string) *contract.Contract {
	t.Helper()
	c, err := contract.Load(contracts.Files, file)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// Each shipped contract loads, is complete in three languages, and stands alone
// in its stored form.
func TestShipped(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(contracts.Files, "*.yaml")
	if err != nil || len(files) < 2 {
		t.Fatal(files, err)
	}
	for _, file := range files {
		c := load(t, file)
		if c.Name+".yaml" != file {
			t.Errorf("%s holds the contract %s", file, c.Name)
		}
		texts := map[string]contract.Text{"title": c.Title, "about": c.About}
		for _, e := range c.EventTypes() {
			texts["event "+e.Name], texts["about the event "+e.Name] = e.Title, e.About
			if e.Example == nil {
				t.Errorf("%s: the event type %s has no example", file, e.Name)
			}
		}
		for _, s := range c.Settings() {
			texts["setting "+s.Name] = s.Title
		}
		for _, a := range c.Assumed() {
			texts["assumed "+a.Path] = a.Note
		}
		for _, chapter := range contract.Chapters {
			if text := c.Docs(chapter); !text.Empty() {
				texts["docs "+chapter] = text
			}
		}
		addHelp(texts, c.Help())
		for what, text := range texts {
			if text.En == "" || text.Es == "" || text.Pt == "" {
				t.Errorf("%s: %s is not in all languages: %+v", file, what, text)
			}
		}
		again, err := contract.Parse(file, c.Source)
		if err != nil {
			t.Errorf("%s does not stand alone: %v", file, err)
			continue
		}
		for i, e := range again.EventTypes() {
			if !bytes.Equal(e.Example, c.EventTypes()[i].Example) {
				t.Errorf("%s: the example of %s changed: %s", file, e.Name, e.Example)
			}
		}
		if !bytes.Equal(again.Source, c.Source) {
			t.Errorf("%s: the stand-alone form is not stable", file)
		}
	}
}

// addHelp adds the texts of a contract's help, without what is the same in every language.
func addHelp(texts map[string]contract.Text, h contract.Help) {
	add := func(what string, list ...contract.Text) {
		for i, text := range list {
			texts[fmt.Sprintf("docs %s %d", what, i)] = text
		}
	}
	add("needs", h.Needs...)
	add("notes", h.Notes...)
	for i, q := range h.FAQ {
		add(fmt.Sprint("question ", i), q.Question, q.Answer)
	}
	for i, link := range h.Links {
		add(fmt.Sprint("link ", i), link.Title)
	}
	for i, table := range h.Tables {
		add(fmt.Sprint("table ", i), append([]contract.Text{table.Title, table.About}, table.Head...)...)
		for j, row := range table.Rows { // the first cells are literal: numbers, and words of the system
			add(fmt.Sprint("table ", i, " row ", j), row[len(row)-1])
		}
	}
}

// example is an example file as contracts read it: without white space at its end.
func example(t testing.TB, name string) []byte {
	t.Helper()
	b, err := fs.ReadFile(contracts.Files, "examples/"+name)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.TrimRight(b, " \t\r\n")
}

// Kobra's visit goes out as its document prints it, however it came in.
func TestKobra(t *testing.T) {
	t.Parallel()
	c := load(t, "kobra.yaml")
	want := example(t, "kobra-finish-visit.compact.json")
	cfg := hook.EndpointConfig{URL: "https://crm.example/visits", Settings: []byte(`{"api_key":"t0k/en=="}`)}
	if wrong := c.CheckEndpoint(cfg); wrong != nil {
		t.Fatal(wrong)
	}
	headers := []hook.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "api-key", Value: "t0k/en=="}, {Name: "User-Agent", Value: contract.DefaultUserAgent}}
	forms := map[string][]byte{
		"as documented": example(t, "kobra-finish-visit.as-documented.json"),
		"ASCII":         example(t, "kobra-finish-visit.compact-ascii.json"),
		"plain slashes": bytes.ReplaceAll(want, []byte(`\/`), []byte(`/`)),
	}
	for name, payload := range forms {
		ev := &hook.Event{Contract: "kobra", Type: "visit.finished", Payload: payload}
		r, err := c.Render(cfg, ev)
		if err != nil {
			t.Fatal(name, err)
		}
		if !bytes.Equal(r.Body, want) {
			t.Errorf("%s: got\n%s\nwant\n%s", name, r.Body, want)
		}
		if r.Method != "POST" || r.URL != cfg.URL || cmp.Diff(headers, r.Headers) != "" {
			t.Errorf("%s: %s %s %v", name, r.Method, r.URL, r.Headers)
		}
	}
	r, err := c.Render(cfg, &hook.Event{Contract: "kobra", Type: "visit.finished", Payload: want})
	if err != nil || &r.Body[0] != &want[0] {
		t.Error("the body of a conforming payload is not the payload itself")
	}
	for payload, pointer := range map[string]string{
		`{"visitID":"A","productID":4,"finished":true}`:             "/productID",
		`{"visitID":7,"productID":1,"finished":true}`:               "/visitID",
		`{"productID":1,"finished":true}`:                           "/visitID",
		`{"visitID":"A","productID":3,"finished":true,"more":[{}]}`: "",
	} {
		wrong := c.CheckPayload("visit.finished", []byte(payload))
		if pointer == "" && wrong != nil || pointer != "" && (len(wrong) != 1 || wrong[0].Pointer != pointer) {
			t.Errorf("CheckPayload(%s) = %v, want %q", payload, wrong, pointer)
		}
	}
	if c.HasEvent("visit.started") || !c.HasEvent("visit.finished") || c.Scheme() != nil || c.AllowsShaping() {
		t.Error("event types, signing or shaping are wrong")
	}
	if strings.Contains(string(c.SecretSettings().Hide(cfg.Settings)), "t0k") {
		t.Error("the token shows")
	}
}

func TestStandard(t *testing.T) {
	t.Parallel()
	c := load(t, "standard.yaml")
	cfg := hook.EndpointConfig{URL: "http://127.0.0.1:9000/hook?x=1"}
	if wrong := c.CheckEndpoint(cfg); wrong != nil {
		t.Fatal(wrong)
	}
	payload := []byte(`{ "a" : 9007199254740993 }`)
	r, err := c.Render(cfg, &hook.Event{Contract: "standard", Type: "anything.at-all", Payload: payload})
	if err != nil || &r.Body[0] != &payload[0] || len(r.Body) != len(payload) {
		t.Errorf("the body is not the payload: %s %v", r.Body, err)
	}
	accept := func(r contract.Rendering) (values []string) {
		for _, h := range r.Headers {
			if strings.EqualFold(h.Name, "Accept") {
				values = append(values, h.Name+": "+h.Value)
			}
		}
		return values
	}
	if d := cmp.Diff([]string{"Accept: */*"}, accept(r)); d != "" {
		t.Error("by default:", d)
	}
	cfg.Headers = []hook.Header{{Name: "accept", Value: "application/json"}}
	if wrong := c.CheckEndpoint(cfg); wrong != nil {
		t.Fatal(wrong)
	}
	r, err = c.Render(cfg, &hook.Event{Contract: "standard", Type: "anything.at-all", Payload: payload})
	if d := cmp.Diff([]string{"accept: application/json"}, accept(r)); err != nil || d != "" {
		t.Error("one of the endpoint's own:", d, err)
	}
	if c.Scheme() != sign.StandardWebhooks || !c.HasEvent("anything.at-all") || c.HasEvent("") || c.HasEvent("a b") {
		t.Error("signing or event types are wrong")
	}
	if d := cmp.Diff(hook.DefaultRetry, c.Policy(cfg).Retry); d != "" {
		t.Errorf("retry:\n%s", d)
	}
}

// The tests that each shipped contract carries, as gancho contract test runs them.
func TestExamples(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(contracts.Files, "*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		c := load(t, file)
		for _, r := range c.RunTests() {
			if r.Wrong != "" {
				t.Errorf("%s:%d: %s: %s", file, r.Line, r.Name, r.Wrong)
			}
		}
	}
}

// names reads the event names of a list beside the examples.
func names(t *testing.T, file string, name func(e json.RawMessage) string) (out []string) {
	t.Helper()
	var list struct{ Events []json.RawMessage }
	if err := json.Unmarshal(example(t, file), &list); err != nil {
		t.Fatal(err)
	}
	for _, e := range list.Events {
		out = append(out, name(e))
	}
	return out
}

func TestProlibu(t *testing.T) {
	t.Parallel()
	c := load(t, "prolibu.yaml")
	want := names(t, "prolibu-webhook-events.json", func(e json.RawMessage) string { return strings.Trim(string(e), `"`) })
	got := c.EventNames()
	slices.Sort(want)
	slices.Sort(got)
	if d := cmp.Diff(want, got); d != "" || len(got) != 71 {
		t.Errorf("event types:\n%s", d)
	}
	s := c.Scheduled()
	if len(s) != 1 || s[0].Name != "proposal_metrics" || s[0].Schedule.Every != time.Hour || s[0].Schedule.MaxBody != 16<<20 {
		t.Errorf("%+v", s)
	}
	if key, err := keyIn(c, "proposal", []byte(`{"id":"60410b4062342f0332089e62","status":"Ready"}`)); key != "60410b4062342f0332089e62" || err != nil {
		t.Error(key, err)
	}
	payload := []byte(`{"model":"lead","headers":{"a":1,"authorization":"bearer x","cookie":"y"}}`)
	if got := string(c.Redact(payload)); strings.Contains(got, "bearer") || strings.Contains(got, `"y"`) {
		t.Error(got)
	}
}

// A snapshot costs no more than its payload, however many records there are.
func BenchmarkSnapshot(b *testing.B) {
	c := load(b, "prolibu.yaml")
	doc := []byte(`{"id":"60410b4062342f0332089e62","status":"Ready","title":"P","views":7,"CCI":0.000907775311708679,"lastSeen":"2021-03-04T16:43:36.134Z","rating":"Cold","proposalNumber":"ZBEXFT","pad":"` + strings.Repeat("x", 300) + `"}`)
	b.ReportAllocs()
	for b.Loop() {
		s, _ := c.NewSnapshot(nil, "proposal_metrics")
		for range 1000 {
			if _, err := s.Add(doc); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkFire is a change of a client, held against ten conditions.
func BenchmarkFire(b *testing.B) {
	c := load(b, "upnify.yaml")
	doc := func(phase string) []byte {
		return []byte(`{"id":"C-1","nombre":"Ana Torres","fase":"` + phase + `","archivado":false,"descartado":false,"activo":true,"compartido_con":["U-2"],"etiquetas":["vip"],"responsable":"U-1","nota":"` + strings.Repeat("x", 300) + `"}`)
	}
	before, after := doc("a"), doc("b")
	b.ReportAllocs()
	for b.Loop() {
		if events, troubles := c.Fire(nil, "cliente", before, after); len(events) != 1 || troubles != nil {
			b.Fatal(events, troubles)
		}
	}
}

func TestUpnify(t *testing.T) {
	t.Parallel()
	c := load(t, "upnify.yaml")
	want := names(t, "upnify-events.json", func(e json.RawMessage) string {
		var x struct{ Entity, Action, Pt string }
		if err := json.Unmarshal(e, &x); err != nil {
			t.Fatal(err)
		}
		ev, _ := c.Event(x.Entity + "." + x.Action)
		if !slices.Contains(ev.Aliases, x.Pt) {
			t.Errorf("%s.%s is not known as %q, as its page calls it, but as %q", x.Entity, x.Action, x.Pt, ev.Aliases)
		}
		for _, mistake := range []string{"folheto", "brochura", "citação", "conduz"} {
			if strings.Contains(strings.ToLower(ev.Title.Pt), mistake) {
				t.Errorf("%s is called %q, as a machine translated it", ev.Name, ev.Title.Pt)
			}
		}
		return x.Entity + "." + x.Action
	})
	if d := cmp.Diff(want, c.EventNames()); d != "" || len(want) != 30 {
		t.Errorf("event types:\n%s", d)
	}
	var kinds []string
	for _, r := range c.Records() {
		kinds = append(kinds, r.Kind+" "+r.Key)
	}
	if d := cmp.Diff([]string{"cliente id", "prospecto id", "oportunidad id", "cotizacion id", "venta id", "seguimiento id"}, kinds); d != "" {
		t.Error(d)
	}
	cfg := hook.EndpointConfig{URL: "https://x.example", EventTypes: []string{"venta.nueva"}, Method: "GET", Settings: []byte(`{"pairs":[{"key":"k","value":"hunter2"}]}`)}
	if wrong := c.CheckEndpoint(cfg); wrong != nil {
		t.Error(wrong)
	}
	if strings.Contains(string(c.SecretSettings().Hide(cfg.Settings)), "hunter2") || strings.Contains(c.Mask(cfg).Text("hunter2"), "hunter2") {
		t.Error("the value shows")
	}
	cfg.EventTypes = []string{"venta.nueva", "cliente.nuevo"}
	if wrong := c.CheckEndpoint(cfg); len(wrong) != 1 || wrong[0].Pointer != "/event_types" {
		t.Error(wrong)
	}
}

func TestCabaprop(t *testing.T) {
	t.Parallel()
	c := load(t, "cabaprop.yaml")
	limits, policy := c.Limits(hook.EndpointConfig{}), c.Policy(hook.EndpointConfig{})
	if limits.Timeout != 200*time.Millisecond || limits.Clock != contract.ClockResponse || limits.Mode != hook.AtMostOnce || len(policy.Retry) != 1 {
		t.Errorf("%+v %+v", limits, policy)
	}
	for status, want := range map[int]bool{200: true, 201: false, 204: false, 500: false} {
		if v := c.Judge(&hook.Response{Status: status}); v.OK != want {
			t.Errorf("%d: %+v", status, v)
		}
	}
	cr, ok := c.Credentials()
	if !ok || !cr.Endpoint || cr.APIKey.Length != 30 || cr.Secret.Length != 64 || cr.Lifetime != 730*time.Hour || !c.NeedsCredential() {
		t.Errorf("%+v", cr)
	}
	claims, _ := cr.Claims(contract.Credential{ID: "c1", Name: "MiApp", APIKey: "k"}, "t", time.Unix(1695478188, 0))
	if got := string(claims); got != `{"apiKey":"k","userId":"c1","name":"MiApp","jti":"t","iat":1695478188,"exp":1698106188}` {
		t.Error(got)
	}
	for _, path := range []string{"/api/integration/get-conversation/44444", "/api/v1/integration/get-conversation/44444"} {
		if l, key, ok := c.FindLookup(path); !ok || key != "44444" || l.Record != "conversation" || l.Auth != "bearer" {
			t.Error(path, l, key, ok)
		}
	}
	for doc, want := range map[string]string{`{"id":44444,"any":{"thing":[]}}`: "44444", `{"id":"x"}`: "x"} {
		if key, err := keyIn(c, "conversation", []byte(doc)); key != want || err != nil || c.CheckRecord(nil, "conversation", []byte(doc)) != nil {
			t.Error(doc, key, err)
		}
	}
}

func TestCatacliente(t *testing.T) {
	t.Parallel()
	c := load(t, "catacliente.yaml")
	if c.PerTenant() != 1 || c.AllowsShaping() {
		t.Error("per_tenant or shaping")
	}
	for _, tc := range []struct {
		status int
		body   string
		want   bool
	}{
		{200, `{"message":"Workflow was started"}`, true},
		{200, `{"success":true,"message":"Success"}`, true},
		{200, "Accepted", true},
		{200, "Webhook recebido.", true},
		{200, "", true},
		{200, "<p>ok</p>", true},
		{200, "\ufeff <!-- x --> <!DOCTYPE HTML><html>", false},
		{200, "<HTML lang=pt>", false},
		{201, "Accepted", false},
		{204, "", false},
		{302, "", false},
		{500, "Accepted", false},
	} {
		if v := c.Judge(&hook.Response{Status: tc.status, Body: []byte(tc.body)}); v.OK != tc.want {
			t.Errorf("%d %q: %+v", tc.status, tc.body, v)
		}
	}
	if key, err := keyIn(c, "contact", example(t, "catacliente-test.compact.json")); key != "0" || err != nil {
		t.Error(key, err)
	}
}

func BenchmarkLoad(b *testing.B) {
	for _, file := range []string{"prolibu.yaml", "upnify.yaml"} {
		b.Run(file, func(b *testing.B) {
			for b.Loop() {
				load(b, file)
			}
		})
	}
}

// keyIn is the key of a record's document.
func keyIn(c *contract.Contract, kind string, doc []byte) (string, error) {
	k, _ := c.Record(kind)
	return k.KeyIn(doc)
}
