package share

import (
	"cmp"
	"slices"

	"gancho/internal/hook"
)

// plan says which slots a node takes and gives, so that active endpoints, and then
// slots, are spread evenly. Every node works it out by itself: free slots go to
// the node that has least, the heaviest first, in the same order everywhere; and a
// node gives a slot away only if that brings it and the lightest node closer
// together, so it ends and nothing goes to and fro. giving are slots that the
// node is handing over already.
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
		case giving[s] && owner == me: // as good as free, but not to be taken yet
			continue
		case owner == me:
			mine = append(mine, s)
		}
		load[owner] += weight(s)
	}
	lightest := func() int64 {
		return slices.MinFunc(view.Alive, func(a, b int64) int { return cmp.Or(cmp.Compare(load[a], load[b]), cmp.Compare(a, b)) })
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
