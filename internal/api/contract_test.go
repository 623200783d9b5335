package api_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"gancho.example/client"
)

const shop = `contract: shop
title: {en: Shop, es: Tienda, pt: Loja}
about: {en: A shop.}
endpoint:
  settings:
    properties: {token: {type: string, title: {en: Token, es: Ficha}, secret: true}}
    required: [token]
  headers: {x-token: "${settings.token}", x-version: "1"}
  shaping: off
delivery: {timeout: 3s, retry: [0s, 5s], success: response.status == 200}
events:
  order.paid:
    title: {en: An order was paid, es: Se pagó un pedido}
    example: |-
      {"id":1,"total":45.50}
    schema: {type: object, required: [id]}
assumed:
  delivery.retry: {en: Nobody says so.}
`

// post sends a contract as a text, in the way curl does.
func (s *server) post(path, source string) answer {
	s.t.Helper()
	return s.as(adminKey, "POST", path, source, "Content-Type", "application/yaml")
}

func quoted(s string) string {
	b, _ := json.Marshal(s) // a text always encodes
	return string(b)
}

func TestPutContract(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	s.post("/v1/contracts", shop).want(201).is("name", "shop").is("version", 1.0).is("created", true)
	s.post("/v1/contracts", shop).want(200).is("version", 1.0).is("created", false)
	s.do("POST", "/v1/contracts", `{"source":`+quoted(shop)+`}`).want(200)
	s.as(adminKey, "POST", "/v1/contracts", shop, "Content-Type", "application/x-www-form-urlencoded").want(200) // curl --data-binary

	// It is in force at once.
	_, id := s.endpoint(tenant, `{"contract":"shop","url":"`+nobody+`/","settings":{"token":"secret-token"}}`)
	s.do("POST", tenant+"/events", `{"contract":"shop","type":"order.paid","payload":{"id":7}}`).want(202).is("deliveries", 1.0)

	// An endpoint that does not satisfy the new version is still served by the old one, and shows that.
	second := strings.Replace(strings.Replace(shop, "required: [token]", "required: [token, shop_id]", 1), "{token: {", "{shop_id: {type: string, title: {en: Shop}}, token: {", 1)
	a := s.post("/v1/contracts", second).want(201).is("version", 2.0)
	a.is("kept_back.0.endpoint", id).is("kept_back.0.tenant", "acme").is("kept_back.0.version", 1.0).is("kept_back.0.errors.0.pointer", "/settings/shop_id")
	s.do("GET", tenant+"/endpoints/"+id, "").want(200).is("contract_version", 1.0).is("settings.token", "********")
	s.do("PATCH", tenant+"/endpoints/"+id, `{"name":"still without"}`).want(422).is("code", "endpoint_invalid")
	s.do("PATCH", tenant+"/endpoints/"+id, `{"settings":{"shop_id":"7"}}`).want(200).is("contract_version", 2.0)

	for _, c := range []struct {
		name, source string
		line, column int
		detail       string
	}{
		{"unknown key", strings.Replace(shop, "endpoint:", "endpoints:", 1), 4, 1, "has no key endpoints"},
		{"not YAML", "contract: [", 1, 11, "not valid YAML"},
		{"condition", strings.Replace(shop, "response.status == 200", "response.state == 200", 1), 10, 0, "state"},
		{"test that fails", shop + "tests:\n  paid: {event: order.paid, payload: {id: 1}, settings: {token: t}, body: no}\n", 20, 1, "paid"},
	} {
		a := s.post("/v1/contracts", c.source).want(422).is("code", "contract_invalid")
		a.is("errors.0.line", c.line)
		if c.column > 0 {
			a.is("errors.0.column", c.column)
		}
		if !strings.Contains(strings.ToLower(a.str("errors.0.detail")), strings.ToLower(c.detail)) {
			t.Errorf("%s: %s", c.name, a.Body)
		}
		s.post("/v1/contracts/check", c.source).want(200).is("ok", false)
	}
	s.do("GET", "/v1/contracts/shop", "").want(200).is("version", 2.0) // the refused ones changed nothing
	s.as(adminKey, "POST", "/v1/contracts", "contract: \xff", "Content-Type", "text/plain").want(422).is("code", "text_invalid")
	s.do("POST", "/v1/contracts", `{"sauce":""}`).want(422)
	s.post("/v1/contracts", "").want(400).is("code", "body_missing")
	s.post("/v1/contracts", strings.Repeat("# long\n", 400_000)).want(413)
}

func TestGetContract(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.post("/v1/contracts", shop).want(201)
	a := s.do("GET", "/v1/contracts/shop?lang=es", "").want(200)
	for path, want := range map[string]any{
		"title": "Tienda", "titles.pt": "Loja", "about": "A shop.", "events.0.title": "Se pagó un pedido", "events.0.example": `{"id":1,"total":45.50}`,
		"events.0.made": "posted", "events.0.schema.required.0": "id", "settings.properties.token.title": "Ficha", "settings.properties.token.writeOnly": true,
		"delivery.timeout_ms": 3000.0, "delivery.retry.1": "5s", "delivery.success": "response.status == 200", "assumptions.0.path": "delivery.retry",
		"source": shop, "shaping": "off", "versions.0.origin": "posted", "versions.0.version": 1.0,
	} {
		a.is(path, want)
	}
	s.as("", "GET", "/v1/contracts/shop", "", "Authorization", "Bearer "+adminKey, "Accept-Language", "pt-BR").want(200).is("title", "Loja")
	s.post("/v1/contracts", strings.Replace(shop, "en: Shop", "en: Shop 2", 1)).want(201)
	s.do("GET", "/v1/contracts/shop?version=1", "").want(200).is("title", "Shop").is("version", 1.0)
	s.do("GET", "/v1/contracts/shop", "").want(200).is("title", "Shop 2").is("versions.1.version", 1.0)
	s.do("GET", "/v1/contracts/shop?version=3", "").want(404).is("code", "version_not_found")
	for _, c := range shipped() { // every answer is checked against the document
		for _, lang := range []string{"en", "es", "pt"} {
			s.do("GET", "/v1/contracts/"+c.Name+"?lang="+lang, "").want(200).is("source", string(c.Source))
		}
	}
	// What the system calls an endpoint is there in the language asked for; without a name the product's word holds.
	s.do("GET", "/v1/contracts/upnify?lang=es", "").want(200).is("names.endpoint.one", "webhook").is("names.endpoint.many", "webhooks").
		is("names.endpoint.gender", "masculine")
	s.do("GET", "/v1/contracts/shop?lang=es", "").want(200).is("names.endpoint", nil)
	s.post("/v1/contracts", shop+"\nnames: {endpoint: {pt: {one: conexão, many: conexões, gender: feminine}}}\n").want(201)
	s.do("GET", "/v1/contracts/shop?lang=pt", "").want(200).is("names.endpoint.many", "conexões").is("names.endpoint.gender", "feminine")
	s.do("GET", "/v1/contracts/shop?lang=es", "").want(200).is("names.endpoint", nil)
	// A key of a tenant may read contracts, and not write them.
	s.tenant("acme")
	key := s.key(`{"role":"tenant","tenant":"acme"}`)
	s.as(key, "GET", "/v1/contracts/shop", "").want(200)
	for _, path := range []string{"/v1/contracts", "/v1/contracts/check", "/v1/contracts/render", "/v1/contracts/try"} {
		s.as(key, "POST", path, `{"source":"contract: x"}`).want(403)
	}
	s.as(key, "PATCH", "/v1/contracts/shop", `{"shaping":"on"}`).want(403)
}

func TestContractShaping(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.post("/v1/contracts", shop).want(201)
	s.do("PATCH", "/v1/contracts/shop", `{"shaping":"on"}`).want(200).is("shaping", "on").is("version", 1.0)
	s.post("/v1/contracts", strings.Replace(shop, "en: Shop", "en: Shop 2", 1)).want(201)
	s.do("GET", "/v1/contracts/shop", "").want(200).is("shaping", "on").is("version", 2.0)
	if c, _ := s.contracts.Lookup("shop"); !c.AllowsShaping() {
		t.Error("the contract does not say so")
	}
	newServerOf(t, s.db).do("GET", "/v1/contracts/shop", "").want(200).is("shaping", "on").is("version", 2.0) // after a restart
	s.do("PATCH", "/v1/contracts/shop", `{"shaping":null}`).want(200).is("shaping", "off")
	s.do("PATCH", "/v1/contracts/shop", `{"shaping":"maybe"}`).want(422)
	s.do("PATCH", "/v1/contracts/nothing", `{"shaping":"on"}`).want(404)
}

func TestCheckContract(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.post("/v1/contracts/check", shop).want(200).is("ok", true).is("name", "shop").is("endpoints", 0.0).is("tests.0.passed", true)
	a := s.post("/v1/contracts/check", "contract: Shop\nevent: {}\n").want(200).is("ok", false).is("problems.2.line", 1.0).is("problems.2.column", 11.0)
	if !strings.Contains(a.Body, "lower-case") || !strings.Contains(a.Body, "events") {
		t.Errorf("not every mistake with its fix: %s", a.Body)
	}
	s.do("GET", "/v1/contracts/shop", "").want(404) // nothing is stored
}

// What has a newer spelling is said here as on the command line.
func TestCheckContractNewer(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.post("/v1/contracts/check", shop).want(200).is("newer", []any{})
	older := "contract: old\ntitle: Old\nevents: {order.paid: {title: Paid}}\nendpoint:\n" +
		"  settings: {properties: {token: {type: string, title: Token, secret: true}}}\n  headers:\n    Authorization: Bearer ${settings.token}\n"
	s.post("/v1/contracts/check", older).want(200).is("ok", true).is("problems", []any{}).is("newer.0.line", 7.0).is("newer.0.column", 5.0).
		is("newer.0.detail", "Authorization is written by hand.").is("newer.0.fix", `Write it under endpoint: auth: {bearer: "${settings.token}"}`).
		is("newer.1", nil)
	s.post("/v1/contracts/check", strings.Replace(older, "title: Old", "titel: Old", 1)).want(200).is("ok", false).is("newer", []any{})
}

// What a text would change for receivers of the version in force is in the answer, what breaks them first.
func TestCheckContractChanges(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	check := func(source, lang string) answer {
		t.Helper()
		return s.post("/v1/contracts/check?lang="+lang, source).want(200)
	}
	check(shop, "en").is("changes", []any{}).is("changes_whole", true) // nothing is in force
	s.post("/v1/contracts", shop).want(201)
	check(shop, "en").is("changes", []any{})
	check(strings.Replace(shop, "en: Shop", "en: Shop 2", 1), "en").is("ok", true).is("changes", []any{}) // a title is no change
	edited := strings.NewReplacer("x-version:", "x-edition:", "timeout: 3s", "timeout: 4s").Replace(shop)
	check(edited, "en").is("ok", true).is("changes.0.breaks", true).is("changes.0.code", "header_renamed").is("changes.0.line", 8.0).
		is("changes.0.params.new", "x-edition").is("changes.0.detail", "The header x-version is called x-edition now.").
		is("changes.1.breaks", false).is("changes.1.code", "timeout_longer").is("changes_whole", true)
	check(edited, "es").is("changes.0.detail", "El encabezado x-version ahora se llama x-edition.")
	check(edited, "pt").is("changes.0.detail", "O cabeçalho x-version agora se chama x-edition.")
	check(strings.Replace(shop, `, x-version: "1"`, "", 1), "en").is("changes.0.code", "header_gone").is("changes.0.old_line", 8.0)
	check(strings.Replace(edited, "endpoint:", "endpoints:", 1), "en").is("ok", false).is("changes", []any{})
	s.do("GET", "/v1/contracts/shop", "").want(200).is("version", 1.0) // nothing is stored

	// A list that would be too long says so.
	many := shop
	for i := range 300 {
		many += fmt.Sprintf("  order.e%d: {title: Another}\n", i)
	}
	many = strings.Replace(many, "assumed:\n  delivery.retry: {en: Nobody says so.}\n", "", 1)
	if a := check(many, "en").is("ok", true).is("changes_whole", false); len(a.get("changes").([]any)) != 200 {
		t.Errorf("%d changes", len(a.get("changes").([]any)))
	}
}

// What is wrong with a contract is said in the language of who asks, wherever it is asked.
func TestMistakesInLanguage(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	wrong := "contract: shop\ntitle: Shop\nevents: {a: {title: A}}\ndelivery: {timeout: 30}\n"
	const en, es, pt = "A duration needs a unit.", "Una duración necesita una unidad.", "Uma duração precisa de uma unidade."
	for lang, want := range map[string]string{"": en, "?lang=en": en, "?lang=es": es, "?lang=pt": pt} {
		s.post("/v1/contracts/check"+lang, wrong).want(200).is("problems.0.detail", want)
		s.post("/v1/contracts"+lang, wrong).want(422).is("errors.0.detail", want).is("detail", want)
		s.do("POST", "/v1/contracts/render"+lang, `{"source":`+quoted(wrong)+`}`).want(200).is("problems.0.detail", want)
	}
	s.post("/v1/contracts/check?lang=es", wrong).is("problems.0.fix", "Escriba por ejemplo 30s o 30ms.")
	failing := shop + "tests:\n  pagado: {event: order.paid, payload: {id: 1}, settings: {token: t}, body: {id: 2}}\n"
	a := s.post("/v1/contracts/check?lang=es", failing).want(200).is("ok", false)
	if !strings.Contains(a.Body, "El cuerpo es distinto.") || !strings.Contains(a.Body, "ejemplo de order.paid") {
		t.Errorf("%s", a.Body)
	}
}

func TestRenderContract(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	render := func(body string) answer {
		t.Helper()
		return s.do("POST", "/v1/contracts/render", body).want(200)
	}
	a := render(`{"source":` + quoted(shop) + `,"settings":{"token":"a-secret-token"}}`)
	a.is("request.body", `{"id":1,"total":45.50}`).is("request.method", "POST").is("event_type", "order.paid").is("problems", []any{}).
		is("event_types.0.name", "order.paid")
	if !strings.Contains(a.Body, `["x-token","********"]`) || strings.Contains(a.Body, "a-secret-token") {
		t.Errorf("secrets: %s", a.Body)
	}
	render(`{"source":"contract: 1"}`).is("request", nil).is("problems.0.line", 1.0).is("event_types", []any{})
	render(`{"source":`+quoted(shop)+`}`).is("request", nil).is("problems.0.pointer", "/settings/token")
	render(`{"source":`+quoted(shop)+`,"settings":{"token":"t"},"event_type":"order.sent"}`).is("request", nil).is("problems.0.pointer", "/event_type")
	a = render(`{"source":` + quoted(shop) + `,"settings":{"token":"t"},"payload":{"total":1.10}}`)
	a.is("request.body", `{"total":1.10}`).is("problems.0.pointer", "/payload/id") // the request is shown, and beside it what is wrong with the payload

	// A contract in force, with a stored event.
	tenant := s.tenant("acme")
	event := s.do("POST", tenant+"/events", `{"type":"a","payload":{"n": 1.0}}`).want(202).str("id")
	a = render(`{"contract":"standard","tenant":"acme","event":"` + event + `"}`)
	a.is("request.body", `{"n": 1.0}`)
	if !strings.Contains(a.Body, "webhook-signature") {
		t.Errorf("not signed: %s", a.Body)
	}
	for _, c := range shipped() {
		a := render(`{"contract":"` + c.Name + `"}`)
		if a.get("request") == nil && !strings.HasPrefix(a.str("problems.0.pointer"), "/settings") {
			t.Errorf("%s: %s", c.Name, a.Body)
		}
	}
	s.do("POST", "/v1/contracts/render", `{"contract":"nothing"}`).want(404)
	s.do("POST", "/v1/contracts/render", `{"contract":"standard","tenant":"acme","event":"evt_none"}`).want(404)
	s.do("POST", "/v1/contracts/render", `{}`).want(422)
}

// TestRenderContractOfStoredEvent renders stored events under a contract text that is not in force.
func TestRenderContractOfStoredEvent(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.post("/v1/contracts", shop).want(201)
	tenant := s.tenant("acme")
	s.tenant("globex")
	event := s.do("POST", tenant+"/events", `{"contract":"shop","type":"order.paid","id":"mine-1","payload":{"id":7, "total":1.10}}`).want(202).str("id")
	standard := s.do("POST", tenant+"/events", `{"type":"a","payload":1}`).want(202).str("id")
	render := func(source, rest string) answer {
		t.Helper()
		return s.do("POST", "/v1/contracts/render", `{"source":`+quoted(source)+`,"settings":{"token":"t"},`+rest+`}`)
	}
	edited := strings.Replace(shop, "x-token:", "x-edited:", 1)
	for _, id := range []string{event, "mine-1"} {
		a := render(edited, `"tenant":"acme","event":"`+id+`"`).want(200).is("problems", []any{}).is("event_type", "order.paid")
		if a.str("request.body") != `{"id":7, "total":1.10}` || !strings.Contains(a.Body, "x-edited") {
			t.Errorf("rendered %s", a.Body)
		}
	}
	s.do("POST", "/v1/contracts/render?lang=es", `{"source":`+quoted(shop)+`}`).want(200).is("settings.properties.token.title", "Ficha")

	// Edited texts ask for more of the payload, forbid members, or no longer have the event type.
	more := strings.NewReplacer("required: [id]", "required: [id, currency]", `{"id":1,`, `{"currency":"MXN","id":1,`).Replace(edited)
	render(more, `"tenant":"acme","event":"mine-1"`).want(200).
		is("request.method", "POST").is("problems.0.pointer", "/payload/currency")
	a := render(strings.Replace(edited, "\nevents:", "\nredact: [total]\nevents:", 1), `"tenant":"acme","event":"mine-1"`).want(200)
	a.is("request.body", `{"id":7, "total":"[redacted]"}`)
	renamed := strings.ReplaceAll(edited, "order.paid", "order.settled")
	render(renamed, `"tenant":"acme","event":"mine-1"`).want(200).is("request", nil).is("problems.0.pointer", "/event")

	for _, c := range []struct {
		rest   string
		status int
		code   string
	}{
		{`"tenant":"acme","event":"` + standard + `"`, 422, "other_contract"},
		{`"tenant":"globex","event":"` + event + `"`, 404, "event_not_found"},
		{`"tenant":"globex","event":"mine-1"`, 404, "event_not_found"},
		{`"tenant":"nobody","event":"` + event + `"`, 404, "tenant_not_found"},
		{`"event":"` + event + `"`, 422, "request_invalid"},
		{`"tenant":"acme","event":"mine-1","payload":1`, 422, "request_invalid"},
	} {
		render(edited, c.rest).want(c.status).is("code", c.code)
	}
	for _, key := range []string{`{"role":"tenant","tenant":"acme"}`, `{"role":"read"}`, `{"role":"publish","tenant":"acme"}`} {
		s.as(s.key(key), "POST", "/v1/contracts/render", `{"contract":"shop","tenant":"acme","event":"mine-1"}`).want(403)
	}
}

// Contracts of the library are listed and shown, and are not in force until somebody stores them.
func TestLibrary(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	list := s.do("GET", "/v1/library?lang=es", "").want(200)
	if !strings.Contains(list.Body, `"name":"github"`) {
		t.Errorf("the list is %.300s", list.Body)
	}
	one := s.do("GET", "/v1/library/github", "").want(200).is("name", "github").is("title", "GitHub").is("category", "code").
		is("signature", "hmac-sha256 (X-Hub-Signature-256) + hmac-sha1 (X-Hub-Signature)").is("event_header", "X-GitHub-Event")
	s.do("GET", "/v1/library/gihtub", "").want(404).is("code", "contract_not_found").is("detail", `There is no contract "gihtub" in the library. Did you mean github?`)
	s.do("GET", "/v1/contracts/github", "").want(404)
	s.post("/v1/contracts", one.str("source")).want(201).is("name", "github")
	s.do("GET", "/v1/contracts/github", "").want(200)
}

// Lists of event types have headings: kinds of record, or what titles have before a colon; a type that has neither
// has none.
func TestEventTypesHaveHeadings(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, c := range []struct{ contract, lang, event, want string }{
		{"upnify", "pt", "cliente.editado", "Cliente"},
		{"upnify", "en", "prospecto.seguimiento", "Prospect"},
		{"prolibu", "es", "invoice_create", "Factura"},
		{"prolibu", "pt", "user_login", "Usuário"},
		{"prolibu", "en", "proposal_metrics", "Proposal"},
		{"kobra", "en", "visit.finished", "Visit"},
		{"standard", "en", "*", ""},
	} {
		detail := decoded[client.ContractDetail](s.do("GET", "/v1/contracts/"+c.contract+"?lang="+c.lang, "").want(200))
		i := slices.IndexFunc(detail.EventTypes, func(e client.EventType) bool { return e.Name == c.event })
		if i < 0 || detail.EventTypes[i].Group != c.want || detail.Events[i].Group != c.want {
			t.Errorf("%s in %s: %+v, want %q", c.event, c.lang, detail.EventTypes, c.want)
		}
	}
}
