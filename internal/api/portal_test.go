package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"gancho/internal/hook"
)

// portalToken opens a new portal link of a tenant, as members of its request say, and returns the token of the session.
func (s *server) portalToken(tenant string, members map[string]any) string {
	s.t.Helper()
	body, err := json.Marshal(members)
	if err != nil {
		s.t.Fatal(err)
	}
	_, token, _ := strings.Cut(s.do("POST", tenant+"/portal-links", string(body)).want(201).str("url"), "#")
	return s.as("", "POST", "/v1/portal-sessions", `{"token":"`+token+`"}`).want(201).str("token")
}

const (
	always = "always" // every session of a portal link may use the operation
	never  = "never"  // none may
)

// portalOperations says by which page or action of the portal an operation can be used; several, by any of them.
var portalOperations = map[string]string{
	"GET /v1/session": always, "GET /v1/stream": always, "GET /v1/contracts": always, "GET /v1/contracts/{name}": always,
	"GET /v1/contracts/{name}/docs": "documentation", "GET /v1/contracts/{name}/openapi": "documentation",
	"GET /v1/contracts/{name}/page": "documentation", "PUT /v1/contracts/{name}/public-docs": never,
	"GET /v1/library": never, "GET /v1/library/{name}": never, "POST /v1/contracts": never, "PATCH /v1/contracts/{name}": never,
	"POST /v1/contracts/check": never, "POST /v1/contracts/render": never, "POST /v1/contracts/try": never,

	"GET /v1/tenants/{tenant}/endpoints":                                        "endpoints test deliveries",
	"GET /v1/tenants/{tenant}/endpoints/{endpoint}":                             "endpoints test deliveries",
	"GET /v1/tenants/{tenant}/endpoints/{endpoint}/secrets":                     "endpoints test deliveries",
	"GET /v1/tenants/{tenant}/endpoints/{endpoint}/recoveries":                  "endpoints test deliveries",
	"GET /v1/tenants/{tenant}/endpoints/{endpoint}/recoveries/{recovery}":       "endpoints test deliveries",
	"POST /v1/tenants/{tenant}/endpoints":                                       "edit_endpoints",
	"PATCH /v1/tenants/{tenant}/endpoints/{endpoint}":                           "edit_endpoints",
	"DELETE /v1/tenants/{tenant}/endpoints/{endpoint}":                          "edit_endpoints",
	"POST /v1/tenants/{tenant}/endpoints/{endpoint}/pause":                      "edit_endpoints",
	"POST /v1/tenants/{tenant}/endpoints/{endpoint}/resume":                     "edit_endpoints",
	"POST /v1/tenants/{tenant}/endpoints/{endpoint}/disable":                    "edit_endpoints",
	"POST /v1/tenants/{tenant}/endpoints/{endpoint}/rotate-secret":              "edit_endpoints",
	"GET /v1/tenants/{tenant}/endpoints/{endpoint}/secret":                      "edit_endpoints",
	"DELETE /v1/tenants/{tenant}/endpoints/{endpoint}/secrets/{secret}":         "edit_endpoints",
	"POST /v1/tenants/{tenant}/endpoints/{endpoint}/test":                       "test",
	"POST /v1/tenants/{tenant}/endpoints/{endpoint}/try":                        "edit_endpoints",
	"POST /v1/tenants/{tenant}/endpoints/try":                                   "edit_endpoints",
	"POST /v1/tenants/{tenant}/endpoints/{endpoint}/verify":                     "test",
	"POST /v1/tenants/{tenant}/endpoints/{endpoint}/render":                     "test",
	"POST /v1/tenants/{tenant}/endpoints/{endpoint}/recover":                    "retry",
	"POST /v1/tenants/{tenant}/endpoints/{endpoint}/recover/preview":            "retry",
	"POST /v1/tenants/{tenant}/endpoints/{endpoint}/recoveries/{recovery}/stop": "retry",
	"GET /v1/tenants/{tenant}/deliveries":                                       "deliveries",
	"GET /v1/tenants/{tenant}/deliveries/{delivery}":                            "deliveries",
	"GET /v1/tenants/{tenant}/deliveries/{delivery}/attempts/{attempt}/body":    "deliveries",
	"POST /v1/tenants/{tenant}/deliveries/{delivery}/retry":                     "retry",
	"POST /v1/tenants/{tenant}/deliveries/{delivery}/skip":                      "retry",
	"GET /v1/tenants/{tenant}/bulk-actions":                                     "deliveries",
	"GET /v1/tenants/{tenant}/bulk-actions/{bulk}":                              "deliveries",
	"POST /v1/tenants/{tenant}/bulk-actions":                                    "retry",
	"POST /v1/tenants/{tenant}/bulk-actions/preview":                            "retry",
	"POST /v1/tenants/{tenant}/bulk-actions/{bulk}/stop":                        "retry",
	"GET /v1/tenants/{tenant}/saved-filters":                                    "deliveries",
	"POST /v1/tenants/{tenant}/saved-filters":                                   "retry",
	"DELETE /v1/tenants/{tenant}/saved-filters/{filter}":                        "retry",
	"GET /v1/tenants/{tenant}/credentials":                                      "credentials",
	"GET /v1/tenants/{tenant}/credentials/{credential}":                         "credentials",
	"POST /v1/tenants/{tenant}/credentials":                                     "edit_credentials",
	"PATCH /v1/tenants/{tenant}/credentials/{credential}":                       "edit_credentials",
	"DELETE /v1/tenants/{tenant}/credentials/{credential}":                      "edit_credentials",
	"POST /v1/tenants/{tenant}/credentials/{credential}/tokens":                 "edit_credentials",
	"GET /v1/tenants/{tenant}/events":                                           "events",
	"GET /v1/tenants/{tenant}/events/{event}":                                   "events",
	"GET /v1/tenants/{tenant}/events/{event}/payload":                           "events",
	"GET /v1/tenants/{tenant}/events/{event}/explain":                           "events",
	"GET /v1/tenants/{tenant}/omissions":                                        "events",
	"POST /v1/tenants/{tenant}/events":                                          "publish",
	"GET /v1/tenants/{tenant}/records":                                          "records",
	"GET /v1/tenants/{tenant}/records/{contract}/{kind}":                        "records",
	"GET /v1/tenants/{tenant}/records/{contract}/{kind}/{key}":                  "records",
	"POST /v1/tenants/{tenant}/records":                                         "edit_records",
	"PUT /v1/tenants/{tenant}/records/{contract}/{kind}/{key}":                  "edit_records",
	"PATCH /v1/tenants/{tenant}/records/{contract}/{kind}/{key}":                "edit_records",
	"DELETE /v1/tenants/{tenant}/records/{contract}/{kind}/{key}":               "edit_records",
	"GET /v1/tenants/{tenant}/schedules":                                        "schedules",
	"POST /v1/tenants/{tenant}/schedules/{contract}/{type}/run":                 "run_schedules",
	"GET /v1/tenants/{tenant}":                                                  "network",

	"GET /v1/tenants/{tenant}/usage": never, "GET /v1/stats": never, "GET /v1/stats/tenants": never, "GET /v1/tenants/{tenant}/stats": never, // about all contracts
	"POST /v1/tenants/{tenant}/search": never, "POST /v1/tenants/{tenant}/erase-subject": never,
	"POST /v1/tenants/{tenant}/portal-links": never, "GET /v1/tenants/{tenant}/portal-links": never,
	"DELETE /v1/tenants/{tenant}/portal-links/{link}": never,
	"GET /v1/tenants": never, "PUT /v1/tenants/{tenant}": never, "DELETE /v1/tenants/{tenant}": never,
	"POST /v1/tenants/{tenant}/erase": never, "POST /v1/tenants/{tenant}/export": never, "POST /v1/tenants/import": never,
	"GET /v1/keys": never, "POST /v1/keys": never, "DELETE /v1/keys/{key}": never, "POST /v1/keys/{key}/rotate": never,
	"DELETE /v1/keys/{key}/earlier": never, "GET /v1/encryption-keys": never, "POST /v1/encryption-keys/rotate": never,
	"GET /v1/audit": never, "GET /v1/audit/export": never, "GET /v1/audit/verify": never, "GET /v1/system": never,
}

// TestPortalSessions calls every operation of the document with a session of each kind of portal link, on objects of a
// contract that it sees and of others. It may what its pages and actions say, and no answer shows another contract.
func TestPortalSessions(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	s.live.Close() // a stream has no end
	record := func(contract, kind, document string) {
		s.do("PUT", tenant+"/records/"+contract+"/"+kind+"/7", document).want(201)
	}
	// What is seen belongs to cabaprop, the rest to other contracts.
	_, made := s.credential(tenant, `{"contract":"cabaprop","name":"Ours","url":"`+nobody+`/hook"}`)
	ours := map[string]string{"{credential}": made.str("id"), "{contract}": "cabaprop", "{name}": "cabaprop", "{kind}": "conversation"}
	ours["{endpoint}"] = s.do("GET", tenant+"/endpoints", "").str("items.0.id")
	ours["{event}"] = s.do("POST", tenant+"/events", `{"contract":"cabaprop","type":"create.message","payload":{"id":1,"conversationId":4}}`).want(202).str("id")
	ours["{delivery}"] = s.do("GET", tenant+"/deliveries", "").str("items.0.id")
	record("cabaprop", "conversation", `{"id":7}`)
	s.do("PUT", tenant+"/records/cabaprop/conversation/8", `{"id":8}`).want(201) // it is not deleted below
	theirs := map[string]string{"{contract}": "kobra", "{name}": "kobra", "{kind}": "visit", "{credential}": hook.NewCredentialID().String()}
	_, theirs["{endpoint}"] = s.endpoint(tenant, `{"url":"`+nobody+`/","contract":"kobra","name":"hint of others","settings":{"api_key":"k"}}`)
	theirs["{event}"] = s.do("POST", tenant+"/events", `{"type":"visit.finished","contract":"kobra","payload":{"visitID":"1","productID":1,"finished":true}}`).want(202).str("id")
	theirs["{delivery}"] = s.do("GET", tenant+"/deliveries?endpoint="+theirs["{endpoint}"], "").str("items.0.id")
	record("kobra", "visit", `{"visitID":"7","productID":1}`)
	_, _ = s.endpoint(tenant, `{"url":"`+nobody+`/","name":"hint of others"}`)
	s.do("POST", tenant+"/events", `{"type":"a.b","payload":"hint of others"}`).want(202)
	s.do("PUT", tenant, `{"metadata":{"note":"hint of the operator"}}`).want(200)
	secrets := []string{
		"hint of", theirs["{endpoint}"], theirs["{event}"], theirs["{delivery}"], `"kobra"`, `"standard"`, "catacliente",
		"upnify", "prolibu",
	}

	usual := hook.UsualPortal()
	everything := hook.PortalAccess{Contracts: []string{"cabaprop"}, Pages: hook.PortalPages(), Actions: hook.PortalActions()}
	kinds := map[string]struct {
		members map[string]any
		parts   []string
	}{
		"usual":      {map[string]any{"contracts": []string{"cabaprop"}}, slices.Concat(usual.Pages, usual.Actions)},
		"read only":  {map[string]any{"contracts": []string{"cabaprop"}, "read_only": true}, []string{"endpoints", "deliveries", "documentation", "credentials"}},
		"everything": {map[string]any{"contracts": everything.Contracts, "pages": everything.Pages, "actions": everything.Actions}, slices.Concat(everything.Pages, everything.Actions)},
		"reads everything": {
			map[string]any{"contracts": everything.Contracts, "pages": everything.Pages, "actions": everything.Actions, "read_only": true},
			slices.DeleteFunc(slices.Clone(everything.Pages), func(p string) bool { return p == "test" }),
		},
		"no actions": {map[string]any{"contracts": everything.Contracts, "pages": []string{"events"}, "actions": []string{}}, []string{"events"}},
	}
	for name, kind := range kinds {
		token := s.portalToken(tenant, kind.members)
		for _, op := range keyedOperations(t) {
			by, ok := portalOperations[op.String()]
			if !ok {
				t.Errorf("%s: say in portalOperations by which page or action of the portal it can be used, or never", op)
				continue
			}
			may := by == always || slices.ContainsFunc(strings.Fields(by), func(part string) bool { return slices.Contains(kind.parts, part) })
			for _, objects := range []map[string]string{theirs, ours} {
				if op.method == http.MethodDelete && may && objects["{name}"] == "cabaprop" && strings.Contains(op.path, "{credential}") {
					continue // it would end what the rest of the test needs
				}
				a := s.as(token, op.method, at(op.path, objects), `{"unknown member":1}`)
				refused := a.Status == http.StatusForbidden
				if refused && a.str("code") != "portal_forbidden" {
					t.Errorf("%s with a link for %s: %s", op, name, a.Body)
				}
				names := strings.Contains(op.path, "{endpoint}") || strings.Contains(op.path, "{event}") || strings.Contains(op.path, "{delivery}") ||
					strings.Contains(op.path, "{contract}") || strings.Contains(op.path, "{name}")
				if want := !may || names && objects["{name}"] == "kobra"; refused != want {
					t.Errorf("%s of %s with a link for %s: refused is %v, want %v: %d %s", op, objects["{name}"], name, refused, want, a.Status, a.Body)
				}
				if a.Status == http.StatusUnauthorized {
					t.Errorf("%s with a link for %s: %s", op, name, a.Body)
				}
				for _, hint := range secrets {
					if strings.Contains(a.Body, hint) {
						t.Errorf("%s of %s with a link for %s shows %s: %.2000s", op, objects["{name}"], name, hint, a.Body)
					}
				}
			}
		}
	}
	// What a list shows is not only nothing of others.
	token := s.portalToken(tenant, kinds["everything"].members)
	for path, want := range map[string]string{
		"/v1/contracts": "cabaprop", tenant + "/endpoints": ours["{endpoint}"], tenant + "/events": ours["{event}"], tenant + "/deliveries": ours["{delivery}"],
		tenant + "/deliveries?state=pending": ours["{delivery}"], tenant + "/records": "conversation", tenant + "/credentials": ours["{credential}"],
	} {
		if a := s.as(token, "GET", path, "").want(200); !strings.Contains(a.Body, want) || a.get("items.1") != nil {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
	// A batch that names another contract, and one that names none, which is standard.
	a := s.as(token, "POST", tenant+"/events", `[{"type":"visit.finished","contract":"kobra","payload":{}},{"type":"a","payload":1}]`).want(202)
	b := s.as(token, "POST", tenant+"/records", `[{"contract":"kobra","kind":"visit","key":"9","document":{"visitID":"9"}}]`).want(200)
	for _, code := range []string{a.str("items.0.error.code"), a.str("items.1.error.code"), b.str("items.0.error.code")} {
		if code != "portal_forbidden" {
			t.Errorf("%s %s", a.Body, b.Body)
		}
	}
	for path, body := range map[string]string{
		"/endpoints": `{"url":"` + nobody + `/","contract":"kobra","settings":{"api_key":"k"}}`, "/credentials": `{"url":"` + nobody + `/","contract":"kobra","name":"x"}`,
	} {
		if a := s.as(token, "POST", tenant+path, body).want(403); a.str("code") != "portal_forbidden" {
			t.Errorf("%s: %s", path, a.Body)
		}
	}
}

// at fills in the parameters of a path.
func at(path string, objects map[string]string) string {
	fill := []string{
		"{tenant}", "acme", "{key}", "7", "{type}", "nothing", "{attempt}", "att_1", "{recovery}", hook.NewRecoveryID().String(),
		"{link}", hook.NewPortalLinkID().String(), "{secret}", "1",
	}
	for name, value := range objects {
		fill = append(fill, name, value)
	}
	return strings.NewReplacer(fill...).Replace(path)
}

// TestPortalDefaults follows a tenant from the first day: what its people see without a word, what the operator says
// for the tenant and for a link, and that a change of it holds for open sessions at once.
func TestPortalDefaults(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	token := s.portalToken(tenant, map[string]any{})
	contracts := func(token string) string {
		t.Helper()
		var names []string
		for i := 0; ; i++ {
			name, ok := s.as(token, "GET", "/v1/contracts", "").want(200).get(fmt.Sprintf("items.%d.name", i)).(string)
			if !ok || i > 8 {
				return strings.Join(names, " ")
			}
			names = append(names, name)
		}
	}
	shows := func(token, want string) {
		t.Helper()
		if got := contracts(token); got != want {
			t.Errorf("it shows %s, want %s", got, want)
		}
	}
	if all := contracts(token); !strings.Contains(all, "cabaprop") || !strings.Contains(all, "catacliente") || !strings.Contains(all, "standard") {
		t.Errorf("a tenant that uses nothing yet can begin with %s", all)
	}
	s.as(token, "GET", "/v1/session", "").want(200).is("access", map[string]any{"pages": hook.UsualPortal().Pages, "actions": hook.UsualPortal().Actions})

	// Its contracts are those that it uses.
	_, made := s.credential(tenant, `{"contract":"cabaprop","name":"a","url":"`+nobody+`/"}`)
	shows(token, "cabaprop")
	s.do("PUT", tenant+"/records/kobra/visit/7", `{"visitID":"7","productID":1}`).want(201)
	shows(token, "cabaprop kobra")
	s.do("POST", tenant+"/events", `{"type":"a.b","payload":1}`).want(202)
	shows(token, "cabaprop kobra standard")
	s.as(token, "GET", "/v1/session", "").want(200).is("access.contracts", []string{"cabaprop", "kobra", "standard"})
	s.do("DELETE", tenant+"/credentials/"+made.str("id"), "").want(204)
	s.do("DELETE", tenant+"/records/kobra/visit/7", "").want(200)
	shows(token, "standard")

	// What the operator says for the tenant holds for the open session.
	s.do("PUT", tenant, `{"portal":{"contracts":["cabaprop"],"pages":["endpoints","events"],"actions":[]}}`).want(200).
		is("portal", map[string]any{"contracts": []string{"cabaprop"}, "pages": []string{"endpoints", "events"}, "actions": []string{}})
	shows(token, "cabaprop")
	s.as(token, "GET", tenant+"/events", "").want(200)
	s.as(token, "GET", tenant+"/deliveries", "").want(403)
	s.as(token, "POST", tenant+"/endpoints", `{}`).want(403)
	s.do("PUT", tenant, `{"name":"Acme"}`).want(200).is("portal.contracts", []string{"cabaprop"}) // it stays

	// A link decides before its tenant, list by list.
	other := s.portalToken(tenant, map[string]any{"contracts": []string{"prolibu"}, "actions": []string{"retry"}})
	shows(other, "prolibu")
	s.as(other, "GET", "/v1/session", "").want(200).is("access", map[string]any{"contracts": []string{"prolibu"}, "pages": []string{"endpoints", "events"}, "actions": []string{"retry"}})
	list := s.do("GET", tenant+"/portal-links", "").want(200)
	list.is("items.0.contracts", []string{"prolibu"}).is("items.0.pages", nil).is("items.1.contracts", nil)

	s.do("PUT", tenant, `{"portal":{}}`).want(200).is("portal", map[string]any{})
	shows(token, "standard")
	s.as(token, "GET", tenant+"/events", "").want(403)
	shows(other, "prolibu")
	audit := s.do("GET", "/v1/audit?tenant=acme", "").want(200)
	audit.is("items.0.action", "tenant.changed").is("items.0.fields", []string{"portal"})

	for _, c := range [][3]string{
		{tenant, `{"portal":{"pages":["keys"]}}`, "/portal/pages/0"},
		{tenant, `{"portal":{"actions":["retry","rule"]}}`, "/portal/actions/1"},
		{tenant, `{"portal":{"contracts":["No Name"]}}`, "/portal/contracts/0"},
		{tenant, `{"portal":{"contracts":[]}}`, "/portal/contracts"},
	} {
		if a := s.do("PUT", c[0], c[1]).want(422); a.str("errors.0.pointer") != c[2] {
			t.Errorf("%s: %s", c[1], a.Body)
		}
	}
	if a := s.do("POST", tenant+"/portal-links", `{"pages":["keys"]}`).want(422); a.str("errors.0.pointer") != "/pages/0" || !strings.Contains(a.Body, "deliveries") {
		t.Errorf("%s", a.Body)
	}
}
