package compose

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/send"
	"gancho/internal/sign"
	"gancho/internal/store"
	"gancho/internal/transform"
)

const shapes = `
contract: shapes
title: {en: Shapes}
events: {"*": {title: {en: Any}}}
sensitive: [email]
endpoint:
  methods: [POST, PUT]
  settings: {properties: {token: {type: string, secret: true, title: {en: Token}}}}
  headers: {X-Token: "${settings.token}"}
`

// bench has one endpoint in a real database, and composes for it.
type bench struct {
	t   *testing.T
	db  *store.DB
	set *contract.Set
	c   Composer
	e   *hook.Endpoint
	by  *contract.Contract
	ev  *hook.Event
}

func newBench(t *testing.T, change func(*hook.EndpointConfig)) *bench {
	t.Helper()
	db, err := store.Open(t.Context(), store.Options{Path: filepath.Join(t.TempDir(), "g.db"), Key: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := errors.Join(<-done, db.Close()); err != nil {
			t.Error(err)
		}
	})
	if _, _, err := db.PutTenant(t.Context(), "t", hook.TenantChange{}); err != nil {
		t.Fatal(err)
	}
	by, err := contract.Parse("shapes.yaml", []byte(shapes))
	if err != nil {
		t.Fatal(err)
	}
	by = by.WithVersion(1)
	set := &contract.Set{}
	set.Add(by)
	cfg := hook.EndpointConfig{
		URL: "https://old.example/in?a=%7e1&token=s3cretOld9&b=2", Settings: []byte(`{"token":"s3cretOld9"}`),
		Headers: []hook.Header{{Name: "X-Own", Value: "1"}},
	}
	if change != nil {
		change(&cfg)
	}
	limits := transform.DefaultLimits
	limits.Time = time.Minute // on a busy machine, too
	e := &hook.Endpoint{
		ID: hook.NewEndpointID(), Tenant: "t", Name: "e", Contract: "shapes", State: hook.EndpointActive, Version: 1,
		CreatedAt: time.Now(), UpdatedAt: time.Now(), Config: cfg,
	}
	if err := db.CreateEndpoint(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	return &bench{
		t: t, db: db, set: set, e: e, by: by,
		c: Composer{
			Store: db, Contracts: set,
			Scripts: transform.Inline{Limits: limits}, Log: slog.New(slog.DiscardHandler),
		},
		ev: &hook.Event{
			ID: hook.NewEventID(), Tenant: "t", Type: "t", CreatedAt: time.Now(),
			Payload: []byte(`{"email":"ana@b.example","n":1}`),
		},
	}
}

func (b *bench) form() *Form {
	b.t.Helper()
	f, err := NewForm(b.e, b.by)
	if err != nil {
		b.t.Fatal(err)
	}
	return f
}

// edit stores a new version of the endpoint.
func (b *bench) edit(change func(*hook.EndpointConfig)) {
	b.t.Helper()
	next := *b.e
	change(&next.Config)
	if ok, err := b.db.UpdateEndpoint(b.t.Context(), &next, true); err != nil || !ok {
		b.t.Fatalf("%t, %v", ok, err)
	}
	b.e = &next
}

func (b *bench) compose(job *hook.Job) Composed {
	b.t.Helper()
	out, err := b.c.Compose(b.t.Context(), b.form(), job)
	if err != nil {
		b.t.Fatal(err)
	}
	return out
}

func header(m *send.Message, name string) string {
	i := slices.IndexFunc(m.Headers, func(h hook.Header) bool { return strings.EqualFold(h.Name, name) })
	if i < 0 {
		return ""
	}
	return m.Headers[i].Value
}

func eq[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

// The first attempt notes its versions. Later ones go to the endpoint as it is then, and what is kept hides the secrets
// of both configurations.
func TestHeadFollowsTheEndpoint(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	job := &hook.Job{Event: b.ev}
	first := b.compose(job)
	eq(t, "version", job.Delivery.EndpointVersion, 1)
	eq(t, "contract", job.Delivery.ContractVersion, 1)
	eq(t, "tenant", first.Message.Tenant, "t")
	eq(t, "method", first.Message.Method, "POST")
	eq(t, "URL", first.Message.Target, b.e.Config.URL)
	eq(t, "token", header(first.Message, "X-Token"), "s3cretOld9")
	eq(t, "resend", first.Message.Resend, true)
	eq(t, "the payload itself is sent", first.Frozen == nil, true)
	shown := first.Request(first.Message.Headers)
	text := fmt.Sprint(shown)
	if strings.Contains(text, "s3cretOld9") || strings.Count(text, mask.Text) != 2 || shown.Body != nil {
		t.Errorf("shown: %s", text)
	}
	eq(t, "the body hides nothing", b.c.HidesBody(t.Context(), b.form(), job.Delivery), false)

	job.Delivery.Attempts = 1
	old := *b.e
	b.edit(func(c *hook.EndpointConfig) {
		c.URL, c.Method, c.Settings = "https://new.example/in", "PUT", []byte(`{"token":"s3cretNew9"}`)
	})
	second := b.compose(job)
	eq(t, "version", job.Delivery.EndpointVersion, old.Version)
	eq(t, "method", second.Message.Method, "PUT")
	eq(t, "URL", second.Message.Target, "https://new.example/in")
	eq(t, "token", header(second.Message, "X-Token"), "s3cretNew9")
	eq(t, "body", string(second.Message.Body), string(b.ev.Payload))
	a := &hook.Attempt{
		Detail:   "s3cretOld9 s3cretNew9 ana@b.example",
		Response: &hook.Response{Status: 200, Body: []byte("ana@b.example")},
	}
	second.Record(a, &send.Reply{Sent: second.Message.Headers})
	eq(t, "what is kept", a.Detail+" "+string(a.Response.Body), "******** ******** ******** ********")

	job.Delivery.EndpointVersion = 99
	if _, err := b.c.Compose(t.Context(), b.form(), job); !hook.IsKind(err, hook.KindNotFound) {
		t.Errorf("a version that is not there: %v", err)
	}
	eq(t, "what cannot be rendered is hidden", b.c.HidesBody(t.Context(), b.form(), job.Delivery), true)
	job.Delivery.EndpointVersion, job.Delivery.ContractVersion = b.e.Version, 7
	if _, err := b.c.Compose(t.Context(), b.form(), job); !hook.IsKind(err, hook.KindUnavailable) {
		t.Errorf("a contract's version that only a newer program has: %v", err)
	}
	if _, err := b.c.Compose(t.Context(), b.form(), &hook.Job{Event: b.ev, Unreadable: true}); err == nil {
		t.Error("an unreadable delivery is composed")
	}
}

// Later attempts send the body of the first one, with its Content-Type, also to another address.
func TestBodyIsFrozen(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	const body = "  body: {changed: \"${payload}\", token: \"${settings.token}\"}\n"
	styled, err := contract.Parse("shapes.yaml", []byte(shapes+body))
	if err != nil {
		t.Fatal(err)
	}
	b.by = styled.WithVersion(2)
	b.set.Add(b.by)
	job := &hook.Job{Event: b.ev}
	first := b.compose(job)
	if first.Frozen == nil || !sameSlice(first.Frozen.Body, first.Message.Body) || first.Frozen.Head != nil {
		t.Fatalf("frozen: %+v", first.Frozen)
	}
	eq(t, "the body has a secret", b.c.HidesBody(t.Context(), b.form(), job.Delivery), true)
	eq(t, "it is masked", strings.Contains(string(first.Request(nil).Body), "s3cretOld9"), false)
	eq(t, "there is one", first.Request(nil).Body != nil, true)
	job.Frozen = &hook.Frozen{Body: []byte(`{"was":1}`)}
	again := b.compose(job)
	eq(t, "body", string(again.Message.Body), `{"was":1}`)
	eq(t, "stored already", again.Frozen == nil, true)
	job.Frozen.Head = &hook.Head{Method: "PUT", URL: "https://script.example/?key=hiddenKey77", Headers: []hook.Header{
		{Name: "Content-Type", Value: "text/x"}, {Name: "Authorization", Value: "Bearer hiddenKey88"},
	}}
	again = b.compose(job)
	eq(t, "method", again.Message.Method, "PUT")
	eq(t, "URL", again.Message.Target, "https://script.example/?key=hiddenKey77")
	eq(t, "header", header(again.Message, "Content-Type"), "text/x")
	b.edit(func(c *hook.EndpointConfig) { c.URL = "https://new.example/" })
	again = b.compose(job)
	eq(t, "URL", again.Message.Target, "https://new.example/")
	eq(t, "the body's type", header(again.Message, "Content-Type"), "text/x")
	eq(t, "body", string(again.Message.Body), `{"was":1}`)
}

// A script changes what goes out, within what the contract permits. It sees no secret, and what it says is kept masked.
func TestScripts(t *testing.T) {
	t.Parallel()
	const begin, end = "function handler(webhook) {", "; return webhook }"
	for _, tc := range []struct {
		name, script string
		fails        string // in the text of the failure
		url          string // "": as it was
		check        func(t *testing.T, out Composed)
	}{
		{"nothing", "", "", "", func(t *testing.T, out Composed) {
			eq(t, "token", header(out.Message, "X-Token"), "s3cretOld9")
			eq(t, "payload", string(out.Message.Body), `{"email":"ana@b.example","n":1}`)
		}},
		{"payload", "webhook.payload.n = 2", "", "", func(t *testing.T, out Composed) {
			eq(t, "payload", string(out.Message.Body), `{"email":"ana@b.example","n":2}`)
		}},
		{"method", `webhook.method = "PUT"`, "", "", func(t *testing.T, out Composed) {
			eq(t, "method", out.Message.Method, "PUT")
		}},
		{"wrong method", `webhook.method = "GET"`, "webhook.method cannot be", "", nil},
		{"header", `webhook.headers["X-New"] = "v"`, "", "", func(t *testing.T, out Composed) {
			eq(t, "new", header(out.Message, "X-New"), "v")
			eq(t, "token", header(out.Message, "X-Token"), "s3cretOld9")
		}},
		{"refused header", `webhook.headers["Host"] = "v"`, "Host", "", nil},
		{"query", `webhook.query.c = "3 4"`, "", "https://old.example/in?a=%7e1&token=s3cretOld9&b=2&c=3+4", nil},
		{"less query", `delete webhook.query.b`, "", "https://old.example/in?a=%7e1&token=s3cretOld9", nil},
		{"no query", `webhook.query = {}`, "", "https://old.example/in", nil},
		{
			"console", `console.log(webhook.headers["X-Token"], "s3cretOld9", webhook.payload.email)`, "", "",
			func(t *testing.T, out Composed) {
				eq(t, "console", strings.Join(out.Console, "|"), "******** ******** ********")
			},
		},
		{"cancel", `webhook.cancel = "s3cretOld9"`, "", "", func(t *testing.T, out Composed) {
			eq(t, "cancelled", out.Cancelled, true)
			eq(t, "reason", out.Reason, mask.Text)
		}},
		{"throws", `throw new Error("s3cretOld9 ana@b.example")`, "********", "", func(t *testing.T, out Composed) {
			eq(t, "hidden", strings.Contains(out.Failure.Text+out.Failure.Detail, "s3cret"), false)
			eq(t, "hidden", strings.Contains(out.Failure.Text+out.Failure.Detail, "ana@"), false)
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, func(c *hook.EndpointConfig) { c.Transformation = begin + tc.script + end })
			job := &hook.Job{Event: b.ev}
			out := b.compose(job)
			switch {
			case tc.fails == "" && out.Failure != nil:
				t.Fatalf("failure: %+v", out.Failure)
			case tc.fails != "" && (out.Failure == nil || !strings.Contains(out.Failure.Text, tc.fails) || out.Frozen != nil):
				t.Fatalf("failure: %+v, frozen %v", out.Failure, out.Frozen)
			case tc.fails != "" || out.Cancelled:
			case out.Frozen == nil || out.Frozen.Head == nil || out.Frozen.Head.URL != out.Message.Target:
				t.Fatalf("frozen: %+v", out.Frozen)
			}
			url := b.e.Config.URL
			if tc.url != "" {
				url = tc.url
			}
			eq(t, "URL", out.Message.Target, url)
			if tc.check != nil {
				tc.check(t, out)
			}
			// The endpoint is edited before anything was stored: this is the first attempt still.
			b.edit(func(c *hook.EndpointConfig) { c.URL = "https://new.example/" })
			b.compose(job)
			eq(t, "version", job.Delivery.EndpointVersion, b.e.Version)
		})
	}
	b := newBench(t, func(c *hook.EndpointConfig) { c.Transformation = begin + end })
	b.c.Scripts = nil
	out := b.compose(&hook.Job{Event: b.ev})
	if out.Failure == nil || !strings.Contains(out.Failure.Text, "not available") {
		t.Errorf("without scripts: %+v", out.Failure)
	}
	// A script that gives a text a JSON payload changes its type, and keeps one that it set itself.
	for script, want := range map[string]string{
		`webhook.payload = {}`: "application/json",
		`webhook.payload = {}; webhook.headers["Content-Type"] = "text/own"`: "text/own",
		``: "text/plain",
	} {
		b := newBench(t, func(c *hook.EndpointConfig) { c.Transformation = begin + script + end })
		b.ev.Payload, b.ev.ContentType = []byte("text"), "text/plain"
		eq(t, script, header(b.compose(&hook.Job{Event: b.ev}).Message, "Content-Type"), want)
	}
}

// A corrected script makes the head again, but the body stays that of the first attempt.
func TestScriptOfAnEditedEndpoint(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	job := &hook.Job{Event: b.ev}
	b.compose(job)
	job.Delivery.Attempts = 1
	b.edit(func(c *hook.EndpointConfig) {
		c.Transformation = `function handler(webhook) {
			webhook.payload.n = 5
			webhook.headers["X-New"] = "v"
			return webhook
		}`
	})
	out := b.compose(job)
	eq(t, "body", string(out.Message.Body), string(b.ev.Payload))
	eq(t, "header", header(out.Message, "X-New"), "v")
	eq(t, "nothing is to be stored", out.Frozen == nil, true)
}

func TestForm(t *testing.T) {
	t.Parallel()
	b := newBench(t, nil)
	f := b.form()
	eq(t, "URL", f.URL(), "https://old.example/in?a=%7e1&token=********&b=2")
	q := f.Request(false)
	eq(t, "method", q.Method, "POST")
	eq(t, "URL", q.URL, f.URL())
	eq(t, "body", q.Body == nil, true)
	eq(t, "hidden body", string(f.Request(true).Body), mask.Text)
	b.e.Config.Method = "PUT"
	eq(t, "method", b.form().Request(false).Method, "PUT")
	f.SetScript(`function handler(webhook) { webhook.cancel = true; return webhook }`)
	out, err := b.c.Compose(t.Context(), f, &hook.Job{Event: b.ev})
	if err != nil || !out.Cancelled || out.Frozen != nil || out.Message == nil {
		t.Errorf("the preview of a script that cancels: %+v, %v", out, err)
	}
	out = b.compose(&hook.Job{Event: b.ev, Delivery: hook.Delivery{Mode: hook.AtMostOnce}})
	eq(t, "an at-most-once delivery is not sent again", out.Message.Resend, false)
	// A contract that signs needs a secret that fits.
	signs, err := contract.Parse("shapes.yaml", []byte(shapes+"  sign: standard-webhooks\n"))
	if err != nil {
		t.Fatal(err)
	}
	b.by = signs.WithVersion(1)
	_, err = b.c.Compose(t.Context(), b.form(), &hook.Job{Event: b.ev})
	if err == nil || !strings.Contains(err.Error(), "rotate-secret") {
		t.Errorf("without a secret: %v", err)
	}
	b.e.Secrets = []hook.Secret{{Text: sign.StandardWebhooks.NewSecret()}}
	eq(t, "the event's ID is signed", header(b.compose(&hook.Job{Event: b.ev}).Message, "webhook-id"), b.ev.ID.String())
	b.e.Secrets = []hook.Secret{{Text: "no secret"}}
	if _, err := NewForm(b.e, b.by); err == nil {
		t.Error("a secret of another scheme is taken")
	}
}
