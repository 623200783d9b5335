// Package compose makes the message of a delivery: it renders the event by the
// contract, lets the endpoint's script change the result, and signs it. It also knows
// which parts of a message people may see.
//
// It promises:
//
//   - Later attempts of a delivery send the body, target and headers of the first one: the
//     delivery keeps the versions of configuration and contract, and [Composed.Frozen] keeps
//     what cannot be rendered again from those. Only signatures are new.
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
	r, err := c.rendering(ctx, f, &job.Delivery)
	if err != nil {
		return out, err
	}
	out.secrets, out.mask = r.mask, r.withPersonal(job.Event)
	req, err := r.Render(job.Event)
	if err != nil {
		return out, err
	}
	var failure error
	switch {
	case job.Frozen != nil:
		req.Body = job.Frozen.Body
		if head := job.Frozen.Head; head != nil {
			req.Method, req.URL, req.Headers = head.Method, head.URL, head.Headers
			out.hide(head)
		}
	case r.config.Transformation != "":
		var script transform.Output
		var changed contract.Rendering
		changed, script, failure = c.transform(ctx, f, r, job.Event, req)
		out.Cancelled, out.Reason, out.Console = script.Cancelled, out.mask.Text(script.Reason), out.mask.Texts(script.Console)
		if failure == nil && !out.Cancelled {
			req = changed
			head := hook.Head{Method: req.Method, URL: req.URL, Headers: req.Headers}
			out.hide(&head)
			out.Frozen = &hook.Frozen{Body: req.Body, Head: &head}
		}
	case !sameSlice(req.Body, job.Event.Payload):
		out.Frozen = &hook.Frozen{Body: req.Body}
	}
	if out.Message, err = f.message(r, req, job); err != nil {
		return out, err
	}
	if script, ok := errors.AsType[*transform.Error](failure); ok {
		out.Failure = &Failure{script.ScriptFailure(), out.mask.Text(script.Error())}
		out.Failure.Detail = out.mask.Text(out.Failure.Detail)
		out.Console = out.mask.Texts(script.Console)
		return out, nil
	}
	return out, failure
}

// hide adds the secrets in the request that a script made to those that are hidden.
func (c *Composed) hide(head *hook.Head) {
	c.secrets, c.mask = c.secrets.WithRequest(head.URL, head.Headers), c.mask.WithRequest(head.URL, head.Headers)
}

// withPersonal is a mask that also hides what the contract calls sensitive in an event and in the settings.
func (r rendering) withPersonal(ev *hook.Event) mask.Mask {
	m := r.contract.SensitiveMask(r.mask, r.config.Settings)
	if ev.JSON() {
		m = r.contract.SensitiveMask(m, ev.Payload)
	}
	return m
}

// HidesBody reports whether the body of a delivery contains secrets, so that it must not be
// shown as it was sent. It is true if the version that rendered the body cannot be read.
func (c Composer) HidesBody(ctx context.Context, f *Form, d hook.Delivery) bool {
	r, err := c.rendering(ctx, f, &d)
	return err != nil || r.SecretBody()
}

func sameSlice(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
