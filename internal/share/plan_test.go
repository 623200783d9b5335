package share

import (
	"testing"

	"pgregory.net/rapid"

	"gancho/internal/hook"
)

// Every node follows its own plan. Whatever nodes there are and whoever owns what, after some rounds
// endpoints are spread evenly and no slot moves any more.
func TestPlan(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		view := &hook.Nodes{}
		for e := range rapid.Int64Range(1, 6).Draw(t, "nodes") {
			view.Alive = append(view.Alive, 10+e)
		}
		var endpoints [hook.Slots]int
		for range rapid.IntRange(0, 60).Draw(t, "endpoints") {
			endpoints[rapid.IntRange(0, hook.Slots-1).Draw(t, "slot")]++
		}
		for s := range view.Owner {
			view.Owner[s] = rapid.SampledFrom(append([]int64{0}, view.Alive...)).Draw(t, "owner")
		}
		moved := true
		for range 50 {
			moved = false
			for _, me := range view.Alive { // one after the other: the database allows one change at a time
				take, give := plan(view, endpoints, me, nil)
				for _, s := range take {
					if view.Owner[s] != 0 {
						t.Fatalf("%d takes slot %d of %d", me, s, view.Owner[s])
					}
					view.Owner[s], moved = me, true
				}
				for _, s := range give {
					if view.Owner[s] != me {
						t.Fatalf("%d gives slot %d of %d", me, s, view.Owner[s])
					}
					view.Owner[s], moved = 0, true
				}
			}
			if !moved {
				break
			}
		}
		if moved {
			t.Fatal("slots keep moving")
		}
		has, heaviest := map[int64]int{}, 0
		for s, owner := range view.Owner {
			if owner == 0 {
				t.Fatalf("nobody owns slot %d", s)
			}
			has[owner] += endpoints[s]
			heaviest = max(heaviest, endpoints[s])
		}
		for _, a := range view.Alive {
			for _, b := range view.Alive {
				if has[a]-has[b] > max(heaviest, 1) {
					t.Fatalf("%d has %d endpoints, %d has %d, though the heaviest slot has %d", a, has[a], b, has[b], heaviest)
				}
			}
		}
	})
}
