package share

import (
	"cmp"
	"slices"

	"gancho/internal/hook"
)

// plan returns the free slots that node me takes and the slots that it gives away, so that the
// nodes have about as many active endpoints each, and about as many slots. Every node makes its
// own plan. It assigns free slots one by one, those with the most endpoints first, to the node
// with the smallest load. All nodes compute the same assignment, so only one of them takes a
// slot. A node gives a slot away only if that makes the loads of it and of the node with the
// smallest load more equal, so moving slots comes to an end. giving are the slots that the node
// is already handing over. They count for the nodes that will probably take them, so that the node
// does not give away more than its share while a handover lasts long.
func plan(view *hook.Nodes, endpoints [hook.Slots]int, me int64, giving map[int]bool) (take, give []int) {
	weight := func(slot int) int { return 1024*endpoints[slot] + 1 }
	load := map[int64]int{}
	for _, e := range view.Alive {
		load[e] = 0
	}
	var free, mine, leaving []int
	for s, owner := range view.Owner {
		switch {
		case owner == 0:
			free = append(free, s)
			continue
		case giving[s] && owner == me: // it becomes free after the handover, and cannot be taken yet
			leaving = append(leaving, s)
			continue
		case owner == me:
			mine = append(mine, s)
		}
		load[owner] += weight(s)
	}
	lightest := func(nodes []int64) int64 {
		return slices.MinFunc(nodes, func(a, b int64) int {
			return cmp.Or(cmp.Compare(load[a], load[b]), cmp.Compare(a, b))
		})
	}
	heaviestFirst := func(a, b int) int { return cmp.Or(cmp.Compare(endpoints[b], endpoints[a]), cmp.Compare(a, b)) }
	if !slices.Contains(view.Alive, me) {
		return nil, nil
	}
	if others := slices.DeleteFunc(slices.Clone(view.Alive), func(e int64) bool { return e == me }); len(others) > 0 {
		slices.SortFunc(leaving, heaviestFirst)
		for _, s := range leaving {
			load[lightest(others)] += weight(s)
		}
	}
	slices.SortFunc(free, heaviestFirst)
	for _, s := range free {
		to := lightest(view.Alive)
		if load[to] += weight(s); to == me {
			take = append(take, s)
		}
	}
	slices.SortFunc(mine, heaviestFirst)
	for _, s := range mine {
		if to := lightest(view.Alive); load[me]-load[to] > weight(s) {
			load[me] -= weight(s)
			load[to] += weight(s)
			give = append(give, s)
		}
	}
	return take, give
}
