package contract

import (
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"gancho/internal/yamlfile"
)

// maxNoun is how many characters a noun may have: it stands in menus and on buttons.
const maxNoun = 24

// Genders are those of nouns. The first is that of a noun that says nothing.
var Genders = []string{"masculine", "feminine"}

// Noun is what people call a thing. The zero value is a thing that the contract does not name.
type Noun struct {
	One, Many string
	Feminine  bool // in Spanish and Portuguese articles and adjectives follow it
}

// EndpointNoun is what the system calls an endpoint in a language: en, es or pt. The zero Noun says that the product's own
// word holds there.
func (c *Contract) EndpointNoun(language string) Noun { return c.endpointNouns[language] }

// names reads what the system calls its things.
func (l *loader) names(c *Contract, n *yamlfile.Node) {
	o := l.Object(n, "names", keysOf["names"])
	v := o.Get("endpoint")
	if v == nil {
		return
	}
	c.endpointNouns = map[string]Noun{}
	if v.Kind != yamlfile.KindMapping {
		noun := l.noun(v)
		for _, language := range Languages {
			c.endpointNouns[language] = noun
		}
		return
	}
	languages := l.Object(v, "names.endpoint", keysOf["names.endpoint"])
	for _, language := range Languages {
		if w := languages.Get(language); w != nil {
			c.endpointNouns[language] = l.noun(w)
		}
	}
}

// noun reads a noun: a word, whose plural ends in s, or a mapping.
func (l *loader) noun(n *yamlfile.Node) Noun {
	if n.Kind != yamlfile.KindMapping {
		word := l.word(n)
		return Noun{One: word, Many: word + "s"}
	}
	o := l.whole(n, "A noun", "names.endpoint.*")
	var noun Noun
	if v := o.Get("one"); v != nil {
		noun.One = l.word(v)
		noun.Many = noun.One + "s"
	}
	if v := o.Get("many"); v != nil {
		noun.Many = l.word(v)
	}
	if v := o.Get("gender"); v != nil {
		noun.Feminine = l.OneOf(v, Genders...) == Genders[1]
	}
	return noun
}

var nounFormat = regexp.MustCompile(`^\p{L}[\p{L}\p{M}\p{N}]*([ '’-][\p{L}\p{M}\p{N}]+)*$`)

// word reads a word, or a few, as they stand in the middle of a sentence.
func (l *loader) word(n *yamlfile.Node) string {
	word := strings.TrimSpace(l.Str(n))
	switch {
	case n.Kind != yamlfile.KindText:
	case utf8.RuneCountInString(word) > maxNoun:
		l.ProblemAt(n, fmt.Sprintf("A noun has at most %d characters: it stands in menus and on buttons.", maxNoun), "")
	case !nounFormat.MatchString(word):
		l.ProblemAt(n, fmt.Sprintf("%q is no noun.", word), "Write a word as it stands in the middle of a sentence, for example webhook.")
	}
	return word
}
