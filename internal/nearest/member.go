package nearest

import (
	"slices"
	"strings"
	"unicode"
)

// Member is [Params] for the name of a member. It also knows names that are written in another style (eventTypes for
// event_types), that have more words than ours (eventType for type), and other words for ours: others has those, in lower
// case and without marks between words, with the candidate that each stands for. It may be nil.
func Member(name string, candidates []string, others map[string]string) []any {
	plain := fold(name)
	for _, c := range candidates {
		if fold(c) == plain {
			return []any{"meant", c}
		}
	}
	if c, ok := Word(name, candidates); ok {
		return []any{"meant", c}
	}
	if c, ok := others[plain]; ok && slices.Contains(candidates, c) {
		return []any{"meant", c}
	}
	words := words(name)
	if n := len(words); n > 1 {
		for _, w := range []string{words[n-1], words[0]} {
			if slices.Contains(candidates, w) {
				return []any{"meant", w}
			}
		}
	}
	return Params(name, candidates)
}

// fold is a name in lower case, without the marks between its words.
func fold(name string) string { return strings.Join(words(name), "") }

// words are the words of a name such as eventType, event_type or Event-Type, in lower case.
func words(name string) []string {
	var list []string
	start := 0
	runes := []rune(name)
	cut := func(end int) {
		if end > start {
			list = append(list, strings.ToLower(string(runes[start:end])))
		}
	}
	for i, r := range runes {
		switch {
		case r == '_' || r == '-' || r == '.' || r == ' ':
			cut(i)
			start = i + 1
		case unicode.IsUpper(r) && i > start && !unicode.IsUpper(runes[i-1]):
			cut(i)
			start = i
		}
	}
	cut(len(runes))
	return list
}
