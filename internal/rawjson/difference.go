package rawjson

import (
	"bytes"
	"strconv"
	"strings"
)

// Difference is one place where two documents differ.
type Difference struct {
	Pointer string // a JSON pointer, "" for the whole document
	Old     []byte // the value there in the first document; nil if it has none
	New     []byte // the value there in the second document; nil if it has none
}

// Differences lists where two valid documents differ, at most limit places, in the order of the first document; what only
// the second one has comes behind. Values are compared as they are spelled: 1 and 1.0 differ. White space and the order of
// members make no difference.
func Differences(before, after []byte, limit int) []Difference {
	d := differ{limit: limit}
	d.compare("", before, after)
	return d.out
}

type differ struct {
	out   []Difference
	limit int
}

func (d *differ) add(pointer string, before, after []byte) {
	if len(d.out) < d.limit {
		d.out = append(d.out, Difference{pointer, bytes.TrimSpace(before), bytes.TrimSpace(after)})
	}
}

func (d *differ) compare(pointer string, before, after []byte) {
	switch kind := KindOf(before); {
	case len(d.out) >= d.limit || Same(before, after):
	case kind != KindOf(after), kind != '{' && kind != '[':
		d.add(pointer, before, after)
	case kind == '[':
		d.elements(pointer, Elements(before), Elements(after))
	default:
		d.members(pointer, Members(before), Members(after))
	}
}

func (d *differ) elements(pointer string, before, after [][]byte) {
	for i := range max(len(before), len(after)) {
		at := pointer + "/" + strconv.Itoa(i)
		switch {
		case i >= len(after):
			d.add(at, before[i], nil)
		case i >= len(before):
			d.add(at, nil, after[i])
		default:
			d.compare(at, before[i], after[i])
		}
	}
}

func (d *differ) members(pointer string, before, after []Member) {
	left := make(map[string][]byte, len(after))
	for _, m := range after {
		left[m.Name] = m.Value
	}
	for _, m := range before {
		value, ok := left[m.Name]
		if ok {
			d.compare(pointer+pointerTo(m.Name), m.Value, value)
			delete(left, m.Name)
		} else {
			d.add(pointer+pointerTo(m.Name), m.Value, nil)
		}
	}
	for _, m := range after {
		if _, ok := left[m.Name]; ok {
			d.add(pointer+pointerTo(m.Name), nil, m.Value)
		}
	}
}

// pointerTo is the last part of a JSON pointer (RFC 6901).
func pointerTo(name string) string {
	return "/" + strings.NewReplacer("~", "~0", "/", "~1").Replace(name)
}
