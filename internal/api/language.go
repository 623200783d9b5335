package api

import (
	"slices"
	"strconv"
	"strings"
)

// languages are those of texts for people. Callers who accept none of them get the first.
var languages = []string{"en", "es", "pt"}

// Speaks are the parameters of operations that answer in the caller's language.
type Speaks struct {
	Lang   string `query:"lang" enum:"en,es,pt" doc:"Language of the texts for people. If left out, Accept-Language decides."`
	Accept string `header:"Accept-Language" doc:"Chooses the language if lang is left out: English, Spanish or Portuguese." example:"es-MX, en;q=0.5"`
}

func (s Speaks) language() string {
	if s.Lang != "" {
		return s.Lang
	}
	return AcceptedLanguage(s.Accept)
}

// AcceptedLanguage chooses a language by an Accept-Language header (RFC 9110, 12.5.4): the one with the highest weight,
// the first of those with the same weight, or English if there is none. Regions do not matter: es-MX is es.
func AcceptedLanguage(accept string) string {
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

// quality reads the weight of a language: 1 if none is given, 0 if it cannot be read.
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
