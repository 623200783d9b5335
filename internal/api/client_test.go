package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"gancho.example/client"
	"gancho/internal/hook"
)

// TestClient uses every method of the public client once, against the real API.
func TestClient(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	srv := httptest.NewServer(s.api)
	t.Cleanup(srv.Close)
	ctx := t.Context()
	c := client.New(srv.URL+"/", adminKey, client.WithRetries(2))
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	tenant, err := c.PutTenant(ctx, "acme", client.TenantInput{Name: new("Acme"), Metadata: json.RawMessage(`{"plan":"<b>"}`)})
	must(err)
	if got, err := c.Tenant(ctx, "acme"); err != nil || got.Name != tenant.Name || string(got.Metadata) != `{"plan":"<b>"}` {
		t.Errorf("tenant %+v %v", got, err)
	}
	if got, err := c.System(ctx); err != nil || !got.Ready || len(got.Parts) != 2 || got.Parts[0].Name != "database" || !got.Disk.Low {
		t.Errorf("system %+v %v", got, err)
	}
	if l, err := c.Tenants(ctx, client.Paging{Limit: 1}); err != nil || len(l.Items) != 1 || l.NextCursor != nil {
		t.Errorf("tenants %+v %v", l, err)
	}
	e, err := c.CreateEndpoint(ctx, "acme", client.EndpointInput{URL: nobody + "/", Retry: []string{"0s", "1d"}, RateLimit: &client.RateLimit{PerSecond: 5}})
	must(err)
	if e.Retry[1] != "24h" || e.RateLimit.PerSecond != 5 {
		t.Errorf("endpoint %+v", e)
	}
	for _, f := range []func(context.Context, string, string) (*client.Endpoint, error){c.Endpoint, c.PauseEndpoint, c.DisableEndpoint, c.ResumeEndpoint} {
		if e, err = f(ctx, "acme", e.ID); err != nil {
			t.Error(err)
		}
	}
	if got, err := c.PatchEndpoint(ctx, "acme", e.ID, map[string]any{"name": "CRM", "retry": nil}); err != nil || got.Name != "CRM" || len(got.Retry) != 10 {
		t.Errorf("patched %+v %v", got, err)
	}
	if l, err := c.Endpoints(ctx, "acme", client.Paging{}); err != nil || len(l.Items) != 1 {
		t.Errorf("endpoints %+v %v", l, err)
	}
	secret, err := c.EndpointSecret(ctx, "acme", e.ID)
	must(err)
	if r, err := c.RotateSecret(ctx, "acme", e.ID, client.RotateInput{Overlap: "1h"}); err != nil || r.Previous[0].Secret != secret.Secret {
		t.Errorf("rotated %+v %v", r, err)
	}
	secrets, err := c.Secrets(ctx, "acme", e.ID)
	if err != nil || len(secrets.Items) != 2 || !secrets.Items[0].Current || !strings.HasSuffix(strings.TrimRight(secret.Secret, "="), secrets.Items[1].Hint) {
		t.Errorf("secrets %+v %v", secrets, err)
	}
	must(c.EndSecret(ctx, "acme", e.ID, secrets.Items[1].ID))
	if s, err := c.EndpointSecret(ctx, "acme", e.ID); err != nil || len(s.Previous) != 0 {
		t.Errorf("secret %+v %v", s, err)
	}
	const payload = `{ "a":  "<&\u00e3" , "n": 9007199254740993 }`
	answer, err := c.PublishEvent(ctx, "acme", client.NewEvent{Type: "order.paid", ID: "1", Payload: json.RawMessage(payload)})
	must(err)
	ev, err := c.Event(ctx, "acme", "1")
	must(err)
	if ev.ID != answer.ID || string(ev.Payload) != payload || ev.Deliveries != 1 {
		t.Errorf("event %+v, payload %s", ev, ev.Payload)
	}
	if got, err := c.EventPayload(ctx, "acme", "1"); err != nil || string(got) != payload {
		t.Errorf("payload %s %v", got, err)
	}
	batch := []client.NewEvent{{Type: "a", Payload: json.RawMessage("1")}, {Type: "b"}}
	answers, err := c.PublishEvents(ctx, "acme", batch)
	must(err)
	if len(answers.Items) != 2 || answers.Items[0].Deliveries != 1 || answers.Items[1].Error == nil || answers.Items[1].Error.Code != "payload_missing" {
		t.Errorf("batch %+v", answers)
	}
	first, err := c.PublishOnce(ctx, "acme", "key", batch)
	must(err)
	if again, err := c.PublishOnce(ctx, "acme", "key", batch); err != nil || again.Items[0].ID != first.Items[0].ID || !again.Items[0].Duplicate {
		t.Errorf("once %+v %v", again, err)
	}
	if l, err := c.Events(ctx, "acme", client.EventFilter{Type: "a", Contract: "standard", Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour)}); err != nil || len(l.Items) != 2 {
		t.Errorf("events %+v %v", l, err)
	}
	link, err := c.CreatePortalLink(ctx, "acme", client.PortalLinkInput{Language: "es"})
	must(err)
	_, token, _ := strings.Cut(link.URL, "#")
	portal, err := c.OpenPortalLink(ctx, token)
	must(err)
	if who, err := client.New(srv.URL, portal.Token).Session(ctx); err != nil || who.Tenant != "acme" || !who.Portal {
		t.Errorf("session %+v %v", who, err)
	}
	if l, err := c.PortalLinks(ctx, "acme", client.Paging{}); err != nil || len(l.Items) != 1 || l.Items[0].ID != link.ID || l.Items[0].OpenedAt == nil {
		t.Errorf("portal links %+v %v", l, err)
	}
	must(c.DeletePortalLink(ctx, "acme", link.ID))
	l, err := c.Deliveries(ctx, "acme", client.DeliveryFilter{Endpoint: e.ID, Event: answer.ID, Type: "order.paid", State: "pending"})
	must(err)
	if len(l.Items) != 1 {
		t.Fatalf("deliveries %+v", l)
	}
	s.finish(s.deliveriesOf("acme", answer.ID)[0], hook.Failed, nil)
	if d, err := c.RetryDelivery(ctx, "acme", l.Items[0].ID); err != nil || d.State != "pending" {
		t.Errorf("retried %+v %v", d, err)
	}
	d, err := c.Delivery(ctx, "acme", l.Items[0].ID)
	must(err)
	if d.Attempts != 1 {
		t.Errorf("delivery %+v", d)
	}
	if _, err := c.AttemptBody(ctx, "acme", d.ID, "att_nothing_1"); err == nil || !strings.Contains(err.Error(), "attempt_not_found") {
		t.Errorf("body of no attempt: %v", err)
	}
	if st, err := c.Stats(ctx, client.StatsFilter{Tenant: "acme", Endpoint: e.ID, Range: "day"}); err != nil || len(st.Points) != 96 || st.Backlog.Waiting == 0 {
		t.Errorf("stats %+v %v", st, err)
	}
	if l, err := c.Audit(ctx, "acme", client.Paging{Limit: 2}); err != nil || len(l.Items) != 2 || l.Items[0].Action != "delivery.retried" || l.Items[0].Actor.Name != "admin" {
		t.Errorf("audit %+v %v", l, err)
	}
	s.live.Close()
	for _, err := range c.Stream(ctx, "acme") {
		if p, ok := errors.AsType[*client.Problem](err); !ok || p.Code != "too_many_streams" {
			t.Errorf("stream %v", err)
		}
	}
	if p, err := c.PreviewRecovery(ctx, "acme", e.ID, client.RecoveryInput{Since: time.Now().Add(-time.Hour), States: []string{"missing"}}); err != nil || p.Examined == 0 || p.AtLeast {
		t.Errorf("preview %+v %v", p, err)
	}
	r, err := c.Recover(ctx, "acme", e.ID, client.RecoveryInput{Since: time.Now().Add(-time.Hour)})
	must(err)
	if got, err := c.Recovery(ctx, "acme", e.ID, r.ID); err != nil || got.State != "running" {
		t.Errorf("recovery %+v %v", got, err)
	}
	if got, err := c.StopRecovery(ctx, "acme", e.ID, r.ID); err != nil || got.State != "cancelled" || got.FinishedAt == nil {
		t.Errorf("stopped %+v %v", got, err)
	}
	if l, err := c.Audit(ctx, "acme", client.Paging{Limit: 1}); err != nil || l.Items[0].Action != "recovery.stopped" || l.Items[0].Object != e.ID {
		t.Errorf("audit %+v %v", l, err)
	}
	if got, err := c.StopRecovery(ctx, "acme", e.ID, r.ID); err != nil || got.State != "cancelled" { // again
		t.Errorf("stopped %+v %v", got, err)
	}
	if l, err := c.Recoveries(ctx, "acme", e.ID, client.Paging{}); err != nil || len(l.Items) != 1 {
		t.Errorf("recoveries %+v %v", l, err)
	}
	bulk := client.BulkInput{Action: "cancel", Endpoints: []string{e.ID}, Types: []string{"nothing"}}
	if p, err := c.PreviewBulk(ctx, "acme", bulk); err != nil || p.Changed != 0 || p.AtLeast {
		t.Errorf("preview %+v %v", p, err)
	}
	b, err := c.StartBulk(ctx, "acme", bulk)
	must(err)
	if l, err := c.Bulks(ctx, "acme", client.Paging{Limit: 1}); err != nil || len(l.Items) != 1 || l.Items[0].ID != b.ID {
		t.Errorf("bulk actions %+v %v", l, err)
	}
	if got, err := c.StopBulk(ctx, "acme", b.ID); err != nil || got.State != "stopped" {
		t.Errorf("stopped %+v %v", got, err)
	}
	if got, err := c.Bulk(ctx, "acme", b.ID); err != nil || got.State != "stopped" || !slices.Equal(got.Filter.Types, bulk.Types) {
		t.Errorf("bulk action %+v %v", got, err)
	}
	saved, err := c.SaveFilter(ctx, "acme", client.SavedFilterInput{Name: "Failed", Query: map[string]string{"state": "failed"}})
	must(err)
	if l, err := c.SavedFilters(ctx, "acme"); err != nil || len(l.Items) != 1 || l.Items[0].ID != saved.ID || l.Items[0].Query["state"] != "failed" {
		t.Errorf("saved filters %+v %v", l, err)
	}
	must(c.DeleteSavedFilter(ctx, "acme", saved.ID))
	k, err := c.CreateKey(ctx, client.KeyInput{Role: "read", Tenant: "acme"})
	must(err)
	reader := client.New(srv.URL, k.Text)
	_, err = reader.EndpointSecret(ctx, "acme", e.ID)
	if p, ok := errors.AsType[*client.Problem](err); !ok || p.Status != 403 || p.Code != "forbidden" {
		t.Errorf("reader reads a secret: %v", err)
	}
	if l, err := c.Keys(ctx, client.Paging{}); err != nil || l.Items[0].Hint != k.Hint {
		t.Errorf("keys %+v %v", l, err)
	}
	must(c.DeleteKey(ctx, k.ID))
	if l, err := c.Contracts(ctx); err != nil || len(l.Items) < 2 {
		t.Errorf("contracts %+v %v", l, err)
	}
	if x, err := c.Contract(ctx, "standard", "", 0); err != nil || !x.Signing {
		t.Errorf("contract %+v %v", x, err)
	}
	if r, err := c.TestEndpoint(ctx, "acme", e.ID, "pt", client.TestInput{EventType: "order.paid", Payload: json.RawMessage(payload)}); err != nil || r.Passed ||
		r.Request.Body != payload || r.Type != "order.paid" || r.Diagnosis.Code != "connection_refused" || r.Diagnosis.Language != "pt" || r.Error == nil || r.Response != nil {
		t.Errorf("test %+v %v", r, err)
	}
	if r, err := c.TestEndpoint(ctx, "acme", e.ID, "", client.TestInput{Payload: json.RawMessage("1")}); err != nil || r.Request.Body != "1" {
		t.Errorf("test %+v %v", r, err)
	}
	if r, err := c.TestEndpoint(ctx, "acme", e.ID, "", client.TestInput{}); err != nil || r.Request.Body == "" {
		t.Errorf("test %+v %v", r, err)
	}
	if r, err := c.RenderEvent(ctx, "acme", e.ID, client.RenderInput{Event: "1"}); err != nil || r.Body != payload || r.Method != "POST" {
		t.Errorf("rendered %+v %v", r, err)
	}
	if x, err := c.ExplainEvent(ctx, "acme", "1", e.ID, "es"); err != nil || x.Delivery == nil || x.Delivery.ID != l.Items[0].ID || x.Reasons[0].Code != "waiting" {
		t.Errorf("explained %+v %v", x, err)
	}
	cr, err := c.CreateCredential(ctx, "acme", client.CredentialInput{Contract: "cabaprop", Name: "Mi App", URL: nobody + "/"})
	must(err)
	if l, err := c.Credentials(ctx, "acme", client.Paging{}); err != nil || len(l.Items) != 1 || l.Items[0].ID != cr.ID || cr.Token == "" {
		t.Errorf("credentials %+v %v", l, err)
	}
	if got, err := c.PatchCredential(ctx, "acme", cr.ID, client.CredentialPatch{Name: "Otra"}); err != nil || got.Name != "Otra" {
		t.Errorf("patched %+v %v", got, err)
	}
	if got, err := c.CreateToken(ctx, "acme", cr.ID, client.TokenInput{RevokeEarlier: true}); err != nil || got.Token == cr.Token {
		t.Errorf("token %+v %v", got, err)
	}
	if got, err := c.Credential(ctx, "acme", cr.ID); err != nil || got.Endpoint != cr.Endpoint {
		t.Errorf("credential %+v %v", got, err)
	}
	must(c.DeleteCredential(ctx, "acme", cr.ID))
	must(c.DeleteEndpoint(ctx, "acme", e.ID))
	must(c.DeleteTenant(ctx, "acme"))
	_, err = c.Tenant(ctx, "acme")
	if p, ok := errors.AsType[*client.Problem](err); !ok || p.Code != "tenant_not_found" {
		t.Errorf("deleted tenant: %v", err)
	}
	_, err = c.CreateKey(ctx, client.KeyInput{Role: "king"})
	if p, ok := errors.AsType[*client.Problem](err); !ok || len(p.Errors) != 1 || *p.Errors[0].Pointer != "/role" {
		t.Errorf("a wrong role: %v", err)
	}
}
