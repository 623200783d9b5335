package compose

import (
	"context"
	"errors"
	"slices"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/send"
	"gancho/internal/transform"
)

// A request with several events. The part of each, its item, is frozen as the body of a single request is. What stands
// around the items is made anew, by the versions that made them. Items that name something of their attempt are made anew
// with each, as bodies are.

// Batch is what one request is made of that has several events. Make it with [Composer.Gather].
type Batch struct {
	form       *Form
	first, now rendering
	event      *hook.Event // the first
	at         time.Time   // when it is sent, if the items may name that; else zero
	items      [][]byte
	frozen     []*hook.Frozen
	request    *contract.Rendering // of the items; nil: it is to be made
	shown      Composed            // the masks, and after Message the message
}

// Gather makes the items of the first deliveries that can go in one request, and gives their deliveries the versions that
// make it. It ends before one that must not: because its contract did not send several events at once when its body was
// made, because other versions made it, because no item can be made of it (Compose then says why), or because the body
// would have more than maxBytes. A single one may have more, and so may what was sent before and is sent again as it was.
// The error is a [hook.Error] of [hook.KindUnavailable] if not even the first could be made now.
func (c Composer) Gather(ctx context.Context, f *Form, jobs []hook.Job, maxBytes int, again bool) (*Batch, error) {
	b := &Batch{form: f, event: jobs[0].Event}
	size := 0
	for i := range jobs {
		out, item, frozen, err := c.next(ctx, b, &jobs[i])
		if i == 0 {
			if hook.IsKind(err, hook.KindUnavailable) {
				return nil, err
			}
			if again && b.first.Plan != nil && !b.first.BodyPerAttempt() {
				maxBytes = 0
			}
		}
		size += len(item)
		if out.ends(err) || i > 0 && (!sameVersions(&jobs[i].Delivery, &jobs[0].Delivery) || maxBytes > 0 && size > maxBytes) {
			break
		}
		b.shown, b.items, b.frozen = out, append(b.items, item), append(b.frozen, frozen)
	}
	b.fit(maxBytes)
	return b, nil
}

// fit leaves out the last items until the request can be made of them, and its body has at most maxBytes; 0: no limit. What
// stands around the items counts, and so do the names of the fields of a form. A form has a largest number of fields, too.
func (b *Batch) fit(maxBytes int) {
	all := len(b.items)
	if all < 2 {
		return
	}
	size, ok := b.try(all, maxBytes)
	if ok {
		return
	}
	if _, err := b.form.around(b.first, b.now, b.event, b.items[0]); err != nil { // whatever the items are
		return
	}
	guess := all / 2
	if size > 0 {
		guess = all * maxBytes / size
	}
	fits, over := 1, all // as many go, one alone in any case; as many are too many
	for step := 0; over-fits > 1; step++ {
		n := (fits + over) / 2
		switch step { // most often the guess is right, and the second look ends the search
		case 0:
			n = guess
		case 1:
			if n = over - 1; fits > 1 {
				n = fits + 1
			}
		}
		n = min(max(n, fits+1), over-1)
		if _, ok := b.try(n, maxBytes); ok {
			fits = n
		} else {
			over = n
		}
	}
	b.items, b.frozen = b.items[:fits], b.frozen[:fits]
}

// try makes the request of the first n items. size is that of its body, 0 if the request cannot be made. It is ok if that is
// at most maxBytes; then it is the request of the batch, if no more items go.
func (b *Batch) try(n, maxBytes int) (size int, ok bool) {
	req, err := b.form.around(b.first, b.now, b.event, b.items[:n]...)
	if err != nil {
		return 0, false
	}
	if maxBytes > 0 {
		if size = b.form.signedSize(b.now, req); size > maxBytes {
			return size, false
		}
	}
	b.request = &req
	return size, true
}

// signedSize is how many bytes the body of a request has after it was signed.
func (f *Form) signedSize(r rendering, req contract.Rendering) int {
	s := r.contract.Scheme()
	if s == nil || !s.InBody() {
		return len(req.Body)
	}
	m, err := f.messageOf(r, req, hook.BatchID{}.String(), hook.AtLeastOnce, time.Now())
	if err != nil { // whoever makes the message is told
		return len(req.Body)
	}
	return len(m.Body)
}

// errAlone is the error of a delivery that goes in a request of its own.
var errAlone = errors.New("the contract sent each event in a request of its own when the body was made")

// next makes the item of the next delivery. out has the masks of the request with it.
func (c Composer) next(ctx context.Context, b *Batch, job *hook.Job) (out Composed, item []byte, frozen *hook.Frozen, err error) {
	if out = b.shown; job.Unreadable {
		return out, nil, nil, hook.ErrUnreadable
	}
	first, now, err := c.renderings(ctx, b.form, job)
	if err != nil {
		return out, nil, nil, err
	}
	if !first.contract.Batches() {
		return out, nil, nil, errAlone
	}
	if len(b.items) == 0 {
		b.first, b.now = first, now
		out.hideSettings(first, now)
	}
	var at *contract.Attempt
	if first.BodyPerAttempt() {
		if len(b.items) == 0 {
			b.at = time.Now()
		}
		if at, err = c.attempt(ctx, &job.Delivery, b.at, first.LooksBack()); err != nil {
			return out, nil, nil, err
		}
	}
	if out.hideEvent(b.first, job.Event, at); b.first.Plan != b.now.Plan {
		out.hideEvent(b.now, job.Event, at)
	}
	item, frozen, err = c.item(ctx, b.form, first, now, job, at, &out)
	return out, item, frozen, err
}

// ends reports whether the request ends before a delivery, because no item can be made of it.
func (c *Composed) ends(err error) bool { return err != nil || c.Failure != nil || c.Cancelled }

func sameVersions(a, b *hook.Delivery) bool {
	return a.EndpointVersion == b.EndpointVersion && a.ContractVersion == b.ContractVersion
}

// Len is how many deliveries can go in the request.
func (b *Batch) Len() int { return len(b.items) }

// Frozen is what is to be stored with delivery i before the request is sent; nil: nothing, or it is stored already.
func (b *Batch) Frozen(i int) *hook.Frozen { return b.frozen[i] }

// Drop leaves out delivery i, because it must not be sent any more.
func (b *Batch) Drop(i int) {
	b.items, b.frozen, b.request = slices.Delete(b.items, i, i+1), slices.Delete(b.frozen, i, i+1), nil
}

// Message is the request, ready to be sent. An error says why it cannot be made, of whatever events.
func (b *Batch) Message(id hook.BatchID, mode hook.Mode) (*send.Message, error) {
	if b.request == nil {
		req, err := b.form.around(b.first, b.now, b.event, b.items...)
		if err != nil {
			return nil, b.shown.hideIn(err)
		}
		b.request = &req
	}
	at := b.at
	if at.IsZero() {
		at = time.Now()
	}
	m, err := b.form.messageOf(b.now, *b.request, id.String(), mode, at)
	b.shown.Message = m
	return m, b.shown.hideIn(err)
}

// Sent is the message that Message has made; nil: none.
func (b *Batch) Sent() *send.Message { return b.shown.Message }

// Record completes the attempts of the deliveries, one each, with the request as it was sent. Their bodies are
// the items, which are stored elsewhere already; one in which a secret is masked, or that is of this attempt alone, has that.
func (b *Batch) Record(attempts []*hook.Attempt, reply *send.Reply) {
	whole := b.shown
	whole.ownBody = false
	shared := *attempts[0]
	whole.Record(&shared, reply)
	shared.Request.Body = nil
	for i, a := range attempts {
		a.Request, a.Response = shared.Request, shared.Response
		x, of := a.Extras(), shared.Extras()
		x.Steps, x.RuleFailed = of.Steps, of.RuleFailed
		a.SetExtras(x)
		a.Detail = cutDetail(whole.mask.Text(a.Detail))
		if item := whole.secrets.Body(b.items[i]); !sameSlice(item, b.items[i]) || b.first.BodyPerAttempt() {
			a.Request.Body = item
		}
	}
}

// around is the request around items that first made, to the endpoint as it is now. ev is any of the events.
func (f *Form) around(first, now rendering, ev *hook.Event, items ...[]byte) (req contract.Rendering, err error) {
	if req, err = first.Together(items...); err != nil || first.Plan == now.Plan {
		return req, err
	}
	head, err := now.HeadFor(ev, nil)
	return head.WithBody(req), err
}

// one makes the message of a single delivery by a contract that sends several events in one request: the request has one
// item.
func (c Composer) one(
	ctx context.Context, f *Form, first, now rendering, job *hook.Job, at *contract.Attempt, sent time.Time, out Composed,
) (Composed, error) {
	item, frozen, err := c.item(ctx, f, first, now, job, at, &out)
	if err != nil {
		return out, err
	}
	req, err := f.around(first, now, job.Event, item)
	if err != nil {
		return out, err
	}
	out.Frozen, out.ownBody = frozen, true // the history shows the whole body, which is stored nowhere else
	out.Message, err = f.message(now, req, job, sent)
	return out, err
}

// item makes the part of a delivery. If a script makes it, that part is stored before it is sent, since a script may answer
// differently the second time. out says if the script failed or cancelled; then there is no part.
//
// A part that names something of its attempt is not stored, and what a script made of such a one is made anew by the present
// script. If there is none any more, it stays as the earlier one made it.
func (c Composer) item(
	ctx context.Context, f *Form, first, now rendering, job *hook.Job, at *contract.Attempt, out *Composed,
) (item []byte, frozen *hook.Frozen, err error) {
	anew := first.BodyPerAttempt()
	if job.Frozen != nil {
		if !anew || now.config.Transformation == "" {
			return job.Frozen.Body, nil, nil
		}
		first.config.Transformation = now.config.Transformation
	}
	ev := job.Event
	if item, err = first.Item(ev, at); err != nil {
		return nil, nil, err
	}
	if first.config.Transformation == "" {
		if !anew && !sameSlice(item, ev.Payload) {
			frozen = &hook.Frozen{Body: item}
		}
		return item, frozen, nil
	}
	changed, err := c.changedItem(ctx, f, first, ev, at, item, out)
	switch {
	case err != nil || out.Failure != nil || out.Cancelled:
		return item, nil, err
	case job.Frozen == nil:
		frozen = &hook.Frozen{Body: changed}
	}
	return changed, frozen, nil
}

// changedItem lets the endpoint's script change the payload of one event. Everything else of the request is not of one event,
// so the script cannot change it.
func (c Composer) changedItem(
	ctx context.Context, f *Form, r rendering, ev *hook.Event, at *contract.Attempt, item []byte, out *Composed,
) ([]byte, error) {
	req, err := r.Together(item)
	if err != nil {
		return nil, err
	}
	script, err := c.run(ctx, f, r, ev, req)
	out.Cancelled, out.Reason, out.Console = script.Cancelled, out.mask.Text(script.Reason), out.mask.Texts(script.Console)
	failed := func(text string) error {
		return &transform.Error{Class: hook.ClassScript, Message: text, Console: script.Console}
	}
	switch {
	case err != nil || out.Cancelled:
	case script.changesHead:
		err = failed("The contract sends several events in one request, so webhook.method, url, query and headers cannot be changed. " +
			"Change webhook.payload, or cancel the event.")
	case script.Payload != nil:
		changed := *ev
		changed.Payload, changed.ContentType = script.Payload, ""
		made, wrong := r.Item(&changed, at)
		if item = made; wrong != nil {
			err = failed("No request can be made of the changed payload: " + wrong.Error())
		}
	}
	if failure, ok := errors.AsType[*transform.Error](err); ok {
		out.fail(failure)
		return nil, nil
	}
	return item, err
}
