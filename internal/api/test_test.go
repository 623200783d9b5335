package api_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/mask"
)

// answering is a receiver that gives a certain answer.
func answering(t *testing.T, status int, body string, header ...string) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// speaking is a receiver that reads a request and then writes any bytes to the connection.
func speaking(t *testing.T, what string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(c, what)
			}
			_ = c.Close()
		}
	}()
	return "http://" + l.Addr().String()
}

const picky = `
contract: picky
title: {en: Picky}
events:
  thing: {title: {en: Thing}, example: '{"a": 1.50}'}
delivery:
  timeout: 1s
  success: response.status == 200 && !response.html && response.body != "no"
`

// pickyServer also has a contract that judges bodies.
func pickyServer(t *testing.T) *server {
	t.Helper()
	s := newServer(t)
	c, err := contract.Parse("picky.yaml", []byte(picky))
	if err != nil {
		t.Fatal(err)
	}
	s.contracts.Add(c.WithVersion(1))
	return s
}

const page = "\ufeff <!-- hello -->\n<!DOCTYPE html><html><body>Welcome</body></html>"

// TestTestEndpoint tests endpoints whose receivers are real servers, each of which fails in another way, in all
// languages.
func TestTestEndpoint(t *testing.T) {
	t.Parallel()
	s := pickyServer(t)
	tenant := s.tenant("acme")
	hang := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-hang }))
	t.Cleanup(slow.Close)
	t.Cleanup(func() { close(hang) })
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(secure.Close)
	for _, c := range []struct {
		name, contract, url string
		class, code, level  string
		facts               string // in the advice or title, in every language
	}{
		{"fine", "picky", answering(t, 200, "ok"), "", "success", "ok", "127.0.0.1"},
		{"page where any 2xx will do", "standard", answering(t, 200, page), "", "success_html_page", "warning", "127.0.0.1"},
		{"page", "picky", answering(t, 200, page), "body_rule", "html_page", "error", "127.0.0.1"},
		{"text as HTML", "picky", answering(t, 200, "Webhook recebido.", "Content-Type", "text/html"), "", "success", "ok", ""},
		{"wrong body", "picky", answering(t, 200, "no"), "body_rule", "wrong_answer", "error", "200"},
		{"wrong 2xx", "picky", answering(t, 202, "ok"), "status_unexpected", "unexpected_status", "error", "202"},
		{"login", "standard", answering(t, 302, "", "Location", "/users/login?next=x"), "redirect", "redirect_to_login", "error", "/users/login"},
		{"moved", "standard", answering(t, 301, "", "Location", "https://example.com/hooks/"), "redirect", "redirect", "error", "https://example.com/hooks/"},
		{"401", "standard", answering(t, 401, ""), "status_4xx", "unauthorized", "error", "401"},
		{"403", "standard", answering(t, 403, page), "status_4xx", "forbidden", "error", "403"},
		{"404", "standard", answering(t, 404, ""), "status_4xx", "not_found", "error", "404"},
		{"405", "standard", answering(t, 405, ""), "status_4xx", "method_not_allowed", "error", "405"},
		{"410", "standard", answering(t, 410, ""), "gone", "address_gone", "error", "410"},
		{"429", "standard", answering(t, 429, "", "Retry-After", "3600"), "rate_limited", "too_many_requests", "error", "429"},
		{"500", "standard", answering(t, 500, "oops"), "status_5xx", "server_error", "error", "500"},
		{"503", "standard", answering(t, 503, ""), "status_5xx", "server_unavailable", "error", "503"},
		{"slow", "standard", slow.URL, "timeout", "no_answer_in_time", "error", "1 s"},
		{"closed port", "standard", nobody, "connect_refused", "connection_refused", "error", "127.0.0.1"},
		{"private", "standard", "http://10.0.0.1/hook", "private_address", "private_network", "error", "10.0.0.1"},
		{"name", "standard", "http://receiver.invalid/", "", "", "error", "receiver.invalid"},
		{"certificate", "standard", secure.URL, "tls_untrusted", "certificate_untrusted", "error", "127.0.0.1"},
		{"TLS where there is none", "standard", strings.Replace(answering(t, 200, ""), "http:", "https:", 1), "tls_failed", "secure_connection_failed", "error", "127.0.0.1"},
		{"not HTTP", "standard", speaking(t, "220 mail.example.com ESMTP\r\n"), "protocol_error", "not_a_web_server", "error", "127.0.0.1"},
		{"hangs up", "standard", speaking(t, ""), "reset", "connection_broken", "error", "127.0.0.1"},
		{"header flood", "standard", speaking(t, "HTTP/1.1 200 OK\r\n"+strings.Repeat("X: "+strings.Repeat("y", 1000)+"\r\n", 100)+"\r\n"), "headers_too_large", "answer_too_large", "error", "127.0.0.1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			timeout := 60_000
			if c.class == "timeout" {
				timeout = 1000
			}
			path, id := s.endpoint(tenant, fmt.Sprintf(`{"url":%q,"contract":%q,"timeout_ms":%d}`, c.url, c.contract, timeout))
			before := s.do("GET", path, "").want(200).Body
			titles := map[string]bool{}
			for _, language := range []string{"en", "es", "pt"} {
				a := s.do("POST", path+"/test?lang="+language, "").want(200)
				if a.get("passed") != (c.level != "error") || (a.get("error") == nil) != (c.level != "error") {
					t.Errorf("%s", a.Body)
				}
				if c.code == "" { // depends on the machine's resolver
					if code := a.str("diagnosis.code"); !strings.HasPrefix(code, "name_") {
						t.Errorf("%s", a.Body)
					}
				} else if a.str("diagnosis.code") != c.code || c.class != "" && a.str("error.class") != c.class {
					t.Errorf("want %s, %s: %s", c.code, c.class, a.Body)
				}
				if a.str("diagnosis.level") != c.level || a.str("diagnosis.language") != language || !strings.Contains(a.str("diagnosis.title")+a.str("diagnosis.advice"), c.facts) {
					t.Errorf("want %s, %q: %s", c.level, c.facts, a.Body)
				}
				titles[a.str("diagnosis.title")] = true

				d := s.do("GET", tenant+"/deliveries/"+a.str("delivery")+"?lang="+language, "").want(200)
				if jsonOf(t, d.get("diagnosis")) != jsonOf(t, a.get("diagnosis")) {
					t.Errorf("the history says %s\nthe test %s", d.Body, a.Body)
				}
				for _, part := range []string{"request", "response", "timing_ms", "error"} {
					if x, y := jsonOf(t, d.get("attempt_list.0."+part)), jsonOf(t, a.get(part)); x != y {
						t.Errorf("the history has the %s %s, the test %s", part, x, y)
					}
				}
				if d.get("test") != true || d.str("endpoint") != id || d.str("event") != a.str("event") || d.get("attempt_list.1") != nil || d.get("finished_at") == nil {
					t.Errorf("history: %s", d.Body)
				}
				if ev := s.do("GET", tenant+"/events/"+a.str("event"), "").want(200); ev.str("source") != "test" {
					t.Errorf("event: %s", ev.Body)
				}
				s.do("POST", tenant+"/deliveries/"+a.str("delivery")+"/retry", "").want(409)
			}
			if len(titles) != 3 {
				t.Errorf("titles: %v", titles)
			}
			after := s.do("GET", path, "").want(200)
			if after.get("last_test") == nil {
				t.Errorf("no last test: %s", after.Body)
			}
			if after := lastTest.ReplaceAllString(after.Body, `"last_test":null`); after != before {
				t.Errorf("the endpoint was\n%s and is\n%s", before, after)
			}
		})
	}
}

func TestTestLanguage(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	path, _ := s.endpoint(tenant, `{"url":"`+nobody+`/"}`)
	for header, want := range map[string]string{"": "en", "es-MX,es;q=0.9,en;q=0.8": "es", "pt-BR": "pt", "fr": "en"} {
		a := s.as(adminKey, "POST", path+"/test", "", "Accept-Language", header).want(200)
		if a.str("diagnosis.language") != want {
			t.Errorf("%q: %s", header, a.Body)
		}
		if a := s.as(adminKey, "POST", path+"/test?lang=es", "", "Accept-Language", header).want(200); a.str("diagnosis.language") != "es" {
			t.Errorf("%q with lang: %s", header, a.Body)
		}
	}
	s.do("POST", path+"/test?lang=fr", "").want(422)
}

// TestTestInput checks which payload a test sends: the contract's example, or exactly the bytes of the caller.
func TestTestInput(t *testing.T) {
	t.Parallel()
	s := pickyServer(t)
	tenant := s.tenant("acme")
	url := answering(t, 200, "ok")
	picky, _ := s.endpoint(tenant, `{"url":"`+url+`","contract":"picky"}`)
	open, _ := s.endpoint(tenant, `{"url":"`+url+`","event_types":["order.*"],"mode":"at_most_once"}`)
	for _, c := range []struct{ path, body, wantType, want string }{
		{picky, ``, "thing", `{"a": 1.50}`},
		{picky, `{}`, "thing", `{"a": 1.50}`},
		{picky, `{"event_type":"thing"}`, "thing", `{"a": 1.50}`},
		{picky, `{"payload": { "b" :  0.000907775311708679, "a":"\/\u00e3"}}`, "thing", `{ "b" :  0.000907775311708679, "a":"\/\u00e3"}`},
		{open, `{"payload":null}`, "order.test", "null"},
		{open, `{"event_type":"user.born","payload":[1,2]}`, "user.born", "[1,2]"},
	} {
		a := s.do("POST", c.path+"/test", c.body).want(200)
		if a.str("type") != c.wantType || a.str("request.body") != c.want || a.get("passed") != true || a.str("request.url") != url {
			t.Errorf("%s: %s", c.body, a.Body)
		}
	}
	if a := s.do("POST", open+"/test", "").want(200); a.str("request.body") == "" || !strings.Contains(jsonOf(t, a.get("request.headers")), "webhook-signature") {
		t.Errorf("signed example: %s", a.Body)
	}
	for body, code := range map[string]string{
		`{"event_type":"nothing"}`: "event_type_unknown", `{"event":"thing"}`: "request_invalid", `{"event_type":1}`: "request_invalid",
		`{"payload":"` + strings.Repeat("x", 65<<10) + `"}`: "payload_too_large", `[]`: "request_invalid", `{`: "json_invalid",
	} {
		if a := s.do("POST", picky+"/test", body); a.Status < 400 || a.str("code") != code {
			t.Errorf("%.40s: %d %s", body, a.Status, a.Body)
		}
	}
	if list := s.do("GET", tenant+"/deliveries?type=nothing", "").want(200); list.get("items.0") != nil {
		t.Errorf("a refused test was stored: %s", list.Body)
	}
	s.do("POST", tenant+"/endpoints/"+hook.NewEndpointID().String()+"/test", "").want(404)
	s.do("POST", tenant+"/endpoints/nothing/test", "").want(404)
	for _, verb := range []string{"pause", "disable"} {
		s.do("POST", open+"/"+verb, "").want(200)
		if a := s.do("POST", open+"/test", "").want(200); a.get("passed") != true {
			t.Errorf("after %s: %s", verb, a.Body)
		}
	}
	s.do("DELETE", open, "").want(204)
	s.do("POST", open+"/test", "").want(404)
}

func TestTestMasksSecrets(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	got := make(chan string, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("Api-Key") + r.Header.Get("Authorization")
		w.Header().Set("X-Echo", r.Header.Get("Api-Key"))
		_, _ = io.WriteString(w, r.Header.Get("Api-Key")+" "+strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer "))
	}))
	t.Cleanup(srv.Close)
	path, _ := s.endpoint(tenant, `{"url":"`+srv.URL+`","contract":"kobra","settings":{"api_key":"very-secret-token"},"headers":{"authorization":"Bearer other-secret"}}`)
	a := s.do("POST", path+"/test", "").want(200)
	if sent := <-got; sent != "very-secret-tokenBearer other-secret" {
		t.Errorf("sent %q", sent)
	}
	event := s.do("POST", tenant+"/events", `{"type":"visit.finished","contract":"kobra","payload":{"visitID":"1","productID":1,"finished":true,"lat":"a/b"}}`).want(202).str("id")
	r := s.do("POST", path+"/render", `{"event":"`+event+`"}`).want(200)
	if r.str("body") != `{"visitID":"1","productID":1,"finished":true,"lat":"a\/b"}` || r.str("method") != "POST" || r.str("url") != srv.URL {
		t.Errorf("rendered %s", r.Body)
	}
	for what, body := range map[string]string{"test": a.Body, "history": s.do("GET", tenant+"/deliveries/"+a.str("delivery"), "").Body, "render": r.Body, "log": s.log.String()} {
		if strings.Contains(body, "very-secret") || strings.Contains(body, "other-secret") {
			t.Errorf("the %s shows a secret: %s", what, body)
		}
		if what != "log" && strings.Count(body, mask.Text) < 2 {
			t.Errorf("the %s has no masks: %s", what, body)
		}
	}
	if n := len(s.deliveriesOf("acme", event)); n != 1 || len(got) != 0 {
		t.Errorf("rendering left %d deliveries and %d requests", n, len(got))
	}
}

func TestOneTestOfAnEndpoint(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	arrived, proceed := make(chan struct{}), make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived <- struct{}{}; <-proceed }))
	t.Cleanup(srv.Close)
	path, _ := s.endpoint(tenant, `{"url":"`+srv.URL+`","timeout_ms":60000}`)
	first := make(chan answer)
	go func() { first <- s.do("POST", path+"/test", "") }()
	<-arrived
	if a := s.do("POST", path+"/test", "").want(429); a.str("code") != "test_running" || a.Header.Get("Retry-After") == "" {
		t.Errorf("%s", a.Body)
	}
	if l := s.do("GET", tenant+"/deliveries", "").want(200); l.str("items.0.state") != "sending" || l.get("items.0.test") != true || l.get("items.1") != nil {
		t.Errorf("meanwhile: %s", l.Body)
	}
	close(proceed)
	if a := <-first; a.Status != 200 || a.get("passed") != true {
		t.Errorf("%s", a.Body)
	}
	go func() { <-arrived }()
	s.do("POST", path+"/test", "").want(200)
}

func TestRender(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	path, _ := s.endpoint(tenant, `{"url":"`+nobody+`/hook"}`)
	event := s.do("POST", tenant+"/events", `{"type":"a","id":"mine","payload":{"x":  1}}`).want(202).str("id")
	for _, name := range []string{event, "mine"} {
		r := s.do("POST", path+"/render", `{"event":"`+name+`"}`).want(200)
		headers := jsonOf(t, r.get("headers"))
		for _, want := range []string{`["Host","` + strings.TrimPrefix(nobody, "http://") + `"]`, `["Content-Length","9"]`, `["Content-Type","application/json"]`, `["webhook-id","` + event + `"]`} {
			if !strings.Contains(headers, want) {
				t.Errorf("no %s in %s", want, headers)
			}
		}
		if r.str("body") != `{"x":  1}` {
			t.Errorf("%s", r.Body)
		}
	}
	other := s.do("POST", tenant+"/events", `{"type":"visit.finished","contract":"kobra","payload":{"visitID":"1","productID":1,"finished":true}}`).want(202).str("id")
	if a := s.do("POST", path+"/render", `{"event":"`+other+`"}`).want(422); a.str("code") != "other_contract" {
		t.Errorf("%s", a.Body)
	}
	s.do("POST", path+"/render", `{"event":"nothing"}`).want(404)
	s.do("POST", path+"/render", `{"event":"`+other+`","event_type":"a"}`).want(422)
	// Without an event, an example is rendered, and nothing of it is stored.
	if r := s.do("POST", path+"/render", `{}`).want(200); r.str("body") == "" {
		t.Errorf("an example: %s", r.Body)
	}
	if r := s.do("POST", path+"/render", `{"event_type":"order.paid","payload":{"total": 1.50}}`).want(200); r.str("body") != `{"total": 1.50}` {
		t.Errorf("an example of one's own: %s", r.Body)
	}
	s.do("POST", path+"/render", ``).want(400)
}

func TestExplain(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	early := s.do("POST", tenant+"/events", `{"type":"order.paid","id":"early","payload":{"total":1}}`).want(202).str("id")
	path, id := s.endpoint(tenant, `{"url":"`+nobody+`/","event_types":["order.*"],"filter":"payload.total > 100"}`)
	event := func(body string) string { t.Helper(); return s.do("POST", tenant+"/events", body).want(202).str("id") }
	taken := event(`{"type":"order.paid","payload":{"total":200}}`)
	explain := func(event, want string) answer {
		t.Helper()
		a := s.do("GET", tenant+"/events/"+event+"/explain?endpoint="+id, "").want(200)
		var codes []string
		for i := 0; a.get(fmt.Sprintf("reasons.%d", i)) != nil; i++ {
			codes = append(codes, a.str(fmt.Sprintf("reasons.%d.code", i)))
		}
		if got := strings.Join(codes, " "); got != want {
			t.Errorf("%s, want %s: %s", got, want, a.Body)
		}
		return a
	}
	if a := explain(taken, "waiting"); a.str("delivery.state") != "pending" || a.get("delivered") != false {
		t.Errorf("%s", a.Body)
	}
	s.do("POST", path+"/pause", "").want(200)
	explain(taken, "waiting paused")
	s.do("POST", path+"/resume", "").want(200)
	for _, c := range []struct {
		state hook.State
		want  string
	}{{hook.Retrying, "waiting"}, {hook.Failed, "failed"}, {hook.Unknown, "unknown"}, {hook.Cancelled, "cancelled"}, {hook.Delivered, "delivered"}} {
		s.finish(s.deliveriesOf("acme", taken)[0], c.state, nil)
		a := explain(taken, c.want)
		if a.get("delivered") != (c.state == hook.Delivered) || a.str("delivery.id") != s.deliveriesOf("acme", taken)[0].ID.String() || a.str("delivery.state") != string(c.state) {
			t.Errorf("%s", a.Body)
		}
	}
	if a := explain(early, "created_later filter"); a.get("delivery") != nil || a.get("delivered") != false {
		t.Errorf("%s", a.Body)
	}
	explain("early", "created_later filter")
	explain(event(`{"type":"user.born","payload":{"total":200}}`), "event_type")
	explain(event(`{"type":"order.paid","payload":{"total":2}}`), "filter")
	if a := explain(event(`{"type":"order.paid","payload":{}}`), "filter_failed"); a.str("reasons.0.cause") == "" {
		t.Errorf("%s", a.Body)
	}
	explain(event(`{"type":"visit.finished","contract":"kobra","payload":{"visitID":"1","productID":1,"finished":true}}`), "other_contract")
	s.do("POST", path+"/disable", "").want(200)
	missed := event(`{"type":"order.paid","payload":{"total":200}}`)
	explain(missed, "disabled")
	s.do("POST", path+"/resume", "").want(200)
	explain(missed, "changed_since")
	_, elsewhere := s.endpoint(tenant, `{"url":"`+nobody+`/"}`)
	test := s.do("POST", path+"/test", "").want(200).str("event")
	explain(test, "failed")
	if a := s.do("GET", tenant+"/events/"+test+"/explain?endpoint="+elsewhere+"&lang=es", "").want(200); a.str("reasons.0.code") != "test_event" || !strings.Contains(a.str("reasons.0.detail"), "prueba") {
		t.Errorf("%s", a.Body)
	}
	s.do("GET", tenant+"/events/"+taken+"/explain", "").want(422)
	s.do("GET", tenant+"/events/"+taken+"/explain?endpoint=x", "").want(404)
	s.do("GET", tenant+"/events/nothing/explain?endpoint="+id, "").want(404)
}

// A delivery shows the diagnosis of its latest attempt, also when its endpoint is gone.
func TestDeliveryDiagnosis(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	path, _ := s.endpoint(tenant, `{"url":"http://crm.example.com/","timeout_ms":200}`)
	event := s.do("POST", tenant+"/events", `{"type":"a","payload":1}`).want(202).str("id")
	d := s.deliveriesOf("acme", event)[0]
	at := tenant + "/deliveries/" + d.ID.String()
	if a := s.do("GET", at, "").want(200); a.get("diagnosis") != nil {
		t.Errorf("before the first attempt: %s", a.Body)
	}
	d.EndpointVersion, d.ContractVersion = 1, 1
	s.finish(d, hook.Retrying, &hook.Attempt{Delivery: d.ID, Number: 1, Class: hook.ClassStatus5xx, Response: &hook.Response{Status: 500}, Request: hook.Request{Method: "POST", URL: "http://crm.example.com/"}})
	d = s.deliveriesOf("acme", event)[0]
	s.finish(d, hook.Failed, &hook.Attempt{Delivery: d.ID, Number: 2, Class: hook.ClassTimeout, Request: hook.Request{Method: "POST", URL: "http://crm.example.com/"}})
	if a := s.as(adminKey, "GET", at, "", "Accept-Language", "pt").want(200); a.str("diagnosis.code") != "no_answer_in_time" || !strings.Contains(a.str("diagnosis.title"), "limite: 200 ms") {
		t.Errorf("%s", a.Body)
	}
	s.do("PATCH", path, `{"timeout_ms":5000}`).want(200) // after the change the limit of that attempt is not known any more
	if a := s.do("GET", at, "").want(200); a.str("diagnosis.title") != "No answer in time" {
		t.Errorf("%s", a.Body)
	}
	s.do("DELETE", path, "").want(204)
	if a := s.do("GET", at+"?lang=es", "").want(200); a.str("diagnosis.code") != "no_answer_in_time" || a.str("diagnosis.language") != "es" {
		t.Errorf("%s", a.Body)
	}
}

var lastTest = regexp.MustCompile(`"last_test":\{[^}]*\}`)
