package contract

import (
	"fmt"

	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// events reads the event types.
func (l *loader) events(c *Contract, n *node) {
	if n.kind != kindMapping || len(n.pairs) == 0 {
		l.problemAt(n, "events is a mapping from the name of each event type to what is known of it.", `Write for example: events: {order.paid: {title: {en: An order was paid}}}. "*" stands for any type.`)
		return
	}
	for _, p := range n.pairs {
		if p.key != anyEvent && !hook.ValidEventType(p.key) {
			l.problem(p.line, p.col, fmt.Sprintf("%q cannot name an event type.", p.key), `Use letters, digits and _ . : / -, at most 128; "*" stands for any type.`)
		}
		c.byName[p.key] = len(c.events)
		c.anyEvent = c.anyEvent || p.key == anyEvent
		c.events = append(c.events, l.event(p))
	}
}

func (l *loader) event(p pair) EventType {
	e := EventType{Name: p.key}
	o := l.object(p.value, "The event type "+p.key, keysOf["events.*"])
	if v := o.get("title"); v != nil {
		e.Title = l.text(v)
	} else if o.n != nil {
		l.problem(p.line, p.col, fmt.Sprintf("The event type %s has no title.", p.key), "Add one, people choose by it: title: {en: An order was paid}")
	}
	if v := o.get("about"); v != nil {
		e.About = l.text(v)
	}
	if v := o.get("schema"); v != nil {
		e.Schema, e.schema = l.schema(v)
	}
	if v := o.get("example"); v != nil {
		if e.Example = l.example(v); e.Example != nil {
			l.checkExample(v, e)
		}
	}
	return e
}

// checkExample holds an example against what is said of real payloads.
func (l *loader) checkExample(n *node, e EventType) {
	if err := rawjson.Check(e.Example, rawjson.MaxDepth); err != nil {
		l.problemAt(n, "The example is refused. "+err.Error(), "")
		return
	}
	if e.schema == nil {
		return
	}
	for _, f := range e.schema.check(e.Example) {
		l.problemAt(n, fmt.Sprintf("The example does not meet the schema at %s: %s", orRoot(f.Pointer), f.Detail), "Correct one of them.")
	}
}

func orRoot(pointer string) string {
	if pointer == "" {
		return "its root"
	}
	return pointer
}

// schema compiles a JSON Schema.
func (l *loader) schema(n *node) ([]byte, *schema) {
	before := len(l.problems.List)
	text := l.schemaJSON(n, Languages[0])
	if len(l.problems.List) > before {
		return text, nil
	}
	s, err := compileSchema(text)
	if err != nil {
		l.problemAt(n, sentence("The schema cannot be used: "+err.Error()), "")
		return text, nil
	}
	return text, s
}
