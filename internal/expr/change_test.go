package expr

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

func TestTrigger(t *testing.T) {
	t.Parallel()
	const (
		before = `{"name":"Ana","phase":1,"tags":["a","b"],"deep":{"n":1.0,"list":[{"x": 1}]},"note":null,"a.b":1}`
		after  = `{"phase":2,"name":"Ana","tags":["b", "c"],"deep":{"n":1,"list":[{"x":1}]},"extra":true,"a.b":2}`
	)
	for text, want := range map[string]string{ // answers on: change, create, delete, no change
		`old == null`:               "no yes no no",
		`new == null`:               "no no yes no",
		`old.phase == null`:         "no yes no no",
		`new.phase != old.phase`:    "yes yes yes no",
		`new.phase > 1`:             "yes yes error no",
		`changed("phase")`:          "yes yes yes no",
		`changed("name")`:           "no yes yes no",
		`changed("deep.n")`:         "yes yes yes no", // 1.0 and 1 are other tokens
		`new.deep.n == old.deep.n`:  "yes no no yes",
		`changed("deep.list")`:      "no yes yes no", // white space does not count
		`changed("deep.list[0].x")`: "no yes yes no",
		`changed("note")`:           "no no no no", // null and absent are the same
		`changed("missing.below")`:  "no no no no",
		`changed("[\"a.b\"]")`:      "error compile",
		`changed("deep[\"n\"]")`:    "yes yes yes no",
		`added("tags")`:             "yes yes no no",
		`removed("tags")`:           "yes no yes no",
		`added("name")`:             "no no no no",
		`added("deep.list")`:        "no yes no no",
		`changed_except(["phase"])`: "yes yes yes no",
		`changed_except(["phase","tags","deep","extra","a.b"])`:         "no yes yes no",
		`changed_except(["phase","tags","deep","a.b"])`:                 "yes yes yes no",
		`old != null && changed_except([])`:                             "yes no yes no",
		`["phase","x"].exists(p, p == "phase" && changed("phase"))`:     "yes yes yes no",
		`old != null && new != null && (changed("x") || added("tags"))`: "yes no no no",
		`changed(new.name)`:       "error compile",
		`changed("a..b")`:         "error compile",
		`changed_except("phase")`: "error compile",
		`changed_except([new.x])`: "error compile",
		`changed()`:               "error compile",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			c, err := Trigger().Compile(text)
			if err != nil {
				if want != "error compile" {
					t.Fatal(err)
				}
				return
			}
			var got []string
			for _, docs := range [][2]string{{before, after}, {"", after}, {before, ""}, {before, before}} {
				change := NewChange(doc(docs[0]), doc(docs[1]))
				for range 2 {
					ok, err := c.Eval(nil, change)
					word := map[bool]string{true: "yes", false: "no"}[ok]
					if err != nil {
						word = "error"
					}
					got = append(got, word)
				}
				if n := len(got); got[n-1] != got[n-2] {
					t.Errorf("the second answer differs: %v", got)
				}
				got = got[:len(got)-1]
			}
			if s := strings.Join(got, " "); s != want {
				t.Errorf("got %s, want %s", s, want)
			}
		})
	}
}

func doc(s string) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

func TestTriggerErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text         string
		line, column int
		message      string
	}{
		{`old == null && changed(new.a)`, 1, 27, `changed takes a path in quotes`},
		{"old == null &&\n  changed('a..b')", 2, 11, `a name is missing`},
		{`changed_except([new.a])`, 1, 16, `takes a list of names in quotes`},
		{`chnged("a")`, 1, 7, `chnged`},
		{`nw.a == 1`, 1, 1, `Did you mean new?`},
	} {
		_, err := Trigger().Compile(tc.text)
		e, ok := errors.AsType[*Error](err)
		if !ok || e.Line != tc.line || e.Column != tc.column || !strings.Contains(e.Message, tc.message) {
			t.Errorf("%s: got %v, want %d:%d %s", tc.text, err, tc.line, tc.column, tc.message)
		}
	}
	if _, err := Filter().Compile(`changed("type")`); err == nil {
		t.Error("changed can be used where nothing changes")
	}
}

// A condition that does not use a document does not read it.
func TestTriggerIsLazy(t *testing.T) {
	t.Parallel()
	c, err := Trigger().Compile(`changed("a")`)
	if err != nil {
		t.Fatal(err)
	}
	change := NewChange([]byte(`{"a":1}`), []byte(`{"a":2}`))
	if ok, err := c.Eval(nil, change); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if change.old != nil || change.new != nil {
		t.Error("the documents were opened")
	}
}

// The time of a condition grows with the size of the documents, not with its square: for
// a hundred thousand members that would be many minutes.
func TestTriggerOnLargeDocuments(t *testing.T) {
	t.Parallel()
	const n = 100_000
	write := func(order func(int) int) []byte {
		members, list := make([]string, n), make([]string, n)
		for i := range n {
			members[i] = fmt.Sprintf(`"k%d":%d`, order(i), order(i))
			list[i] = fmt.Sprintf(`"v%d"`, order(i))
		}
		return []byte(`{"members":{` + strings.Join(members, ",") + `},"list":[` + strings.Join(list, ",") + `],` + strings.Join(members, ",") + `}`)
	}
	change := NewChange(write(func(i int) int { return i }), write(func(i int) int { return n - 1 - i }))
	for text, want := range map[string]bool{
		`changed_except(["list", "members"])`: false,
		`added("list") || removed("list")`:    false,
		`changed("list")`:                     true,
		`old.members == new.members`:          true,
	} {
		c, err := Trigger().Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Eval(nil, change); err != nil || got != want {
			t.Errorf("%s: got %v (%v), want %v", text, got, err, want)
		}
	}
}

func TestRecord(t *testing.T) {
	t.Parallel()
	c, err := Record().Compile(`record.status == "Ready" && record.views > 0`)
	if err != nil {
		t.Fatal(err)
	}
	for doc, want := range map[string]string{`{"status":"Ready","views":1}`: "yes", `{"status":"Draft"}`: "no", `{"status":"Ready"}`: "error", `{}`: "no"} {
		ok, err := c.Eval(nil, NewRecord([]byte(doc)))
		if got := map[bool]string{true: "yes", false: "no"}[ok]; err == nil && got != want || (err != nil) != (want == "error") {
			t.Errorf("%s: %v %v", doc, ok, err)
		}
	}
}

func BenchmarkTrigger(b *testing.B) {
	before := []byte(`{"id":1,"name":"Ana","phase":1,"tags":["a","b"],"pad":"` + strings.Repeat("x", 400) + `"}`)
	after := []byte(`{"id":1,"name":"Ana","phase":2,"tags":["a","b"],"pad":"` + strings.Repeat("x", 400) + `"}`)
	for _, text := range []string{`old != null && changed("phase")`, `old.phase != new.phase`} {
		c, err := Trigger().Compile(text)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(text, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if ok, err := c.Eval(nil, NewChange(before, after)); !ok || err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
