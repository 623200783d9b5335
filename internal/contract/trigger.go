package contract

import (
	"errors"
	"fmt"

	"gancho/internal/expr"
	"gancho/internal/nearest"
	"gancho/internal/rawjson"
	"gancho/internal/schema"
	"gancho/internal/template"
	"gancho/internal/work"
	"gancho/internal/yamlfile"
)

// Fired is an event that a change of a record made.
type Fired struct {
	Type    string
	Payload []byte // the document itself if the payload is that
}

// Trouble reports a condition or template of an event type that failed for a document.
// The event is not made; nothing else is affected.
type Trouble struct {
	Type   string // event type
	Line   int    // of the contract file
	Detail string // one sentence for people
}

func (t *Trouble) Error() string { return t.Detail }

// trigger decides which changes make an event of one type, and makes its payload.
type trigger struct {
	when    *expr.Condition // nil: each create and each change
	payload *template.Value
	line    int // of the condition, or else of the event
}

// Fire returns the events that the change of a record makes, in the order of the file.
// before and after are valid JSON and must not change; before is nil on create, after is
// nil on delete. If the document is the same as before, there are no events. Documents are
// read only as far as conditions and templates need them. All conditions together are evaluated within the budget, which
// may be nil: a condition for which nothing is left is one of the troubles.
func (c *Contract) Fire(b *work.Budget, kind string, before, after []byte) (events []Fired, troubles []Trouble) {
	r := c.record(kind)
	if r == nil || len(r.triggers) == 0 || before != nil && after != nil && rawjson.Same(before, after) {
		return nil, nil
	}
	change := expr.NewChange(before, after)
	in := template.Inputs{Old: before, New: after, Vars: change, Work: b}
	for _, i := range r.triggers {
		e := &c.events[i]
		payload, err := e.trigger.fire(change, &in)
		switch {
		case err != nil:
			troubles = append(troubles, Trouble{Type: e.Name, Line: e.trigger.line, Detail: fmt.Sprintf("The event %s did not fire: %s.", e.Name, err)})
		case payload != nil:
			events = append(events, Fired{Type: e.Name, Payload: payload})
		}
	}
	return events, troubles
}

// fire returns the payload of the event that a change makes, nil if it makes none.
func (t *trigger) fire(change *expr.Change, in *template.Inputs) ([]byte, error) {
	if t.when == nil {
		if in.New == nil {
			return nil, nil
		}
	} else if ok, err := t.when.Eval(in.Work, change); err != nil || !ok {
		return nil, err
	}
	payload, err := t.payload.Document(in)
	if errors.Is(err, template.ErrNothing) {
		return nil, errors.New("there is no document to make its payload of, because the record was deleted")
	}
	return payload, err
}

// trigger reads on, when and payload of an event.
func (l *loader) trigger(c *Contract, e *EventType, o yamlfile.Object, at yamlfile.Pair) {
	t := &trigger{line: at.Line}
	v := o.Get("on")
	e.On = l.Str(v)
	r := c.record(e.On)
	if r == nil && v.Kind == yamlfile.KindText {
		fix := nearestFix(e.On, c.kinds())
		if len(c.records) == 0 {
			fix = "Describe it under records."
		}
		l.ProblemAt(v, fmt.Sprintf("There is no record %s.", e.On), fix)
	}
	if v := o.Get("when"); v != nil {
		t.when, t.line = template.ReadCondition(l.File, v, expr.Trigger()), v.Line
	}
	t.payload = template.Whole("new")
	if v := o.Get("payload"); v != nil {
		t.payload = template.ReadPayload(l.File, v, template.Place{Roots: []string{"new", "old", "changes"}, Scope: expr.Trigger()})
	}
	e.trigger = t
	if r == nil {
		return
	}
	if r.schema != nil && t.payload.IsWhole("new") {
		e.schemas = append([]*schema.Schema{r.schema}, e.schemas...) // the payload is the record
		e.texts = schema.Both(r.texts, e.texts)
	}
	r.triggers = append(r.triggers, len(c.events))
}

func nearestFix(word string, known []string) string {
	if fix := nearest.DidYouMean(word, known); fix != "" {
		return fix[1:]
	}
	return ""
}
