package expr

import (
	"errors"
	"fmt"
	"regexp/syntax"
	"strings"
	"testing"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
)

// No search takes much longer than the cost of an evaluation says, which would be minutes here: neither one whose text
// agrees nearly everywhere with what is looked for, nor one by a pattern that can be followed in many ways, or that is
// compiled again and again.
func TestSearchesAreBounded(t *testing.T) {
	t.Parallel()
	doc := fmt.Appendf(nil, `{"a":%q,"b":%q,"c":%q,"list":[%s1]}`, strings.Repeat("a", 600_000), strings.Repeat("a", 300_000)+"b",
		"b"+strings.Repeat("a", 300_000), strings.Repeat("1,", 2_000))
	for text, costly := range map[string]bool{
		`payload.a.indexOf(payload.b) == -1`:                                                   false,
		`payload.a.indexOf(payload.b, 5) == -1`:                                                false,
		`payload.a.lastIndexOf(payload.c) == -1`:                                               false,
		`payload.a.matches("b$")`:                                                              false,
		`payload.a.matches("(a?a?){120}b")`:                                                    true,
		`payload.a.matches("(a|aa|aaa|aaaa){60}b")`:                                            true,
		`payload.list.exists(x, payload.b.matches("(a?a?){120}" + string(x) + "c"))`:           true,
		`payload.list.exists(x, "b".matches("(a?a?){120}" + string(x) + "c"))`:                 true,
		`payload.list.exists(x, format(0, "%d", "Foo/Bar" + string(x)) == "a")`:                true,
		`payload.list.map(y, null) == [] || payload.list.exists(x, payload.list.join() == "")`: true,
	} {
		c, err := Filter().Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Eval(nil, NewEvent("x", doc))
		if errors.Is(err, ErrTooCostly) != costly || err != nil && !costly {
			t.Errorf("%s: %v", text, err)
		}
	}
}

// Places in a text are those that CEL's own functions find.
func TestIndex(t *testing.T) {
	t.Parallel()
	env, err := cel.NewEnv(ext.Strings(), cel.Variable("s", cel.StringType), cel.Variable("part", cel.StringType), cel.Variable("i", cel.IntType))
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]func(...ref.Val) ref.Val{
		"s.indexOf(part)": indexOf, "s.lastIndexOf(part)": lastIndexOf, "s.indexOf(part, i)": indexOf, "s.lastIndexOf(part, i)": lastIndexOf,
	}
	list := []string{"", "a", "é", "ab", "éa", "abab", "aéaéa", "日本日本", "x"}
	for call, ours := range calls {
		ast, issues := env.Compile(call)
		if issues.Err() != nil {
			t.Fatal(issues.Err())
		}
		theirs, err := env.Program(ast)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range list {
			for _, part := range list {
				for i := int64(-1); i < 9; i++ {
					args := []ref.Val{types.String(s), types.String(part), types.Int(i)}
					if !strings.Contains(call, "i)") {
						args = args[:2]
					}
					want, _, err := theirs.Eval(map[string]any{"s": s, "part": part, "i": i})
					got := ours(args...)
					if (err != nil) != types.IsError(got) || err == nil && want.Equal(got) != types.True {
						t.Errorf("%s of %q, %q, %d: %v, not %v, %v", call, s, part, i, got, want, err)
					}
				}
			}
		}
	}
}

// The number of instructions is about that of the compiled pattern, so that those cost as much as they take.
func TestInstructions(t *testing.T) {
	t.Parallel()
	for _, pattern := range []string{
		"", "abc", "^a.*a$", "(a?a?){120}b", "(a|aa|aaa|aaaa){60}b", "(?i)straße", `^[^@\s]+@[a-z]+(\.[a-z]+)*$`, "a{3}", "a{2,5}b{4,}", "((ab){3}c){9}",
		`\d{4}-\d{2}-\d{2}`, "a|b|cd",
	} {
		re, err := syntax.Parse(pattern, syntax.Perl)
		if err != nil {
			t.Fatal(err)
		}
		prog, err := syntax.Compile(re.Simplify())
		if err != nil {
			t.Fatal(err)
		}
		if got, want := instructions(pattern), len(prog.Inst); got < want*3/4-3 || got > want*5/4+3 {
			t.Errorf("%s has %d instructions, not %d", pattern, want, got)
		}
	}
	if n := instructions("(abcd){400}"); n < maxRegex || n > maxRegex+2 {
		t.Errorf("a pattern that is too large has %d instructions", n)
	}
}

// A time zone has one name; others that a file system takes for it are none.
func TestZoneNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"America//Bogota", "America/./Bogota", "./America/Bogota", "America/Bogota/", "Local", ""} {
		if z, err := zoneOf(name); err == nil {
			t.Errorf("%q is %s", name, z)
		}
	}
	if _, err := zoneOf("America/Bogota"); err != nil {
		t.Error(err)
	}
}
