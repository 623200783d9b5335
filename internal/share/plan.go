package share

import (
	"cmp"
	"slices"

	"gancho/internal/hook"
)

// plan says which slots a node takes and which it gives away, so that active endpoints
// are spread evenly, and slots without any, too. Every node makes its own plan. Free slots
// go, those with most endpoints first, to the node that has least; all nodes come to the
// same result, so only one takes each slot. A node gives a slot away only if that brings
// it and the node that has least closer together, so the moving comes to an end. giving
// are the slots that the node is already handing over.
func plan(view *hook.Nodes, endpoints [hook.Slots]int, me int64, giving map[int]bool) (take, give []int) {
	weight := func(slot int) int { return 1024*endpoints[slot] + 1 }
	load := map[int64]int{}
	for _, e := range view.Alive {
		load[e] = 0
	}
	var free, mine []int
	for s, owner := range view.Owner {
		switch {
		case owner == 0:
			free = append(free, s)
			continue
		case giving[s] && owner == me: // it will be free, but cannot be taken yet
			continue
		case owner == me:
			mine = append(mine, s)
		}
		load[owner] += weight(s)
	}
	lightest := func() int64 {
		return slices.MinFunc(view.Alive, func(a, b int64) int {
			return cmp.Or(cmp.Compare(load[a], load[b]), cmp.Compare(a, b))
		})
	}
	heaviestFirst := func(a, b int) int { return cmp.Or(cmp.Compare(endpoints[b], endpoints[a]), cmp.Compare(a, b)) }
	if !slices.Contains(view.Alive, me) {
		return nil, nil
	}
	slices.SortFunc(free, heaviestFirst)
	for _, s := range free {
		to := lightest()
		if load[to] += weight(s); to == me {
			take = append(take, s)
		}
	}
	slices.SortFunc(mine, heaviestFirst)
	for _, s := range mine {
		if to := lightest(); load[me]-load[to] > weight(s) {
			load[me] -= weight(s)
			load[to] += weight(s)
			give = append(give, s)
		}
	}
	return take, give
}
