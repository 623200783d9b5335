// Package compose makes the message of a delivery: it renders the event by the
// contract, lets the endpoint's script change the result, and signs it. It also knows
// which parts of a message people may see.
//
// It promises:
//
//   - Later attempts of a delivery send the body of the first one: the delivery keeps the
//     versions of configuration and contract that made it, and [Composed.Frozen] keeps what
//     cannot be rendered again from those. Method, URL, headers and secrets are those of the
//     endpoint as it is now, by the same version of the contract.
//   - Whatever a caller may show or store of a message has its secrets masked.
//
// It sends nothing and stores nothing.
package compose

import (
	"context"
	"errors"
	"log/slog"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/send"
	"gancho/internal/transform"
)

// Store is what a composer needs of the database.
type Store interface {
	EndpointVersion(ctx context.Context, id hook.EndpointID, version int64) (hook.EndpointConfig, error)
}

// Composer makes messages. It may be copied, and used by many goroutines.
type Composer struct {
	Store     Store
	Contracts *contract.Set
	Scripts   Transformer // nil: scripts fail
	Log       *slog.Logger
}

// Composed is the message of a delivery.
type Composed struct {
	// Message is ready to be sent. If the script failed or cancelled, it is what would
	// be sent without the script.
	Message   *send.Message
	Frozen    *hook.Frozen // to be stored with the delivery; nil: nothing, or it is stored already
	Failure   *Failure     // of the endpoint's script; nil: it did not fail, or there is none
	Cancelled bool         // the script cancelled the delivery: the message must not be sent
	Reason    string       // why the script cancelled, secrets masked
	Console   []string     // what the script printed, secrets masked

	signedBody bool // the signature changed the body, so it is not the one that is stored with the delivery

	secrets mask.Mask // for the body, of which personal data is hidden when it is shown
	mask    mask.Mask // for everything else that is kept: it hides personal data, too
}

// Failure says why a script failed, secrets masked.
type Failure struct {
	hook.ScriptFailure
	Text string // Detail and the place in the script
}

// Compose makes the message of a delivery to the form's endpoint. Unless the delivery
// has versions from an earlier attempt, it gets those of the form. The error is a
// [hook.Error] of [hook.KindUnavailable] if a later try may succeed; any other says why
// no message can be made of the event.
func (c Composer) Compose(ctx context.Context, f *Form, job *hook.Job) (out Composed, err error) {
	if job.Unreadable {
		return out, hook.ErrUnreadable
	}
	first, now, err := c.renderings(ctx, f, job)
	if err != nil {
		return out, err
	}
	edited := first.Plan != now.Plan
	first, now = first.of(job.Event), now.of(job.Event)
	out.secrets, out.mask = first.mask, first.withPersonal(job.Event)
	if edited {
		out.secrets, out.mask = out.secrets.And(now.mask), out.mask.And(now.withPersonal(job.Event))
	}
	req, err := first.Render(job.Event)
	if err != nil { // an expression that fails may quote what it read
		return out, errors.New(out.mask.Text(err.Error()))
	}
	switch {
	case job.Frozen != nil:
		req.Body = job.Frozen.Body
		if head := job.Frozen.Head; head != nil {
			req.Method, req.URL, req.Headers = head.Method, head.URL, head.Headers
			out.hide(head)
		}
	case first.config.Transformation == "" && hook.CarriesBody(req.Method) && !sameSlice(req.Body, job.Event.Payload):
		out.Frozen = &hook.Frozen{Body: req.Body}
	}
	switch {
	case edited:
		req, err = c.redirect(ctx, f, now, job, req, &out)
	case job.Frozen == nil && now.config.Transformation != "":
		var made *hook.Head
		if req, made, err = c.script(ctx, f, now, job.Event, req, &out); made != nil {
			out.Frozen = &hook.Frozen{Body: req.Body, Head: made}
		}
	}
	if err != nil {
		return out, err
	}
	if out.Message, err = f.message(now, req, job); err != nil {
		return out, err
	}
	out.signedBody = !sameSlice(out.Message.Body, req.Body)
	return out, nil
}

// redirect sends the body of a delivery's first attempt to the endpoint as it is now: method, URL and headers are those
// that the present configuration makes of the event, with the present script. So whoever corrects an address or a token
// reaches what already failed. Where the first attempt had no body, the present configuration makes one if its method
// carries one.
func (c Composer) redirect(
	ctx context.Context, f *Form, now rendering, job *hook.Job, first contract.Rendering, out *Composed,
) (req contract.Rendering, err error) {
	fresh := !hook.CarriesBody(first.Method) && job.Frozen == nil // the first attempt had no body
	if now.config.Transformation == "" && !fresh {
		req, err = now.Head(job.Event)
	} else if req, err = now.Render(job.Event); err == nil {
		req, _, err = c.script(ctx, f, now, job.Event, req, out)
	}
	if err != nil || fresh {
		return req, err
	}
	return req.WithBody(first), nil
}

// script lets the endpoint's script change a request. made is the head of the changed one, nil if the script failed or
// cancelled; out says so then, and the request is the one that was given.
func (c Composer) script(
	ctx context.Context, f *Form, now rendering, ev *hook.Event, req contract.Rendering, out *Composed,
) (_ contract.Rendering, made *hook.Head, err error) {
	changed, script, err := c.transform(ctx, f, now, ev, req)
	out.Cancelled, out.Reason, out.Console = script.Cancelled, out.mask.Text(script.Reason), out.mask.Texts(script.Console)
	if failure, ok := errors.AsType[*transform.Error](err); ok {
		out.Failure = &Failure{failure.ScriptFailure(), out.mask.Text(failure.Error())}
		out.Failure.Detail = out.mask.Text(out.Failure.Detail)
		out.Console = out.mask.Texts(failure.Console)
		return req, nil, nil
	}
	if err != nil || out.Cancelled {
		return req, nil, err
	}
	made = &hook.Head{Method: changed.Method, URL: changed.URL, Headers: changed.Headers}
	out.hide(made)
	return changed, made, nil
}

// hide adds the secrets in the request that a script made to those that are hidden.
func (c *Composed) hide(head *hook.Head) {
	c.secrets, c.mask = c.secrets.WithRequest(head.URL, head.Headers), c.mask.WithRequest(head.URL, head.Headers)
}

// of is the rendering of one event: its mask also hides what the contract computes of secrets for the event.
func (r rendering) of(ev *hook.Event) rendering {
	var secrets []string
	if secrets, r.personal = r.Computed(ev); len(secrets) > 0 {
		r.mask = r.mask.With(secrets...)
	}
	return r
}

// withPersonal is a mask that also hides what the contract calls sensitive in an event and in the settings.
func (r rendering) withPersonal(ev *hook.Event) mask.Mask {
	m := r.contract.SensitiveMask(r.mask, r.config.Settings)
	if len(r.personal) > 0 {
		m = m.With(r.personal...)
	}
	if ev.JSON() {
		m = r.contract.SensitiveMask(m, ev.Payload)
	}
	return m
}

// HidesBody reports whether the body of a delivery contains secrets, so that it must not be
// shown as it was sent. It is true if the version that rendered the body cannot be read.
func (c Composer) HidesBody(ctx context.Context, f *Form, d hook.Delivery) bool {
	r, err := c.noted(ctx, f, &d)
	return err != nil || r.SecretBody()
}

func sameSlice(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
