// Package translate says what is wrong with a contract in other languages.
//
// The messages about a contract are composed in a dozen packages: a reader of YAML, templates, conditions, schemas,
// signatures. Their English text is the key of the translation, as with gettext: the catalogue has each message with
// the places of what differs, which are found again in the text that was composed. So whoever reports a mistake writes
// one sentence, and nothing else has to be carried along.
//
// It promises that a text is put into another language as a whole or stays as it is. Names, values and examples that
// the author of a contract wrote stay as they are. Tests of package contract read all sources and all known mistakes,
// and fail if a message has no translation.
package translate

import (
	"cmp"
	"embed"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"gancho/internal/texts"
)

//go:embed texts/*.txt
var files embed.FS

var catalogue = sync.OnceValue(func() *texts.Catalogue { return texts.Must(texts.Load(files, "texts", "en", "es", "pt")) })

// pattern is a message of the catalogue, as it is found again.
type pattern struct {
	key     string
	part    bool // it stands in other messages only
	whole   *regexp.Regexp
	names   []string // of its places
	longest string   // of the pieces between them
	weight  int      // how many bytes of it are fixed
}

var place = regexp.MustCompile(`\{[a-z_]+\}`)

// patterns are all messages, the most specific first.
var patterns = sync.OnceValue(func() []pattern {
	var out []pattern
	for _, key := range catalogue().Keys() {
		out = append(out, newPattern(key, catalogue().In("en", key)))
	}
	slices.SortStableFunc(out, func(a, b pattern) int { return cmp.Compare(b.weight, a.weight) })
	return out
})

func newPattern(key, english string) pattern {
	p := pattern{key: key, part: strings.HasPrefix(key, "part.")}
	re, rest := strings.Builder{}, 0
	fixed := func(piece string) {
		re.WriteString(regexp.QuoteMeta(piece))
		p.weight += len(piece)
		if len(piece) > len(p.longest) {
			p.longest = piece
		}
	}
	re.WriteString(`(?s)^`)
	for _, at := range place.FindAllStringIndex(english, -1) {
		if at[0] > 0 && english[at[0]-1] == '$' { // ${body} is what people write
			continue
		}
		fixed(english[rest:at[0]])
		re.WriteString(`(.+?)`)
		p.names, rest = append(p.names, english[at[0]+1:at[1]-1]), at[1]
	}
	fixed(english[rest:])
	re.WriteString(`$`)
	p.whole = regexp.MustCompile(re.String())
	return p
}

// spoken are the places that hold words of the program, which are translated as well. Others hold what people wrote.
var spoken = []string{"problem", "kind", "kinds", "reason", "what", "one", "other", "others", "field", "part"}

// In is a message in a language, en, es or pt; known is false if there is no translation, and it stays as it is. A text
// of several lines is one message a line.
func In(language, message string) (text string, known bool) {
	if catalogue().Known(language) == "en" || message == "" {
		return message, true
	}
	known = true
	lines := strings.Split(message, "\n")
	for i, line := range lines {
		words := strings.TrimLeft(line, " ")
		if words == "" {
			continue
		}
		said, ok := sentences(language, words, false)
		lines[i], known = line[:len(line)-len(words)]+said, known && ok
	}
	if !known {
		return message, false
	}
	return strings.Join(lines, "\n"), true
}

// end is the end of a sentence that another one follows.
var end = regexp.MustCompile(`[.?!:…"}] `)

// maxSentences bounds the work for a message.
const maxSentences = 16

// sentences translates one or more messages that follow each other. part allows pieces of messages.
func sentences(language, text string, part bool) (string, bool) {
	if said, ok := one(language, text, part, false); ok {
		return said, true
	}
	ends := end.FindAllStringIndex(text, maxSentences)
	for _, at := range slices.Backward(ends) {
		head, ok := one(language, strings.TrimRight(text[:at[1]], " "), part, false)
		if !ok {
			continue
		}
		if tail, ok := sentences(language, text[at[1]:], part); ok {
			return head + " " + tail, true
		}
	}
	return one(language, text, part, true)
}

// one translates one message. loose allows that a place holds several sentences.
func one(language, text string, part, loose bool) (string, bool) {
	if said, ok := match(language, text, false, loose); ok {
		return said, true
	}
	// Errors that stand in other messages begin with a small letter and have no full stop.
	asSentence := upper(text)
	if !strings.HasSuffix(text, ".") && !strings.HasSuffix(text, "?") {
		asSentence += "."
	}
	said, ok := match(language, asSentence, false, loose)
	if !ok {
		return matchPart(language, text, part)
	}
	if !strings.HasSuffix(text, ".") {
		said = strings.TrimSuffix(said, ".")
	}
	if text[0] != asSentence[0] {
		said = lower(said)
	}
	return said, true
}

// matchPart translates a piece of a message.
func matchPart(language, text string, allowed bool) (string, bool) {
	if !allowed {
		return text, false
	}
	return match(language, text, true, false)
}

func match(language, text string, part, loose bool) (string, bool) {
	for _, p := range patterns() {
		if p.part != part || !strings.Contains(text, p.longest) {
			continue
		}
		found := p.whole.FindStringSubmatch(text)
		if found == nil || !loose && slices.ContainsFunc(found[1:], severalSentences) {
			continue
		}
		var facts []string
		for i, value := range found[1:] {
			if slices.Contains(spoken, p.names[i]) {
				value, _ = sentences(language, value, true)
			}
			facts = append(facts, p.names[i], value)
		}
		return catalogue().In(language, p.key, facts...), true
	}
	return text, false
}

var sentenceWithin = regexp.MustCompile(`[.?] [A-Z]`)

func severalSentences(s string) bool { return sentenceWithin.MatchString(s) }

func upper(s string) string { return first(s, unicode.ToUpper) }
func lower(s string) string { return first(s, unicode.ToLower) }

func first(s string, change func(rune) rune) string {
	r, n := utf8.DecodeRuneInString(s)
	return string(change(r)) + s[n:]
}
