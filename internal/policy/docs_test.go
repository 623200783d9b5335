package policy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fileName is a file of ours as documents name it, with its directory.
var fileName = regexp.MustCompile("`((?:[a-zA-Z0-9_.-]+/)+[a-zA-Z0-9_-]+\\.(?:go|ts|tsx|yaml|sql|sh|md|mjs))`")

// TestDocumentsNameFilesThatExist finds documents that send a reader to a file that was
// moved or removed. Go files may be named from internal/ on. Decisions are left out:
// they keep the names of their time.
func TestDocumentsNameFilesThatExist(t *testing.T) {
	all := files(t)
	found := 0
	for _, doc := range all {
		if !strings.HasSuffix(doc, ".md") || strings.HasPrefix(doc, "docs/adr/") || doc == "docs/benchmarks.md" || doc == "docs/contract-language.md" {
			continue
		}
		text, err := os.ReadFile(filepath.Join("..", "..", doc))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range fileName.FindAllStringSubmatch(string(text), -1) {
			found++
			if !slices.Contains(all, m[1]) && !slices.Contains(all, "internal/"+m[1]) {
				t.Errorf("%s names the file %s, which does not exist", doc, m[1])
			}
		}
	}
	if found < 20 {
		t.Fatalf("only %d names of files found", found)
	}
}

// TestDecisionsAreListed holds the list of decisions to one line for each of them, in the order of their numbers. Two
// branches that both add lines leave some of them twice.
func TestDecisionsAreListed(t *testing.T) {
	text, err := os.ReadFile("../../docs/adr/README.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed, want []string
	for _, m := range decisionLine.FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, m[1])
	}
	for _, file := range files(t) {
		if name, ok := strings.CutPrefix(file, "docs/adr/"); ok && decisionFile.MatchString(name) && name != "0000-template.md" {
			want = append(want, name)
		}
	}
	if len(want) < 20 {
		t.Fatalf("only %d decisions found: %v", len(want), want)
	}
	if diff := cmp.Diff(want, listed); diff != "" {
		t.Errorf("docs/adr/README.md should list each decision once, in order; -: add the line, +: remove it\n%s", diff)
	}
}

var (
	decisionFile = regexp.MustCompile(`^\d{4}-[a-z0-9-]+\.md$`)
	decisionLine = regexp.MustCompile(`(?m)^\| \[\d{4}\]\(([^)]+)\) \|`)
)
