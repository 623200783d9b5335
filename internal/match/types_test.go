package match

import (
	"strings"
	"testing"
)

// Each part of a glob matches text of its own: no character counts for two parts.
func TestGlobParts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ glob, yes, no string }{
		{"a*a*", "aa aba", "a ab"},
		{"*a*a", "aa aba", "a ba"},
		{"*ab*ba*", "abba abXba", "aba"},
		{"*a*a*", "aa aXa XaXaX", "a Xa"},
		{"ab*", "ab abc", "cab aab a"},
		{"x*ab*b", "xabb xabXb", "xab yabb"},
	} {
		types, err := CompileTypes([]string{tc.glob})
		if err != nil {
			t.Fatal(err)
		}
		for s := range strings.FieldsSeq(tc.yes) {
			if !types.Match(s) {
				t.Errorf("%q does not take %s", tc.glob, s)
			}
		}
		for s := range strings.FieldsSeq(tc.no) {
			if types.Match(s) {
				t.Errorf("%q takes %s", tc.glob, s)
			}
		}
	}
}

// Which characters and how many an event type may have, at the limits.
func TestCompileTypesLimits(t *testing.T) {
	t.Parallel()
	compile := func(globs ...string) error {
		_, err := CompileTypes(globs)
		return err
	}
	for _, c := range []byte("azAZ09_.:/-*") {
		if err := compile(string(c)); err != nil {
			t.Errorf("%q: %v", c, err)
		}
	}
	for _, c := range []byte("`{@[^;!\x00\x7f\xc3") {
		if err := compile("a" + string([]byte{c})); err == nil {
			t.Errorf("%q is taken", c)
		}
	}
	if err := compile(strings.Repeat("a", 128)); err != nil {
		t.Errorf("the longest: %v", err)
	}
	full := strings.Fields(strings.Repeat("a ", 200))
	if err := compile(full...); err != nil {
		t.Errorf("as many as there may be: %v", err)
	}
	if err := compile("a", "b c"); err == nil || !strings.HasPrefix(err.Error(), "event type 1: ") {
		t.Errorf("the error does not say which one is wrong: %v", err)
	}
}
