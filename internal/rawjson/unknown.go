package rawjson

// KeepUnknown lets a program edit a document of which it does not know all members, because a later version of it wrote
// them. stored is the document, understood is stored as the program decodes and encodes it, and next is what the
// program would write. The result is next with the members of objects, at any depth, that stored has and understood
// lacks. An object that next does not have any more takes its members along. An element of a list is known by its first
// member, such as the name of a header: if a program encodes struct types, that is the first field. If there is nothing to
// keep, the result is next itself.
func KeepUnknown(stored, understood, next []byte) []byte {
	kind := KindOf(next)
	if kind != KindOf(stored) || kind != KindOf(understood) || Same(stored, understood) {
		return next
	}
	switch kind {
	case '{':
		return keepMembers(stored, understood, next)
	case '[':
		return keepElements(stored, understood, next)
	}
	return next
}

func keepMembers(stored, understood, next []byte) []byte {
	known, was := byName(understood), byName(stored)
	out := []byte{'{'}
	add := func(name string, value []byte) {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(append(append(out, Quote(name)...), ':'), value...)
	}
	written := map[string]bool{}
	for _, m := range Members(next) {
		value := m.Value
		if before, ok := was[m.Name]; ok && known[m.Name] != nil {
			value = KeepUnknown(before, known[m.Name], value)
		}
		add(m.Name, value)
		written[m.Name] = true
	}
	for _, m := range Members(stored) {
		if known[m.Name] == nil && !written[m.Name] {
			add(m.Name, m.Value)
			written[m.Name] = true
		}
	}
	return append(out, '}')
}

func byName(object []byte) map[string][]byte {
	all := map[string][]byte{}
	for _, m := range Members(object) {
		all[m.Name] = m.Value
	}
	return all
}

func keepElements(stored, understood, next []byte) []byte {
	was, known := Elements(stored), Elements(understood)
	if len(was) != len(known) {
		return next
	}
	elements := Elements(next)
	from := make([]int, len(elements)) // the place in known of each element, 1 for the first; 0: it is new
	taken := make([]bool, len(known))
	for _, same := range []func(a, b []byte) bool{Same, sameFirst} { // those that were not edited have the first choice
		for i, value := range elements {
			for k := range known {
				if from[i] == 0 && !taken[k] && same(known[k], value) {
					from[i], taken[k] = k+1, true
				}
			}
		}
	}
	out := []byte{'['}
	for i, value := range elements {
		if i > 0 {
			out = append(out, ',')
		}
		if k := from[i] - 1; k >= 0 {
			value = KeepUnknown(was[k], known[k], value)
		}
		out = append(out, value...)
	}
	return append(out, ']')
}

// sameFirst reports whether two objects have the same first member.
func sameFirst(a, b []byte) bool {
	x, y := Members(a), Members(b)
	return len(x) > 0 && len(y) > 0 && x[0].Name == y[0].Name && Same(x[0].Value, y[0].Value)
}
