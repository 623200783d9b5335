package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gancho/internal/hook"
)

// keyed is an operation of the document that needs a key.
type keyed struct {
	method, path string
	scope        hook.Scope
}

func (o keyed) String() string { return o.method + " " + o.path }

// keyedOperations are all operations that need a key, in the order of their paths.
func keyedOperations(t *testing.T) (list []keyed) {
	t.Helper()
	d, err := theDocument()
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range d.paths() {
		if !strings.HasPrefix(path, "/v1/") {
			continue
		}
		for method, op := range item.(map[string]any) {
			op := op.(map[string]any)
			scope, _ := op["x-gancho-scope"].(string)
			o := keyed{strings.ToUpper(method), path, hook.Scope(scope)}
			open := len(op["security"].([]any)) == 0
			switch {
			case open && scope != "":
				t.Errorf("%s needs no key, and has the scope %s", o, scope)
			case !open && o.scope != hook.ScopeSelf && !o.scope.Valid():
				t.Errorf("%s has the scope %q: add it to hook.Scopes, or give the operation one that is there", o, scope)
			case !open:
				list = append(list, o)
			}
		}
	}
	if len(list) < 60 {
		t.Fatalf("only %d operations are found", len(list))
	}
	slices.SortFunc(list, func(a, b keyed) int { return strings.Compare(a.String(), b.String()) })
	return list
}

// limited makes a key of an operator that is limited, as JSON members say.
func (s *server) limited(members map[string]any) string {
	s.t.Helper()
	body := map[string]any{"role": "operator"}
	maps.Copy(body, members)
	text, err := json.Marshal(body)
	if err != nil {
		s.t.Fatal(err)
	}
	return s.key(string(text))
}

// TestScopes calls every operation with a key that has only its scope, and with one that has all scopes but that.
func TestScopes(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.tenant("acme")
	s.live.Close() // a stream has no end
	fill := strings.NewReplacer("{tenant}", "acme", "{endpoint}", hook.NewEndpointID().String(), "{event}", "nothing",
		"{delivery}", hook.NewEventID().Delivery(1).String(), "{recovery}", hook.NewRecoveryID().String(), "{key}", hook.NewKeyID().String(),
		"{name}", "nothing", "{credential}", hook.NewCredentialID().String(), "{contract}", "kobra", "{kind}", "visit")
	only, without := map[hook.Scope]string{}, map[hook.Scope]string{}
	for _, scope := range hook.Scopes() {
		others := slices.DeleteFunc(hook.Scopes(), func(o hook.Scope) bool { return o == scope })
		only[scope] = s.limited(map[string]any{"scopes": []hook.Scope{scope}})
		without[scope] = s.limited(map[string]any{"scopes": others})
	}
	calls, used := 0, map[hook.Scope]bool{hook.ScopeSelf: true}
	for _, op := range keyedOperations(t) {
		at := fill.Replace(op.path)
		if op.String() == "DELETE /v1/tenants/{tenant}" || op.String() == "POST /v1/tenants/{tenant}/erase" {
			at = strings.Replace(at, "/acme", "/gone", 1) // the rest of the test needs acme
		}
		used[op.scope] = true
		for scope, key := range only {
			a := s.as(key, op.method, at, `{"unknown member":1}`)
			calls++
			may := scope == op.scope || op.scope == hook.ScopeSelf
			if refused := a.Status == http.StatusForbidden && strings.Contains(a.Body, `"scope_missing"`); refused == may || a.Status == 401 {
				t.Errorf("%s of scope %s with a key that has only %s: %d %s", op, op.scope, scope, a.Status, a.Body)
			}
		}
		if op.scope != hook.ScopeSelf {
			if a := s.as(without[op.scope], op.method, at, `{"unknown member":1}`); a.Status != 403 || !strings.Contains(a.Body, `"scope_missing"`) {
				t.Errorf("%s with a key that has all scopes but %s: %d %s", op, op.scope, a.Status, a.Body)
			}
			calls++
		}
	}
	for _, scope := range hook.Scopes() {
		if !used[scope] && !strings.HasPrefix(string(scope), "system:") {
			t.Errorf("no operation has the scope %s", scope)
		}
	}
	t.Logf("%d calls", calls)
}

// TestContractLimits makes objects of two contracts, and calls every operation on each with a key that is limited to
// one of them, and with one that is limited to a third.
func TestContractLimits(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	s.live.Close()
	type objects struct {
		contract, kind, key, schedule               string
		endpoint, event, delivery, credential, hint string
	}
	create := func(contract, rest, event string) objects {
		o := objects{contract: contract, kind: "nothing", key: "1", schedule: "nothing", hint: "hint of " + contract}
		_, o.endpoint = s.endpoint(tenant, fmt.Sprintf(`{"url":"http://192.0.2.1/","contract":%q,"name":%q%s}`, contract, o.hint, rest))
		o.event = s.do("POST", tenant+"/events", event).want(202).str("id")
		o.delivery = s.do("GET", tenant+"/deliveries?endpoint="+o.endpoint, "").want(200).str("items.0.id")
		return o
	}
	standard := create("standard", "", `{"type":"a.b","payload":1}`)
	kobra := create("kobra", `,"settings":{"api_key":"k"}`, `{"type":"visit.finished","contract":"kobra","payload":{"visitID":"1","productID":1,"finished":true}}`)
	kobra.kind = "visit"
	_, made := s.credential(tenant, `{"contract":"cabaprop","name":"Mi App","url":"http://192.0.2.1/hook"}`)
	standard.credential, kobra.credential = made.str("id"), made.str("id") // of a third contract
	onlyStandard := s.limited(map[string]any{"contracts": []string{"standard"}})
	onlyOther := s.limited(map[string]any{"contracts": []string{"catacliente"}})

	// Operations that are about no contract, or show each key what it may see.
	anybody := []string{
		"GET /v1/session", "GET /v1/tenants/{tenant}", "GET /v1/tenants/{tenant}/endpoints", "GET /v1/tenants/{tenant}/credentials",
		"GET /v1/tenants/{tenant}/events", "GET /v1/tenants/{tenant}/omissions", "GET /v1/tenants/{tenant}/schedules", "GET /v1/contracts", "GET /v1/library", "GET /v1/library/{name}", "GET /v1/stream",
		"GET /v1/tenants/{tenant}/deliveries", "GET /v1/tenants/{tenant}/records",
		"GET /v1/tenants/{tenant}/bulk-actions", "POST /v1/tenants/{tenant}/bulk-actions", "POST /v1/tenants/{tenant}/bulk-actions/preview",
		"GET /v1/tenants/{tenant}/bulk-actions/{bulk}", "POST /v1/tenants/{tenant}/bulk-actions/{bulk}/stop",
		"GET /v1/tenants/{tenant}/saved-filters", "POST /v1/tenants/{tenant}/saved-filters", "DELETE /v1/tenants/{tenant}/saved-filters/{filter}",
		"POST /v1/tenants/{tenant}/records", // each item has its own answer
	}
	bodies := map[string]string{ // the body says the contract
		"POST /v1/tenants/{tenant}/events":        `{"type":"a.b","contract":"CONTRACT","payload":1}`,
		"POST /v1/tenants/{tenant}/endpoints":     `{"url":"http://192.0.2.1/","contract":"CONTRACT"}`,
		"POST /v1/tenants/{tenant}/credentials":   `{"url":"http://192.0.2.1/","contract":"CONTRACT","name":"x"}`,
		"POST /v1/tenants/{tenant}/endpoints/try": `{"url":"http://192.0.2.1/","contract":"CONTRACT"}`,
	}
	refuses := func(key string, op keyed, o objects) bool {
		t.Helper()
		at := strings.NewReplacer("{tenant}", "acme", "{endpoint}", o.endpoint, "{event}", o.event, "{delivery}", o.delivery,
			"{credential}", o.credential, "{contract}", o.contract, "{name}", o.contract, "{kind}", o.kind, "{key}", o.key, "{type}", o.schedule,
			"{attempt}", "att_1", "{recovery}", hook.NewRecoveryID().String()).Replace(op.path)
		body := strings.ReplaceAll(bodies[op.String()], "CONTRACT", o.contract)
		if body == "" {
			body = `{"unknown member":1}`
		}
		if strings.Contains(op.path, "/disable") || op.method == http.MethodDelete && strings.Contains(op.path, "{") {
			if key == onlyStandard && o.contract == "standard" && strings.Contains(op.path, "{endpoint}") {
				return false // it would end what the rest of the test needs
			}
		}
		a := s.as(key, op.method, at, body)
		if a.Status == http.StatusUnauthorized {
			t.Errorf("%s: %d %s", op, a.Status, a.Body)
		}
		if strings.Contains(a.Body, o.hint) && key == onlyOther {
			t.Errorf("%s shows what is not to be seen: %s", op, a.Body)
		}
		return a.Status == http.StatusForbidden && strings.Contains(a.Body, `"contract_forbidden"`)
	}
	for _, op := range keyedOperations(t) {
		free := slices.Contains(anybody, op.String())
		for _, o := range []objects{standard, kobra} {
			if refused := refuses(onlyOther, op, o); refused == free {
				t.Errorf("%s on %s, with a key for another contract: refused is %v", op, o.contract, refused)
			}
		}
		if strings.Contains(op.path, "{credential}") {
			continue
		}
		named := strings.Contains(op.path, "{endpoint}") || strings.Contains(op.path, "{event}") || strings.Contains(op.path, "{delivery}") ||
			strings.Contains(op.path, "{contract}") || strings.Contains(op.path, "{name}") || bodies[op.String()] != ""
		if !named || slices.Contains(anybody, op.String()) {
			continue
		}
		if !refuses(onlyStandard, op, kobra) {
			t.Errorf("%s on kobra, with a key for standard: accepted", op)
		}
		if refuses(onlyStandard, op, standard) {
			t.Errorf("%s on standard, with a key for standard: refused", op)
		}
	}
	// Lists show what the key may see, and nothing else.
	for path, o := range map[string][2]string{
		"/endpoints": {standard.endpoint, kobra.endpoint}, "/events": {standard.event, kobra.event}, "/credentials": {"[]", kobra.credential},
		"/deliveries?endpoint=" + standard.endpoint: {standard.delivery, kobra.delivery},
		"/deliveries": {standard.delivery, kobra.delivery}, "/deliveries?state=pending": {standard.delivery, kobra.delivery},
	} {
		a := s.as(onlyStandard, "GET", tenant+path, "").want(200)
		if !strings.Contains(a.Body, o[0]) || strings.Contains(a.Body, o[1]) {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
	if a := s.as(onlyStandard, "GET", "/v1/contracts", "").want(200); a.str("items.0.name") != "standard" || a.get("items.1") != nil {
		t.Errorf("contracts: %s", a.Body)
	}
	// A batch refuses the items that it may not accept, and accepts the others.
	a := s.as(onlyStandard, "POST", tenant+"/events", `[{"type":"a.b","payload":1},{"type":"visit.finished","contract":"kobra","payload":{}}]`).want(202)
	if a.str("items.0.id") == "" || a.str("items.1.error.code") != "contract_forbidden" {
		t.Errorf("batch: %s", a.Body)
	}
	a = s.as(onlyStandard, "POST", tenant+"/records", `[{"contract":"kobra","kind":"visit","key":"9","document":{"visitID":"9"}}]`).want(200)
	if a.str("items.0.error.code") != "contract_forbidden" {
		t.Errorf("records: %s", a.Body)
	}
}

// TestPortalOfScopedKey opens a portal link that a limited key made: the session may do no more than the key.
func TestPortalOfScopedKey(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	key := s.key(`{"role":"tenant","tenant":"acme","scopes":["portal:write","events:read"],"contracts":["standard"]}`)
	link := s.as(key, "POST", tenant+"/portal-links", `{}`)
	if link.Status != http.StatusForbidden { // it is about all contracts
		t.Fatalf("%d %s", link.Status, link.Body)
	}
	s.do("PUT", tenant, `{"portal":{"pages":["events","endpoints"]}}`).want(200)
	key = s.key(`{"role":"tenant","tenant":"acme","scopes":["portal:write","events:read"]}`)
	_, token, _ := strings.Cut(s.as(key, "POST", tenant+"/portal-links", `{}`).want(201).str("url"), "#")
	session := s.as("", "POST", "/v1/portal-sessions", `{"token":"`+token+`"}`).want(201).str("token")
	s.as(session, "GET", tenant+"/events", "").want(200)
	if a := s.as(session, "GET", tenant+"/endpoints", "").want(403); a.str("code") != "portal_forbidden" {
		t.Errorf("%s", a.Body)
	}
	s.as(session, "GET", "/v1/session", "").is("access.pages", []string{"events"})
}

// TestKeyRotationOverAPI rotates a key, with its texts in use.
func TestKeyRotationOverAPI(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.tenant("acme")
	made := s.do("POST", "/v1/keys", `{"role":"read","tenant":"acme","scopes":["events:read","events:read"],"contracts":["standard"],"allowed_addresses":["192.0.2.1","192.0.2.77/24"]}`).want(201)
	id, first := made.str("id"), made.str("key")
	if got := s.do("GET", "/v1/keys", "").want(200); got.str("items.0.scopes.0") != "events:read" || got.get("items.0.scopes.1") != nil ||
		got.str("items.0.allowed_addresses.0") != "192.0.2.1" || got.str("items.0.allowed_addresses.1") != "192.0.2.0/24" || got.get("items.0.last_used_at") != nil {
		t.Errorf("list %s", got.Body)
	}
	use := func(text string) int { return s.as(text, "GET", "/v1/tenants/acme/events", "").Status } // the test's address is 192.0.2.1
	if use(first) != 200 {
		t.Fatal("the first text does not work")
	}
	rotated := s.do("POST", "/v1/keys/"+id+"/rotate", `{"overlap":"1h"}`).want(201)
	second := rotated.str("key")
	if second == first || rotated.str("id") != id || rotated.str("earlier.0.hint") != made.str("hint") || rotated.str("scopes.0") != "events:read" {
		t.Errorf("rotated %s", rotated.Body)
	}
	if use(first) != 200 || use(second) != 200 {
		t.Error("a text does not work during the overlap")
	}
	s.do("DELETE", "/v1/keys/"+id+"/earlier", "").want(204)
	if use(first) != 401 || use(second) != 200 {
		t.Error("the replaced text works after its end, or the present one does not")
	}
	third := s.do("POST", "/v1/keys/"+id+"/rotate", `{"overlap":"0s"}`).want(201).str("key")
	if use(second) != 401 || use(third) != 200 {
		t.Error("a rotation without overlap leaves the old text, or brings no new one")
	}
	s.do("POST", "/v1/keys/"+id+"/rotate", `{"overlap":"a while"}`).want(422)
	s.do("DELETE", "/v1/keys/"+id, "").want(204)
	if use(third) != 401 {
		t.Error("a revoked key works")
	}
}

// TestScopeOfMetrics reads the metrics, which are no operation of the document, with limited keys.
func TestScopeOfMetrics(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.as(s.limited(map[string]any{"scopes": []string{"system:read"}}), "GET", "/metrics", "").want(200)
	s.as(s.limited(map[string]any{"scopes": []string{"stats:read"}}), "GET", "/metrics", "").want(403)
	s.as(s.limited(map[string]any{"contracts": []string{"standard"}}), "GET", "/metrics", "").want(403)
}
