package compose

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/transform"
)

// Transformer runs the scripts of endpoints. A server uses [*transform.Pool].
type Transformer interface {
	// Run runs the script source of an endpoint. It fails with a *[transform.Error] if the
	// script does, and with a [hook.Error] of [hook.KindUnavailable] if no script can be
	// run now.
	Run(ctx context.Context, endpoint, source string, in transform.Input) (transform.Output, error)
}

// transform lets the endpoint's script change a request. The script sees the payload
// of the event, and the headers and the query that the contract made, secrets masked. If
// it changes the payload, the contract renders the new one. Where the script leaves a
// mask as it is, the secret takes its place again.
func (c Composer) transform(
	ctx context.Context, f *Form, r rendering, ev *hook.Event, at *contract.Attempt, req contract.Rendering,
) (contract.Rendering, transform.Output, error) {
	ran, err := c.run(ctx, f, r, ev, req)
	out := ran.Output
	if err != nil || out.Cancelled {
		return req, out, err
	}
	base, query, shown, visible := ran.base, ran.query, ran.shown, ran.visible
	failed := func(format string, args ...any) error {
		return &transform.Error{Class: hook.ClassScript, Message: fmt.Sprintf(format, args...), Console: out.Console}
	}
	if out.Method != req.Method {
		if methods := r.contract.Methods(); !slices.Contains(methods, out.Method) {
			return req, out, failed("webhook.method cannot be %.20q. Possible: %s.", out.Method, strings.Join(methods, ", "))
		}
		if hook.CarriesBody(out.Method) && !hook.CarriesBody(req.Method) {
			if req, err = r.withMethod(out.Method, ev, req); err != nil {
				return req, out, failed("No request can be made with the method %s: %s", out.Method, err)
			}
		}
		req.Method = out.Method
	}
	if !slices.Equal(out.Headers, visible) {
		if req.Headers, err = r.headers(req.Headers, visible, out.Headers); err != nil {
			return req, out, failed("%s", err)
		}
	}
	if !slices.Equal(out.Query, shown) {
		raw := writeQuery(query, shown, out.Query)
		if raw != "" {
			raw = "?" + raw
		}
		req.URL = base + raw
	}
	if out.Payload != nil {
		changed := *ev
		changed.Payload, changed.ContentType = out.Payload, "" // a script's payload is JSON
		plan := r.Plan
		if hook.CarriesBody(req.Method) && !hook.CarriesBody(plan.Method()) {
			plan = plan.WithMethod(req.Method)
		}
		made, err := plan.RenderFor(&changed, at)
		if err != nil {
			return req, out, failed("No request can be made of the changed payload: %s", err)
		}
		if req.Body = made.Body; slices.Equal(out.Query, shown) { // what the query has of the payload
			req.URL = made.URL
		}
		if !ev.JSON() {
			req.Headers = retyped(req.Headers, ev.ContentType, made.Headers)
		}
	}
	return req, out, nil
}

// ran is what a script returned, and what it saw.
type ran struct {
	transform.Output
	base           string        // the URL without its query
	query          []string      // as it is written
	shown, visible []hook.Header // the query and the headers, secrets masked
	changesHead    bool          // it changed more than the payload
}

// run runs the endpoint's script on an event and the request that the contract made.
func (c Composer) run(ctx context.Context, f *Form, r rendering, ev *hook.Event, req contract.Rendering) (x ran, err error) {
	if c.Scripts == nil {
		return x, &transform.Error{Class: hook.ClassScript, Message: "Transformations are not available here."}
	}
	base, raw, _ := strings.Cut(req.URL, "?")
	x.base = base
	x.query, x.shown = readQuery(r, raw)
	x.visible = r.mask.Headers(req.Headers)
	x.Output, err = c.Scripts.Run(ctx, f.endpoint.ID.String(), r.config.Transformation, transform.Input{
		ID: ev.ID.String(), Type: ev.Type, Tenant: ev.Tenant, Endpoint: f.endpoint.Name,
		Method: req.Method, URL: x.base, Query: x.shown, Headers: x.visible, Payload: ev.Document(),
	})
	x.Console = r.mask.Texts(x.Console)
	x.changesHead = x.Method != req.Method || !slices.Equal(x.Headers, x.visible) || !slices.Equal(x.Query, x.shown)
	if e, ok := errors.AsType[*hook.Error](err); ok && ctx.Err() == nil && e.Code == "scripts_unavailable" {
		c.Log.Error("no transformation can be run, will try again", "endpoint", f.endpoint.ID, "error", err)
	}
	return x, err
}

// withMethod gives a request the body that it has with a method that carries one.
func (r rendering) withMethod(method string, ev *hook.Event, req contract.Rendering) (contract.Rendering, error) {
	made, err := r.WithMethod(method).Render(ev)
	return req.WithBody(made), err
}

// retyped replaces the Content-Type in headers by the one in made, because a script has
// replaced the payload. If the Content-Type differs from was, the script has set it, and
// retyped leaves it.
func retyped(headers []hook.Header, was string, made []hook.Header) []hook.Header {
	named := func(h hook.Header) bool { return strings.EqualFold(h.Name, "Content-Type") }
	i, k := slices.IndexFunc(headers, named), slices.IndexFunc(made, named)
	if i < 0 || k < 0 || headers[i].Value != was {
		return headers
	}
	headers = slices.Clone(headers)
	headers[i].Value = made[k].Value
	return headers
}

// headers checks the headers that a script returned (now), and replaces masks by their secrets.
// were are the headers that the contract made; visible are the same headers with masks, as the
// script saw them. The error names a header that a script may not set.
func (r rendering) headers(were, visible, now []hook.Header) ([]hook.Header, error) {
	out := make([]hook.Header, 0, len(now))
	for _, h := range now {
		i := slices.IndexFunc(visible, func(v hook.Header) bool { return strings.EqualFold(v.Name, h.Name) })
		if i >= 0 && visible[i].Value == h.Value {
			h.Value = were[i].Value
		}
		if i < 0 || h != were[i] {
			if why := r.contract.RefuseHeader(h); why != "" {
				return nil, errors.New(why)
			}
		}
		out = append(out, h)
	}
	return out, nil
}

// readQuery splits a query into its parameters. were are the parameters as they are written in
// the URL. shown are the same parameters as a script sees them: decoded, with secrets masked.
func readQuery(r rendering, raw string) (were []string, shown []hook.Header) {
	if raw == "" {
		return nil, nil
	}
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if plain, err := url.QueryUnescape(value); err == nil {
			value = plain
		}
		if plain, err := url.QueryUnescape(name); err == nil {
			name = plain
		}
		were = append(were, pair)
		shown = append(shown, r.mask.Headers([]hook.Header{{Name: name, Value: value}})...)
	}
	return were, shown
}

// writeQuery writes the parameters that a script returned (now) as a query. A parameter that
// the script did not change is written as in the original URL.
func writeQuery(were []string, shown, now []hook.Header) string {
	used := make([]bool, len(were))
	out := make([]string, len(now))
	for n, q := range now {
		out[n] = url.QueryEscape(q.Name) + "=" + url.QueryEscape(q.Value)
		for i := range shown {
			if !used[i] && shown[i] == q {
				used[i], out[n] = true, were[i]
				break
			}
		}
	}
	return strings.Join(out, "&")
}
