package app

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"gancho.example/client"
)

// TestSaidOnce is the story of CABAPROP: a notification that is sent once and
// carries little more than a key, and a look-up that answers the rest.
func TestSaidOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	rc := newListener(t)
	p := start(t, dir)
	ctx := t.Context()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	var shown []string // what must not be shown again
	credential := func(tenant, path, key, settings string) *client.NewCredential {
		t.Helper()
		_, err := p.PutTenant(ctx, tenant, client.TenantInput{})
		must(err)
		cr, err := p.CreateCredential(ctx, tenant, client.CredentialInput{
			Contract: "cabaprop", Name: "Mi App", URL: rc.url + path, APIKey: key, Settings: json.RawMessage(settings),
		})
		must(err)
		shown = append(shown, cr.APIKey, cr.Secret, cr.Token)
		return cr
	}
	patient := func(tenant string, cr *client.NewCredential, patch map[string]any) { // 200 ms may be too little for a busy machine
		t.Helper()
		e, err := p.Endpoint(ctx, tenant, cr.Endpoint)
		must(err)
		if e.TimeoutMS != 200 || e.Mode != "at_most_once" || e.Credential != cr.ID {
			t.Errorf("endpoint: %+v", e)
		}
		patch["timeout_ms"] = 300_000
		_, err = p.PatchEndpoint(ctx, tenant, cr.Endpoint, patch)
		must(err)
	}
	message := func(tenant, key, document string) {
		t.Helper()
		_, err := p.PutRecord(ctx, tenant, "cabaprop", "message", key, json.RawMessage(document))
		must(err)
	}
	only := func(tenant, endpoint string) client.DeliveryDetail {
		t.Helper()
		list, err := p.Deliveries(ctx, tenant, client.DeliveryFilter{Endpoint: endpoint})
		must(err)
		if len(list.Items) == 0 {
			return client.DeliveryDetail{}
		}
		d, err := p.Delivery(ctx, tenant, list.Items[0].ID)
		must(err)
		return *d
	}
	browser := &http.Client{Timeout: time.Minute}
	lookUp := func(token, id string) (int, string) {
		t.Helper()
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url+"/api/integration/get-conversation/"+id, nil)
		must(err)
		r.Header.Set("Authorization", "Bearer "+token)
		res, err := browser.Do(r)
		must(err)
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		must(err)
		return res.StatusCode, string(body)
	}

	// The bytes are those of the document, key and all.
	const key2023, keyNow = "kib5tcxwsw5ain9ppngi9fodmiks0z", "158p8efmrlzi4a69dzjjd170zmxz0x"
	acme := credential("acme", "/acme", key2023, `{}`)
	beta := credential("beta", "/beta", keyNow, `{"action":"create"}`)
	patient("acme", acme, map[string]any{})
	patient("beta", beta, map[string]any{})
	message("acme", "1", `{"id":1,"conversationId":44444}`)
	message("beta", "3", `{"id": 3, "conversationId": null, "visitor": {"propertyId": "661ec99de54652efa0a6ca3f", "name": "Lucas Padularrosa",
		"email": "test@test.com", "phone": "3413065110", "message": "Hola, estoy interesado en esta propiedadsss xxxx"}}`)
	eventually(t, "both are delivered", func() bool {
		return only("acme", acme.Endpoint).State == "delivered" && only("beta", beta.Endpoint).State == "delivered"
	})
	if _, err := p.PatchEndpoint(ctx, "acme", acme.Endpoint, map[string]any{"settings": map[string]any{"action": "create"}}); err != nil {
		t.Fatal(err)
	}
	message("acme", "1", `{"id":1,"conversationId":44444}`) // no news
	message("acme", "m-2", `{"id":"m-2","conversationId":44444,"visitor":null}`)
	eventually(t, "the second message has arrived", func() bool { return len(rc.got("/acme")) == 2 })
	for path, files := range map[string][]string{
		"/acme": {"cabaprop-2023-create.message.json", "cabaprop-current-registered.json"}, "/beta": {"cabaprop-current-unregistered.json"},
	} {
		got := rc.got(path)
		if len(got) != len(files) {
			t.Fatalf("%s has got %d requests: %+v", path, len(got), got)
		}
		for i, file := range files {
			want, err := os.ReadFile(filepath.Join("..", "..", "contracts", "examples", file))
			must(err)
			if got[i].body != string(want) || got[i].kind != "application/json" {
				t.Errorf("got  %s %s\nwant %s", got[i].kind, got[i].body, want)
			}
		}
	}

	// What the notification does not say is looked up; only one's own.
	const talk = "{\"id\": 44444,  \"interesado\": {\"name\": \"Ana\"}, \"messages\": [\"a\\/b\"] }"
	_, err := p.PutRecord(ctx, "acme", "cabaprop", "conversation", "44444", json.RawMessage(talk))
	must(err)
	if status, body := lookUp(acme.Token, "44444"); status != 200 || body != talk {
		t.Errorf("%d %s", status, body)
	}
	if status, _ := lookUp(beta.Token, "44444"); status != 404 {
		t.Errorf("another tenant's: %d", status)
	}

	// An answer that does not come in time is a failure, and that is the end of it.
	slow := credential("slow", "/hangs", "", `{}`)
	message("slow", "1", `{"id":1,"conversationId":1}`)
	eventually(t, "the slow one has failed", func() bool { return only("slow", slow.Endpoint).State == "failed" })
	d := only("slow", slow.Endpoint)
	if d.Reason != "timeout" || d.Attempts != 1 || d.NextAttemptAt != nil || len(d.AttemptList) != 1 || strings.Contains(d.AttemptList[0].Request.Body, slow.APIKey) {
		t.Errorf("too slow: %+v", d)
	}
	_, err = p.RetryDelivery(ctx, "slow", d.ID)
	if problem, ok := errors.AsType[*client.Problem](err); !ok || problem.Code != "at_most_once" {
		t.Errorf("sent again: %v", err)
	}

	// Paused: the token is refused and messages wait; active: both again.
	_, err = p.PatchCredential(ctx, "acme", acme.ID, client.CredentialPatch{State: "paused"})
	must(err)
	message("acme", "3", `{"id":3,"conversationId":3}`)
	if status, _ := lookUp(acme.Token, "44444"); status != 401 {
		t.Errorf("paused: %d", status)
	}
	if d := only("acme", acme.Endpoint); d.State != "pending" {
		t.Errorf("paused: %+v", d)
	}
	_, err = p.PatchCredential(ctx, "acme", acme.ID, client.CredentialPatch{State: "active"})
	must(err)
	eventually(t, "what waited is delivered", func() bool { return only("acme", acme.Endpoint).State == "delivered" })

	// Killed while the receiver thinks: nobody can know, and it says so.
	gone := credential("gone", "/hangs", "", `{}`)
	patient("gone", gone, map[string]any{})
	before := len(rc.got("/hangs"))
	message("gone", "1", `{"id":1,"conversationId":1}`)
	eventually(t, "it has arrived", func() bool { return len(rc.got("/hangs")) == before+1 })
	log := p.log.String()
	p.kill()
	p = start(t, dir)
	eventually(t, "it is unknown", func() bool { return only("gone", gone.Endpoint).State == "unknown" })
	if d := only("gone", gone.Endpoint); len(d.AttemptList) != 1 || !d.AttemptList[0].Interrupted || d.AttemptList[0].Request.Body != "********" || d.Reason != "interrupted" {
		t.Errorf("unknown: %+v", d)
	}
	if status, body := lookUp(acme.Token, "44444"); status != 200 || body != talk {
		t.Errorf("after a restart: %d %s", status, body)
	}

	// Deleted: the token ends, what waited is cancelled, the history stays.
	_, err = p.PauseEndpoint(ctx, "acme", acme.Endpoint)
	must(err)
	message("acme", "4", `{"id":4,"conversationId":4}`)
	must(p.DeleteCredential(ctx, "acme", acme.ID))
	eventually(t, "what waited is cancelled", func() bool { return only("acme", acme.Endpoint).State == "cancelled" })
	if status, _ := lookUp(acme.Token, "44444"); status != 401 {
		t.Errorf("deleted: %d", status)
	}
	p.stop()
	if n := len(rc.got("/hangs")); n != before+1 {
		t.Errorf("%d requests that hung, want %d: nothing is sent twice", n, before+1)
	}
	log += p.log.String()
	if !strings.Contains(log, "stopping") {
		t.Errorf("no log: %s", log)
	}
	for _, s := range shown {
		if strings.Contains(log, s) {
			t.Error("a key, secret or token is in the log")
		}
	}
}

// listener remembers what it gets; below /hangs it never answers.
type listener struct {
	url string
	mu  sync.Mutex
	all []heard
}

type heard struct{ path, kind, body string }

func newListener(t *testing.T) *listener {
	l := &listener{}
	l.url = listening(t, func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body) // fails only if the sender is killed
		l.mu.Lock()
		l.all = append(l.all, heard{r.URL.Path, r.Header.Get("Content-Type"), string(body)})
		l.mu.Unlock()
		if r.URL.Path == "/hangs" {
			<-r.Context().Done() // the sender gave up, or is gone
		}
	})
	return l
}

func (l *listener) got(path string) []heard {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(l.all), func(h heard) bool { return h.path != path })
}
