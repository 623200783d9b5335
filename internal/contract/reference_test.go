package contract

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/rawjson"
	"gancho/internal/template"
)

// docs/contract-reference.md is what the table of keys says now.
func TestReferenceIsWritten(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/contract-reference.md")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Reference(), string(b)); diff != "" {
		t.Errorf("make docs renews docs/contract-reference.md:\n%s", diff)
	}
}

// Each key says what it is, what stands there, and where the guide explains it.
func TestKeysAreDescribed(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../docs/contract-language.md")
	if err != nil {
		t.Fatal(err)
	}
	var headings []string
	for line := range strings.SplitSeq(string(b), "\n") {
		if strings.HasPrefix(line, "##") {
			headings = append(headings, strings.TrimSpace(strings.TrimLeft(line, "#")))
		}
	}
	for _, s := range append(slices.Clone(language), valueKeys) {
		if !slices.Contains(headings, s.in) {
			t.Errorf("%s: docs/contract-language.md has no heading %q", s.path, s.in)
		}
		seen := map[string]bool{}
		for _, k := range s.keys {
			path := rawjson.JoinPath(s.path, k.name)
			if k.value == "" || !strings.HasSuffix(k.about, ".") || len(k.about) < 4 {
				t.Errorf("%s is not described: %+v", path, k)
			}
			if strings.ContainsAny(k.value+k.unset+k.about, "|\n") {
				t.Errorf("%s has a text that breaks the table: %+v", path, k)
			}
			if seen[k.name] {
				t.Errorf("%s is there twice", path)
			}
			seen[k.name] = true
		}
	}
	var names []string
	for _, k := range valueKeys.keys {
		names = append(names, k.name)
	}
	slices.Sort(names)
	if diff := cmp.Diff(slices.Sorted(slices.Values(template.ValueKeys)), names); diff != "" {
		t.Errorf("the keys of values are not those that are read:\n%s", diff)
	}
}

// A word finds a key, a section, or the keys of a name.
func TestKeys(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"delivery.retry":    "delivery.retry",
		"delivery.debounce": "delivery.debounce delivery.debounce.key delivery.debounce.wait delivery.debounce.max",
		"join":              "endpoint.sign.signed.join endpoint.sign.several.join endpoint.body.join",
		"cases":             "events.*.cases events.*.cases.*.title events.*.cases.*.example",
		"nothing":           "",
		"retr":              "",
	} {
		var paths []string
		for _, k := range Keys(word) {
			paths = append(paths, k.Path)
		}
		if got := strings.Join(paths, " "); got != want {
			t.Errorf("%s: %s, want %s", word, got, want)
		}
	}
	if len(Keys("")) < 150 {
		t.Errorf("%d keys", len(Keys("")))
	}
}
