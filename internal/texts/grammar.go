package texts

import (
	"regexp"
	"slices"
	"strings"
)

// uncontracted finds a preposition and a word that people write as one: "em este" is "neste".
var uncontracted = map[string]*regexp.Regexp{
	"es": regexp.MustCompile(`(?i)(^| )(a|de) el `),
	"pt": regexp.MustCompile(`(?i)(^| )((em|de) (est|ess|aquel|el)(e|a|es|as)|(em|de|por|a) (o|a|os|as)) `),
}

var word = regexp.MustCompile(`\pL+`)

// pointing are words between the same noun twice, as in "the server this server".
var pointing = []string{"this", "your", "este", "su", "seu"}

// Ungrammatical is for tests of filled-in texts: it finds what comes of a placeholder that does not fit the words around
// it. That is a contraction that is missing ("em este"), or a word or two that stand there twice ("the server this
// server"). It gives the place, "" if it finds none. It knows en, es and pt.
func Ungrammatical(language, text string) string {
	if re := uncontracted[language]; re != nil {
		if bad := re.FindString(text); bad != "" {
			return strings.TrimSpace(bad)
		}
	}
	at := word.FindAllStringIndex(text, -1)
	from := func(i, n int) string { return text[at[i][0]:at[i+n-1][1]] }
	for i := range at {
		for n := 1; n <= 2 && i+2*n <= len(at); n++ {
			if text[at[i+n-1][1]:at[i+n][0]] == " " && strings.EqualFold(from(i, n), from(i+n, n)) {
				return from(i, 2*n)
			}
		}
		if i+3 <= len(at) && strings.EqualFold(from(i, 1), from(i+2, 1)) && slices.Contains(pointing, from(i+1, 1)) {
			return from(i, 3)
		}
	}
	return ""
}
