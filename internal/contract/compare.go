package contract

import (
	"context"
	"iter"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gancho/internal/expr"
	"gancho/internal/mask"
	"gancho/internal/rawjson"
	"gancho/internal/work"
	"gancho/internal/yamlfile"
)

// Reading is the source of a contract, read for comparisons.
type Reading struct{ root *yamlfile.Node }

// Read reads the source of the contract.
func (c *Contract) Read() *Reading {
	_, root := yamlfile.Reopen("", c.Source, MaxSource)
	return &Reading{root}
}

// Line says in which line something stands: a path of keys, such as delivery, timeout. Of a path that leads nowhere it is the
// line of the last key that there is, and 0 if there is none.
func (r *Reading) Line(path ...string) (line int) {
	n := r.root
	for _, key := range path {
		at := 0
		if n != nil {
			for _, p := range n.Pairs {
				if p.Key == key {
					at, n = p.Line, p.Value
					break
				}
			}
		}
		if at == 0 {
			break
		}
		line = at
	}
	return line
}

// TestPayload is the payload that the change of a record, or a schedule, of a test makes.
type TestPayload struct {
	Test    string
	Event   string
	Payload []byte // nil: none is made
}

// TestPayloads are the payloads that this contract makes of what the tests of another one begin with, for its event types
// that are not posted, in the order of those tests.
// Each is made when it is asked for.
func (c *Contract) TestPayloads(tests *Contract) iter.Seq[TestPayload] {
	return func(yield func(TestPayload) bool) {
		for _, t := range tests.tests {
			if e, ok := c.Event(t.event); !ok || e.On == "" && e.Schedule == nil || t.payload != nil {
				continue
			}
			t.fires = nil
			var r Result
			payload, _ := t.happen(work.NewBudget(context.Background(), testUnits, nil), c, &r)
			if !yield(TestPayload{t.Name, t.event, payload}) {
				return
			}
		}
	}
}

// Rewriting is a key at which the sources of two contracts say something in different words.
type Rewriting struct {
	Key      string   // of the language, as in [Keys]: events.*.when
	Path     []string // where it stands: events, order.paid, when; an entry of a list is its number
	Old, New string   // in one spelling, see [Rewritten]; "" if it does not stand there
}

// Rewritten lists the keys at which two contracts say something different, in the order of the second one; what only the first one
// says comes behind. Spaces, comments, quotes, the order of keys, ${path} for {$expr: path}, and brackets that a condition
// does not need make no difference.
func Rewritten(before, after *Reading) (out []Rewriting) {
	old, now := before.sayings(), after.sayings()
	were := map[string]string{}
	for _, s := range old {
		were[strings.Join(s.path, "\x00")] = s.text
	}
	for _, s := range now {
		at := strings.Join(s.path, "\x00")
		if were[at] != s.text {
			out = append(out, Rewriting{s.key, s.path, were[at], s.text})
		}
		delete(were, at)
	}
	for _, s := range old {
		if text, ok := were[strings.Join(s.path, "\x00")]; ok {
			out = append(out, Rewriting{s.key, s.path, text, ""})
		}
	}
	return out
}

// saying is what a source says at one key of the language.
type saying struct {
	key  string
	path []string
	text string
}

func (r *Reading) sayings() (out []saying) {
	known := map[string]key{}
	for _, s := range language {
		for _, k := range s.keys {
			known[rawjson.JoinPath(s.path, k.name)] = k
		}
	}
	var walk func(section string, path []string, n *yamlfile.Node)
	walk = func(section string, path []string, n *yamlfile.Node) {
		for _, p := range n.Each() {
			key, at := rawjson.JoinPath(section, p.Key), append(slices.Clone(path), p.Key)
			k, ok := known[key]
			switch {
			case !ok:
			case keysOf[key+".*"] != nil:
				for _, named := range p.Value.Each() {
					walk(key+".*", append(slices.Clone(at), named.Key), named.Value)
				}
			case keysOf[key] != nil && p.Value.Kind == yamlfile.KindList:
				for i, item := range p.Value.Items {
					if item.Kind == yamlfile.KindMapping {
						walk(key, append(slices.Clone(at), strconv.Itoa(i)), item)
					} else {
						out = append(out, saying{key, append(slices.Clone(at), strconv.Itoa(i)), spelling(item, false)})
					}
				}
			case keysOf[key] != nil && p.Value.Kind == yamlfile.KindMapping &&
				(p.Value.Get("$raw") != nil || !slices.Contains(keysOf[key], "$raw")): // else it is a template of JSON
				if key == "endpoint.sign" { // a list of one
					at = append(at, "0")
				}
				if walk(key, at, p.Value); len(p.Value.Pairs) == 0 {
					out = append(out, saying{key, at, "{}"})
				}
			default:
				if key == "endpoint.sign" {
					at = append(at, "0")
				}
				computes := strings.Contains(k.value, aRule) || strings.Contains(k.value, "expression")
				out = append(out, saying{key, at, spelling(p.Value, computes)})
			}
		}
	}
	walk("", nil, r.root)
	return out
}

// plainPath is an expression that only copies.
var plainPath = regexp.MustCompile(`^[a-z_]+(\.[A-Za-z_][A-Za-z0-9_]*|\[[0-9]+\])*$`)

// spelling writes a node of a contract in one way. computes says that a text is a condition or an expression.
func spelling(n *yamlfile.Node, computes bool) string {
	switch n.Kind {
	case yamlfile.KindList:
		var items []string
		for _, item := range n.Items {
			items = append(items, spelling(item, false))
		}
		return "[" + strings.Join(items, ",") + "]"
	case yamlfile.KindMapping:
		if computed := n.Get("$expr"); computed != nil && len(n.Pairs) == 1 && plainPath.MatchString(strings.TrimSpace(computed.Text)) {
			return strconv.Quote("${" + strings.TrimSpace(computed.Text) + "}")
		}
		if value, ok := askedFor(n); ok {
			return spelling(value, false)
		}
		var members []string
		for _, p := range n.Pairs {
			members = append(members, strconv.Quote(p.Key)+":"+spelling(p.Value, p.Key == "$expr" || p.Key == "$when"))
		}
		slices.Sort(members)
		return "{" + strings.Join(members, ",") + "}"
	case yamlfile.KindText:
		if computes {
			return strconv.Quote(expr.Canonical(n.Text))
		}
		return strconv.Quote(n.Text)
	case yamlfile.KindNumber, yamlfile.KindBool, yamlfile.KindNull:
	}
	return n.Text
}

// askedFor is the value of a mapping that is only there if its own value is: {$when: a != null, $value: "${a}"}.
func askedFor(n *yamlfile.Node) (*yamlfile.Node, bool) {
	chosen, value := n.Get("$when"), n.Get("$value")
	if chosen == nil || value == nil || n.Get("$else") != nil {
		return nil, false
	}
	return value, value.Text == "${"+strings.TrimSuffix(expr.Canonical(chosen.Text), " != null")+"}"
}

// NamesCredential reports whether a name is one under which secrets stand, as in Authorization, api_key and X-Token.
func NamesCredential(name string) bool { return mask.NamesCredential(name) }

// ReportsPosted reports whether a posted event is accepted although the schema of its type refuses its payload.
func (c *Contract) ReportsPosted() bool { return c.reports }

// ChecksPosted reports whether some type of posted events has a schema.
func (c *Contract) ChecksPosted() bool {
	return slices.ContainsFunc(c.events, func(e EventType) bool { return e.posted != nil })
}
