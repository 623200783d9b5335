package cli

import (
	"bytes"
	"os"
	"testing"
)

// The page about the library is what the command writes.
func TestLibraryPage(t *testing.T) {
	t.Parallel()
	list, err := library().List()
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("../../docs/library.md")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(page, libraryMarkdown(list)) {
		t.Error("docs/library.md is out of date; write it with: go run ./cmd/gancho contract library --format markdown > docs/library.md")
	}
}
