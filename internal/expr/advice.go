package expr

import (
	"regexp"
	"slices"
	"strings"
)

// otherOperators are how other languages write operators of CEL, and what CEL writes.
var otherOperators = []struct {
	text *regexp.Regexp
	fix  string
}{
	{regexp.MustCompile(`\$\{`), "Conditions and expressions name a path without ${ }: payload.total > 5"},
	{regexp.MustCompile(`===`), "Write == to compare."},
	{regexp.MustCompile(`!==`), "Write != to compare."},
	{regexp.MustCompile(`<>`), "Write != to compare."},
	{regexp.MustCompile(`(?i)\sis\s+not\s`), "Write != to compare."},
	{regexp.MustCompile(`(?i)\sis\s`), "Write == to compare."},
	{regexp.MustCompile(`(?i)(^|\s|\()(and|or|not)\s`), "Write && for and, || for or, ! for not."},
	{regexp.MustCompile(`[^=!<>]=[^=]`), "Write == to compare."},
	{regexp.MustCompile(`\d\.\.\d`), "Write both ends: response.status >= 200 && response.status <= 299"},
	{regexp.MustCompile(`(?i)\s(like|matches|contains)\s`), `Write it as a function of the text: payload.name.contains("x")`},
}

// operatorFix says how CEL writes what another language writes with the operators in a text, with a space before it; ""
// if nothing is known. What stands in quotes is no operator.
func operatorFix(text string) string {
	text = quotes.ReplaceAllString(text, `""`)
	for _, o := range otherOperators {
		if o.text.MatchString(text) {
			return " " + o.fix
		}
	}
	return ""
}

var quotes = regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'`)

// nameFix says what may have been meant by a name that there is not, with a space before it; "" if nothing is known: a
// text that lacks its quotes, or the end of a longer name.
func (s *Scope) nameFix(text, name string, column int) string {
	last := name[strings.LastIndexByte(name, '.')+1:]
	if slices.Contains(s.names, "response.status") && statusNames.MatchString(last) {
		return " Did you mean response.status?"
	}
	for _, known := range s.names {
		if strings.HasSuffix(known, "."+name) {
			return " Did you mean " + known + "?"
		}
	}
	runes := []rune(text)
	if at := min(max(column-1, 0), len(runes)); comparison.MatchString(string(runes[:at])) && !strings.Contains(name, ".") {
		return ` A text needs quotes: "` + name + `"`
	}
	for _, document := range documents {
		if first, _, _ := strings.Cut(name, "."); slices.Contains(s.names, document) && !slices.Contains(roots, first) {
			return " Did you mean " + document + "." + name + "?"
		}
	}
	return ""
}

// documents are the names of documents whose members people name alone; roots are names that other scopes have.
var (
	documents = []string{"new", "payload", "record"}
	roots     = []string{"new", "old", "record", "payload", "settings", "event", "response", "items", "credential", "set"}
)

var statusNames = regexp.MustCompile(`(?i)^(http_?)?(status|status_?code|code)$`)

var comparison = regexp.MustCompile(`[=!]=\s*$`)
