package contract

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
	"gancho/internal/mask"
)

const crm = `
contract: crm
title: CRM
records:
  client:
    title: Client
    about: A person.
    key: data.id
    schema: {type: object, properties: {data: {type: object, required: [id], properties: {phase: {type: [integer, "null"]}}}}}
  deal: {title: Deal, key: id}
events:
  client.new: {title: New, on: client, when: old == null}
  client.phase: {title: Phase, on: client, when: 'old != null && changed("data.phase")', payload: {id: "${new.data.id}", from: "${old.data.phase}", to: "${new.data.phase}", note: "${new.data.note}", n: 1.50}}
  client.big: {title: Big, on: client, when: new.data.total > 100, schema: {required: [data]}}
  client.gone: {title: Gone, on: client, when: new == null, payload: old}
  client.gone2: {title: Gone, on: client, when: new == null}
  deal.any: {title: Any, on: deal}
  posted: {title: Posted}
  deals:
    title: Deals
    every: 1h
    select: deal
    where: record.status == "open" && record.total >= 10
    item: {id: "${record.id}", total: "${record.total}", note: "${record.note}"}
    payload: {model: deal, list: "${items}", end: true}
    max_body: 1KiB
  all: {title: All, cron: "30 6 * * *", timezone: America/Bogota, select: deal}
`

func TestRecords(t *testing.T) {
	t.Parallel()
	c := parseContract(t, crm)
	kinds := c.Records()
	if len(kinds) != 2 || kinds[0].Kind != "client" || kinds[0].Title.En != "Client" || kinds[0].Key != "data.id" || !strings.Contains(string(kinds[0].Schema), `"phase"`) {
		t.Errorf("%+v", kinds)
	}
	if r, ok := c.Record("deal"); !ok || r.Schema != nil {
		t.Errorf("%+v", r)
	}
	if _, ok := c.Record("x"); ok {
		t.Error("there is a record x")
	}
	for _, tc := range []struct{ kind, doc, key, pointer string }{
		{"client", `{"data":{"id":"A \u00f1"}}`, "A ñ", ""},
		{"client", `{"data":{"id":9007199254740993}}`, "9007199254740993", ""},
		{"client", `{"data":{"id":0}}`, "0", ""},
		{"client", `{"data":{"id":-7}}`, "-7", ""},
		{"client", `{"data":{"id":1.0}}`, "", "/data/id"},
		{"client", `{"data":{"id":1e3}}`, "", "/data/id"},
		{"client", `{"data":{"id":""}}`, "", "/data/id"},
		{"client", `{"data":{"id":"a\nb"}}`, "", "/data/id"},
		{"client", `{"data":{"id":null}}`, "", "/data/id"},
		{"client", `{"data":{"id":true}}`, "", "/data/id"},
		{"client", `{"data":{}}`, "", "/data/id"}, // the schema says so; it is said once
		{"client", `{"data":{"id":1,"phase":"x"}}`, "1", "/data/phase"},
		{"client", `{"data":{"id":1,"x":1e-999,"t":"1e99999\\\"1e99999"}}`, "1", ""},
		{"client", `[]`, "", ""},
		{"deal", `{"id":"` + strings.Repeat("x", MaxRecordKey+1) + `"}`, "", "/id"},
		{"x", `{"id":1}`, "", ""},
	} {
		kind, _ := c.Record(tc.kind)
		key, err := kind.KeyIn([]byte(tc.doc))
		if key != tc.key || (err == nil) != (tc.key != "") {
			t.Errorf("RecordKey(%s) = %q, %v", tc.doc, key, err)
		}
		wrong := c.CheckRecord(nil, tc.kind, []byte(tc.doc))
		if good := tc.key != "" && tc.pointer == ""; good != (wrong == nil) || !good && (len(wrong) != 1 || wrong[0].Pointer != tc.pointer || wrong[0].Detail == "") {
			t.Errorf("CheckRecord(%s) = %v, want %q", tc.doc, wrong, tc.pointer)
		}
	}
}

func TestFire(t *testing.T) {
	t.Parallel()
	c := parseContract(t, crm)
	doc := func(s string) []byte {
		if s == "" {
			return nil
		}
		return []byte(s)
	}
	for _, tc := range []struct {
		kind, before, after string
		want                []string // type and payload
		troubles            []string // type and part of the detail
	}{
		{"client", "", `{"data":{"id":1,"total":5}}`, []string{`client.new {"data":{"id":1,"total":5}}`}, nil},
		{"client", `{"data":{"id":1,"phase":1,"total":5}}`, `{"data":{"id":1,"phase":2.50,"total":5}}`, []string{`client.phase {"id":1,"from":1,"to":2.50,"n":1.50}`}, nil},
		{"client", `{"data":{"id":1,"phase":1,"total":5}}`, `{"data":{"id":1,"phase":null,"note":"\u00f1","total":500}}`, []string{
			`client.phase {"id":1,"from":1,"to":null,"note":"\u00f1","n":1.50}`, `client.big {"data":{"id":1,"phase":null,"note":"\u00f1","total":500}}`,
		}, nil},
		{"client", `{"data":{"id":1,"total":5}}`, `{ "data":{"id":1,"total":5} }`, nil, nil}, // the same document
		{"client", `{"data":{"id":1,"total":500}}`, `{"data":{"id":1,"total":500}}`, nil, nil},
		{"client", "", `{"data":{"id":1}}`, []string{`client.new {"data":{"id":1}}`}, []string{"client.big null"}},
		{"client", "", `{"data":{"id":1,"total":"x"}}`, []string{`client.new {"data":{"id":1,"total":"x"}}`}, []string{"client.big The event client.big did not fire"}},
		{"client", `{"data":{"id":1,"total":5}}`, "", []string{`client.phase`, `client.gone {"data":{"id":1,"total":5}}`}, []string{"client.big null", "client.gone2 was deleted"}},
		{"deal", "", `{"id":1}`, []string{`deal.any {"id":1}`}, nil},
		{"deal", `{"id":1}`, `{"id":1,"x":1}`, []string{`deal.any {"id":1,"x":1}`}, nil},
		{"deal", `{"id":1}`, "", nil, nil},
		{"other", "", `{"id":1}`, nil, nil},
	} {
		events, troubles := c.Fire(nil, tc.kind, doc(tc.before), doc(tc.after))
		var got []string
		for _, e := range events {
			got = append(got, e.Type+" "+string(e.Payload))
		}
		if tc.want != nil && tc.want[0] == "client.phase" { // not on delete: there was no phase
			tc.want = tc.want[1:]
		}
		if d := cmp.Diff(tc.want, got); d != "" {
			t.Errorf("%s → %s:\n%s", tc.before, tc.after, d)
		}
		if len(troubles) != len(tc.troubles) {
			t.Errorf("%s → %s: %+v", tc.before, tc.after, troubles)
			continue
		}
		for i, x := range troubles {
			typ, part, _ := strings.Cut(tc.troubles[i], " ")
			if x.Type != typ || !strings.Contains(x.Detail, part) || x.Line == 0 || x.Error() != x.Detail {
				t.Errorf("%+v, want %s", x, tc.troubles[i])
			}
		}
	}
	after := []byte(`{"data":{"id":1,"total":500}}`)
	events, _ := c.Fire(nil, "client", nil, after)
	if len(events) != 2 || &events[0].Payload[0] != &after[0] {
		t.Error("the payload of new is not the document itself")
	}
	if wrong := c.CheckPayload("client.big", []byte(`{"data":{"phase":1}}`)); len(wrong) != 1 || wrong[0].Pointer != "/data/id" {
		t.Errorf("the schema of the record does not hold for its event: %v", wrong)
	}
	e, _ := c.Event("client.big")
	if e.On != "client" || !strings.HasPrefix(string(e.Schema), `{"allOf":[{`) {
		t.Errorf("%+v", e)
	}
}

func TestSnapshot(t *testing.T) {
	t.Parallel()
	c := parseContract(t, crm)
	if _, ok := c.NewSnapshot(nil, "posted"); ok {
		t.Error("a posted event has a schedule")
	}
	if s := c.Scheduled(); len(s) != 2 || s[0].Name != "deals" || s[0].Schedule.Select != "deal" || s[0].Schedule.MaxBody != 1024 || s[1].Schedule.MaxBody != 16<<20 {
		t.Errorf("%+v", s)
	}
	s, ok := c.NewSnapshot(nil, "deals")
	if !ok {
		t.Fatal("no schedule")
	}
	for doc, want := range map[string]string{
		`{"id":2,"status":"closed","total":20}`: "left",
		`{"id":3,"status":"open","total":5}`:    "left",
		`{"id":4,"status":"open"}`:              "trouble",
	} {
		taken, err := s.Add([]byte(doc))
		trouble, _ := errors.AsType[*Trouble](err)
		if taken || (want == "trouble") != (trouble != nil) || trouble != nil && (trouble.Type != "deals" || trouble.Line == 0) {
			t.Errorf("%s: %v %v", doc, taken, err)
		}
	}
	if got := string(s.Payload()); got != `{"model":"deal","list":[],"end":true}` || s.Len() != 0 {
		t.Error(got)
	}
	s, _ = c.NewSnapshot(nil, "deals")
	for _, doc := range []string{`{"id":1,"status":"open","total":10.50,"note":"a\/"}`, `{"status":"open","total":1e3,"id":"x"}`} {
		if taken, err := s.Add([]byte(doc)); !taken || err != nil {
			t.Fatal(taken, err)
		}
	}
	const want = `{"model":"deal","list":[{"id":1,"total":10.50,"note":"a\/"},{"id":"x","total":1e3}],"end":true}`
	if got := string(s.Payload()); got != want || s.Len() != 2 {
		t.Error(got)
	}
	const around = len(`{"model":"deal","list":[{"id":1,"total":10,"note":""}],"end":true}`)
	for length, want := range map[int]bool{1024: true, 1025: false} { // the limit is for the payload with its end
		one, _ := c.NewSnapshot(nil, "deals")
		note := strings.Repeat("x", length-around)
		taken, err := one.Add([]byte(`{"id":1,"status":"open","total":10,"note":"` + note + `"}`))
		if taken != want || want && len(one.Payload()) != length {
			t.Errorf("%d bytes: %t %v, %d bytes", length, taken, err, len(one.Payload()))
		}
	}
	for n := range 100 {
		taken, err := s.Add([]byte(`{"id":1,"status":"open","total":10,"note":"` + strings.Repeat("x", 50) + `"}`))
		if err != nil {
			large, ok := errors.AsType[*ErrTooLarge](err)
			if !ok || taken || n < 5 || large.Limit != 1024 || !strings.Contains(err.Error(), "max_body") {
				t.Errorf("%d: %v", n, err)
			}
			break
		}
		if n == 99 {
			t.Error("there is no limit")
		}
	}
	if got := s.Payload(); len(got) > 1024 || !strings.HasSuffix(string(got), `}],"end":true}`) {
		t.Errorf("%d bytes: %s", len(got), got)
	}
	all, _ := c.NewSnapshot(nil, "all")
	for _, doc := range []string{`{"id": 1}`, `{"id":2}`} {
		if taken, err := all.Add([]byte(doc)); !taken || err != nil {
			t.Error(taken, err)
		}
	}
	if got := string(all.Payload()); got != `[{"id": 1},{"id":2}]` {
		t.Error(got)
	}
}

const shaped = `
contract: shaped
title: Shaped
records:
  talk: {title: Talk, key: id}
events:
  message: {title: Message}
credentials:
  api_key: {length: 30, alphabet: a-z0-9}
  secret: {length: 64, alphabet: a-zA-Z0-9_-}
  endpoint: true
  token: {lifetime: 730h, claims: {apiKey: "${credential.api_key}", who: {name: "${credential.name}", id: "${credential.id}"}, tenant: "${credential.tenant}"}}
lookup:
  get_talk: {title: Talk, about: The talk., paths: ["/api/talk/{id}", "/api/v1/talk/{id}/all"], record: talk}
endpoint:
  settings:
    properties:
      action: {type: string, title: Action}
      content_type: {enum: [application/json, application/x-www-form-urlencoded], title: Content type}
      pairs: {title: Pairs, type: array, items: {type: object, required: [key, value], additionalProperties: false, properties: {key: {type: string}, value: {type: string, secret: true}, place: {type: string}}}}
  methods: [POST, PUT]
  per_tenant: 1
  event_types: {min: 1, max: 1}
  headers: {x-name: "${credential.name}"}
  pairs: settings.pairs
  body:
    apiKey: ${credential.api_key}
    action: {$value: "${settings.action}", $else: create.message}
    greeting: Hello ${payload.visitor.name}
    id: {$value: "${payload.id}", $else: null}
    description: {$when: payload.id == null, $text: {name: "${payload.visitor.name}", ids: ["${payload.visitor.id}", 1.50, "${payload.none}"]}}
    $$plain: "$${x}"
  form: {field: payload, when: settings.content_type == "application/x-www-form-urlencoded"}
  json: {ascii: true, escape_slash: true, compact: true}
`

func TestShape(t *testing.T) {
	t.Parallel()
	c := parseContract(t, shaped)
	cr := &Credential{ID: "crd_1", Tenant: "acme", Name: "Mi App", APIKey: "k3y/ü"}
	for _, tc := range []struct {
		settings, payload, body string
	}{
		{`{}`, `{"id": 44444}`, `{"apiKey":"k3y\/\u00fc","action":"create.message","id":44444,"$plain":"${x}"}`},
		{`{"action":"create"}`, `{"id":null,"visitor":{"name":"A \"ñ/","id":7.0}}`, `{"apiKey":"k3y\/\u00fc","action":"create","greeting":"Hello A \"\u00f1\/","id":null,"description":"{\"name\":\"A \\\"\\u00f1\\\/\",\"ids\":[7.0,1.50]}","$plain":"${x}"}`},
		{`{"pairs":[{"key":"id","value":"9","place":"body"},{"key":"x/y","value":"\"v\"","place":"body"}]}`, `{"id":1}`, `{"apiKey":"k3y\/\u00fc","action":"create.message","id":"9","$plain":"${x}","x\/y":"\"v\""}`},
		{`{"content_type":"application/x-www-form-urlencoded"}`, `{"id":1}`, `payload=%7B%22apiKey%22%3A%22k3y%5C%2F%5Cu00fc%22%2C%22action%22%3A%22create.message%22%2C%22id%22%3A1%2C%22%24plain%22%3A%22%24%7Bx%7D%22%7D`},
	} {
		cfg := hook.EndpointConfig{URL: "https://example.com/h", EventTypes: []string{"message"}, Settings: []byte(tc.settings)}
		if wrong := c.CheckEndpoint(cfg); wrong != nil {
			t.Fatal(tc.settings, wrong)
		}
		r, err := c.PlanFor(cfg, cr).Render(event(tc.payload))
		if err != nil {
			t.Fatal(err)
		}
		if got := string(r.Body); got != tc.body {
			t.Errorf("%s %s:\ngot  %s\nwant %s", tc.settings, tc.payload, got, tc.body)
		}
		contentType := "application/json"
		if strings.Contains(tc.settings, "form") {
			contentType = formContentType
		}
		if d := cmp.Diff(headers("Content-Type", contentType, "x-name", "Mi App", "User-Agent", "Gancho"), r.Headers); d != "" {
			t.Error(d)
		}
	}
	if !c.PlanFor(hook.EndpointConfig{}, cr).SecretBody() || parseContract(t, crm).Plan(hook.EndpointConfig{}).SecretBody() {
		t.Error("SecretBody")
	}
	cfg := hook.EndpointConfig{URL: "https://example.com/h?a=1", EventTypes: []string{"message"}, Headers: headers("X-Own", "1"), Settings: []byte(
		`{"pairs":[{"key":"token","value":"s3cr&t ü"},{"key":"q x","value":"a&b","place":"query"},{"key":"User-Agent","value":"me","place":"header"},{"key":"q x","value":"","place":"query"}]}`,
	)}
	wrong := c.CheckEndpoint(cfg)
	if wrong != nil {
		t.Fatal(wrong)
	}
	r, err := c.PlanFor(cfg, cr).Render(event(`{"id":1}`))
	if err != nil || r.URL != "https://example.com/h?a=1&q+x=a%26b&q+x=" {
		t.Error(r.URL, err)
	}
	if d := cmp.Diff(headers("Content-Type", "application/json", "x-name", "Mi App", "token", "s3cr&t ü", "User-Agent", "me", "X-Own", "1"), r.Headers); d != "" {
		t.Error(d)
	}
	if wrong := c.Misfits(&hook.Endpoint{Config: cfg}); len(wrong) != 1 || wrong[0].Pointer != "/contract" {
		t.Errorf("an endpoint without its credential: %v", wrong)
	}
	owned := cfg
	owned.Credential = cr
	if wrong := c.Misfits(&hook.Endpoint{Config: owned}); wrong != nil {
		t.Error(wrong)
	}
	m := c.Mask(owned)
	for _, secret := range []string{"s3cr&t ü", `s3cr&t \u00fc`, "s3cr%26t+%C3%BC", "a%26b", "k3y/ü", `k3y\/\u00fc`} {
		if got := m.Text(secret); got != mask.Text {
			t.Errorf("%q shows: %q", secret, got)
		}
	}
	if _, err := c.Render(cfg, event(`{"id":1}`)); err == nil || !strings.Contains(err.Error(), "no credential") || !c.NeedsCredential() {
		t.Errorf("a request without its credential: %v", err)
	}
}

func TestShapeWrong(t *testing.T) {
	t.Parallel()
	c := parseContract(t, shaped)
	for _, tc := range []struct {
		types    []string
		settings string
		want     []string
	}{
		{nil, `{}`, []string{"/event_types exactly 1 of its event types; this one names 0"}},
		{[]string{"message", "message"}, `{}`, []string{"/event_types exactly 1 of its event types; this one names 2"}},
		{[]string{"mess*"}, `{}`, []string{"/event_types/0 without *"}},
		{[]string{"message"}, `{"pairs":[{"key":"Host","value":"x"},{"key":"X-NAME","value":"x"},{"key":"a","value":"1"},{"key":"A","value":"2"},{"key":"b","value":" "},{"key":"","value":"","place":"query"},{"key":"c","value":"","place":"url"}]}`, []string{
			"/settings/pairs/0/key set by Gancho", "/settings/pairs/1/key set by the contract", "/settings/pairs/3/key there already",
			"/settings/pairs/4/value space", "/settings/pairs/5/key empty", "/settings/pairs/6/place Possible: header, query, body",
		}},
	} {
		wrong := c.CheckEndpoint(hook.EndpointConfig{URL: "https://example.com", EventTypes: tc.types, Settings: []byte(tc.settings)})
		if len(wrong) != len(tc.want) {
			t.Errorf("%v", wrong)
			continue
		}
		for i, f := range wrong {
			at, part, _ := strings.Cut(tc.want[i], " ")
			if f.Pointer != at || !strings.Contains(f.Detail, part) {
				t.Errorf("got %+v, want %s", f, tc.want[i])
			}
		}
	}
	least, most := c.EventTypesPerEndpoint()
	if c.PerTenant() != 1 || least != 1 || most != 1 {
		t.Error("per_tenant or event_types")
	}
}

// Numbers that would fill the memory if they were written out are refused before.
func TestHugeNumbersAreNotWrittenOut(t *testing.T) {
	t.Parallel()
	c := parseContract(t, crm)
	for _, doc := range []string{`{"data":{"id":1,"phase":1e100000}}`, `{"data":{"id":1},"x":[1E-99999]}`, `{"data":{"id":1},"x":2.5e+10000}`} {
		if wrong := c.CheckRecord(nil, "client", []byte(doc)); len(wrong) != 1 || !strings.Contains(wrong[0].Detail, "exponent") {
			t.Errorf("%s: %v", doc, wrong)
		}
	}
}
