package contract

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gancho/internal/expr"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
	"gancho/internal/template"
	"gancho/internal/yamlfile"
)

// Batching says how several events are sent in one request. The zero value says that each has a request of its own.
type Batching struct {
	Max   int           // events in a request
	Wait  time.Duration // how long an event waits for others
	Bytes int           // of the body; a single event may have more
}

// batching is the section "delivery.batch".
type batching struct {
	Batching
	failed *expr.Expression // which events the receiver did not take; nil: it takes all or none
}

// Defaults and limits of batches.
const (
	defaultBatch      = 100
	defaultBatchWait  = time.Second
	defaultBatchBytes = 1 << 20
	maxBatchWait      = 10 * time.Minute
)

// batches reports whether the file asks for several events in one request. The section delivery is read later.
func (l *loader) batches() bool {
	d := l.root.Get("delivery")
	return d != nil && d.Get("batch") != nil
}

// batch reads the section "delivery.batch".
func (l *loader) batch(c *Contract, n *yamlfile.Node) {
	b := &c.delivery.batch
	b.Batching = Batching{Max: defaultBatch, Wait: defaultBatchWait, Bytes: defaultBatchBytes}
	o := l.Object(n, "batch", keysOf["delivery.batch"])
	if v := o.Get("max"); v != nil {
		b.Max = int(l.Number(v, 1, hook.MaxBatch))
	}
	if v := o.Get("wait"); v != nil {
		b.Wait = l.Duration(v, 0, maxBatchWait)
	}
	if v := o.Get("bytes"); v != nil {
		b.Bytes = l.Size(v, 1<<10, hook.MaxBatchBytes)
	}
	if v := o.Get("failed"); v != nil {
		b.failed = template.ReadExpression(l.File, v, expr.Success())
	}
	e := &c.endpoint
	fix := "Write it into item, the part of each event, or leave batch out."
	l.namesFields(e, n)
	if e.pairs != "" {
		l.ProblemAt(n, "pairs cannot be used in a contract that sends several events in one request.", fix)
	}
	ofEvent := func(h headerTemplate) bool { return !h.value.Static() }
	if slices.ContainsFunc(e.headers, ofEvent) || !e.contentType.Static() ||
		slices.ContainsFunc(e.query, func(q parameter) bool { return !q.value.Static() }) {
		l.ProblemAt(n, "A header or a parameter depends on one event, and the request has several.", fix)
	}
	if len(e.ofTypes.headers) > 0 {
		l.ProblemAt(n, "A request with several events cannot have headers of an event type.", fix)
	}
	if !slices.ContainsFunc(e.methods, hook.CarriesBody) || slices.ContainsFunc(e.methods, func(m string) bool { return !hook.CarriesBody(m) }) {
		l.ProblemAt(n, "A request with several events needs a body, and one of the methods carries none.", "Use POST, PUT or PATCH.")
	}
}

// wholePlace is what the parts of a request can name that are not of one event.
func wholePlace(at template.Place) template.Place {
	at.Roots = slices.DeleteFunc(slices.Clone(at.Roots), func(root string) bool { return root != "settings" && root != "credential" })
	return at
}

// itemsMark stands for the items in the body around them. No JSON has it.
const itemsMark = "\x00items\x00"

// itemBody reads the parts of the section "endpoint" that make the body of a request with several events.
func (l *loader) itemBody(e *endpoint, o yamlfile.Object, at template.Place) {
	item, v := o.Get("item"), o.Get("body")
	isText := v.Get("$raw") != nil
	if isText {
		l.itemsText(e, v, at, o)
	}
	at.Roots = slices.DeleteFunc(slices.Clone(at.Roots), func(root string) bool { return root == "url" })
	switch text := item.Get("$raw"); {
	case text != nil && !isText:
		l.ProblemAt(item, "This item is a text, so the body has to be one.",
			`Write for example body: {$raw: "${items}", join: "\n", content_type: text/csv}`)
	case text != nil:
		l.Object(item, "item", keysOf["endpoint.item"])
		e.itemText = template.ReadText(l.File, text, at)
		l.escaped(e, text, e.itemText)
	case item != nil:
		e.item = template.ReadPayload(l.File, item, at)
	}
	if v == nil || isText {
		return
	}
	before := l.Count()
	e.body = template.ReadPayload(l.File, v, itemsPlace(at))
	if l.Count() > before { // a value with a mistake cannot be made
		return
	}
	if _, _, err := cutItems(e.body, &template.Inputs{}); err != nil {
		l.ProblemAt(v, "The body of a request with several events has to contain ${items} exactly once, not inside a text.",
			`Write for example {events: "${items}"}; what each event looks like is written under item.`)
	}
}

// itemsPlace is what the body around the items can name.
func itemsPlace(at template.Place) template.Place {
	whole := wholePlace(at)
	whole.Roots, whole.Scope = append([]string{"items"}, whole.Roots...), nil
	return whole
}

// aroundText is a body that is a text, with the items of several events in it.
type aroundText struct {
	before, after *template.Template
	escape        rawjson.Escape // how each item is written; nil: as it is
	join          string         // between the items
}

// itemsText reads a body that is a text, with the items of several events in it.
func (l *loader) itemsText(e *endpoint, n *yamlfile.Node, at template.Place, section yamlfile.Object) {
	before := l.Count()
	l.rawBody(e, n, itemsPlace(at), section)
	if l.Count() > before {
		return
	}
	var ok bool
	if e.around.before, e.around.after, e.around.escape, ok = e.raw.Split("items"); !ok {
		l.ProblemAt(n.Get("$raw"), "The body of a request with several events has to contain ${items} exactly once.",
			`Write for example {$raw: "<list>${items}</list>", content_type: text/xml}; what each event looks like is written under item.`)
	}
}

// join reads what stands between the items.
func (l *loader) join(e *endpoint, n *yamlfile.Node) {
	e.around.join = l.Str(n)
	switch {
	case !l.batches():
		l.ProblemAt(n, "join stands between several events, and this contract sends one in each request.",
			"Leave it out, or add batch: {max: 100} to delivery.")
	case strings.Contains(e.around.join, `\n`) || strings.Contains(e.around.join, `\r`):
		l.ProblemAt(n, "This is a backslash and a letter, and no line break.", `Write it in double quotes: join: "\n"`)
	}
}

// namesFields reports a form in which each value has a field, if the body gives them no names.
func (l *loader) namesFields(e *endpoint, n *yamlfile.Node) {
	if e.form == nil || e.form.field != "" || e.raw != nil {
		return
	}
	sample := []byte("[]")
	if e.body != nil {
		head, tail, err := cutItems(e.body, &template.Inputs{})
		if err != nil { // which is reported already
			return
		}
		sample = append(append(head, sample...), tail...)
	}
	if _, err := e.form.fields.AppendForm(nil, sample); err != nil {
		l.ProblemAt(n, "A form cannot be made of this body: "+err.Error()+".", `Give the list a name: body: {events: "${items}"}`)
	}
}

// cutItems returns the parts of the body before and after the items.
func cutItems(body *template.Value, in *template.Inputs) (head, tail []byte, err error) {
	in.Items = []byte(itemsMark)
	out, _, err := body.Append(nil, in)
	head, tail, ok := bytes.Cut(out, in.Items)
	switch {
	case err != nil:
		return nil, nil, fmt.Errorf("the body around the events cannot be made: %w", err)
	case !ok || bytes.Contains(tail, in.Items):
		return nil, nil, errors.New("the body around the events has no place for them")
	}
	return head, tail, nil
}

// Batching says how several events are sent in one request.
func (c *Contract) Batching() Batching { return c.delivery.batch.Batching }

// Batches reports whether the contract sends several events in one request. Then [Plan.Item] makes the part of each,
// and [Plan.Together] the request.
func (c *Contract) Batches() bool { return c.delivery.batch.Max > 0 }

// Item is the part of an event in a request with several events, for one attempt; nil stands for the first. An error means
// that the event can never be sent to this endpoint. Item is the slice of the payload itself if the contract does not
// change it.
func (p *Plan) Item(ev *hook.Event, a *Attempt) (item []byte, err error) {
	e := &p.contract.endpoint
	made := e.item != nil || e.itemText != nil
	if !ev.JSON() {
		if e.raw == nil || made {
			return nil, fmt.Errorf("the contract sends several JSON payloads in one request, and the payload of this event is %s", ev.ContentType)
		}
		return ev.Payload, nil // a text in a text
	}
	item = ev.Payload
	if made {
		if p.credential == nil && (e.item.Names("credential") || e.itemText.Names("credential")) {
			return nil, errNoCredential
		}
		in, err := p.inputs(ev, a, p.url)
		switch {
		case err != nil:
			return nil, err
		case e.itemText != nil:
			return p.rawText(e.itemText, in)
		}
		if item, err = e.item.Document(&in); err != nil {
			return nil, fmt.Errorf("the part of this event cannot be made: %w", err)
		}
	}
	style := e.json
	if e.raw != nil { // in a text each item is one line
		style.Compact = true
	}
	if item, err = rawjson.Restyle(item, style); err != nil {
		return nil, fmt.Errorf("the payload is not valid JSON: %w", err)
	}
	if p.form != nil && p.form.field == "" { // it may be one that no fields can be made of
		if _, err = p.Together(item); err != nil {
			return nil, err
		}
	}
	return item, nil
}

// Together is the request that has the items of several events. Equal items make an equal body.
func (p *Plan) Together(items ...[]byte) (Rendering, error) {
	e := &p.contract.endpoint
	r, err := p.HeadFor(&hook.Event{}, nil) // of which no part of the request names anything
	if err != nil {
		return Rendering{}, err
	}
	if p.credential == nil && e.bodyNames("credential") {
		return Rendering{}, errNoCredential
	}
	in := template.Inputs{Settings: p.cfg.Settings, Credential: p.credential, Style: e.json}
	if e.raw != nil {
		r.Body, err = e.around.put(&in, items)
	} else {
		r.Body, err = e.list(&in, items)
	}
	if err == nil && p.form != nil {
		r.Body, err = p.form.put(r.Body)
	}
	if err != nil {
		return Rendering{}, err
	}
	return r, nil
}

// list puts items into a body of JSON, as a list.
func (e *endpoint) list(in *template.Inputs, items [][]byte) (body []byte, err error) {
	head, tail := []byte(nil), []byte(nil)
	if e.body != nil {
		if head, tail, err = cutItems(e.body, in); err != nil {
			return nil, err
		}
	}
	size := len(head) + len(tail) + 2
	for _, item := range items {
		size += len(item) + 1
	}
	body = append(append(make([]byte, 0, size), head...), '[')
	for i, item := range items {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, item...)
	}
	body = append(append(body, ']'), tail...)
	if body, err = rawjson.Restyle(body, e.json); err != nil {
		return nil, fmt.Errorf("the body around the events is not valid JSON: %w", err)
	}
	return body, nil
}

// put puts items into a body that is a text.
func (t *aroundText) put(in *template.Inputs, items [][]byte) ([]byte, error) {
	in.Work = renderBudget()
	body, _, err := t.before.AppendText(nil, in)
	if err != nil {
		return nil, fmt.Errorf("the body around the events cannot be made: %w", err)
	}
	for i, item := range items {
		if i > 0 {
			body = append(body, t.join...)
		}
		if t.escape != nil {
			item = []byte(t.escape(rawjson.Quote(string(item))))
		}
		body = append(body, item...)
	}
	if body, _, err = t.after.AppendText(body, in); err != nil {
		return nil, fmt.Errorf("the body around the events cannot be made: %w", err)
	}
	return body, nil
}

// renderOne is [Plan.RenderFor] for a contract that sends several events in one request: it has one.
func (p *Plan) renderOne(ev *hook.Event, a *Attempt) (Rendering, error) {
	item, err := p.Item(ev, a)
	if err != nil {
		return Rendering{}, err
	}
	return p.Together(item)
}

// Refused says which events of a request the receiver did not take although it answered with success: those that the
// contract's rule delivery.batch.failed names by their place, from 0, or by their id. An error means that nobody knows, so
// that all have to be sent again.
func (c *Contract) Refused(r *hook.Response, events []*hook.Event) ([]bool, error) {
	refused := make([]bool, len(events))
	rule := c.delivery.batch.failed
	if rule == nil {
		return refused, nil
	}
	out, ok, err := rule.Append(nil, nil, expr.NewResponse(r))
	if err != nil || !ok {
		return refused, err
	}
	var list []any
	if err := json.Unmarshal(out, &list); err != nil {
		return nil, errors.New("it gave something that is no list")
	}
	var places map[string]int // of the events, by their ids
	for _, x := range list {
		i := -1
		switch x := x.(type) {
		case float64:
			if i = int(x); float64(i) != x {
				i = -1
			}
		case string:
			if places == nil {
				places = placesOf(events)
			}
			if place, ok := places[x]; ok {
				i = place
			}
		}
		if i < 0 || i >= len(events) {
			return nil, fmt.Errorf("it named %.100v, and the request had %d events", x, len(events))
		}
		refused[i] = true
	}
	return refused, nil
}

// placesOf are the places of the events in their request, by id and by external id. A receiver may name thousands, so each id is
// looked up in one step.
func placesOf(events []*hook.Event) map[string]int {
	places := make(map[string]int, 2*len(events))
	for i, e := range slices.Backward(events) { // the first of several counts
		if places[e.ID.String()] = i; e.ExternalID != "" {
			places[e.ExternalID] = i
		}
	}
	return places
}
