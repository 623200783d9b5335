package policy

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
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
