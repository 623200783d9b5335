package contract

import (
	"fmt"
	"slices"
	"strings"

	"gancho/internal/hook"
	"gancho/internal/template"
	"gancho/internal/yamlfile"
)

// ownParts are what the requests of one event type have of their own: the keys set and headers of the type.
type ownParts struct {
	set      *template.Value // an object; nil: there are no constants
	constant []byte          // what set makes if that is the same for all events, else nil
	headers  []headerTemplate
}

// ofTypes are the names in the ownParts of all event types. They are read before everything that may refer to them.
type ofTypes struct {
	set     []string // of constants
	headers []string // in lower case
}

// ofTypes reads the names only; [loader.ownParts] reports what is wrong with them.
func (l *loader) ofTypes() (all ofTypes) {
	for _, p := range l.root.Get("events").Each() {
		for _, s := range p.Value.Get("set").Each() {
			if !slices.Contains(all.set, s.Key) {
				all.set = append(all.set, s.Key)
			}
		}
		for _, h := range p.Value.Get("headers").Each() {
			if low := strings.ToLower(h.Key); !slices.Contains(all.headers, low) {
				all.headers = append(all.headers, low)
			}
		}
	}
	return all
}

// requestPlace is what templates of a request can name.
func (l *loader) requestPlace(c *Contract) template.Place {
	return template.Place{
		Roots: credentialRoots(c, template.RequestRoots), Settings: c.endpoint.settings.Names(), Set: c.endpoint.ofTypes.set,
		Scope: template.RequestScope(),
	}
}

// ownParts reads set and headers of an event type, nil if it has neither.
func (l *loader) ownParts(c *Contract, o yamlfile.Object) *ownParts {
	set, headers := o.Get("set"), o.Get("headers")
	if set == nil && headers == nil {
		return nil
	}
	own := &ownParts{}
	if set != nil {
		own.readSet(l, c, set)
	}
	if headers != nil {
		own.headers = l.headers(&c.endpoint, headers, l.requestPlace(c))
		for _, p := range headers.Each() {
			if strings.EqualFold(p.Key, "Content-Type") {
				l.Problem(p.Line, p.Column, "The type of the content is not given here.",
					`Write content_type: ${set.content_type} under endpoint, and set: {content_type: text/plain} here.`)
			}
		}
	}
	if names := func(h headerTemplate) bool { return h.value.Names("credential") }; own.set.Names("credential") || slices.ContainsFunc(own.headers, names) {
		l.needsEndpointCredential(c, o.Node)
	}
	return own
}

func (own *ownParts) readSet(l *loader, c *Contract, n *yamlfile.Node) {
	if n.Kind != yamlfile.KindMapping || len(n.Pairs) == 0 {
		l.ProblemAt(n, "set is a mapping from the names of constants to their values.", "Write for example: set: {topic: orders/paid}")
		return
	}
	for _, p := range n.Pairs {
		if !ValidName(strings.ToLower(p.Key)) {
			l.Problem(p.Line, p.Column, fmt.Sprintf("%q cannot be the name of a constant.", p.Key),
				"Use letters, digits, _ and -, at most 64, beginning with a letter.")
		}
	}
	at := l.requestPlace(c)
	at.Roots = slices.DeleteFunc(slices.Clone(at.Roots), func(root string) bool { return root == "set" })
	before := l.Count()
	if own.set = template.ReadValue(l.File, n, at); l.Count() > before || !own.set.Constant() {
		return
	}
	own.constant, _, _ = own.set.Append(nil, &template.Inputs{})
}

// sends reports whether the contract itself sends a header of this name, with events of any type or of some.
func (e *endpoint) sends(name string) bool {
	return e.sets(name) || slices.Contains(e.ofTypes.headers, strings.ToLower(name))
}

// ownParts are those of an event's type, nil if it has none.
func (c *Contract) ownParts(eventType string) *ownParts {
	if len(c.endpoint.ofTypes.set) == 0 && len(c.endpoint.ofTypes.headers) == 0 {
		return nil
	}
	i, ok := c.byName[eventType]
	if !ok || eventType == anyEvent {
		if i, ok = c.byName[anyEvent]; !ok {
			return nil
		}
	}
	return c.events[i].own
}

// headersOfTypes are the headers that event types have of their own.
func (c *Contract) headersOfTypes() (out []headerTemplate) {
	for i := range c.events {
		if own := c.events[i].own; own != nil {
			out = append(out, own.headers...)
		}
	}
	return out
}

// setNames reports whether a constant is made of something under the root.
func (c *Contract) setNames(root string) bool {
	return slices.ContainsFunc(c.events, func(e EventType) bool { return e.own != nil && e.own.set.Names(root) })
}

// setPerAttempt reports whether a constant is made of something of the attempt.
func (c *Contract) setPerAttempt() bool {
	return slices.ContainsFunc(c.events, func(e EventType) bool { return e.own != nil && e.own.set.PerAttempt() })
}

// inputs are what the templates of a request can name.
func (p *Plan) inputs(ev *hook.Event, a *Attempt, address string) (in template.Inputs, err error) {
	in = template.Inputs{
		Settings: p.cfg.Settings, Credential: p.credential, Event: ev, Endpoint: p.endpoint, URL: address, Attempt: a,
		Style: p.contract.endpoint.json, Work: renderBudget(),
	}
	own := p.contract.ownParts(ev.Type)
	switch {
	case own == nil || own.set == nil:
	case own.constant != nil:
		in.Set = own.constant
	default:
		set := in
		if in.Set, err = own.set.Document(&set); err != nil {
			err = fmt.Errorf("the constants of the event type %s cannot be made: %w", ev.Type, err)
		}
	}
	return in, err
}

// withOwn replaces headers by those that the event's type has of its own, and adds the others of those.
func (p *Plan) withOwn(headers []hook.Header, ev *hook.Event, a *Attempt, address string) ([]hook.Header, error) {
	own := p.contract.ownParts(ev.Type)
	if own == nil || len(own.headers) == 0 {
		return headers, nil
	}
	in, err := p.inputs(ev, a, address)
	if err != nil {
		return nil, err
	}
	out := append(make([]hook.Header, 0, len(headers)+len(own.headers)), headers...)
	for _, h := range own.headers {
		made, ok, err := h.render(&in)
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		if i := slices.IndexFunc(out, func(x hook.Header) bool { return strings.EqualFold(x.Name, h.name) }); i >= 0 {
			out[i] = made
		} else {
			out = append(out, made)
		}
	}
	return out, nil
}

// render makes the header. It is false if the value names something that is absent.
func (h headerTemplate) render(in *template.Inputs) (hook.Header, bool, error) {
	v, ok, err := h.value.Render(in)
	if err != nil {
		return hook.Header{}, false, fmt.Errorf("the header %s cannot be filled in from this event: %w", h.name, err)
	}
	if !ok {
		return hook.Header{}, false, nil
	}
	if f, bad := wrongValue(v); bad {
		return hook.Header{}, false, fmt.Errorf("the header %s cannot be filled in from this event: %s", h.name, f.Detail)
	}
	return hook.Header{Name: h.name, Value: v}, true, nil
}
