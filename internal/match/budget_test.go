package match

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
	"gancho/internal/work"
)

// set is a set of endpoints with these filters, "" for none.
func set(t *testing.T, filters ...string) (s *Set, ids []hook.EndpointID) {
	t.Helper()
	var targets []Target
	for _, text := range filters {
		target := Target{Endpoint: hook.NewEndpointID()}
		if text != "" {
			target.Filter = filter(t, text)
		}
		targets = append(targets, target)
		ids = append(ids, target.Endpoint)
	}
	return NewSet("standard", targets), ids
}

// cost is how much work it is to match the event.
func cost(t *testing.T, s *Set, ev *hook.Event) int64 {
	t.Helper()
	const plenty = 1 << 40
	b := work.NewBudget(t.Context(), plenty, nil)
	if _, err := s.Match(b, ev); err != nil {
		t.Fatal(err)
	}
	return plenty - b.Left()
}

// If the work for all filters is too much, the cheap ones are evaluated first, whoever's they are, and what is left out is
// said.
func TestCheapFiltersFirst(t *testing.T) {
	t.Parallel()
	ev := &hook.Event{Contract: "standard", Type: "a", Payload: fmt.Appendf(nil, `{"list":[%s1],"cheap":1}`, strings.Repeat("1,", 2000))}
	const dear = "payload.list.exists(x, x > 7)"
	s, ids := set(t, dear, "payload.cheap == 1", "", "payload.cheap == 2")
	all := cost(t, s, ev)
	cheap, _ := set(t, "payload.cheap == 1", "payload.cheap == 2")
	least := cost(t, cheap, ev)
	if all < 10*least {
		t.Fatalf("the dear filter is not dear: %d units for all, %d for the cheap ones", all, least)
	}
	// With half of the work the dear filter comes last and takes more than is left. That must not count as its cost:
	// otherwise it would come first the next time, and the cheap ones would be left out.
	for range 2 {
		r, err := s.Match(work.NewBudget(t.Context(), all/2, nil), ev)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Result{Taken: []hook.EndpointID{ids[1], ids[2]}}, r); diff != "" {
			t.Errorf("half of the work (-want +got):\n%s", diff)
		}
	}
	for range 2 {
		r, err := s.Match(work.NewBudget(t.Context(), least, nil), ev)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(Result{Taken: []hook.EndpointID{ids[1], ids[2]}, LeftOut: ids[:1]}, r); diff != "" {
			t.Errorf("just the work of the cheap ones (-want +got):\n%s", diff)
		}
	}
	r, err := s.Match(work.NewBudget(t.Context(), 2*all, nil), ev)
	if err != nil || len(r.LeftOut) > 0 || len(r.Taken) != 2 {
		t.Errorf("with enough work: %+v, %v", r, err)
	}
}

// Equal filters cost as much as one, and endpoints that do not take the type cost nothing.
func TestEqualFiltersOnce(t *testing.T) {
	t.Parallel()
	ev := &hook.Event{Contract: "standard", Type: "a", Payload: []byte(`{"n":1}`)}
	one, _ := set(t, "payload.n > 0")
	many, ids := set(t, "payload.n > 0", "payload.n > 0", "payload.n > 0")
	if a, b := cost(t, one, ev), cost(t, many, ev); a != b || a == 0 {
		t.Errorf("one filter costs %d units, three equal ones %d", a, b)
	}
	if r, err := many.Match(nil, ev); err != nil || len(r.Taken) != len(ids) {
		t.Errorf("%+v, %v", r, err)
	}
	other := NewSet("standard", []Target{{Endpoint: ids[0], Types: types(t, "b"), Filter: filter(t, "payload.n > 0")}})
	if n := cost(t, other, ev); n != 0 {
		t.Errorf("an endpoint that does not take the type costs %d units", n)
	}
}

// Every filter of many has its own verdict, and the order of the set stays.
func TestManyFilters(t *testing.T) {
	t.Parallel()
	ev := &hook.Event{Contract: "standard", Type: "a", Payload: []byte(`{"n":30}`)}
	for _, n := range []int{15, 16, 17, 40} {
		var filters []string
		for i := range n {
			filters = append(filters, fmt.Sprintf("payload.n %% %d == 0", i+1))
		}
		s, ids := set(t, filters...)
		var want []hook.EndpointID
		for i, id := range ids {
			if 30%(i+1) == 0 {
				want = append(want, id)
			}
		}
		r, err := s.Match(nil, ev)
		if err != nil || s.Len() != n {
			t.Errorf("%d filters, the set has %d: %v", n, s.Len(), err)
		}
		if diff := cmp.Diff(want, r.Taken); diff != "" {
			t.Errorf("%d filters (-want +got):\n%s", n, diff)
		}
	}
	if n := (*Set)(nil).Len(); n != 0 {
		t.Errorf("a nil set has %d endpoints", n)
	}
}

// When the caller has left, nothing is matched, and that is no failure of a filter.
func TestCallerHasLeft(t *testing.T) {
	t.Parallel()
	ctx, leave := context.WithCancel(t.Context())
	leave()
	ev := &hook.Event{Contract: "standard", Type: "a", Payload: fmt.Appendf(nil, `{"list":[%s1]}`, strings.Repeat("1,", 20000))}
	s, _ := set(t, "", "payload.list.exists(x, x > 7)")
	for _, units := range []int64{1 << 40, 1000} {
		r, err := s.Match(work.NewBudget(ctx, units, nil), ev)
		if !errors.Is(err, context.Canceled) || len(r.Taken)+len(r.Failed)+len(r.LeftOut) > 0 {
			t.Errorf("with %d units: %+v, %v", units, r, err)
		}
	}
}
