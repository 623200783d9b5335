package api_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// credential creates a credential and returns its path and the answer.
func (s *server) credential(tenant, body string) (path string, made answer) {
	s.t.Helper()
	made = s.do("POST", tenant+"/credentials", body).want(201)
	return tenant + "/credentials/" + made.str("id"), made
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	path, made := s.credential(tenant, `{"contract":"cabaprop","name":"Mi App","url":"`+nobody+`/hook"}`)
	key, secret, token := made.str("apiKey"), made.str("secret"), made.str("token")
	if !like(key, 30) || !like(secret, 64) || made.str("hint") != key[26:] || made.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("made: %s", made.Body)
	}
	parts := strings.Split(token, ".")
	claims, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil || len(parts) != 3 {
		t.Fatal(token, err)
	}
	for _, has := range []string{`"apiKey":"` + key + `"`, `"name":"Mi App"`, `"userId":"` + made.str("id") + `"`, `"jti":"`, `"iat":`, `"exp":`} {
		if !strings.Contains(string(claims), has) {
			t.Errorf("the token has no %s: %s", has, claims)
		}
	}
	endpoint := tenant + "/endpoints/" + made.str("endpoint")
	if e := s.do("GET", endpoint, "").want(200); e.str("state") != "active" || e.str("credential") != made.str("id") || e.str("mode") != "at_most_once" {
		t.Errorf("its endpoint: %s", e.Body)
	}
	if got := s.do("GET", path, "").want(200); got.str("url") != nobody+"/hook" || got.str("state") != "active" || got.str("endpoint") != made.str("endpoint") {
		t.Errorf("read: %s", got.Body)
	}
	states := func(credential, its, reason string) {
		t.Helper()
		if c, e := s.do("GET", path, "").want(200), s.do("GET", endpoint, "").want(200); c.str("state") != credential || e.str("state") != its || e.str("state_reason") != reason {
			t.Errorf("want %s, %s, %s: %s %s", credential, its, reason, c.Body, e.Body)
		}
	}
	s.do("PATCH", path, `{"state":"paused"}`).want(200)
	states("paused", "paused", "credential")
	for _, c := range [][3]string{{"POST", endpoint + "/resume", ""}, {"PATCH", endpoint, `{"state":"active"}`}, {"POST", path + "/tokens", ""}} {
		if a := s.do(c[0], c[1], c[2]).want(409); a.str("code") != "credential_paused" {
			t.Errorf("%s %s: %s", c[0], c[1], a.Body)
		}
	}
	s.do("PATCH", endpoint, `{"settings":{"action":"create"}}`).want(200)
	s.do("PATCH", path, `{"state":"active","name":"Otra","url":"`+nobody+`/other"}`).want(200)
	states("active", "active", "")
	if e := s.do("GET", endpoint, "").want(200); e.str("url") != nobody+"/other" || e.str("name") != "Otra" || e.get("settings.action") != "create" {
		t.Errorf("its endpoint: %s", e.Body)
	}
	s.do("POST", endpoint+"/disable", "").want(200)
	s.do("PATCH", path, `{"state":"paused"}`).want(200)
	states("paused", "disabled", "by_person")
	s.do("PATCH", path, `{"state":"active"}`).want(200)
	states("active", "active", "")

	id, err := hook.ParseEndpointID(made.str("endpoint"))
	if err != nil {
		t.Fatal(err)
	}
	if e, err := s.db.Endpoint(t.Context(), id); err != nil || e.Config.Credential.APIKey != key || e.Config.Credential.Name != "Otra" {
		t.Errorf("the endpoint's credential: %+v %v", e, err)
	}
	second := s.do("POST", path+"/tokens", "").want(201)
	third := s.do("POST", path+"/tokens", `{"revoke_earlier":true}`).want(201)
	if second.str("token") == token || second.str("token") == third.str("token") {
		t.Error("the same token twice")
	}
	if a := s.do("DELETE", endpoint, "").want(409); a.str("code") != "endpoint_of_credential" {
		t.Errorf("deleted alone: %s", a.Body)
	}
	states("active", "active", "")
	s.do("DELETE", path, "").want(204)
	for _, gone := range []string{path, endpoint} {
		s.do("GET", gone, "").want(404)
		s.do("DELETE", gone, "").want(404)
		s.do("PATCH", gone, "{}").want(404)
	}
	s.do("POST", path+"/tokens", "").want(404)
	if list := s.do("GET", tenant+"/credentials", "").want(200); list.get("items.0") != nil {
		t.Errorf("list: %s", list.Body)
	}
}

// like reports whether text consists of n letters and digits.
func like(text string, n int) bool {
	return len(text) == n && strings.Trim(text, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

func TestCredentialsTakenOver(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	const key = "kib5tcxwsw5ain9ppngi9fodmiks0z"
	_, made := s.credential(tenant, `{"contract":"cabaprop","name":"a","url":"`+nobody+`/","apiKey":"`+key+`","secret":"`+strings.Repeat("s3", 32)+`","settings":{"action":"create"}}`)
	if made.str("apiKey") != key || made.str("secret") != strings.Repeat("s3", 32) {
		t.Errorf("made: %s", made.Body)
	}
	for _, c := range []struct{ body, code, pointer string }{
		{`{"contract":"nothing","name":"a"}`, "contract_unknown", "/contract"},
		{`{"contract":"kobra","name":"a","url":"` + nobody + `/"}`, "no_credentials", "/contract"},
		{`{"contract":"cabaprop","name":"a"}`, "endpoint_invalid", "/url"},
		{`{"contract":"cabaprop","url":"` + nobody + `/"}`, "request_invalid", "/name"},
		{`{"contract":"cabaprop","name":"a","url":"nowhere"}`, "endpoint_invalid", "/url"},
		{`{"contract":"cabaprop","name":"a","url":"` + nobody + `/","settings":{"action":"x"}}`, "endpoint_invalid", "/settings/action"},
		{`{"contract":"cabaprop","name":"a","url":"` + nobody + `/","apiKey":"short"}`, "credential_invalid", "/apiKey"},
		{`{"contract":"cabaprop","name":"a","url":"` + nobody + `/","secret":"` + strings.Repeat("S", 64) + `"}`, "credential_invalid", "/secret"},
	} {
		a := s.do("POST", tenant+"/credentials", c.body).want(422)
		if a.str("code") != c.code || a.str("errors.0.pointer") != c.pointer {
			t.Errorf("%s: %s", c.body, a.Body)
		}
	}
	if a := s.do("POST", tenant+"/endpoints", `{"contract":"cabaprop","url":"`+nobody+`/"}`).want(422); a.str("code") != "credential_needed" || !strings.Contains(a.Body, "/credentials") {
		t.Errorf("an endpoint without a credential: %s", a.Body)
	}
	if list := s.do("GET", tenant+"/credentials", "").want(200); list.get("items.1") != nil {
		t.Errorf("what was refused is there: %s", list.Body)
	}
}

// TestCredentialsWithoutEndpoint uses a contract whose credentials have no endpoint and only give access to look-ups.
func TestCredentialsWithoutEndpoint(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	c, err := contract.Parse("readers.yaml", []byte(readers))
	if err != nil {
		t.Fatal(err)
	}
	s.contracts.Add(c.WithVersion(1))
	tenant := s.tenant("acme")
	path, made := s.credential(tenant, `{"contract":"readers","name":"a"}`)
	if made.get("endpoint") != nil || made.str("token") == "" {
		t.Errorf("made: %s", made.Body)
	}
	for _, body := range []string{`{"contract":"readers","name":"a","url":"` + nobody + `/"}`, `{"contract":"readers","name":"a","apiKey":"-"}`} {
		if a := s.do("POST", tenant+"/credentials", body).want(422); a.str("code") != "credential_invalid" {
			t.Errorf("%s: %s", body, a.Body)
		}
	}
	s.endpoint(tenant, `{"contract":"readers","url":"`+nobody+`/"}`)
	s.do("PATCH", path, `{"url":"`+nobody+`/"}`).want(422)
	if a := s.do("PATCH", path, `{"state":"paused","name":"b"}`).want(200); a.str("state") != "paused" || a.str("name") != "b" {
		t.Errorf("patched: %s", a.Body)
	}
	s.do("DELETE", path, "").want(204)
}

const readers = `
contract: readers
title: Readers
events: {e: {title: E}}
records: {thing: {title: Thing, key: id}}
credentials:
  api_key: {length: 20, alphabet: a-z}
  secret: {length: 20, alphabet: a-z}
  token: {lifetime: 1h}
lookup:
  get_thing: {title: Thing, paths: ["/things/{id}", "/by/id/{id}/thing"], record: thing}
`

// TestPerTenant creates more endpoints at the same time than a tenant may have.
func TestPerTenant(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	both, err := contract.Parse("pair.yaml", []byte("contract: pair\ntitle: Pair\nevents: {e: {title: E}}\nendpoint: {per_tenant: 2}\n"+
		"credentials: {endpoint: true, api_key: {length: 20, alphabet: a-z}, secret: {length: 20, alphabet: a-z}, token: {lifetime: 1h}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	s.contracts.Add(both.WithVersion(1))
	for _, c := range []struct {
		path, body string
		most       int
	}{
		{"/endpoints", `{"contract":"catacliente","url":"` + nobody + `/"}`, 1},
		{"/credentials", `{"contract":"pair","name":"a","url":"` + nobody + `/"}`, 2},
	} {
		for _, tenant := range []string{s.tenant("a" + c.path[1:]), s.tenant("b" + c.path[1:])} {
			answers := make([]answer, 5)
			var wg sync.WaitGroup
			for i := range answers {
				wg.Go(func() { answers[i] = s.do("POST", tenant+c.path, c.body) })
			}
			wg.Wait()
			made := map[int]int{}
			for _, a := range answers {
				if made[a.Status]++; a.Status == http.StatusConflict && (a.str("code") != "too_many_endpoints" || !strings.Contains(a.str("detail"), "delete")) {
					t.Error(a.Body)
				}
			}
			if made[201] != c.most || made[409] != 5-c.most {
				t.Errorf("%s%s: %v", tenant, c.path, made)
			}
			if n := len(ids(s.do("GET", tenant+c.path, "").want(200))); n != c.most {
				t.Errorf("%s%s: %d are there", tenant, c.path, n)
			}
			first := s.do("GET", tenant+c.path, "").want(200).str("items.0.id")
			s.do("DELETE", tenant+c.path+"/"+first, "").want(204)
			s.do("POST", tenant+c.path, c.body).want(201)
			s.do("POST", tenant+c.path, c.body).want(409)
		}
	}
}

// TestCredentialsTogether pauses and resumes a credential and its endpoint in many goroutines. The endpoint of a paused
// credential must never be active.
func TestCredentialsTogether(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	path, made := s.credential(tenant, `{"contract":"cabaprop","name":"a","url":"`+nobody+`/"}`)
	endpoint := tenant + "/endpoints/" + made.str("endpoint")
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() { s.do("PATCH", path, fmt.Sprintf(`{"name":"n%d","state":"paused"}`, i)) })
		wg.Go(func() { s.do("POST", endpoint+"/resume", "") })
		wg.Go(func() { s.do("PATCH", endpoint, `{"state":"active"}`) })
	}
	wg.Wait()
	s.do("PATCH", path, `{"state":"paused"}`).want(200)
	if e := s.do("GET", endpoint, "").want(200); e.str("state") != "paused" {
		t.Errorf("its endpoint: %s", e.Body)
	}
}

// TestNoCredentialShows calls every operation on a credential, and searches all answers and the log for the secrets
// that only the first answer may show.
func TestNoCredentialShows(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	inbox := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body) // the body contains the key
	}))
	t.Cleanup(inbox.Close)
	tenant := s.tenant("acme")
	path, made := s.credential(tenant, `{"contract":"cabaprop","name":"a","url":"`+inbox.URL+`"}`)
	token := s.do("POST", path+"/tokens", "").want(201).str("token")
	s.answers.b.Reset() // the first answers show them, as they should
	endpoint := tenant + "/endpoints/" + made.str("endpoint")
	const payload = `{"id":1,"conversationId":44444}`
	if r := s.do("POST", endpoint+"/test", `{"payload":`+payload+`}`).want(200); r.get("passed") != true || !strings.Contains(r.Body, `\"apiKey\":\"********\"`) {
		t.Errorf("test: %s", r.Body)
	}
	event := s.do("POST", tenant+"/events", `{"contract":"cabaprop","type":"create.message","payload":`+payload+`}`).want(202).str("id")
	if r := s.do("POST", endpoint+"/render", `{"event":"`+event+`"}`).want(200); !strings.Contains(r.Body, `\"id\":44444`) {
		t.Errorf("rendered: %s", r.Body)
	}
	s.do("GET", tenant+"/events/"+event+"/explain?endpoint="+made.str("endpoint"), "").want(200)
	s.do("GET", path, "").want(200)
	s.do("GET", tenant+"/credentials", "").want(200)
	s.do("GET", tenant+"/endpoints", "").want(200)
	for _, d := range ids(s.do("GET", tenant+"/deliveries", "").want(200)) {
		s.do("GET", tenant+"/deliveries/"+d, "").want(200)
	}
	s.do("PATCH", path, `{"state":"paused"}`).want(200)
	s.do("PATCH", endpoint, `{"name":"x","settings":{"action":"create"}}`).want(200)
	s.as(token, "GET", path, "").want(401)
	s.do("POST", tenant+"/credentials", `{"contract":"cabaprop","name":"a","url":"`+inbox.URL+`","apiKey":"`+made.str("apiKey")+`x"}`).want(422)
	s.do("DELETE", path, "").want(204)
	for where, text := range map[string]string{"answer": s.answers.String(), "log": s.log.String()} {
		for what, bad := range map[string]string{"key": made.str("apiKey"), "secret": made.str("secret"), "token": made.str("token"), "second token": token} {
			if i := strings.Index(text, bad); i >= 0 {
				t.Errorf("the %s is in an %s: …%s…", what, where, text[max(0, i-200):min(len(text), i+50)])
			}
		}
	}
}
