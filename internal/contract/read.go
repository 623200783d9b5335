package contract

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"gancho/internal/expr"
	"gancho/internal/nearest"
)

// object is a mapping with a fixed set of keys.
type object struct{ n *node }

// get is the value of a key, nil if it is absent or empty.
func (o object) get(key string) *node { return o.n.get(key) }

// object reads a mapping and refuses keys that it does not have.
func (l *loader) object(n *node, what string, keys []string) object {
	if n.kind != kindMapping {
		l.problemAt(n, fmt.Sprintf("%s is a mapping (key: value), not %s.", what, n.kind), "Possible keys: "+strings.Join(keys, ", ")+".")
		return object{}
	}
	for _, p := range n.pairs {
		if !slices.Contains(keys, p.key) {
			fix := strings.TrimSpace(nearest.DidYouMean(p.key, keys))
			if p.value.kind == kindNull && strings.Contains(p.key, " ") { // {en: One, two}
				fix = "Inside { } a text with a comma needs quotes."
			}
			l.problem(p.line, p.col, fmt.Sprintf("%s has no key %s.", what, p.key), fix)
			continue
		}
		if p.value.kind == kindNull && !p.value.refused {
			l.problem(p.line, p.col, p.key+" has no value.", "Give it one, or remove the line.")
		}
	}
	return object{n}
}

// str reads a text. Numbers and true are refused rather than guessed at: 1.0
// and "1.0" are different things to whoever reads the contract.
func (l *loader) str(n *node) string {
	switch n.kind {
	case kindText:
		return n.text
	case kindNull: // said already
	case kindNumber, kindBool:
		l.problemAt(n, fmt.Sprintf("This has to be a text, not %s.", n.kind), "Put it in quotes: \""+n.text+"\"")
	case kindMapping, kindList:
		l.problemAt(n, fmt.Sprintf("This has to be a text, not %s.", n.kind), "")
	}
	return ""
}

// text reads a text for people: one text, or one per language.
func (l *loader) text(n *node) Text {
	if n.kind != kindMapping {
		return Text{En: l.trimmed(n)}
	}
	o := l.object(n, "A text", Languages)
	var t Text
	for language, into := range map[string]*string{"en": &t.En, "es": &t.Es, "pt": &t.Pt} {
		if v := o.get(language); v != nil {
			*into = l.trimmed(v)
		}
	}
	if o.get("en") == nil {
		l.problemAt(n, "The English text is missing.", "Add en: it is what other languages fall back to.")
	}
	return t
}

func (l *loader) trimmed(n *node) string { return strings.TrimSpace(l.str(n)) }

func (l *loader) oneOf(n *node, values ...string) string {
	s := n.text // on, off, true and numbers count by how they are written
	if !slices.Contains(values, s) {
		if n.kind != kindNull {
			l.problemAt(n, fmt.Sprintf("%q is not possible here.", s), strings.TrimSpace(nearest.DidYouMean(s, values)))
		}
		return values[0]
	}
	return s
}

func (l *loader) boolean(n *node) bool {
	if n.kind != kindBool {
		if n.kind != kindNull {
			l.problemAt(n, fmt.Sprintf("This has to be true or false, not %s.", n.kind), "")
		}
		return false
	}
	return n.text == "true"
}

func (l *loader) number(n *node, low, high float64) float64 {
	v, err := strconv.ParseFloat(n.text, 64)
	if n.kind != kindNumber || err != nil || math.IsNaN(v) || v < low || v > high {
		if n.kind != kindNull {
			l.problemAt(n, fmt.Sprintf("This has to be a number from %v to %v.", low, high), "")
		}
		return low
	}
	return v
}

func (l *loader) duration(n *node, low, high time.Duration) time.Duration {
	if n.kind == kindNumber && n.text != "0" {
		l.problemAt(n, "A duration needs a unit.", fmt.Sprintf("Write for example %ss or %sms.", n.text, n.text))
		return low
	}
	d, err := time.ParseDuration(n.text)
	switch {
	case err != nil && n.kind != kindNull:
		l.problemAt(n, fmt.Sprintf("%q is not a duration.", n.text), "Write for example 200ms, 15s, 5m or 1h30m.")
	case d < low || d > high:
		l.problemAt(n, fmt.Sprintf("This has to be from %v to %v.", low, high), "")
	}
	return d
}

func (l *loader) list(n *node) []*node {
	if n.kind != kindList {
		if n.kind != kindNull {
			l.problemAt(n, fmt.Sprintf("This has to be a list, not %s.", n.kind), "Write [a, b], or one line per entry beginning with a dash.")
		}
		return nil
	}
	return n.items
}

// condition compiles CEL and points at the place of a mistake within the file.
func (l *loader) condition(n *node, scope *expr.Scope) *expr.Condition {
	text := l.str(n)
	if n.kind != kindText {
		return nil
	}
	c, err := scope.Compile(text)
	if err == nil {
		return c
	}
	e, ok := errors.AsType[*expr.Error](err)
	if !ok {
		l.problemAt(n, err.Error(), "")
		return nil
	}
	line, col := l.within(n, e.Line, e.Column)
	l.problem(line, col, e.Message, "")
	return nil
}

// within is the place in the file of a place in a scalar's text.
func (l *loader) within(n *node, line, col int) (int, int) {
	switch {
	case n.quote == block:
		return n.line + line, col + l.indent(n.line+1)
	case strings.Contains(l.line(n.line), n.text): // one line, nothing escaped
		if n.quote == quoted {
			col++
		}
		return n.line + line - 1, n.col + col - 1
	}
	return n.line, n.col
}

// line is a line of the file, from 1.
func (l *loader) line(number int) string {
	lines := strings.SplitN(string(l.src), "\n", number+1)
	if number > len(lines) {
		return ""
	}
	return lines[number-1]
}

func (l *loader) indent(number int) int {
	line := l.line(number)
	return len(line) - len(strings.TrimLeft(line, " "))
}
