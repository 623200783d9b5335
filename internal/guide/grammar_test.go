package guide

import (
	"regexp"
	"strings"
	"testing"

	"gancho/contracts"
	"gancho/internal/contract"
	"gancho/internal/diagnose"
	"gancho/internal/hook"
	"gancho/internal/texts"
)

// library are the contracts of the library.
func library(t *testing.T) (out []*contract.Contract) {
	t.Helper()
	l := contract.NewLibrary(contracts.Library())
	list, err := l.List()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		c, _, err := l.Find(e.Name)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	if len(out) < 100 {
		t.Fatalf("%d contracts", len(out))
	}
	return out
}

var inlineCode = regexp.MustCompile("`[^`]*`|https?://[^\\s)>]*")

// All documents of all contracts are written as people write: what fills a placeholder fits the words around it.
func TestGrammar(t *testing.T) {
	t.Parallel()
	for _, c := range append(shipped(t), library(t)...) {
		for _, language := range Languages {
			for line := range strings.Lines(fence.ReplaceAllString(string(Markdown(c, language)), "")) {
				if bad := texts.Ungrammatical(language, inlineCode.ReplaceAllString(line, "…")); bad != "" {
					t.Errorf("%s in %s: %q in %s", c.Name, language, bad, line)
				}
				if !strings.HasPrefix(line, "|") && strings.Contains(line, "  ") {
					t.Errorf("%s in %s: something is missing in %s", c.Name, language, line)
				}
			}
		}
	}
}

// The advice for an answer of 401 names the section of the documentation that says what to compare.
func TestAdviceNamesSection(t *testing.T) {
	t.Parallel()
	for _, language := range Languages {
		d := diagnose.Of(diagnose.Attempt{Class: hook.ClassStatus4xx, Response: &hook.Response{Status: 401}}, language)
		if title := catalogue.In(language, "title.authentication"); !strings.Contains(d.Advice, title) {
			t.Errorf("%s: %q is not in %s", language, title, d.Advice)
		}
	}
}
