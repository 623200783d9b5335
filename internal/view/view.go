// Package view decides what people may see of what is stored: it hides secrets from whoever may see none, and personal
// data from whoever did not ask for it.
//
// It promises that what it is given does not change: it returns copies where something is hidden, and what it was given
// where nothing is. What goes to receivers never passes through here.
package view

import (
	"slices"
	"strings"
	"time"

	"gancho/internal/answer"
	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/rawjson"
)

// Views shows what is stored. Its methods may be called from any goroutine.
type Views struct {
	Contracts *contract.Set
}

// sensitive says what is personal data under the contract of a name; nil: nothing.
func (v Views) sensitive(name string) mask.Fields {
	if c, ok := v.Contracts.Lookup(name); ok {
		return c.Sensitive()
	}
	return nil
}

// document is a document as somebody sees it. One that is not JSON is hidden as a whole.
func document(fields mask.Fields, doc []byte, isJSON bool) []byte {
	switch {
	case len(fields) == 0 || len(doc) == 0:
		return doc
	case !isJSON:
		return []byte(mask.Text)
	}
	return fields.Hide(doc)
}

// Event is an event as somebody sees it.
func (v Views) Event(s hook.Sight, e *hook.Event) *hook.Event {
	fields := v.sensitive(e.Contract)
	if s.Personal || len(fields) == 0 || saysErased(e) {
		return e
	}
	shown := *e
	shown.Payload = document(fields, e.Payload, e.JSON())
	return &shown
}

// Misshapen lists what is wrong with the payload of a posted event that was accepted although its schema refuses it, by the
// contract in force now: pointers begin at the event.
func (v Views) Misshapen(e *hook.Event) []hook.FieldError {
	c, ok := v.Contracts.Lookup(e.Contract)
	if !ok || e.Door != hook.DoorAPI || !e.JSON() || e.Unreadable {
		return nil
	}
	found := c.Misshapen(e.Type, e.Payload)
	for i := range found {
		found[i].Pointer = "/payload" + found[i].Pointer
	}
	return found
}

// saysErased reports whether the payload is the note that it was erased, and when. A sender can choose the media type.
func saysErased(e *hook.Event) bool {
	at, ok := strings.CutPrefix(string(e.Payload), hook.ErasedNote)
	_, err := time.Parse(time.RFC3339, at)
	return ok && err == nil && e.Erased()
}

// Public is an event without what its contract calls sensitive.
func (v Views) Public(e *hook.Event) *hook.Event { return v.Event(hook.Sight{}, e) }

// Document is the document of a record of a contract as somebody sees it.
func (v Views) Document(s hook.Sight, contract string, doc []byte) []byte {
	if s.Personal {
		return doc
	}
	return document(v.sensitive(contract), doc, true)
}

// Omission is what an error left out as somebody sees it. What failed may quote the document, and nobody knows where.
func (v Views) Omission(s hook.Sight, o *hook.Omission) *hook.Omission {
	if s.Personal || len(v.sensitive(o.Contract)) == 0 {
		return o
	}
	shown := *o
	shown.Examples = slices.Clone(o.Examples)
	for i := range shown.Examples {
		if x := &shown.Examples[i]; x.Detail != "" {
			x.Detail = mask.Text
		}
	}
	return &shown
}

// Config is the configuration of an endpoint as somebody sees it. What its contract calls secret or sensitive is hidden
// already.
func (v Views) Config(s hook.Sight, cfg hook.EndpointConfig) hook.EndpointConfig {
	if !s.Secrets {
		cfg.URL, cfg.Headers = mask.Address(cfg.URL), mask.PlainHeaders(cfg.Headers)
		cfg.Auth = mask.Auth(cfg.Auth)
		if cfg.Transformation != "" {
			cfg.Transformation = "// " + mask.Text
		}
	}
	return cfg
}

// Endpoint is an endpoint whose URL is shown to somebody in a text; e may be nil. Use Config to show the rest of it.
func (v Views) Endpoint(s hook.Sight, e *hook.Endpoint) *hook.Endpoint {
	if e == nil || s.Secrets {
		return e
	}
	shown := *e
	shown.Config.URL = mask.Address(e.Config.URL)
	return &shown
}

// Attempt is an attempt to deliver as somebody sees it, with the body of its request: its own, or body. The body of its
// answer is made readable. e and ev are nil if the endpoint or the event is gone.
func (v Views) Attempt(s hook.Sight, e *hook.Endpoint, ev *hook.Event, at *hook.Attempt, body []byte) *hook.Attempt {
	return v.AttemptUnder(v.contractOf(e, ev), s, e, ev, at, body)
}

// AttemptUnder is Attempt under a contract that need not be in force; nil: it is gone.
func (v Views) AttemptUnder(
	c *contract.Contract, s hook.Sight, e *hook.Endpoint, ev *hook.Event, at *hook.Attempt, body []byte,
) *hook.Attempt {
	shown := *at
	q := &shown.Request
	if q.Body == nil && hadBody(q) {
		q.Body = body
	}
	if at.Response != nil {
		r, read := *at.Response, answer.Read(at.Response)
		r.Body, r.Truncated = read.Bytes, read.Truncated
		shown.Response = &r
	}
	if !s.Personal && c != nil {
		hidePersonal(c, e, ev, &shown)
	}
	if !s.Secrets {
		hideSecrets(c, e, &shown)
	}
	return &shown
}

// hadBody reports whether a request was sent with a body. By a method that carries none, only earlier releases sent one,
// and then its length is among the headers.
func hadBody(q *hook.Request) bool {
	return hook.CarriesBody(q.Method) || slices.ContainsFunc(q.Headers, func(h hook.Header) bool {
		return strings.EqualFold(h.Name, "Content-Length")
	})
}

func (v Views) contractOf(e *hook.Endpoint, ev *hook.Event) *contract.Contract {
	switch {
	case ev != nil:
		c, _ := v.Contracts.Lookup(ev.Contract)
		return c
	case e != nil:
		c, _ := v.Contracts.Lookup(e.Contract)
		return c
	}
	return nil
}

// hidePersonal hides in an attempt what the contract calls sensitive: where the body has it at the same place as the
// payload, and wherever the text of it stands, or what the contract computes of it.
func hidePersonal(c *contract.Contract, e *hook.Endpoint, ev *hook.Event, at *hook.Attempt) {
	fields := c.Sensitive()
	if len(fields) == 0 {
		return
	}
	m := mask.Mask{}
	if ev != nil && ev.JSON() {
		_, computed := planOf(c, e).Computed(ev, nil)
		m = m.With(fields.Values(ev.Payload)...).With(computed...)
	}
	body := at.Request.Body
	isJSON := rawjson.Check(body, rawjson.MaxDepth) == nil
	switch {
	case isJSON:
		m = m.With(fields.Values(body)...)
		at.Request.Body = m.Body(fields.Hide(body))
	case ev == nil || !ev.JSON():
		at.Request.Body = document(fields, body, false)
	default:
		at.Request.Body = m.Body(body)
	}
	hide(m, at)
}

// hideSecrets hides in an attempt everything that may be a secret.
func hideSecrets(c *contract.Contract, e *hook.Endpoint, at *hook.Attempt) {
	m := mask.New(mask.InAny(at.Request.URL, at.Request.Headers)...)
	if e != nil {
		m = m.With(mask.InAny(e.Config.URL, e.Config.Headers)...)
	}
	if len(at.Request.Body) > 0 && secretBody(c, e) {
		at.Request.Body = []byte(mask.Text)
	} else {
		at.Request.Body = m.Body(at.Request.Body)
	}
	at.Request.URL, at.Request.Headers = mask.Address(at.Request.URL), mask.PlainHeaders(at.Request.Headers)
	x := at.Extras()
	x.Steps = slices.Clone(x.Steps)
	for i := range x.Steps {
		x.Steps[i].URL = mask.Address(x.Steps[i].URL)
	}
	at.SetExtras(x)
	hide(m, at)
	if r := at.Response; r != nil {
		r.Headers = mask.PlainHeaders(r.Headers)
	}
}

// secretBody reports whether the bodies of an endpoint's requests hold secrets. Without a contract nobody knows.
func secretBody(c *contract.Contract, e *hook.Endpoint) bool {
	if c == nil {
		return true
	}
	return planOf(c, e).SecretBody()
}

// planOf applies a contract to an endpoint, which is nil if it is gone.
func planOf(c *contract.Contract, e *hook.Endpoint) *contract.Plan {
	if e == nil {
		return c.Plan(hook.EndpointConfig{})
	}
	return c.Plan(e.Config)
}

// hide puts a mask on everything in an attempt but the body of the request.
func hide(m mask.Mask, at *hook.Attempt) {
	at.Request.URL, at.Request.Headers, at.Detail = m.Text(at.Request.URL), m.Headers(at.Request.Headers), m.Text(at.Detail)
	x := at.Extras()
	x.RuleFailed, x.Steps = m.Text(x.RuleFailed), slices.Clone(x.Steps)
	for i := range x.Steps {
		x.Steps[i].URL = m.Text(x.Steps[i].URL)
	}
	at.SetExtras(x)
	if r := at.Response; r != nil {
		r.Headers = m.Headers(r.Headers)
		r.Body = m.Start(slices.Clip(r.Body), r.Truncated)
		if answer.Opaque(r) && len(r.Body) > 0 { // nobody knows what is in it
			r.Body = []byte(mask.Text)
		}
	}
}
