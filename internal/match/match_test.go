package match

import (
	"errors"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/expr"
	"gancho/internal/hook"
	"gancho/internal/work"
)

func TestTypes(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		globs, yes, no string
	}{
		{"", "a order.paid", ""},
		{"*", "a order.paid", ""},
		{"order.paid", "order.paid", "order order.paid.late Order.paid xorder.paid"},
		{"order.*", "order.paid order.paid.late order.", "order orders.paid"},
		{"*.paid", "order.paid .paid a.b.paid", "paid order.paid.late"},
		{"order.*.late", "order.paid.late order.a.b.late order..late", "order.late order.paid.later"},
		{"a*b*c", "abc aXbYc abcbc", "ab acb abcd"},
		{"aba*aba", "abaaba abaXaba", "aba ababa"},
		{"*a*", "a xay", "b"},
		{"a b.*", "a b.c", "c"},
		{"a **", "anything", ""},
	} {
		types, err := CompileTypes(strings.Fields(tc.globs))
		if err != nil {
			t.Fatal(err)
		}
		for s := range strings.FieldsSeq(tc.yes) {
			if !types.Match(s) {
				t.Errorf("%q does not take %s", tc.globs, s)
			}
		}
		for s := range strings.FieldsSeq(tc.no) {
			if types.Match(s) {
				t.Errorf("%q takes %s", tc.globs, s)
			}
		}
	}
	for _, tc := range []struct {
		globs  []string
		index  int
		detail string
	}{
		{[]string{"a", ""}, 1, "cannot be empty"},
		{[]string{"a b"}, 0, `" " cannot be part`},
		{[]string{strings.Repeat("a", 129)}, 0, "at most 128"},
		{make([]string, 201), 200, "at most 200"},
	} {
		_, err := CompileTypes(tc.globs)
		if e, ok := errors.AsType[*GlobError](err); !ok || e.Index != tc.index || !strings.Contains(e.Detail, tc.detail) {
			t.Errorf("CompileTypes(%.20q) = %v, want %q at %d", tc.globs, err, tc.detail, tc.index)
		}
	}
}

func filter(t testing.TB, text string) *Filter {
	t.Helper()
	f, err := CompileFilter(text)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func types(t testing.TB, globs ...string) Types {
	t.Helper()
	types, err := CompileTypes(globs)
	if err != nil {
		t.Fatal(err)
	}
	return types
}

func TestMatch(t *testing.T) {
	t.Parallel()
	ep := make([]hook.EndpointID, 6)
	for i := range ep {
		ep[i] = hook.NewEndpointID()
	}
	targets := []Target{
		{Endpoint: ep[0]},
		{Endpoint: ep[1], Types: types(t, "order.*")},
		{Endpoint: ep[2], Types: types(t, "visit.*")},
		{Endpoint: ep[3], Filter: filter(t, `payload.total > 100`)},
		{Endpoint: ep[4], Filter: filter(t, `payload.total > 10 && type != "x"`)},
		{Endpoint: ep[5], Filter: filter(t, `payload.name > 10`)},
	}
	s := NewSet("standard", targets)
	ev := &hook.Event{Contract: "standard", Type: "order.paid", Payload: []byte(`{"total":50,"name":"x"}`)}
	got, err := s.Match(nil, ev)
	if d := cmp.Diff(Result{Taken: []hook.EndpointID{ep[0], ep[1], ep[4]}, Failed: ep[5:]}, got); d != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, d)
	}
	for i, want := range []Why{Taken, Taken, OtherType, FilteredOut, Taken, FilterFailed} {
		if why, detail := targets[i].Explain(nil, ev); why != want || (detail != "") != (want == FilterFailed) {
			t.Errorf("Explain %d = %s %q, want %s", i, why, detail, want)
		}
	}
	ev.Contract = "kobra"
	if got, err := s.Match(nil, ev); got.Taken != nil || got.Failed != nil || err != nil {
		t.Errorf("an event of another contract is taken: %+v %v", got, err)
	}
	if got, _ := (*Set)(nil).Match(nil, ev); got.Taken != nil {
		t.Error("a nil set takes an event")
	}
}

func TestCompileFilter(t *testing.T) {
	t.Parallel()
	if f, err := CompileFilter(""); f != nil || err != nil {
		t.Errorf("an empty filter is %v, %v", f, err)
	}
	_, err := CompileFilter("payload.a ==")
	if _, ok := errors.AsType[*expr.Error](err); !ok {
		t.Errorf("got %v, want an *expr.Error", err)
	}
	for i := range 2 * maxCompiled {
		filter(t, fmt.Sprintf("payload.a == %d", i))
	}
	if n := compiled.Len(); n > maxCompiled {
		t.Errorf("%d filters are kept", n)
	}
	if first, again := filter(t, "payload.b == 1"), filter(t, "payload.b == 1"); first != again {
		t.Error("the same filter was compiled twice")
	}
}

// FuzzTypes compares with path.Match, in which * stops at slashes; so a character that no glob can have stands for them.
func FuzzTypes(f *testing.F) {
	f.Add("order.*", "order.paid")
	f.Add("a*b*c", "aXbYc")
	f.Add("**", "")
	f.Add("a*ab*b", "aabab")
	f.Add("/", "|")
	f.Fuzz(func(t *testing.T, glob, s string) {
		types, err := CompileTypes([]string{glob})
		if err != nil {
			return
		}
		want, err := path.Match(strings.ReplaceAll(glob, "/", "|"), strings.ReplaceAll(s, "/", "|"))
		if err != nil || !isASCII(s) || strings.Contains(s, "|") { // path.Match counts invalid UTF-8 differently
			return
		}
		if got := types.Match(s); got != want {
			t.Fatalf("%q takes %q: %v, want %v", glob, s, got, want)
		}
	})
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r > 0x7e })
}

// FuzzMatch: no payload makes a filter panic.
func FuzzMatch(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1,2]}}`))
	f.Add([]byte(`[`))
	filters := []*Filter{filter(f, `payload.a.b[0] == 1`), filter(f, `payload.exists(k, k == "a")`), filter(f, `payload == payload.a`), filter(f, `size(payload) > 1`)}
	f.Fuzz(func(t *testing.T, payload []byte) {
		before := string(payload)
		var targets []Target
		for _, f := range filters {
			targets = append(targets, Target{Endpoint: hook.NewEndpointID(), Filter: f})
		}
		ev := &hook.Event{Contract: "c", Type: "t", Payload: payload}
		got, err := NewSet("c", targets).Match(nil, ev)
		if err != nil || len(got.Taken)+len(got.Failed) > len(targets) {
			t.Fatal("an endpoint is both taken and left out")
		}
		if string(payload) != before {
			t.Fatal("the payload was changed")
		}
	})
}

func benchmark(b *testing.B, n int, text string, globs ...string) {
	var targets []Target
	for range n {
		targets = append(targets, Target{Endpoint: hook.NewEndpointID(), Types: types(b, globs...), Filter: filter(b, text)})
	}
	s := NewSet("standard", targets)
	ev := &hook.Event{Contract: "standard", Type: "order.paid", Payload: []byte(`{"id":1,"total":50,"customer":{"name":"Ana","age":31}}`)}
	b.ReportAllocs()
	for b.Loop() {
		budget := work.NewBudget(b.Context(), 1e6, nil)
		if got, err := s.Match(budget, ev); len(got.Taken) != n || err != nil {
			b.Fatal(got, err)
		}
		budget.Close()
	}
}

func BenchmarkMatchOne(b *testing.B)      { benchmark(b, 1, "") }
func BenchmarkMatch50Globs(b *testing.B)  { benchmark(b, 50, "", "visit.*", "order.*") }
func BenchmarkMatch50Filter(b *testing.B) { benchmark(b, 50, "payload.customer.age > 30") }
