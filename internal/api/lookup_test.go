package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"gancho/internal/bearer"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

// record stores a record.
func (s *server) record(tenant, contract, kind, key, document string) {
	s.t.Helper()
	w := &hook.RecordWrite{Record: hook.Record{Version: 1, CreatedAt: time.Now(), UpdatedAt: time.Now()}}
	w.Record.Tenant, w.Record.Contract, w.Record.Kind, w.Record.Key, w.Record.Document = tenant, contract, kind, key, []byte(document)
	if _, err := s.db.Submit(hook.Submission{Tenant: tenant, Records: []*hook.RecordWrite{w}}, 0); err != nil {
		s.t.Fatal(err)
	}
}

const (
	conversation = "/api/integration/get-conversation/"
	talk         = "{ \"id\": 44444,\n \"interesado\": {\"name\": \"Ana\\u00e3\"}, \"messages\": [0.000907775311708679, \"a\\/b\"] }"
)

func TestLookUp(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant, other := s.tenant("acme"), s.tenant("other")
	path, made := s.credential(tenant, `{"contract":"cabaprop","name":"a","url":"`+nobody+`/"}`)
	_, theirs := s.credential(other, `{"contract":"cabaprop","name":"a","url":"`+nobody+`/"}`)
	token := made.str("token")
	s.record("acme", "cabaprop", "conversation", "44444", talk)
	s.record("other", "cabaprop", "conversation", "55555", `{"id":55555}`)
	s.record("acme", "cabaprop", "conversation", "a b/c", `{"id":"a b/c"}`)
	s.record("acme", "cabaprop", "message", "77777", `{"id":77777}`)

	for _, prefix := range []string{conversation, "/api/v1/integration/get-conversation/"} {
		a := s.as(token, "GET", prefix+"44444", "").want(200)
		if a.Body != talk || a.Header.Get("Content-Type") != "application/json" || a.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v %q", prefix, a.Header, a.Body)
		}
		if a := s.as(token, "HEAD", prefix+"44444", "").want(200); a.Body != "" {
			t.Errorf("HEAD %s: %s", prefix, a.Body)
		}
		s.as(token, "GET", prefix+"a%20b%2Fc", "").want(200)
		for _, nothing := range []string{"55555", "77777", "44445", "044444", "44444%00", "%2e%2e"} {
			if a := s.as(token, "GET", prefix+nothing, "").want(404); a.str("code") != "conversation_not_found" {
				t.Errorf("%s: %s", nothing, a.Body)
			}
		}
		for _, elsewhere := range []string{"", "44444/", "44444/x"} {
			if a := s.as(token, "GET", prefix+elsewhere, "").want(404); a.str("code") != "path_not_found" {
				t.Errorf("%s: %s", elsewhere, a.Body)
			}
		}
		for _, method := range []string{"POST", "PUT", "PATCH", "DELETE", "TRACE"} {
			if a := s.as(token, method, prefix+"44444", "{}").want(405); a.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
				t.Errorf("%s: Allow is %s", method, a.Header.Get("Allow"))
			}
		}
		s.as("", "OPTIONS", prefix+"44444", "").want(204)
		s.as(theirs.str("token"), "GET", prefix+"44444", "").want(404)
		s.as(theirs.str("token"), "GET", prefix+"55555", "").want(200)
	}

	refused := func(name, key, code string) {
		t.Helper()
		a := s.as(key, "GET", conversation+"44444", "").want(401)
		want := `Bearer realm="gancho", error="invalid_token"`
		if code == "token_missing" {
			want = `Bearer realm="gancho"`
		}
		if a.str("code") != code || a.Header.Get("Www-Authenticate") != want {
			t.Errorf("%s: %s %s", name, a.Header.Get("Www-Authenticate"), a.Body)
		}
		if strings.Contains(a.Body, "Ana") {
			t.Errorf("%s: %s", name, a.Body)
		}
	}
	refused("nothing", "", "token_missing")
	refused("the admin key", adminKey, "token_invalid")
	refused("a key of the tenant", s.key(`{"role":"tenant","tenant":"acme"}`), "token_invalid")
	refused("the apiKey", made.str("apiKey"), "token_invalid")
	refused("the secret", made.str("secret"), "token_invalid")
	refused("a changed token", token[:len(token)-4]+"AAAA", "token_invalid")
	for _, header := range []string{"", "Bearer", "Bearer ", "Basic " + token, token} {
		s.as("", "GET", conversation+"44444", "", "Authorization", header).want(401)
	}
	s.as("", "GET", conversation+"44444", "", "Authorization", "bearer "+token).want(200)

	// A token whose lifetime, which the contract sets, is over.
	id, err := hook.ParseCredentialID(made.str("id"))
	if err != nil {
		t.Fatal(err)
	}
	cr, err := s.db.Credential(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	c, _ := s.contracts.Lookup("cabaprop")
	how, _ := c.Credentials()
	for age, code := range map[time.Duration]string{730 * time.Hour: "token_expired", 729 * time.Hour: ""} {
		old, err := bearer.Issue(cr, how, time.Now().Add(-age))
		if err != nil {
			t.Fatal(err)
		}
		if code != "" {
			refused("an old token", old, code)
		} else {
			s.as(old, "GET", conversation+"44444", "").want(200)
		}
	}

	s.do("PATCH", path, `{"state":"paused"}`).want(200)
	refused("paused", token, "credential_paused")
	s.do("PATCH", path, `{"state":"active"}`).want(200)
	s.as(token, "GET", conversation+"44444", "").want(200)
	second := s.do("POST", path+"/tokens", "").want(201).str("token")
	for _, good := range []string{token, second} {
		s.as(good, "GET", conversation+"44444", "").want(200)
	}
	third := s.do("POST", path+"/tokens", `{"revoke_earlier":true}`).want(201).str("token")
	refused("revoked", token, "token_invalid")
	refused("revoked", second, "token_invalid")
	s.as(third, "GET", conversation+"44444", "").want(200)
	s.do("PATCH", path, `{"name":"b"}`).want(200)
	s.as(third, "GET", conversation+"44444", "").want(200)
	s.do("DELETE", path, "").want(204)
	refused("deleted", third, "token_invalid")
	s.do("DELETE", "/v1/tenants/other", "").want(204)
	refused("of a tenant that is gone", theirs.str("token"), "token_invalid")
	for _, bad := range []string{token, second, third, made.str("apiKey"), made.str("secret")} {
		if strings.Contains(s.log.String(), bad) {
			t.Error("a token or key is in the log")
		}
	}
}

// TestLookUpsOfContracts adds a contract to a running server. Its routes work at once, with tokens of its own
// credentials only.
func TestLookUpsOfContracts(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	s.record("acme", "readers", "thing", "1", `{"id":1}`)
	_, cabaprop := s.credential(tenant, `{"contract":"cabaprop","name":"a","url":"`+nobody+`/"}`)
	s.as("", "GET", "/things/1", "").want(404)
	c, err := contract.Parse("readers.yaml", []byte(readers))
	if err != nil {
		t.Fatal(err)
	}
	s.contracts.Add(c.WithVersion(1))
	s.as("", "GET", "/things/1", "").want(401)
	_, made := s.credential(tenant, `{"contract":"readers","name":"a"}`)
	for _, path := range []string{"/things/1", "/by/id/1/thing"} {
		if a := s.as(made.str("token"), "GET", path, "").want(200); a.Body != `{"id":1}` {
			t.Errorf("%s: %s", path, a.Body)
		}
		if a := s.as(cabaprop.str("token"), "GET", path, "").want(401); a.str("code") != "token_invalid" {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
	s.as(made.str("token"), "GET", conversation+"1", "").want(401)
	s.as(made.str("token"), "GET", tenant, "").want(401) // a token is good for look-ups only
}

// TestOwnPaths checks that no contract can name a path at which Gancho answers itself.
func TestOwnPaths(t *testing.T) {
	t.Parallel()
	d, err := theDocument()
	if err != nil {
		t.Fatal(err)
	}
	first := map[string]bool{}
	for path := range d.paths() {
		name, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		first[name] = true
	}
	if !first["v1"] || !first["metrics"] {
		t.Fatal(first)
	}
	for name := range first {
		if _, err := contract.Parse("t.yaml", []byte(strings.ReplaceAll(readers, "/things/", "/"+name+"/"))); err == nil || !strings.Contains(err.Error(), "belong to Gancho itself") {
			t.Errorf("a contract may take /%s: %v", name, err)
		}
	}
	s := newServer(t)
	s.as("", http.MethodGet, "/v1/x", "").want(404)
}
