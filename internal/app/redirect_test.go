package app

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"gancho.example/client"
)

// followed lets redirects be followed, and has a secret in a header whose name does not say so.
const followed = `
contract: followed
title: {en: Followed}
events: {"*": {title: {en: Any}}}
endpoint:
  settings: {properties: {token: {type: string, secret: true, title: {en: Token}}}}
  sign: standard-webhooks
  headers: {x-shop: "${settings.token}", x-plain: plain}
delivery: {redirects: 2, retry: none, mode: at_most_once}
`

// A redirect is followed if the contract says so. The history shows the hops; another host gets no secrets.
func TestRedirectsOfAContract(t *testing.T) { eachPlace(t, testRedirectsOfAContract) }

func testRedirectsOfAContract(t *testing.T, at place) {
	var mu sync.Mutex
	var got []http.Header
	end := listening(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		mu.Lock()
		got = append(got, r.Header)
		mu.Unlock()
		_, _ = io.WriteString(w, "arrived")
	})
	first := listening(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Location", end+"/end?again="+r.Header.Get("x-shop"))
		w.WriteHeader(http.StatusPermanentRedirect)
	})
	p := startAt(t, at)
	if _, err := p.PutTenant(t.Context(), "acme", client.TenantInput{}); err != nil {
		t.Fatal(err)
	}
	source, err := json.Marshal(map[string]string{"source": followed})
	if err != nil {
		t.Fatal(err)
	}
	for path, body := range map[string]string{"/v1/contracts": string(source)} {
		if status, answer := p.call(testKey, "POST", path, body); status >= 300 {
			t.Fatal(status, string(answer))
		}
	}
	status, answer := p.call(testKey, "POST", "/v1/tenants/acme/endpoints", `{"url":"`+first+`/start","contract":"followed","settings":{"token":"setting-token-91"}}`)
	if status != 201 {
		t.Fatal(status, string(answer))
	}
	if status, answer = p.call(testKey, "POST", "/v1/tenants/acme/events", `{"contract":"followed","type":"a","payload":{"n":1}}`); status >= 300 {
		t.Fatal(status, string(answer))
	}
	var list struct{ Items []struct{ ID string } }
	eventually(t, "the event is delivered", func() bool {
		_, answer := p.call(testKey, "GET", "/v1/tenants/acme/deliveries?state=delivered", "")
		return json.Unmarshal(answer, &list) == nil && len(list.Items) == 1
	})
	_, answer = p.call(testKey, "GET", "/v1/tenants/acme/deliveries/"+list.Items[0].ID, "")
	for _, want := range []string{
		`"steps":[{"what":"request","method":"POST","url":"` + first + `/start","status":308,`, `"url":"` + end + `/end?again=********"`, `"body":"arrived"`,
	} {
		if !strings.Contains(string(answer), want) {
			t.Errorf("%s does not show %s", answer, want)
		}
	}
	none(t, "history", answer, []string{"setting-token-91"})
	mu.Lock()
	defer mu.Unlock()
	if len(got) != 1 || got[0].Get("x-shop") != "" || got[0].Get("x-plain") != "plain" || got[0].Get("webhook-signature") == "" {
		t.Errorf("the other host got %v", got)
	}
}
