package yamlfile

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"
)

// mistake is one that many people make, and that the YAML parser reports in words of its own.
type mistake struct {
	said    string         // what the parser's message contains
	line    *regexp.Regexp // of the file; nil: any
	message string         // "": that of the parser
	fix     string         // $1, $2 are what line found
}

// mistakes are looked through in order. A line is that of the place which the parser names.
var mistakes = []mistake{
	{"cannot start any token", regexp.MustCompile(`^ *\t`), "A tab stands at the beginning of this line.", "YAML is indented with spaces: put two spaces in the place of each tab."},
	{"", regexp.MustCompile(`\{\{\s*([A-Za-z_][\w.]*)\s*\}\}`), "{{ }} means nothing here.", `A template is written ${$1}, in quotes inside { } and [ ].`},
	{"", regexp.MustCompile(`\$\{`), "", `Inside { } and [ ] a template needs quotes: {x: "${settings.token}"}`},
	{"", regexp.MustCompile(`/\{`), "", `Inside { } and [ ] a path with { } needs quotes: ["/api/orders/{id}"]`},
	{"reserved character", regexp.MustCompile("([@`])"), "A text cannot begin with $1.", `Put it in quotes: "$1…"`},
	{"", regexp.MustCompile(`[{,\s]\*\s*:`), "* needs quotes here.", `Write "*": {title: Any event}`},
	{"mapping value is not allowed", regexp.MustCompile(`^\s*([\w.-]+): ([^"'{}\[\]|>&]*: [^"]*?)\s*$`), "A text that has a colon and a space in it needs quotes.", `Write $1: "$2"`},
	{"mapping value is not allowed", nil, "This key is not where a key can be.", "All keys of one mapping begin in the same column, deeper than the key that they belong to."},
	{"non-map value is specified", regexp.MustCompile(`^\s*([\w.-]+):(\S.*?)\s*$`), "Behind the colon of a key there has to be a space.", "Write $1: $2"},
	{"could not find end character of", nil, "The quote that opens here is not closed.", ""},
	{"could not find flow mapping end token", nil, "The { that opens here is not closed.", "Add the } that is missing."},
	{"could not find flow sequence end token", nil, "The [ that opens here is not closed.", "Add the ] that is missing."},
	{"value is not allowed in this context", regexp.MustCompile(`[}\]]\s*$`), "There is a bracket too many, or one before it is missing.", ""},
}

var definedAlready = regexp.MustCompile(`^mapping key "(.*)" already defined at \[(\d+):`)

// notYAML reports why the YAML parser refused the file, in words for people who make a mistake that many make.
func (f *File) notYAML(line, col int, said string) {
	if m := definedAlready.FindStringSubmatch(said); m != nil {
		f.Problem(line, col, fmt.Sprintf("The key %s is there already, in line %s.", m[1], m[2]), "Keep one of them.")
		return
	}
	text := f.line(line)
	for _, m := range mistakes {
		if !strings.Contains(said, m.said) {
			continue
		}
		fill := func(s string) string { return s }
		if m.line != nil {
			found := m.line.FindStringSubmatch(text)
			if found == nil {
				continue
			}
			fill = func(s string) string {
				for i, group := range found[1:] {
					s = strings.ReplaceAll(s, fmt.Sprintf("$%d", i+1), group)
				}
				return s
			}
		}
		message := "This is not valid YAML: " + said + "."
		if m.message != "" {
			message = fill(m.message)
		}
		f.Problem(line, col, message, fill(m.fix))
		return
	}
	f.Problem(line, col, "This is not valid YAML: "+said+".", "")
}

// commaInside reports a pair inside { } that has no colon. It is the part behind a comma of a text that needs quotes:
// {en: Orders, paid and sent}. It reports whether the pair is to be left out.
func (f *File) commaInside(out *Node, v *ast.MappingValueNode) bool {
	if v.Start == nil || v.Start.Type == token.MappingValueType || v.Start.Type == token.MergeKeyType || f.accepted {
		return false
	}
	pos, key := v.Key.GetToken().Position, strings.TrimSpace(v.Key.GetToken().Value)
	fix := "Inside { } each part is a key, a colon and a value; a text with a comma needs quotes."
	if n := len(out.Pairs); n > 0 && out.Pairs[n-1].Value.Kind != KindMapping && out.Pairs[n-1].Value.Kind != KindList {
		p := &out.Pairs[n-1]
		if p.Value.Refused {
			return true // one comma is enough to say it
		}
		quote := `"`
		if strings.Contains(p.Value.Text+key, `"`) {
			quote = "'"
		}
		fix = fmt.Sprintf("Inside { } a text with a comma needs quotes: %s: %s%s, %s%s", p.Key, quote, p.Value.Text, key, quote)
		p.Value.Refused = true
		p.Value.Kind = KindNull
	}
	f.Problem(pos.Line, pos.Column, fmt.Sprintf("There is no colon behind %s.", key), fix)
	return true
}
