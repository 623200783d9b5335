package yamlfile

import (
	"cmp"
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// Standalone is the source with each text that [File.Inline] was given in the place of
// the name of its file, so that the source is complete without other files. Lines keep
// their numbers: a text is written in one line, as a JSON string, which YAML reads as a
// quoted text.
func (f *File) Standalone() []byte {
	if len(f.inlined) == 0 {
		return append([]byte(nil), f.src...)
	}
	lines := strings.Split(string(f.src), "\n")
	// From the end of each line to its beginning, so that columns stay true.
	slices.SortFunc(f.inlined, func(a, b inlined) int { return cmp.Compare(b.at.Column, a.at.Column) })
	for _, in := range f.inlined {
		runes := []rune(lines[in.at.Line-1])
		before, after := string(runes[:in.at.Column-1]), string(runes[in.at.Column-1:])
		end := len(in.at.Text)
		if in.at.Quote == Quoted {
			end += 2
		}
		text, err := jsontext.AppendQuote(nil, string(in.text))
		if err != nil || end > len(after) {
			continue // not UTF-8, or written in an unusual way: events refused it
		}
		lines[in.at.Line-1] = before + string(text) + after[end:]
	}
	return []byte(strings.Join(lines, "\n"))
}
