package policy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A text that nobody translated is found by the small words of English, which neither Spanish nor Portuguese has. The
// browser tests look for the same words on all pages.
var (
	english = regexp.MustCompile(`(?i)(^|[^\p{L}\p{N}_.$/-])(the|and|of|is|are|with|this|that|from|your|you|not|was|when|which|by|it|be|must|should|been|will)($|[^\p{L}\p{N}_$/:-])`)
	// quoted is what may be English in a text: code, names that other programs show, words of the contract language in
	// brackets, and what the program puts in.
	quoted = regexp.MustCompile("`[^`]*`|\\*\\*[^*]*\\*\\*|\\([a-z_]+\\)|\\$?\\{[^}]*\\}|https?:\\S+")
	// inTypeScript is a text of a catalogue of the console.
	inTypeScript = regexp.MustCompile("\"((?:[^\"\\\\]|\\\\.)*)\"|`((?:[^`\\\\]|\\\\.)*)`")
)

func TestOtherLanguagesHaveNoEnglish(t *testing.T) {
	t.Parallel()
	looked := 0
	look := func(file string, line int, text string) {
		looked++
		if m := english.FindStringSubmatch(quoted.ReplaceAllString(text, "")); m != nil {
			t.Errorf("%s:%d has the English word %q: %s", file, line, m[2], text)
		}
	}
	for _, language := range []string{"es", "pt"} {
		console := "../../web/src/i18n/" + language + ".ts"
		for i, line := range lines(t, console) {
			for _, m := range inTypeScript.FindAllStringSubmatch(line, -1) {
				look(console, i+1, m[1]+m[2])
			}
		}
		for _, room := range []string{"guide", "diagnose", "docpage"} {
			file := filepath.Join("..", room, "texts", language+".txt")
			for i, line := range lines(t, file) {
				if !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "[") { // comments and keys
					look(file, i+1, line)
				}
			}
		}
	}
	if looked < 4000 {
		t.Fatalf("only %d texts were looked at", looked)
	}
	if !english.MatchString("Choose the right one") || english.MatchString("Elija the-one, $when o is: stop") {
		t.Error("the English words are not told from others")
	}
}

func lines(t *testing.T, file string) []string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n")
}
