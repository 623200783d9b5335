package diagnose

import (
	"slices"
	"strconv"
	"strings"
)

// languages are those of all texts; the first is the one for everybody else.
var languages = []string{"en", "es", "pt"}

// Language chooses the language of texts by an Accept-Language header (RFC 9110,
// 12.5.4): the one with the highest weight of those there are, the earlier one if
// two have the same, or else English. Regions do not matter: es-MX is es.
func Language(accept string) string {
	best, weight := languages[0], 0.0
	for part := range strings.SplitSeq(accept, ",") {
		tag, params, _ := strings.Cut(part, ";")
		language, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		if language == "*" {
			language = languages[0]
		}
		if q := quality(params); q > weight && slices.Contains(languages, language) {
			best, weight = language, q
		}
	}
	return best
}

// quality reads the weight of a language: 1 if none is given, 0 if it makes no sense.
func quality(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		if text, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(p)), "q="); ok {
			q, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
			if err != nil || !(q >= 0 && q <= 1) {
				return 0
			}
			return q
		}
	}
	return 1
}
