package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestTransformationAtTheDoor(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	const fine = "function handler(webhook) { return webhook }"
	path, _ := s.endpoint(tenant, `{"url":"`+nobody+`/","filter":"true","transformation":`+quoted(fine)+`}`)
	if a := s.do("GET", path, ""); a.str("transformation") != fine {
		t.Errorf("%s", a.Body)
	}
	for _, tc := range []struct{ method, to, body, code, pointer, detail string }{
		{"POST", tenant + "/endpoints", `{"url":"` + nobody + `/","transformation":"let x = ;"}`, "transformation_invalid", "/transformation", "line 1, column 9"},
		{"PATCH", path, `{"transformation":"\n\nnull.x"}`, "transformation_invalid", "/transformation", "line 3"},
		{"PATCH", path, `{"transformation":"function transform() {}"}`, "transformation_invalid", "/transformation", "no function called handler"},
		{"PATCH", path, `{"transformation":"` + strings.Repeat("x", 65537) + `"}`, "request_invalid", "/transformation", ""},
		{"POST", tenant + "/endpoints", `{"url":"` + nobody + `/","contract":"catacliente","transformation":` + quoted(fine) + `}`, "shaping_off", "/transformation", "catacliente"},
		{"POST", tenant + "/endpoints", `{"url":"` + nobody + `/","contract":"catacliente","filter":"true"}`, "shaping_off", "/filter", "catacliente"},
	} {
		a := s.do(tc.method, tc.to, tc.body).want(422)
		if a.str("code") != tc.code || a.str("errors.0.pointer") != tc.pointer || !strings.Contains(a.str("errors.0.detail"), tc.detail) {
			t.Errorf("%.80s: %s", tc.body, a.Body)
		}
	}
	if a := s.do("PATCH", path, `{"transformation":null}`).want(200); a.str("transformation") != "" || !strings.Contains(a.Body, `"version":2`) {
		t.Errorf("removed: %s", a.Body)
	}
	off, _ := s.endpoint(tenant, `{"url":"`+nobody+`/","contract":"catacliente"}`)
	event := s.do("POST", tenant+"/events", `{"type":"interest_level","contract":"catacliente","payload":{"contact":{"id":1}}}`).want(202).str("id")
	if a := s.do("POST", off+"/render", `{"event":"`+event+`","transformation":`+quoted(fine)+`}`).want(422); a.str("code") != "shaping_off" {
		t.Errorf("tried where it cannot be: %s", a.Body)
	}
	s.do("POST", off+"/render", `{"event":"`+event+`","transformation":""}`).want(200)
}

func TestRenderTransformed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	path, _ := s.endpoint(tenant, `{"url":"`+nobody+`/hook?b=1&token=tell-nobody&a=x%20y","headers":{"X-Api-Key":"hunter2-header","X-A":"1"},
		"transformation":"function handler(webhook) { webhook.payload.extra = webhook.type; return webhook }"}`)
	event := s.do("POST", tenant+"/events", `{"type":"order.paid","payload":{"id":9007199254740993}}`).want(202).str("id")
	render := func(body string) answer {
		t.Helper()
		if script := body; script != "" {
			body = `,"transformation":` + quoted("function handler(webhook) {\n"+script+"\nreturn webhook }")
		}
		return s.do("POST", path+"/render", `{"event":"`+event+`"`+body+`}`).want(200)
	}
	if a := render(""); a.str("body") != `{"id":9007199254740993,"extra":"order.paid"}` || a.get("error") != nil || a.get("cancelled") != false {
		t.Errorf("saved: %s", a.Body)
	}
	a := render(`console.log(webhook.headers, webhook.query); webhook.headers['x-a'] = '2'; webhook.query.a = 'ü'; webhook.query.c = 3; webhook.headers['X-Secret-Token'] = 'made-by-script'; webhook.method = 'PUT'`)
	if a.str("url") != nobody+"/hook?b=1&token=********&a=%C3%BC&c=3" || a.str("method") != "PUT" || a.str("body") != `{"id":9007199254740993}` {
		t.Errorf("query: %s", a.Body)
	}
	if !strings.Contains(a.Body, `["x-a","2"]`) || !strings.Contains(a.Body, `["X-Api-Key","********"]`) || !strings.Contains(a.Body, `["X-Secret-Token","********"]`) {
		t.Errorf("headers: %s", a.Body)
	}
	if !strings.Contains(a.str("console.0"), `"token":"********"`) {
		t.Errorf("console: %s", a.Body)
	}
	for _, secret := range []string{"hunter2", "tell-nobody", "made-by-script"} {
		if strings.Contains(a.Body, secret) {
			t.Errorf("%s shows: %s", secret, a.Body)
		}
	}
	if a := render(`webhook.query = {}`); a.str("url") != nobody+"/hook" {
		t.Errorf("query removed: %s", a.Body)
	}
	if a := render(`webhook.cancel = 'too small'`); a.get("cancelled") != true || a.str("reason") != "too small" || a.str("body") != `{"id":9007199254740993}` {
		t.Errorf("cancelled: %s", a.Body)
	}
	if a := render("console.log('here')\nwebhook.payload.a.b"); a.str("error.class") != "script_error" || !strings.Contains(a.Body, `"line":3`) || a.str("console.0") != "here" || !strings.Contains(a.str("error.detail"), "'b' of undefined") {
		t.Errorf("error: %s", a.Body)
	}
	for _, header := range []string{"Host", "content-length", "Transfer-Encoding", "webhook-id", "Webhook-Signature", "a b", ""} {
		if a := render(`webhook.headers['` + header + `'] = 'x'`); a.str("error.class") != "script_error" {
			t.Errorf("header %q: %s", header, a.Body)
		}
	}
	for _, script := range []string{`webhook.headers['x-b'] = 'a\r\nx-c: d'`, `webhook.headers['x-b'] = ' '`, `webhook.method = 'BREW'`, `webhook.method = 'CONNECT'`} {
		if a := render(script); a.str("error.class") != "script_error" {
			t.Errorf("%s: %s", script, a.Body)
		}
	}
	if a := s.do("POST", path+"/render", `{"event":"`+event+`","transformation":"let x = ;"}`).want(200); a.str("error.class") != "script_error" || !strings.Contains(a.Body, `"line":1`) {
		t.Errorf("syntax: %s", a.Body)
	}
}

func TestTestTransformed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	got := make(chan string, 4)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- r.Header.Get("X-A") + " " + string(body)
	}))
	t.Cleanup(srv.Close)
	endpoint := func(script string) string {
		path, _ := s.endpoint(tenant, `{"url":"`+srv.URL+`","transformation":`+quoted("function handler(webhook) {\n"+script+"\nreturn webhook }")+`}`)
		return path
	}
	path := endpoint(`webhook.headers['X-A'] = 'b'; webhook.payload = [webhook.payload.n]`)
	a := s.do("POST", path+"/test", `{"payload":{"n":1}}`).want(200)
	if sent := <-got; a.get("passed") != true || sent != "b [1]" || a.str("request.body") != "[1]" {
		t.Errorf("%q: %s", sent, a.Body)
	}
	if d := s.do("GET", tenant+"/deliveries/"+a.str("delivery"), "").want(200); d.str("attempt_list.0.request.body") != "[1]" {
		t.Errorf("history: %s", d.Body)
	}
	a = s.do("POST", endpoint(`null.x`)+"/test?lang=es", "").want(200)
	if a.get("passed") != false || a.str("error.class") != "script_error" || !strings.Contains(a.str("error.detail"), "line 2") || a.str("diagnosis.code") != "transformation_failed" {
		t.Errorf("error: %s", a.Body)
	}
	path = endpoint(`webhook.cancel = 'not today'`)
	a = s.do("POST", path+"/test", "").want(200)
	if a.get("passed") != false || a.str("error.class") != "script_cancelled" || !strings.Contains(a.str("error.detail"), "not today") || a.str("diagnosis.code") != "transformation_cancelled" {
		t.Errorf("cancelled: %s", a.Body)
	}
	if d := s.do("GET", tenant+"/deliveries/"+a.str("delivery"), "").want(200); d.str("state") != "cancelled" || d.str("reason") != "script" {
		t.Errorf("history: %s", d.Body)
	}
	id := path[strings.LastIndex(path, "/")+1:]
	if x := s.do("GET", tenant+"/events/"+a.str("event")+"/explain?endpoint="+id, "").want(200); x.str("reasons.0.code") != "script" || !strings.Contains(x.str("reasons.0.cause"), "not today") {
		t.Errorf("explain: %s", x.Body)
	}
	if len(got) != 0 {
		t.Errorf("%d requests too many", len(got))
	}
}
