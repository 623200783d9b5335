package compose

import (
	"slices"
	"strings"
	"testing"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/sign"
)

// bodiless is a bench whose contract has methods with and without a body, and signs.
func bodiless(t *testing.T, change func(*hook.EndpointConfig)) *bench {
	b := newBench(t, change)
	src := strings.NewReplacer("[POST, PUT]", "[GET, POST]", "endpoint:\n", "endpoint:\n"+
		"  query: {n: \"${payload.n}\"}\n  body: {n: \"${payload.n}\"}\n  sign: {over: \"${method}.${body}.${query.n}\", headers: {X-Sig: \"${signature}\"}}\n",
	).Replace(shapes)
	src = strings.Replace(src, "endpoint:\n", "endpoint:\n  method: GET\n", 1)
	by, err := contract.Parse("shapes.yaml", []byte(src))
	if err != nil {
		t.Fatal(err)
	}
	b.by = by.WithVersion(2)
	b.set.Add(b.by)
	b.e.Secrets = []hook.Secret{{Text: "a secret of some length"}}
	return b
}

// verified reports whether the signature of a message is right for what goes out.
func verified(t *testing.T, b *bench, c Composed) bool {
	t.Helper()
	v, err := b.by.Scheme().NewVerifier(0, b.e.Secrets[0].Text)
	if err != nil {
		t.Fatal(err)
	}
	m := c.Message
	return v.Verify(sign.Message{Method: m.Method, URL: m.Target, Headers: m.Headers, Body: m.Body}, b.ev.CreatedAt) == nil
}

// A GET carries no body: it is signed without one, nothing is stored of it, and later attempts have what the method of
// the endpoint then needs.
func TestMethodWithoutBody(t *testing.T) {
	t.Parallel()
	b := bodiless(t, nil)
	job := &hook.Job{Event: b.ev}
	out := b.compose(job)
	if m := out.Message; m.Method != "GET" || m.Body != nil || header(m, "Content-Type") != "" || !strings.HasSuffix(m.Target, "&b=2&n=1") ||
		out.Frozen != nil || !verified(t, b, out) {
		t.Fatalf("%+v, frozen %+v", out.Message, out.Frozen)
	}

	job.Delivery.Attempts = 1
	b.edit(func(c *hook.EndpointConfig) { c.Method = "POST" })
	if m := b.compose(job).Message; m.Method != "POST" || string(m.Body) != `{"n":1}` || header(m, "Content-Type") != "application/json" {
		t.Errorf("after the method was changed: %+v", m)
	}
	b.edit(func(c *hook.EndpointConfig) { c.Method = "" })

	// An earlier release has frozen a body, alone or with a request that a script made.
	for _, frozen := range []*hook.Frozen{
		{Body: []byte("old")},
		{Body: []byte("old"), Head: &hook.Head{
			Method: "GET", URL: "http://e.example/?n=1", Headers: []hook.Header{{Name: "Content-Type", Value: "a/b"}},
		}},
	} {
		job := &hook.Job{Event: b.ev, Frozen: frozen}
		job.Delivery.EndpointVersion, job.Delivery.ContractVersion, job.Delivery.Attempts = b.e.Version, b.by.Version, 1
		out := b.compose(job)
		if m := out.Message; m.Body != nil || header(m, "Content-Type") != "" || !verified(t, b, out) {
			t.Errorf("%+v", m)
		}
	}
}

// A script that changes the method, or the payload from which the query is made, gets the request that fits.
func TestScriptAndMethodWithoutBody(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ method, script, wantMethod, wantBody, query string }{
		{"", `webhook.method = "POST"`, "POST", `{"n":1}`, "n=1"},
		{"POST", `webhook.method = "GET"`, "GET", "", "n=1"},
		{"", `webhook.payload.n = 2`, "GET", "", "n=2"},
		{"", `webhook.payload.n = 2; webhook.method = "POST"`, "POST", `{"n":2}`, "n=2"},
	} {
		b := bodiless(t, func(c *hook.EndpointConfig) {
			c.Method, c.Transformation = tc.method, "function handler(webhook) {"+tc.script+"; return webhook }"
		})
		m := b.compose(&hook.Job{Event: b.ev}).Message
		typed := slices.ContainsFunc(m.Headers, func(h hook.Header) bool { return h.Name == "Content-Type" })
		if m.Method != tc.wantMethod || string(m.Body) != tc.wantBody || typed != (tc.wantBody != "") || !strings.HasSuffix(m.Target, tc.query) {
			t.Errorf("%s: %+v", tc.script, m)
		}
	}
}

// A signature that names a setting is made with the endpoint's present one, also of what was attempted before.
func TestSettingInTheSignature(t *testing.T) {
	t.Parallel()
	b := newBench(t, func(c *hook.EndpointConfig) { c.Settings = []byte(`{"token":"first"}`) })
	by, err := contract.Parse("shapes.yaml", []byte(shapes+"  sign: {over: \"${settings.token}.${body}\", headers: {X-Sig: \"${signature}\"}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	b.by = by.WithVersion(2)
	b.set.Add(b.by)
	b.e.Secrets = []hook.Secret{{Text: "a secret of some length"}}
	v, err := b.by.Scheme().NewVerifier(0, b.e.Secrets[0].Text)
	if err != nil {
		t.Fatal(err)
	}
	job := &hook.Job{Event: b.ev}
	for attempt, token := range []string{"first", "second"} {
		b.edit(func(c *hook.EndpointConfig) { c.Settings = []byte(`{"token":"` + token + `"}`) })
		job.Delivery.Attempts = attempt
		m := b.compose(job).Message
		for _, told := range []string{"first", "second"} {
			err := v.Verify(sign.Message{Method: m.Method, URL: m.Target, Headers: m.Headers, Body: m.Body, Settings: []byte(`{"token":"` + told + `"}`)}, b.ev.CreatedAt)
			if (err == nil) != (told == token) {
				t.Errorf("attempt %d with %s, verified with %s: %v", attempt+1, token, told, err)
			}
		}
	}
}
