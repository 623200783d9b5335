package contract

import (
	"slices"

	"gancho/internal/translate"
	"gancho/internal/yamlfile"
)

// What a contract file is made of, and what is wrong with it; see package yamlfile.
type (
	Text     = yamlfile.Text
	Problem  = yamlfile.Problem
	Problems = yamlfile.Problems
)

// Languages are the languages of all texts for people. The first is always there.
var Languages = yamlfile.Languages

// Translated are problems with their texts in a language: en, es or pt.
func Translated(list []Problem, language string) []Problem {
	list = slices.Clone(list)
	for i := range list {
		p := &list[i]
		p.Message, p.Fix = Say(p.Message, language), Say(p.Fix, language)
	}
	return list
}

// Say is what a contract says of a mistake, or of a test that failed, in a language: en, es or pt.
func Say(message, language string) string {
	text, _ := translate.In(language, message)
	return text
}
