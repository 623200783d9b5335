package contract

import (
	"cmp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// standalone is the source with the text of each example file in the place of
// its name, so that the one text is all a node needs. Lines keep their numbers:
// the text is written as a double-quoted YAML scalar, which a JSON string is.
func (l *loader) standalone() []byte {
	if len(l.inlined) == 0 {
		return append([]byte(nil), l.src...)
	}
	lines := strings.Split(string(l.src), "\n")
	// From the end of each line to its beginning, so that columns stay true.
	slices.SortFunc(l.inlined, func(a, b inlined) int { return cmp.Compare(b.at.col, a.at.col) })
	for _, in := range l.inlined {
		runes := []rune(lines[in.at.line-1])
		before, after := string(runes[:in.at.col-1]), string(runes[in.at.col-1:])
		end := len(in.at.text)
		if in.at.quote == quoted {
			end += 2
		}
		text, err := jsontext.AppendQuote(nil, string(in.text))
		if err != nil || end > len(after) {
			continue // not UTF-8, or written in an unusual way: events refused it
		}
		lines[in.at.line-1] = before + string(text) + after[end:]
	}
	return []byte(strings.Join(lines, "\n"))
}
