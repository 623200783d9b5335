package diagnose

import "slices"

// languages are those of all texts; the first is the one for everybody else.
var languages = []string{"en", "es", "pt"}

// known is the language itself if there are texts in it, else the first.
func known(language string) string {
	if slices.Contains(languages, language) {
		return language
	}
	return languages[0]
}
