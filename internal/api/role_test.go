package api_test

import (
	"crypto/sha256"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
)

// TestRoles calls every operation of the document with every kind of key.
func TestRoles(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	keys := map[string]string{
		"admin": adminKey, "none": "", "wrong": "gk_wrong",
		"operator":    s.key(`{"role":"operator"}`),
		"read all":    s.key(`{"role":"read"}`),
		"publish all": s.key(`{"role":"publish"}`),
	}
	for _, tenant := range []string{"acme", "other"} {
		s.tenant(tenant)
		for _, role := range []string{"tenant", "read", "publish"} {
			keys[role+" "+tenant] = s.key(`{"role":"` + role + `","tenant":"` + tenant + `"}`)
		}
	}
	const (
		tenantMay = "tenant acme"
		readMay   = "tenant acme, read acme, read all"
		sendMay   = "tenant acme, publish acme, publish all"
	)
	// Who may call an operation, beside operators.
	who := map[string]string{
		"GET /v1/tenants": "read all", "PUT /v1/tenants/{tenant}": "", "GET /v1/tenants/{tenant}": readMay, "DELETE /v1/tenants/{tenant}": "",
		"POST /v1/tenants/{tenant}/search":        tenantMay,
		"POST /v1/tenants/{tenant}/erase":         "",
		"POST /v1/tenants/{tenant}/erase-subject": tenantMay,
		"POST /v1/tenants/{tenant}/export":        "",
		"POST /v1/tenants/import":                 "",
		"POST /v1/tenants/{tenant}/endpoints":     tenantMay, "GET /v1/tenants/{tenant}/endpoints": readMay,
		"GET /v1/tenants/{tenant}/endpoints/{endpoint}": readMay, "PATCH /v1/tenants/{tenant}/endpoints/{endpoint}": tenantMay,
		"DELETE /v1/tenants/{tenant}/endpoints/{endpoint}":                          tenantMay,
		"POST /v1/tenants/{tenant}/endpoints/{endpoint}/pause":                      tenantMay,
		"POST /v1/tenants/{tenant}/endpoints/{endpoint}/resume":                     tenantMay,
		"POST /v1/tenants/{tenant}/endpoints/{endpoint}/disable":                    tenantMay,
		"POST /v1/tenants/{tenant}/endpoints/{endpoint}/rotate-secret":              tenantMay,
		"GET /v1/tenants/{tenant}/endpoints/{endpoint}/secret":                      tenantMay,
		"GET /v1/tenants/{tenant}/endpoints/{endpoint}/secrets":                     readMay,
		"DELETE /v1/tenants/{tenant}/endpoints/{endpoint}/secrets/{secret}":         tenantMay,
		"POST /v1/tenants/{tenant}/endpoints/{endpoint}/recover":                    tenantMay,
		"POST /v1/tenants/{tenant}/endpoints/{endpoint}/recover/preview":            tenantMay,
		"POST /v1/tenants/{tenant}/endpoints/{endpoint}/test":                       tenantMay,
		"POST /v1/tenants/{tenant}/endpoints/{endpoint}/verify":                     tenantMay,
		"POST /v1/tenants/{tenant}/endpoints/{endpoint}/try":                        tenantMay,
		"POST /v1/tenants/{tenant}/endpoints/try":                                   tenantMay,
		"POST /v1/tenants/{tenant}/endpoints/{endpoint}/render":                     tenantMay,
		"GET /v1/tenants/{tenant}/events/{event}/explain":                           readMay,
		"GET /v1/tenants/{tenant}/endpoints/{endpoint}/recoveries":                  readMay,
		"GET /v1/tenants/{tenant}/endpoints/{endpoint}/recoveries/{recovery}":       readMay,
		"POST /v1/tenants/{tenant}/endpoints/{endpoint}/recoveries/{recovery}/stop": tenantMay,
		"POST /v1/tenants/{tenant}/credentials":                                     tenantMay,
		"GET /v1/tenants/{tenant}/credentials":                                      readMay,
		"GET /v1/tenants/{tenant}/credentials/{credential}":                         readMay,
		"PATCH /v1/tenants/{tenant}/credentials/{credential}":                       tenantMay,
		"DELETE /v1/tenants/{tenant}/credentials/{credential}":                      tenantMay,
		"POST /v1/tenants/{tenant}/credentials/{credential}/tokens":                 tenantMay,
		"POST /v1/tenants/{tenant}/events":                                          sendMay,
		"GET /v1/tenants/{tenant}/events":                                           readMay,
		"GET /v1/tenants/{tenant}/omissions":                                        readMay,
		"GET /v1/tenants/{tenant}/events/{event}":                                   readMay,
		"GET /v1/tenants/{tenant}/events/{event}/payload":                           readMay,
		"GET /v1/tenants/{tenant}/deliveries/{delivery}/attempts/{attempt}/body":    readMay,
		"GET /v1/tenants/{tenant}/records":                                          readMay,
		"POST /v1/tenants/{tenant}/records":                                         sendMay,
		"GET /v1/tenants/{tenant}/records/{contract}/{kind}":                        readMay,
		"GET /v1/tenants/{tenant}/records/{contract}/{kind}/{key}":                  readMay,
		"PUT /v1/tenants/{tenant}/records/{contract}/{kind}/{key}":                  sendMay,
		"PATCH /v1/tenants/{tenant}/records/{contract}/{kind}/{key}":                sendMay,
		"DELETE /v1/tenants/{tenant}/records/{contract}/{kind}/{key}":               sendMay,
		"GET /v1/tenants/{tenant}/deliveries":                                       readMay,
		"GET /v1/tenants/{tenant}/deliveries/{delivery}":                            readMay,
		"POST /v1/tenants/{tenant}/deliveries/{delivery}/retry":                     tenantMay,
		"POST /v1/tenants/{tenant}/deliveries/{delivery}/skip":                      tenantMay,
		"POST /v1/tenants/{tenant}/bulk-actions":                                    tenantMay,
		"POST /v1/tenants/{tenant}/bulk-actions/preview":                            tenantMay,
		"GET /v1/tenants/{tenant}/bulk-actions":                                     readMay,
		"GET /v1/tenants/{tenant}/bulk-actions/{bulk}":                              readMay,
		"POST /v1/tenants/{tenant}/bulk-actions/{bulk}/stop":                        tenantMay,
		"GET /v1/tenants/{tenant}/saved-filters":                                    readMay,
		"POST /v1/tenants/{tenant}/saved-filters":                                   tenantMay,
		"DELETE /v1/tenants/{tenant}/saved-filters/{filter}":                        tenantMay,
		"GET /v1/tenants/{tenant}/schedules":                                        readMay,
		"POST /v1/tenants/{tenant}/schedules/{contract}/{type}/run":                 tenantMay,
		"GET /v1/encryption-keys":                                                   "", "POST /v1/encryption-keys/rotate": "", "GET /v1/keys": "", "POST /v1/keys": "", "DELETE /v1/keys/{key}": "", "POST /v1/keys/{key}/rotate": "", "DELETE /v1/keys/{key}/earlier": "",
		"GET /v1/session":  "tenant acme, read acme, read all, publish acme, publish all, tenant other, read other, publish other",
		"POST /v1/session": "open", "DELETE /v1/session": "open", "POST /v1/portal-sessions": "open",
		"POST /v1/tenants/{tenant}/portal-links": tenantMay, "GET /v1/tenants/{tenant}/portal-links": tenantMay, "DELETE /v1/tenants/{tenant}/portal-links/{link}": tenantMay,
		"GET /v1/audit/verify":           "tenant acme, read acme, read all, tenant other, read other",
		"GET /v1/audit/export":           "tenant acme, read acme, read all, tenant other, read other",
		"GET /v1/system":                 "read all",
		"GET /v1/audit":                  "tenant acme, read acme, read all, tenant other, read other",
		"GET /v1/stream":                 "tenant acme, read acme, read all, tenant other, read other",
		"GET /v1/stats/tenants":          "read all",
		"GET /v1/stats":                  "tenant acme, read acme, read all, tenant other, read other",
		"GET /v1/tenants/{tenant}/stats": readMay,
		"GET /v1/tenants/{tenant}/usage": readMay,
		"GET /v1/contracts":              "tenant acme, read acme, read all, tenant other, read other",
		"GET /v1/contracts/{name}":       "tenant acme, read acme, read all, tenant other, read other",
		"POST /v1/contracts":             "", "POST /v1/contracts/check": "", "POST /v1/contracts/render": "", "POST /v1/contracts/try": "", "PATCH /v1/contracts/{name}": "",
		"PUT /v1/contracts/{name}/public-docs": "",
		"GET /v1/contracts/{name}/page":        "tenant acme, read acme, read all, tenant other, read other",
		"GET /v1/contracts/{name}/docs":        "tenant acme, read acme, read all, tenant other, read other",
		"GET /v1/library":                      "tenant acme, read acme, read all, tenant other, read other",
		"GET /v1/library/{name}":               "tenant acme, read acme, read all, tenant other, read other",
		"GET /v1/contracts/{name}/openapi":     "tenant acme, read acme, read all, tenant other, read other",
	}
	s.live.Close() // a stream has no end
	d, err := theDocument()
	if err != nil {
		t.Fatal(err)
	}
	fill := strings.NewReplacer("{tenant}", "acme", "{endpoint}", hook.NewEndpointID().String(), "{event}", "nothing",
		"{delivery}", hook.NewEventID().Delivery(1).String(), "{recovery}", hook.NewRecoveryID().String(), "{key}", hook.NewKeyID().String(), "{name}", "nothing",
		"{credential}", hook.NewCredentialID().String(), "{contract}", "kobra", "{kind}", "visit")
	for path, item := range d.paths() {
		if !strings.HasPrefix(path, "/v1/") {
			continue
		}
		for method := range item.(map[string]any) {
			operation := strings.ToUpper(method) + " " + path
			may, ok := who[operation]
			if !ok {
				t.Errorf("%s: nobody said who may use it", operation)
				continue
			}
			at := fill.Replace(path)
			if operation == "DELETE /v1/tenants/{tenant}" || operation == "POST /v1/tenants/{tenant}/erase" {
				at = strings.Replace(at, "/acme", "/gone", 1) // the rest of the test needs acme
			}
			for name, key := range keys {
				a := s.as(key, strings.ToUpper(method), at, `{"unknown member":1}`)
				var want []int
				switch {
				case may == "open":
					want = []int{204, 422}
				case name == "none":
					want = []int{http.StatusUnauthorized}
				case name == "wrong":
					want = []int{http.StatusUnauthorized, http.StatusTooManyRequests} // after some tries
				case name == "admin" || name == "operator" || strings.Contains(", "+may+",", ", "+name+","):
					want = []int{200, 202, 204, 404, 422, 429} // the key is accepted, and the request itself makes no sense
					if a.Status == 404 && strings.Contains(a.Body, "tenant_not_found") && !strings.Contains(at, "gone") {
						t.Errorf("%s with key %s: %s", operation, name, a.Body)
					}
				case strings.HasSuffix(name, " other") && strings.Contains(path, "{tenant}"):
					want = []int{http.StatusNotFound, http.StatusForbidden} // the answer does not say whether there is such a tenant
				default:
					want = []int{http.StatusForbidden}
				}
				if !contains(want, a.Status) {
					t.Errorf("%s with key %s: %d, want one of %v: %s", operation, name, a.Status, want, a.Body)
				}
				if a.Status == http.StatusUnauthorized && !strings.HasPrefix(a.Header.Get("Www-Authenticate"), "Bearer") {
					t.Errorf("%s with key %s: no WWW-Authenticate", operation, name)
				}
			}
		}
	}
	for _, path := range []string{"/healthz", "/readyz", "/openapi.json"} {
		s.as("", "GET", path, "").want(200)
	}
	s.as("", "GET", "/nothing", "").want(404)
	s.as("", "OPTIONS", "/v1/tenants", "").want(204)
	s.as("", "DELETE", "/healthz", "").want(405)
	s.as("", "GET", "/metrics", "").want(401)
	for name, key := range keys { // the numbers are about all tenants
		want := []int{http.StatusForbidden}
		switch name {
		case "none":
			want = []int{http.StatusUnauthorized}
		case "wrong":
			want = []int{http.StatusUnauthorized, http.StatusTooManyRequests} // it was tried often, perhaps a while ago
		case "admin", "operator", "read all":
			want = []int{http.StatusOK}
		}
		if a := s.as(key, "GET", "/metrics", ""); !contains(want, a.Status) {
			t.Errorf("/metrics with key %s: %d, want one of %v: %s", name, a.Status, want, a.Body)
		}
	}
}

func contains(list []int, n int) bool {
	return slices.Contains(list, n)
}

// TestTenantsAreApart creates two tenants with everything they can have, and tries to reach what one has with the key
// or the path of the other.
func TestTenantsAreApart(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	ours, theirs := s.tenant("ours"), s.tenant("theirs")
	oursKey, theirsKey := s.key(`{"role":"tenant","tenant":"ours"}`), s.key(`{"role":"tenant","tenant":"theirs"}`)
	_, _ = s.endpoint(ours, `{"url":"`+nobody+`/"}`)
	_, id := s.endpoint(theirs, `{"url":"`+nobody+`/","name":"private thing"}`)
	event := s.as(theirsKey, "POST", theirs+"/events", `{"type":"a","id":"their-id","payload":"private thing"}`).want(202).str("id")
	delivery := s.as(theirsKey, "GET", theirs+"/deliveries", "").want(200).str("items.0.id")
	recovery := s.as(theirsKey, "POST", theirs+"/endpoints/"+id+"/recover", `{"since":"2020-01-01T00:00:00Z"}`).want(202).str("id")
	credential := s.as(theirsKey, "POST", theirs+"/credentials", `{"contract":"cabaprop","name":"private thing","url":"`+nobody+`/"}`).want(201).str("id")
	bulk := s.as(theirsKey, "POST", theirs+"/bulk-actions", `{"action":"retry","types":["private thing"]}`).want(202).str("id")
	filter := s.as(theirsKey, "POST", theirs+"/saved-filters", `{"name":"private thing","query":{}}`).want(201).str("id")
	nobody := s.as(oursKey, "GET", "/v1/tenants/nobody", "").want(404)
	for _, path := range []string{
		"", "/endpoints", "/endpoints/" + id, "/endpoints/" + id + "/secret", "/events", "/events/" + event, "/events/their-id",
		"/events/" + event + "/explain?endpoint=" + id, "/deliveries", "/deliveries/" + delivery, "/endpoints/" + id + "/recoveries", "/endpoints/" + id + "/recoveries/" + recovery,
		"/credentials", "/credentials/" + credential,
		"/bulk-actions", "/bulk-actions/" + bulk, "/saved-filters",
	} {
		s.as(theirsKey, "GET", theirs+path, "").want(200)
		// Through their path, the answer is the same as for a tenant that does not exist.
		a := s.as(oursKey, "GET", theirs+path, "").want(404)
		if got := strings.ReplaceAll(a.Body, "theirs", "nobody"); got != nobody.Body {
			t.Errorf("%s: %s", path, a.Body)
		}
		// Through our own path, their ids are not found.
		for _, key := range []string{oursKey, adminKey} {
			if a := s.as(key, "GET", ours+path, ""); strings.Contains(a.Body, "private thing") || strings.Count(path, "/") > 1 && a.Status != 404 {
				t.Errorf("%s: %d %s", ours+path, a.Status, a.Body)
			}
		}
	}
	for _, c := range [][2]string{
		{"PATCH", "/endpoints/" + id},
		{"DELETE", "/endpoints/" + id},
		{"POST", "/endpoints/" + id + "/pause"},
		{"POST", "/endpoints/" + id + "/rotate-secret"},
		{"DELETE", "/endpoints/" + id + "/secrets/sec_00000000"},
		{"POST", "/deliveries/" + delivery + "/retry"},
		{"POST", "/deliveries/" + delivery + "/skip"},
		{"POST", "/bulk-actions/" + bulk + "/stop"},
		{"POST", "/endpoints/" + id + "/recoveries/" + recovery + "/stop"},
		{"DELETE", "/saved-filters/" + filter},
		{"POST", "/endpoints/" + id + "/disable"},
		{"POST", "/endpoints/" + id + "/test"},
		{"POST", "/endpoints/" + id + "/verify"},
		{"PATCH", "/credentials/" + credential},
		{"DELETE", "/credentials/" + credential},
		{"POST", "/credentials/" + credential + "/tokens"},
	} {
		s.as(oursKey, c[0], ours+c[1], `{}`).want(404)
		s.as(oursKey, c[0], theirs+c[1], `{}`).want(404)
	}
	if a := s.as(oursKey, "GET", ours+"/deliveries?endpoint="+id, "").want(200); a.get("items.0") != nil {
		t.Errorf("filter by their endpoint: %s", a.Body)
	}
	if a := s.as(oursKey, "GET", ours+"/deliveries?event="+event, "").want(200); a.get("items.0") != nil {
		t.Errorf("filter by their event: %s", a.Body)
	}
	// Two tenants can use the same event id and the same Idempotency-Key.
	for _, c := range [][2]string{{oursKey, ours}, {theirsKey, theirs}} {
		a := s.as(c[0], "POST", c[1]+"/events", `[{"type":"a","id":"same","payload":"`+c[1]+`"}]`, "Idempotency-Key", "k").want(202)
		if a.get("items.0.duplicate") != false {
			t.Errorf("%s: %s", c[1], a.Body)
		}
	}
	s.as(oursKey, "POST", theirs+"/events", `{"type":"a","payload":1}`).want(404)
	if got := s.as(theirsKey, "GET", theirs+"/endpoints/"+id, "").want(200); got.str("state") != "active" {
		t.Errorf("their endpoint: %s", got.Body)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tenant := s.tenant("acme")
	made := s.do("POST", "/v1/keys", `{"role":"tenant","tenant":"acme","name":"app"}`).want(201)
	key, id := made.str("key"), made.str("id")
	if !strings.HasPrefix(key, "gk_") || len(key) != 46 || !strings.HasSuffix(key, made.str("hint")) {
		t.Errorf("key %s", made.Body)
	}
	s.as(key, "GET", tenant, "").want(200)
	list := s.do("GET", "/v1/keys", "").want(200)
	if list.str("items.0.id") != id || strings.Contains(list.Body, key) {
		t.Errorf("list %s", list.Body)
	}
	for _, bad := range []string{key[:45], key + "x", strings.ToUpper(key), "gk_", strings.Repeat("k", 5000)} {
		s.as(bad, "GET", tenant, "").want(401)
	}
	for _, header := range []string{"", "Bearer", "Bearer ", "Basic " + key, key, "bearer"} {
		s.as("", "GET", tenant, "", "Authorization", header).want(401)
	}
	s.as("", "GET", tenant, "", "Authorization", "bearer  "+key+" ").want(200)
	s.do("DELETE", "/v1/keys/"+id, "").want(204)
	s.as(key, "GET", tenant, "").want(401) // at once, although it was remembered
	s.as(key, "POST", tenant+"/events", `{"type":"a","payload":1}`).want(401)
	s.do("DELETE", "/v1/keys/"+id, "").want(404)

	for expiry, want := range map[time.Duration]int{-time.Millisecond: 401, time.Hour: 200} {
		text := "gk_" + expiry.String()
		if err := s.db.CreateKey(t.Context(), hook.Key{
			ID: hook.NewKeyID(), Role: hook.RoleTenant, Tenant: "acme", Hash: sha256.Sum256([]byte(text)), ExpiresAt: time.Now().Add(expiry), CreatedAt: time.Now(),
		}); err != nil {
			t.Fatal(err)
		}
		for range 2 { // looked up, then remembered
			s.as(text, "GET", tenant, "").want(want)
		}
	}
}
