package contract

import (
	"errors"
	"fmt"

	"gancho/internal/expr"
	"gancho/internal/hook"
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
	Reason string // [hook.ReasonConditionFailed], [hook.ReasonPayloadFailed] or [hook.ReasonOverBudget]
	Line   int    // of the contract file
	Detail string // one sentence for people
}

func (t *Trouble) Error() string { return t.Detail }

// trigger decides which changes make an event of one type, and makes its payload.
type trigger struct {
	when    *expr.Condition // nil: each create and each change
	payload *template.Value
	// Lines of the condition and of the payload, or else of the event.
	line, payloadLine int
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
		fires, err := e.trigger.holds(change, &in)
		if err != nil {
			troubles = append(troubles, e.trouble(hook.ReasonConditionFailed, e.trigger.line, err))
			continue
		}
		if !fires {
			continue
		}
		payload, err := e.trigger.document(&in)
		if err != nil {
			troubles = append(troubles, e.trouble(hook.ReasonPayloadFailed, e.trigger.payloadLine, err))
			continue
		}
		events = append(events, Fired{Type: e.Name, Payload: payload})
	}
	return events, troubles
}

// trouble says why an event of the type did not fire.
func (e *EventType) trouble(reason string, line int, err error) Trouble {
	if errors.Is(err, work.ErrSpent) || errors.Is(err, expr.ErrTooCostly) {
		reason = hook.ReasonOverBudget
	}
	return Trouble{Type: e.Name, Reason: reason, Line: line, Detail: fmt.Sprintf("The event %s did not fire: %s.", e.Name, err)}
}

// holds reports whether a change makes an event.
func (t *trigger) holds(change *expr.Change, in *template.Inputs) (bool, error) {
	if t.when == nil {
		return in.New != nil, nil
	}
	return t.when.Eval(in.Work, change)
}

// document makes the payload of the event.
func (t *trigger) document(in *template.Inputs) ([]byte, error) {
	payload, err := t.payload.Document(in)
	if errors.Is(err, template.ErrNothing) {
		return nil, errors.New("there is no document to make its payload of, because the record was deleted")
	}
	return payload, err
}

// trigger reads on, when and payload of an event.
func (l *loader) trigger(c *Contract, e *EventType, o yamlfile.Object, at yamlfile.Pair) {
	t := &trigger{line: at.Line, payloadLine: at.Line}
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
		t.payloadLine = v.Line
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
