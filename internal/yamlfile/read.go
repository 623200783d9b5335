package yamlfile

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gancho/internal/nearest"
)

// Object is a mapping with a fixed set of keys. Its Node is nil if there was no mapping.
type Object struct{ Node *Node }

// Get is the value of a key, nil if it is absent or empty.
func (o Object) Get(key string) *Node { return o.Node.Get(key) }

// Object reads a mapping that may have these keys and no others. what is its name in
// messages.
func (f *File) Object(n *Node, what string, keys []string) Object {
	if n.Kind != KindMapping {
		f.ProblemAt(n, fmt.Sprintf("%s is a mapping (key: value), not %s.", what, n.Kind), "Possible keys: "+strings.Join(keys, ", ")+".")
		return Object{}
	}
	for _, p := range n.Pairs {
		if !slices.Contains(keys, p.Key) {
			fix := ""
			if f.Advice != nil {
				fix = f.Advice(p.Key, keys)
			}
			if fix == "" {
				fix = strings.TrimSpace(nearest.DidYouMean(p.Key, keys))
			}
			f.Problem(p.Line, p.Column, fmt.Sprintf("%s has no key %s.", what, p.Key), fix)
			continue
		}
		if p.Value.Kind == KindNull && !p.Value.Refused {
			f.Problem(p.Line, p.Column, p.Key+" has no value.", "Give it one, or remove the line.")
		}
	}
	return Object{n}
}

// Str reads a text. It refuses numbers and true rather than guess: 1.0 and "1.0" are
// different things to somebody who reads the file.
func (f *File) Str(n *Node) string {
	switch n.Kind {
	case KindText:
		return n.Text
	case KindNull: // reported by Object
	case KindNumber, KindBool:
		f.ProblemAt(n, fmt.Sprintf("This has to be a text, not %s.", n.Kind), "Put it in quotes: \""+n.Text+"\"")
	case KindMapping, KindList:
		f.ProblemAt(n, fmt.Sprintf("This has to be a text, not %s.", n.Kind), "")
	}
	return ""
}

// Text reads a text for people: one text, or one per language.
func (f *File) Text(n *Node) Text {
	if n.Kind != KindMapping {
		return Text{En: f.trimmed(n)}
	}
	o := f.Object(n, "A text", Languages)
	var t Text
	for language, into := range map[string]*string{"en": &t.En, "es": &t.Es, "pt": &t.Pt} {
		if v := o.Get(language); v != nil {
			*into = f.trimmed(v)
		}
	}
	if o.Get("en") == nil {
		f.ProblemAt(n, "The English text is missing.", "Add en: it is what other languages fall back to.")
	}
	return t
}

func (f *File) trimmed(n *Node) string { return strings.TrimSpace(f.Str(n)) }

// OneOf reads one of several words. If it is another one, the first is returned.
func (f *File) OneOf(n *Node, values ...string) string {
	s := n.Text // as it is written, also if YAML reads it as true or as a number
	if !slices.Contains(values, s) {
		if n.Kind != KindNull {
			f.ProblemAt(n, fmt.Sprintf("%q is not possible here.", s), strings.TrimSpace(nearest.DidYouMean(s, values)))
		}
		return values[0]
	}
	return s
}

// Bool reads true or false.
func (f *File) Bool(n *Node) bool {
	if n.Kind != KindBool {
		if n.Kind != KindNull {
			fix := ""
			switch strings.ToLower(n.Text) {
			case "true", "yes", "on", "1", "y":
				fix = "Write true."
			case "false", "no", "off", "0", "n", "none":
				fix = "Write false."
			}
			f.ProblemAt(n, fmt.Sprintf("This has to be true or false, not %s.", n.Kind), fix)
		}
		return false
	}
	return n.Text == "true"
}

// Number reads a number between low and high.
func (f *File) Number(n *Node, low, high float64) float64 {
	v, err := strconv.ParseFloat(n.Text, 64)
	if n.Kind != KindNumber || err != nil || math.IsNaN(v) || v < low || v > high {
		if n.Kind != KindNull {
			fix := ""
			if n.Kind == KindText && err == nil {
				fix = "Write it without quotes: " + n.Text
			}
			f.ProblemAt(n, fmt.Sprintf("This has to be a number from %v to %v.", low, high), fix)
		}
		return low
	}
	return v
}

// Duration reads a length of time between low and high, such as 1h30m.
func (f *File) Duration(n *Node, low, high time.Duration) time.Duration {
	if n.Kind == KindNumber && n.Text != "0" {
		f.ProblemAt(n, "A duration needs a unit.", fmt.Sprintf("Write for example %ss or %sms.", n.Text, n.Text))
		return low
	}
	d, err := time.ParseDuration(n.Text)
	switch {
	case err != nil && n.Kind != KindNull:
		f.ProblemAt(n, fmt.Sprintf("%q is not a duration.", n.Text), durationFix(n.Text))
	case d < low || d > high:
		f.ProblemAt(n, fmt.Sprintf("This has to be from %v to %v.", low, high), "")
	}
	return d
}

var worded = regexp.MustCompile(`(?i)^(?:PT)?(\d+) ?(ms|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hours?|d|days?)$`)

// durationFix says how a duration is written that somebody wrote in another way.
func durationFix(text string) string {
	m := worded.FindStringSubmatch(text)
	if m == nil {
		return "Write for example 200ms, 15s, 5m or 1h30m."
	}
	unit := strings.ToLower(m[2])
	switch {
	case strings.HasPrefix(unit, "ms"), strings.HasPrefix(unit, "milli"):
		return fmt.Sprintf("Write %sms.", m[1])
	case unit[0] == 'd':
		return "Write it in hours: 24h is a day."
	}
	return fmt.Sprintf("Write %s%c.", m[1], unit[0])
}

// Size reads a number of bytes between low and high, with KiB or MiB behind it if
// need be.
func (f *File) Size(n *Node, low, high int) int {
	text := n.Text
	unit := 1
	for _, u := range []struct {
		name string
		unit int
	}{{"KiB", 1 << 10}, {"MiB", 1 << 20}} {
		if t, ok := strings.CutSuffix(text, u.name); ok {
			text, unit = strings.TrimSpace(t), u.unit
		}
	}
	v, err := strconv.Atoi(text)
	if err != nil || v < 0 || v > high/unit || v*unit < low {
		f.ProblemAt(n, fmt.Sprintf("%q is not a size from %d bytes to %d MiB.", n.Text, low, high>>20), "Write for example 16MiB.")
		return low
	}
	return v * unit
}

// List reads a list and returns its entries.
func (f *File) List(n *Node) []*Node {
	if n.Kind != KindList {
		if n.Kind != KindNull {
			fix := "Write [a, b], or one line per entry beginning with a dash."
			if n.Kind == KindText && n.Quote == Plain && !strings.ContainsAny(n.Text, ",{}[]:#") {
				fix = fmt.Sprintf("Write [%s].", n.Text)
			}
			f.ProblemAt(n, fmt.Sprintf("This has to be a list, not %s.", n.Kind), fix)
		}
		return nil
	}
	return n.Items
}

// Within is the place in the file of a line and column within the text of a node.
func (f *File) Within(n *Node, line, col int) (int, int) {
	switch {
	case n.Quote == Block:
		return n.Line + line, col + f.indent(n.Line+1)
	case strings.Contains(f.line(n.Line), n.Text): // one line, nothing escaped
		if n.Quote == Quoted {
			col++
		}
		return n.Line + line - 1, n.Column + col - 1
	}
	return n.Line, n.Column
}

// line is a line of the file, from 1.
func (f *File) line(number int) string {
	lines := strings.SplitN(string(f.src), "\n", number+1)
	if number > len(lines) {
		return ""
	}
	return lines[number-1]
}

func (f *File) indent(number int) int {
	line := f.line(number)
	return len(line) - len(strings.TrimLeft(line, " "))
}
