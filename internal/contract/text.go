package contract

import "gancho/internal/yamlfile"

// What a contract file is made of, and what is wrong with it; see package yamlfile.
type (
	Text     = yamlfile.Text
	Problem  = yamlfile.Problem
	Problems = yamlfile.Problems
)

// Languages are the languages of all texts for people. The first is always there.
var Languages = yamlfile.Languages
