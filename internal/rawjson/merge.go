package rawjson

import "bytes"

// Merge applies a JSON Merge Patch (RFC 7396) to a document. Members that the patch does
// not name keep their bytes, their place and the white space between them. A member that
// the patch names gets the bytes of the patch, or is removed if they are null. New members
// come last, with white space like that between the others. An empty doc stands for a
// document that does not exist yet. The result may share memory with doc and patch.
//
// A merge patch cannot set a member to null, and it replaces lists as a whole.
func Merge(doc, patch []byte) []byte {
	if KindOf(patch) != '{' {
		return patch
	}
	if KindOf(doc) != '{' {
		return withoutNulls(patch)
	}
	changes := membersOf(patch)
	if len(changes.list) == 0 {
		return doc
	}
	into := membersOf(doc)
	m := splicer{out: make([]byte, 0, len(doc)+len(patch)), src: doc, all: into}
	byName := make(map[string]int, len(changes.list))
	for i, c := range changes.list {
		if name, ok := Unquote(patch[c.name:c.nameEnd]); ok {
			byName[name] = i
		}
	}
	for i, old := range into.list {
		name := doc[old.name+1 : old.nameEnd-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			plain, _ := Unquote(doc[old.name:old.nameEnd])
			name = []byte(plain)
		}
		k, named := byName[string(name)]
		if !named {
			m.keep(i, doc[old.start:old.end])
			continue
		}
		delete(byName, string(name))
		c := changes.list[k]
		if value := patch[c.start:c.end]; KindOf(value) != 'n' {
			m.keep(i, Merge(doc[old.start:old.end], value))
		}
	}
	for i, c := range changes.list {
		name, ok := Unquote(patch[c.name:c.nameEnd])
		if k, isNew := byName[name]; !ok || !isNew || k != i {
			continue
		}
		if value := patch[c.start:c.end]; KindOf(value) != 'n' {
			m.add(patch[c.name:c.nameEnd], patch[c.nameEnd:c.start], withoutNulls(value))
		}
	}
	return m.end()
}

// withoutNulls is the value of a patch for a place that has no value yet: without members
// that are null, at any depth except within lists.
func withoutNulls(value []byte) []byte {
	if KindOf(value) != '{' {
		return value
	}
	all := membersOf(value)
	m := splicer{src: value, all: all}
	for i, c := range all.list {
		if v := value[c.start:c.end]; KindOf(v) != 'n' {
			m.keep(i, withoutNulls(v))
		}
	}
	return m.end()
}

// members has the indexes of the opening brace of an object and of its members.
type members struct {
	open int
	list []memberAt
}

type memberAt struct{ name, nameEnd, start, end int }

func membersOf(b []byte) members {
	i := skipSpace(b, 0)
	m := members{open: i}
	scanObject(b, i, func(name, nameEnd, start, end int) bool {
		m.list = append(m.list, memberAt{name, nameEnd, start, end})
		return true
	})
	return m
}

// splicer writes a changed copy of an object, member by member, with the white space of
// the original.
type splicer struct {
	out  []byte
	src  []byte
	all  members
	kept int
}

// keep writes the i-th member of the source with a value.
func (m *splicer) keep(i int, value []byte) {
	at := m.all.list[i]
	if m.kept == 0 {
		m.out = append(m.out, m.src[:m.all.list[0].name]...)
	} else {
		m.out = append(m.out, m.src[m.all.list[i-1].end:at.name]...)
	}
	m.out = append(m.out, m.src[at.name:at.start]...)
	m.out = append(m.out, value...)
	m.kept++
}

// add writes a new member. Between name and value it writes what the source has there, or
// colon if the source has no members.
func (m *splicer) add(name, colon, value []byte) {
	list := m.all.list
	first := m.all.open + 1
	if len(list) > 0 {
		first = list[0].name
		colon = m.src[list[0].nameEnd:list[0].start]
	}
	switch {
	case m.kept == 0:
		m.out = append(m.out, m.src[:first]...)
	case len(list) > 1:
		m.out = append(m.out, m.src[list[0].end:list[1].name]...)
	default:
		m.out = append(append(m.out, ','), m.src[m.all.open+1:first]...)
	}
	m.out = append(append(append(m.out, name...), colon...), value...)
	m.kept++
}

// end writes the rest of the source.
func (m *splicer) end() []byte {
	if m.kept == 0 {
		m.out = append(m.out, m.src[:m.all.open+1]...)
	}
	tail := m.all.open + 1
	if n := len(m.all.list); n > 0 {
		tail = m.all.list[n-1].end
	}
	return append(m.out, m.src[min(tail, len(m.src)):]...)
}
