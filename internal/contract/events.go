package contract

import (
	"fmt"
	"slices"
	"strings"

	"gancho/internal/hook"
	"gancho/internal/rawjson"
	"gancho/internal/schema"
	"gancho/internal/work"
	"gancho/internal/yamlfile"
)

// events reads the event types.
func (l *loader) events(c *Contract, n *yamlfile.Node) {
	if n.Kind != yamlfile.KindMapping || len(n.Pairs) == 0 {
		l.ProblemAt(n, "events is a mapping from the name of each event type to what is known of it.", `Write for example: events: {order.paid: {title: {en: An order was paid}}}. "*" stands for any type.`)
		return
	}
	for _, p := range n.Pairs {
		if p.Key != anyEvent && !hook.ValidEventType(p.Key) {
			l.Problem(p.Line, p.Column, fmt.Sprintf("%q cannot name an event type.", p.Key), `Use letters, digits and _ . : / -, at most 128; "*" stands for any type.`)
		}
		c.byName[p.Key] = len(c.events)
		c.anyEvent = c.anyEvent || p.Key == anyEvent
		c.events = append(c.events, l.event(c, p))
	}
}

func (l *loader) event(c *Contract, p yamlfile.Pair) EventType {
	e := EventType{Name: p.Key, line: p.Line}
	if p.Value.Kind == yamlfile.KindText || p.Value.Kind == yamlfile.KindNull && !p.Value.Refused {
		title := p.Value.Text
		if title == "" {
			title = "…"
		}
		l.ProblemAt(p.Value, fmt.Sprintf("What is known of the event type %s is a mapping (key: value), not %s.", p.Key, p.Value.Kind),
			fmt.Sprintf("Write %s: {title: %q}", p.Key, title))
		return e
	}
	o := l.Object(p.Value, "The event type "+p.Key, keysOf["events.*"])
	if v := o.Get("title"); v != nil {
		e.Title = l.Text(v)
	} else if o.Node != nil {
		l.Problem(p.Line, p.Column, fmt.Sprintf("The event type %s has no title.", p.Key), "Add one, people choose by it: title: {en: An order was paid}")
	}
	if v := o.Get("about"); v != nil {
		e.About = l.Text(v)
	}
	for _, v := range l.entries(o, "aliases") {
		if alias := l.Str(v); alias != "" {
			e.Aliases = append(e.Aliases, alias)
		}
	}
	if v := o.Get("schema"); v != nil {
		var s *schema.Schema
		if e.texts, s = schema.Read(l.File, v); s != nil {
			e.schemas, e.posted = []*schema.Schema{s}, s
		}
	}
	l.origin(c, &e, o, p)
	e.own = l.ownParts(c, o)
	e.Schema = e.texts.In(Languages[0])
	if v := o.Get("example"); v != nil {
		e.Example = l.checkedExample(v, &e)
	}
	if v := o.Get("cases"); v != nil {
		e.Cases = l.cases(v, &e)
	}
	return e
}

// Group is the heading under which people look for an event type: the kind of record with which its name begins, as
// cliente of cliente.editado; or else what its title says before a colon, if another title begins with the same. It is
// empty for a type that has neither.
func (c *Contract) Group(e EventType) Text {
	if end := strings.IndexAny(e.Name, "._/:-"); end > 0 {
		if r, ok := c.Record(e.Name[:end]); ok {
			return r.Title
		}
	}
	group := beforeColon(e.Title)
	same := func(x EventType) bool { return x.Name != e.Name && beforeColon(x.Title).En == group.En }
	if group.En == "" || !slices.ContainsFunc(c.events, same) {
		return Text{}
	}
	return group
}

// beforeColon is the part of a text before its first colon, in each language that has one.
func beforeColon(t Text) Text {
	before := func(s string) string {
		if first, _, found := strings.Cut(s, ": "); found {
			return first
		}
		return ""
	}
	return Text{En: before(t.En), Es: before(t.Es), Pt: before(t.Pt)}
}

// cases reads further examples of an event type.
func (l *loader) cases(n *yamlfile.Node, e *EventType) (out []Case) {
	const fix = "Write for example: cases: {gift: {title: {en: A gift}, example: '{\"id\":1,\"gift\":true}'}}"
	if n.Kind != yamlfile.KindMapping {
		l.ProblemAt(n, "cases is a mapping from the name of each further example to its title and the example.", fix)
		return nil
	}
	for _, p := range n.Pairs {
		if !ValidName(p.Key) {
			l.Problem(p.Line, p.Column, fmt.Sprintf("%q cannot be the name of a case.", p.Key), nameFix)
		}
		o := l.Object(p.Value, "The case "+p.Key, keysOf["events.*.cases.*"])
		title, example := o.Get("title"), o.Get("example")
		if title == nil || example == nil {
			l.Problem(p.Line, p.Column, fmt.Sprintf("The case %s needs a title and an example.", p.Key), fix)
			continue
		}
		out = append(out, Case{Name: p.Key, Title: l.Text(title), Example: l.checkedExample(example, e)})
	}
	return out
}

// origin reads what makes events of a type: a change of a record, or a schedule. If there
// is neither, they are posted.
func (l *loader) origin(c *Contract, e *EventType, o yamlfile.Object, p yamlfile.Pair) {
	on, every, cron := o.Get("on"), o.Get("every"), o.Get("cron")
	ways := 0
	for _, n := range []*yamlfile.Node{on, every, cron} {
		if n != nil {
			ways++
		}
	}
	if ways > 0 && e.Name == anyEvent {
		l.Problem(p.Line, p.Column, `An event type that is made from records needs a name of its own; "*" is none.`, "Give the event type a name.")
		return
	}
	if ways > 1 {
		l.Problem(p.Line, p.Column, fmt.Sprintf("The event type %s has several of on, every and cron.", e.Name), "Keep one of them, or make several event types.")
		return
	}
	belong := map[string][]string{"when": {"on"}, "payload": {"on", "every", "cron"}}
	for _, key := range []string{"timezone", "select", "where", "item", "max_body"} {
		belong[key] = []string{"every", "cron"}
	}
	for key, to := range belong {
		if v := o.Get(key); v != nil && !slices.ContainsFunc(to, func(k string) bool { return o.Get(k) != nil }) {
			l.ProblemAt(v, fmt.Sprintf("%s belongs to %s, and the event type %s has none.", key, strings.Join(to, " or "), e.Name), "Remove it, or add what makes the event: on: a kind of record, or every: 1h.")
		}
	}
	switch {
	case on != nil:
		l.trigger(c, e, o, p)
	case ways == 1:
		l.schedule(c, e, o, p)
	}
}

// checkedExample reads an example and checks it like a payload. It is nil if the example
// has no text.
func (l *loader) checkedExample(n *yamlfile.Node, e *EventType) []byte {
	example := l.example(n)
	if example == nil {
		return nil
	}
	if err := rawjson.Check(example, rawjson.MaxDepth); err != nil {
		l.ProblemAt(n, "The example is refused. "+err.Error(), "")
		return example
	}
	for _, f := range e.check(nil, example) {
		l.ProblemAt(n, fmt.Sprintf("The example does not meet the schema at %s: %s", orRoot(f.Pointer), f.Detail), "Correct one of them.")
	}
	return example
}

// check checks a payload with the schemas of its event type. If two of them report the
// same mistake in the same words, it is listed once.
func (e *EventType) check(b *work.Budget, payload []byte) (out []hook.FieldError) {
	for _, s := range e.schemas {
		for _, f := range s.Check(b, payload) {
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
