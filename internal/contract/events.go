package contract

import (
	"fmt"
	"slices"
	"strings"

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
		c.events = append(c.events, l.event(c, p))
	}
}

func (l *loader) event(c *Contract, p pair) EventType {
	e := EventType{Name: p.key, line: p.line}
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
		var s *schema
		if e.texts, s = l.schema(v); s != nil {
			e.schemas = []*schema{s}
		}
	}
	l.origin(c, &e, o, p)
	e.Schema = e.texts.in(Languages[0])
	if v := o.get("example"); v != nil {
		e.Example = l.checkedExample(v, &e)
	}
	if v := o.get("cases"); v != nil {
		e.Cases = l.cases(v, &e)
	}
	return e
}

// cases reads further examples of an event type.
func (l *loader) cases(n *node, e *EventType) (out []Case) {
	const fix = "Write for example: cases: {gift: {title: {en: A gift}, example: '{\"id\":1,\"gift\":true}'}}"
	if n.kind != kindMapping {
		l.problemAt(n, "cases is a mapping from the name of each further example to its title and the example.", fix)
		return nil
	}
	for _, p := range n.pairs {
		if !validName(p.key) {
			l.problem(p.line, p.col, fmt.Sprintf("%q cannot be the name of a case.", p.key), nameFix)
		}
		o := l.object(p.value, "The case "+p.key, keysOf["events.*.cases.*"])
		title, example := o.get("title"), o.get("example")
		if title == nil || example == nil {
			l.problem(p.line, p.col, fmt.Sprintf("The case %s needs a title and an example.", p.key), fix)
			continue
		}
		out = append(out, Case{Name: p.key, Title: l.text(title), Example: l.checkedExample(example, e)})
	}
	return out
}

// origin reads what makes events of a type: a change of a record, a schedule,
// or nothing, then they are posted.
func (l *loader) origin(c *Contract, e *EventType, o object, p pair) {
	on, every, cron := o.get("on"), o.get("every"), o.get("cron")
	ways := 0
	for _, n := range []*node{on, every, cron} {
		if n != nil {
			ways++
		}
	}
	if ways > 0 && e.Name == anyEvent {
		l.problem(p.line, p.col, `What is made by records has a name of its own; "*" cannot be.`, "Give the event type a name.")
		return
	}
	if ways > 1 {
		l.problem(p.line, p.col, fmt.Sprintf("The event type %s has several of on, every and cron.", e.Name), "Keep one of them, or make several event types.")
		return
	}
	belong := map[string][]string{"when": {"on"}, "payload": {"on", "every", "cron"}}
	for _, key := range []string{"timezone", "select", "where", "item", "max_body"} {
		belong[key] = []string{"every", "cron"}
	}
	for key, to := range belong {
		if v := o.get(key); v != nil && !slices.ContainsFunc(to, func(k string) bool { return o.get(k) != nil }) {
			l.problemAt(v, fmt.Sprintf("%s belongs to %s, and the event type %s has none.", key, strings.Join(to, " or "), e.Name), "Remove it, or say what makes the event: on: a kind of record, or every: 1h.")
		}
	}
	switch {
	case on != nil:
		l.trigger(c, e, o, p)
	case ways == 1:
		l.schedule(c, e, o, p)
	}
}

// checkedExample reads an example and holds it against what is said of real
// payloads. It is nil if there is no text of it.
func (l *loader) checkedExample(n *node, e *EventType) []byte {
	example := l.example(n)
	if example == nil {
		return nil
	}
	if err := rawjson.Check(example, rawjson.MaxDepth); err != nil {
		l.problemAt(n, "The example is refused. "+err.Error(), "")
		return example
	}
	for _, f := range e.check(example) {
		l.problemAt(n, fmt.Sprintf("The example does not meet the schema at %s: %s", orRoot(f.Pointer), f.Detail), "Correct one of them.")
	}
	return example
}

// check holds a payload against the schemas of its event type. What two of them
// say in the same words is said once.
func (e *EventType) check(payload []byte) (out []hook.FieldError) {
	for _, s := range e.schemas {
		for _, f := range s.check(payload) {
			if !slices.ContainsFunc(out, func(x hook.FieldError) bool { return x.Pointer == f.Pointer && x.Detail == f.Detail }) {
				out = append(out, f)
			}
		}
	}
	return out
}

func orRoot(pointer string) string {
	if pointer == "" {
		return "its root"
	}
	return pointer
}

// schema compiles a JSON Schema.
func (l *loader) schema(n *node) (localized, *schema) {
	before := len(l.problems.List)
	text := l.localized(n)
	if len(l.problems.List) > before {
		return text, nil
	}
	s, err := compileSchema(text.in(Languages[0]))
	if err != nil {
		l.problemAt(n, sentence("The schema cannot be used: "+err.Error()), "")
		return text, nil
	}
	return text, s
}
