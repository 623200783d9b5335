// Package texts reads catalogues: the texts that people read, a file per
// language, so that somebody who translates needs no programming language. It exists
// because such texts were written between lines of Go.
//
// A catalogue looks like this:
//
//	# A line that begins with # is for the translator.
//	[answer.status]
//	Only the status {statuses} counts as received. The text of a key goes
//	on until the next one; its lines are joined with a space.
//
// {statuses} is a placeholder: the program puts a value there. No character has to
// be quoted.
//
// It promises that a catalogue which was read is complete: all languages have the
// same keys, each with a text and with the same placeholders.
package texts

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
)

// Catalogue has texts by language and key. It never changes, so any number of
// goroutines may use it.
type Catalogue struct {
	languages []string
	keys      []string // in the order of the first language's file
	texts     map[string]map[string]string
}

// Must is the catalogue of [Load], and panics if that has found mistakes: an
// embedded catalogue is a part of the program.
func Must(c *Catalogue, err error) *Catalogue {
	if err != nil {
		panic(err)
	}
	return c
}

// Load reads the catalogue of each language from LANGUAGE.txt in a directory. The
// first language is the one for everybody whose own is not among them. The error
// lists all mistakes, each with its file.
func Load(files fs.FS, dir string, languages ...string) (*Catalogue, error) {
	c := &Catalogue{languages: languages, texts: map[string]map[string]string{}}
	var mistakes []error
	for i, language := range languages {
		file := path.Join(dir, language+".txt")
		source, err := fs.ReadFile(files, file)
		if err != nil {
			return nil, err
		}
		keys, texts, err := parse(file, string(source))
		mistakes = append(mistakes, err)
		c.texts[language] = texts
		if i == 0 {
			c.keys = keys
			continue
		}
		mistakes = append(mistakes, compare(file, c.keys, c.texts[languages[0]], texts))
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return c, nil
}

var (
	heading     = regexp.MustCompile(`^\[[a-z0-9_]+(\.[a-z0-9_]+)*\]$`)
	placeholder = regexp.MustCompile(`\{[a-z_]+\}`)
)

// parse reads one file.
func parse(file, source string) (keys []string, texts map[string]string, err error) {
	texts = map[string]string{}
	var mistakes []error
	key, begin := "", 0
	var lines []string
	end := func() {
		if text := strings.Join(lines, " "); key != "" && text != "" {
			texts[key] = text
		} else if key != "" || text != "" {
			mistakes = append(mistakes, fmt.Errorf("%s:%d: %q has the text %q, and both are needed", file, begin, key, text))
		}
		lines = nil
	}
	n := 0
	for line := range strings.Lines(source) {
		n++
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "[") && heading.MatchString(line):
			end()
			key, begin = line[1:len(line)-1], n
			if _, twice := texts[key]; twice {
				mistakes = append(mistakes, fmt.Errorf("%s:%d: %s is there twice", file, n, key))
			}
			keys = append(keys, key)
		default:
			if line != "" {
				lines = append(lines, line)
			}
		}
	}
	end()
	return keys, texts, errors.Join(mistakes...)
}

// compare says what a language lacks or has beside the first one.
func compare(file string, keys []string, first, other map[string]string) error {
	var mistakes []error
	for _, key := range keys {
		text, ok := other[key]
		if !ok {
			mistakes = append(mistakes, fmt.Errorf("%s: %s is missing", file, key))
			continue
		}
		if want, got := placeholders(first[key]), placeholders(text); !slices.Equal(want, got) {
			mistakes = append(mistakes,
				fmt.Errorf("%s: %s has the placeholders %v; the first language has %v", file, key, got, want))
		}
	}
	for key := range other {
		if _, ok := first[key]; !ok {
			mistakes = append(mistakes, fmt.Errorf("%s: the first language has no %s", file, key))
		}
	}
	return errors.Join(mistakes...)
}

// placeholders are those of a text, each once.
func placeholders(text string) []string {
	list := placeholder.FindAllString(text, -1)
	slices.Sort(list)
	return slices.Compact(list)
}

// Languages are those of the catalogue, the one for everybody else first.
func (c *Catalogue) Languages() []string { return slices.Clone(c.languages) }

// Keys are all keys, in the order of the first language's file.
func (c *Catalogue) Keys() []string { return slices.Clone(c.keys) }

// Known is the language itself if the catalogue has it, else the first one.
func (c *Catalogue) Known(language string) string {
	if slices.Contains(c.languages, language) {
		return language
	}
	return c.languages[0]
}

// In is a text in a language, or else in the first one. facts are names of
// placeholders and what takes their place, in turn. A placeholder without a fact
// stays as it is. A key that is not in the catalogue is a mistake in the program: In panics.
func (c *Catalogue) In(language, key string, facts ...string) string {
	text, ok := c.texts[c.Known(language)][key]
	if !ok {
		panic("texts: there is no " + key)
	}
	if len(facts) == 0 {
		return text
	}
	pairs := slices.Clone(facts)
	for i := 0; i < len(pairs); i += 2 {
		pairs[i] = "{" + pairs[i] + "}"
	}
	return strings.NewReplacer(pairs...).Replace(text)
}
