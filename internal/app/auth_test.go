package app

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"gancho.example/client"
)

// authContract authenticates with what its endpoints fill in.
const authContract = `
contract: guarded
title: {en: Guarded}
events: {"*": {title: {en: Any}}}
endpoint:
  settings:
    required: [id, secret, tokens]
    properties:
      id: {type: string, title: {en: Id}}
      secret: {type: string, secret: true, title: {en: Secret}}
      tokens: {type: string, title: {en: Token address}}
  auth: {oauth2: {token_url: "${settings.tokens}", client_id: "${settings.id}", client_secret: "${settings.secret}", style: body}}
delivery: {retry: none}
`

// Requests authenticate as the endpoint or the contract says. Secrets and tokens are shown to nobody, also not where the
// receiver and the server of the tokens repeat them.
func TestAuthTowardsReceivers(t *testing.T) { eachPlace(t, testAuthTowardsReceivers) }

func testAuthTowardsReceivers(t *testing.T, at place) {
	ctx := t.Context()
	secrets := []string{
		"pässwort-81", base64.StdEncoding.EncodeToString([]byte("josé:pässwort-81")), "bearer-token-82", "client-secret-83", "client-secret-84",
		"fetched-token-85-1", "fetched-token-85-2", "fetched-token-86",
	}
	var mu sync.Mutex
	arrived := map[string][]string{} // header Authorization of each request, by path
	given := 0
	url := listening(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		switch r.URL.Path {
		case "/tokens":
			given++
			fmt.Fprintf(w, `{"access_token":"fetched-token-85-%d","expires_in":3600}`, given)
			return
		case "/tokens-of-contract":
			if !strings.Contains(string(body), "client_secret=client-secret-84") {
				w.WriteHeader(401)
				fmt.Fprintf(w, `{"error":"invalid_client","error_description":"You sent %s"}`, body)
				return
			}
			_, _ = io.WriteString(w, `{"access_token":"fetched-token-86"}`)
			return
		}
		arrived[r.URL.Path] = append(arrived[r.URL.Path], r.Header.Get("Authorization"))
		status := 400
		if r.URL.Path == "/oauth2" && len(arrived["/oauth2"]) == 2 { // it knows the first token no more
			status = 401
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, "you sent "+r.Header.Get("Authorization"))
	})
	p := startAt(t, at)
	if _, err := p.PutTenant(ctx, "acme", client.TenantInput{}); err != nil {
		t.Fatal(err)
	}
	must := func(method, path, body string) map[string]any {
		t.Helper()
		status, answer := p.call(testKey, method, path, body)
		if status >= 300 {
			t.Fatalf("%s %s: %d %s", method, path, status, answer)
		}
		var out map[string]any
		_ = json.Unmarshal(answer, &out)
		return out
	}
	source, _ := json.Marshal(map[string]string{"source": authContract})
	must("POST", "/v1/contracts", string(source))
	read := must("POST", "/v1/keys", `{"name":"k","role":"read","tenant":"acme"}`)["key"].(string)
	ids := map[string][]string{}
	for _, more := range []string{
		`"url":"` + url + `/basic","auth":{"basic":{"user":"josé","password":"pässwort-81"}},"retry":["0s"]`,
		`"url":"` + url + `/bearer","auth":{"bearer":"bearer-token-82"},"retry":["0s"]`,
		`"url":"` + url + `/oauth2","auth":{"oauth2":{"token_url":"` + url + `/tokens","client_id":"me","client_secret":"client-secret-83"}},"retry":["0s"]`,
		`"url":"` + url + `/contract","contract":"guarded","settings":{"id":"me","secret":"client-secret-83","tokens":"` + url + `/tokens-of-contract"}`,
	} {
		e := must("POST", "/v1/tenants/acme/endpoints", `{"name":"e",`+more+`}`)
		ids["endpoint"] = append(ids["endpoint"], e["id"].(string))
	}
	// A mask that is sent back stands for the secret, and a new secret takes its place.
	path := "/v1/tenants/acme/endpoints/"
	e := must("PATCH", path+ids["endpoint"][0], `{"name":"other","auth":{"basic":{"user":"josé","password":"********"}}}`)
	if got := fmt.Sprint(e["auth"]); got != "map[basic:map[password:******** user:josé]]" {
		t.Error(got)
	}
	for _, empty := range []string{`{"auth":{"basic":null,"bearer":"","oauth2":null}}`, `{"auth": { "basic": null, "bearer": "" } }`} {
		if status, answer := p.call(testKey, "PATCH", path+ids["endpoint"][0], empty); status != 422 || !strings.Contains(string(answer), "auth_one") {
			t.Errorf("%s: %d %s", empty, status, answer)
		}
	}
	if status, answer := p.call(testKey, "POST", "/v1/tenants/acme/endpoints", `{"url":"`+url+`","auth":{"bearer":""}}`); status != 422 || !strings.Contains(string(answer), "auth_one") {
		t.Errorf("created with an empty token: %d %s", status, answer)
	}
	if status, answer := p.call(testKey, "PATCH", path+ids["endpoint"][0], `{"auth":{"bearer":"x"}}`); status != 422 || !strings.Contains(string(answer), "auth_one") {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := p.call(testKey, "PATCH", path+ids["endpoint"][0], `{"auth":{"basic":{"user":"a:b"}}}`); status != 422 || !strings.Contains(string(answer), "/auth/basic/user") {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := p.call(testKey, "PATCH", path+ids["endpoint"][3], `{"auth":{"bearer":"x"}}`); status != 422 || !strings.Contains(string(answer), "auth_of_contract") {
		t.Errorf("%d %s", status, answer)
	}
	if status, answer := p.call(testKey, "PATCH", path+ids["endpoint"][2], `{"auth":{"oauth2":{"token_url":"http://127.0.0.1:22/"}}}`); status != 422 || !strings.Contains(string(answer), "/auth/oauth2/token_url") {
		t.Errorf("%d %s", status, answer)
	}
	publish := func(contract string) {
		must("POST", "/v1/tenants/acme/events", `{"contract":"`+contract+`","type":"order.paid","payload":{"n":1}}`)
	}
	failed := func(n int) {
		t.Helper()
		eventually(t, "all deliveries have failed", func() bool {
			_, answer := p.call(testKey, "GET", "/v1/tenants/acme/deliveries?state=failed", "")
			return strings.Count(string(answer), `"state":"failed"`) == n
		})
	}
	publish("standard")
	publish("guarded")
	failed(4)
	must("PATCH", path+ids["endpoint"][3], `{"settings":{"secret":"client-secret-84"}}`)
	publish("standard")
	publish("guarded")
	failed(8)
	status, answer := p.call(testKey, "POST", path+ids["endpoint"][1]+"/render", `{"event_type":"a","payload":{}}`)
	if status != 200 || !strings.Contains(string(answer), `["Authorization","********"]`) {
		t.Errorf("preview: %d %s", status, answer)
	}

	basic := "Basic " + base64.StdEncoding.EncodeToString([]byte("josé:pässwort-81"))
	mu.Lock()
	for place, want := range map[string][]string{
		"/basic": {basic, basic}, "/bearer": {"Bearer bearer-token-82", "Bearer bearer-token-82"},
		"/oauth2":   {"Bearer fetched-token-85-1", "Bearer fetched-token-85-1", "Bearer fetched-token-85-2"},
		"/contract": {"Bearer fetched-token-86"},
	} {
		if got := arrived[place]; fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s got %q, want %q", place, got, want)
		}
	}
	mu.Unlock()
	for _, it := range must("GET", "/v1/tenants/acme/deliveries", "")["items"].([]any) {
		ids["deliverie"] = append(ids["deliverie"], it.(map[string]any)["id"].(string))
	}
	for _, it := range must("GET", "/v1/tenants/acme/events", "")["items"].([]any) {
		ids["event"] = append(ids["event"], it.(map[string]any)["id"].(string))
	}
	paths, _ := p.readPaths(ids)
	all := map[string]string{testKey: "", read: ""}
	for _, path := range paths {
		for key := range all {
			status, answer := p.call(key, "GET", path, "")
			if status >= 400 && status != 403 && status != 404 {
				t.Errorf("%s: %d %s", path, status, answer)
			}
			none(t, path, answer, secrets)
			all[key] += string(answer)
		}
	}
	none(t, "read key", []byte(all[read]), []string{"josé"})
	none(t, "log", []byte(p.log.String()), secrets)
	for _, want := range []string{
		`"what":"request","method":"POST","url":"` + url + `/oauth2","status":401`, `"what":"token","method":"POST","url":"` + url + `/tokens","status":200`,
		`"class":"token_failed","detail":"The token could not be fetched: `, `answered 401 (invalid_client: You sent client_id=me\u0026client_secret=********\u0026grant_type=client_credentials)`,
		"you sent ********",
	} {
		if !strings.Contains(all[testKey], want) && !strings.Contains(all[testKey], strings.ReplaceAll(want, `\u0026`, "&")) {
			t.Errorf("nothing shows %s", want)
		}
	}
}
