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
//   - What names attempt.* is rendered anew with each attempt: by the same versions if it is the body.
//   - Several events in one request have their items made and frozen one by one, and equal items
//     make an equal body (batch.go).
//   - Whatever a caller may show or store of a message has its secrets masked.
//
// It sends nothing and stores nothing.
package compose

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/send"
	"gancho/internal/transform"
)

// Store is what a composer needs of the database, for deliveries that were tried before.
type Store interface {
	EndpointVersion(ctx context.Context, id hook.EndpointID, version int64) (hook.EndpointConfig, error)
	// Attempts are the latest n attempts of a delivery, oldest first.
	Attempts(ctx context.Context, id hook.DeliveryID, n int) ([]*hook.Attempt, error)
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

	ownBody bool // the body is of this attempt alone, so it is not the one that is stored with the delivery

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
	out, err = c.compose(ctx, f, job)
	return out, out.hideIn(err)
}

// hideIn is an error with masks in its text: an expression that fails may quote what it read.
func (c *Composed) hideIn(err error) error {
	if err == nil || hook.IsKind(err, hook.KindUnavailable) {
		return err
	}
	if text := c.mask.Text(err.Error()); text != err.Error() {
		return errors.New(text)
	}
	return err
}

// compose is [Composer.Compose], but an error may quote secrets.
func (c Composer) compose(ctx context.Context, f *Form, job *hook.Job) (out Composed, err error) {
	if job.Unreadable {
		return out, hook.ErrUnreadable
	}
	first, present, err := c.renderings(ctx, f, job)
	if err != nil {
		return out, err
	}
	now := time.Now()
	var at *contract.Attempt
	if first.PerAttempt() || present.PerAttempt() {
		if at, err = c.attempt(ctx, &job.Delivery, now, first.LooksBack() || present.LooksBack()); err != nil {
			return out, err
		}
	}
	edited := first.Plan != present.Plan
	first, present = first.of(job.Event, at), present.of(job.Event, at)
	out.secrets, out.mask = first.mask, first.withPersonal(job.Event)
	if edited {
		out.secrets, out.mask = out.secrets.And(present.mask), out.mask.And(present.withPersonal(job.Event))
	}
	if first.contract.Batches() {
		return c.one(ctx, f, first, present, job, at, now, out)
	}
	req, err := first.RenderFor(job.Event, at)
	if err != nil {
		return out, err
	}
	out.ownBody = first.BodyPerAttempt()
	scripted := job.Frozen != nil && job.Frozen.Head != nil // a script made the first attempt
	switch {
	case job.Frozen != nil:
		if scripted || !out.ownBody {
			req.Body = job.Frozen.Body
		}
		if head := job.Frozen.Head; scripted {
			req.Method, req.URL, req.Headers = head.Method, head.URL, head.Headers
			out.hide(head)
		}
	case first.config.Transformation == "" && !out.ownBody && hook.CarriesBody(req.Method) && !sameSlice(req.Body, job.Event.Payload):
		out.Frozen = &hook.Frozen{Body: req.Body}
	}
	switch {
	case edited, scripted && first.PerAttempt():
		req, err = c.redirect(ctx, f, present, job, at, req, &out)
	case job.Frozen == nil && present.config.Transformation != "":
		var made *hook.Head
		if req, made, err = c.script(ctx, f, present, job.Event, at, req, &out); made != nil {
			out.Frozen = &hook.Frozen{Body: req.Body, Head: made}
		}
	}
	if err != nil {
		return out, err
	}
	if out.Message, err = f.message(present, req, job, now); err != nil {
		return out, err
	}
	out.ownBody = out.ownBody || !sameSlice(out.Message.Body, req.Body)
	return out, nil
}

// attempt is what templates can name of the attempt that is made now. looksBack says that they name the attempts before it.
func (c Composer) attempt(ctx context.Context, d *hook.Delivery, now time.Time, looksBack bool) (*contract.Attempt, error) {
	a := &contract.Attempt{Number: d.Slot + 1, At: now}
	if d.Slot == 0 || !looksBack {
		return a, nil
	}
	list, err := c.Store.Attempts(ctx, d.ID, d.Attempts)
	if err != nil {
		return nil, hook.Unavailable(err)
	}
	list = slices.DeleteFunc(list, func(e *hook.Attempt) bool { return e.Interrupted })
	if list = list[max(0, len(list)-d.Slot):]; len(list) == 0 { // cannot happen: they are removed with the delivery
		return a, nil
	}
	last := list[len(list)-1]
	a.FirstAt, a.LastError = list[0].StartedAt, last.Class
	if last.Response != nil {
		a.LastStatus = last.Response.Status
	}
	return a, nil
}

// redirect sends the body of a delivery's first attempt to the endpoint as it is now: method, URL and headers are those
// that the present configuration makes of the event, with the present script. So whoever corrects an address or a token
// reaches what already failed. Where the first attempt had no body, the present configuration makes one if its method
// carries one.
//
// A body that names something of its attempt, and that a script made, is made by the present script. If there is none
// any more, it stays as the earlier one made it.
func (c Composer) redirect(
	ctx context.Context, f *Form, present rendering, job *hook.Job, at *contract.Attempt, first contract.Rendering, out *Composed,
) (req contract.Rendering, err error) {
	fresh := !hook.CarriesBody(first.Method) && job.Frozen == nil // the first attempt had no body
	if present.config.Transformation == "" && !fresh {
		req, err = present.HeadFor(job.Event, at)
	} else if req, err = present.RenderFor(job.Event, at); err == nil {
		req, _, err = c.script(ctx, f, present, job.Event, at, req, out)
		fresh = fresh || out.ownBody && job.Frozen != nil && job.Frozen.Head != nil
	}
	if err != nil || fresh {
		return req, err
	}
	return req.WithBody(first), nil
}

// script lets the endpoint's script change a request. made is the head of the changed one, nil if the script failed or
// cancelled; out says so then, and the request is the one that was given.
func (c Composer) script(
	ctx context.Context, f *Form, present rendering, ev *hook.Event, at *contract.Attempt, req contract.Rendering, out *Composed,
) (_ contract.Rendering, made *hook.Head, err error) {
	changed, script, err := c.transform(ctx, f, present, ev, at, req)
	out.Cancelled, out.Reason, out.Console = script.Cancelled, out.mask.Text(script.Reason), out.mask.Texts(script.Console)
	if failure, ok := errors.AsType[*transform.Error](err); ok {
		out.fail(failure)
		return req, nil, nil
	}
	if err != nil || out.Cancelled {
		return req, nil, err
	}
	made = &hook.Head{Method: changed.Method, URL: changed.URL, Headers: changed.Headers}
	out.hide(made)
	return changed, made, nil
}

// fail notes why the script failed.
func (c *Composed) fail(failure *transform.Error) {
	c.Failure = &Failure{failure.ScriptFailure(), c.mask.Text(failure.Error())}
	c.Failure.Detail = c.mask.Text(c.Failure.Detail)
	c.Console = c.mask.Texts(failure.Console)
}

// hideSettings hides the secrets of the configurations that make the items of a request, and the rest of it.
func (c *Composed) hideSettings(first, now rendering) {
	c.secrets, c.mask = first.mask, first.contract.SensitiveMask(first.mask, first.config.Settings)
	if first.Plan != now.Plan {
		c.secrets = c.secrets.And(now.mask)
		c.mask = c.mask.And(now.contract.SensitiveMask(now.mask, now.config.Settings))
	}
}

// hideEvent also hides what the contract computes of secrets for an event, and what it calls sensitive in it.
func (c *Composed) hideEvent(r rendering, ev *hook.Event, at *contract.Attempt) {
	if secrets, personal := r.Computed(ev, at); len(secrets)+len(personal) > 0 {
		c.secrets, c.mask = c.secrets.With(secrets...), c.mask.With(secrets...).With(personal...)
	}
	if ev.JSON() {
		c.mask = r.contract.SensitiveMask(c.mask, ev.Payload)
	}
}

// hide adds the secrets in the request that a script made to those that are hidden.
func (c *Composed) hide(head *hook.Head) {
	c.secrets, c.mask = c.secrets.WithRequest(head.URL, head.Headers), c.mask.WithRequest(head.URL, head.Headers)
}

// of is the rendering of one event: its mask also hides what the contract computes of secrets for the event.
func (r rendering) of(ev *hook.Event, at *contract.Attempt) rendering {
	var secrets []string
	if secrets, r.personal = r.Computed(ev, at); len(secrets) > 0 {
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
// shown as it was sent. It is true if the version that rendered the body cannot be read, and if each attempt has a body of
// its own: that of an attempt that was not recorded is not known.
func (c Composer) HidesBody(ctx context.Context, f *Form, d hook.Delivery) bool {
	r, err := c.noted(ctx, f, &d)
	return err != nil || r.SecretBody() || r.BodyPerAttempt()
}

func sameSlice(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
