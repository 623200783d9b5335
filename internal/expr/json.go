package expr

import (
	"fmt"
	"reflect"
	"strconv"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"gancho/internal/rawjson"
)

// Raw is the value of a [JSON] variable. b has passed [rawjson.Check] and must not change;
// nil or empty is null. An object or array is split into its members when a condition
// first reads one of them, one level at a time. The value keeps the members, so that it
// can serve many conditions, one after the other.
func Raw(b []byte) any { return value(b) }

// value makes the CEL value of a raw token.
func value(b []byte) ref.Val {
	switch rawjson.KindOf(b) {
	case '{':
		return &object{raw: b}
	case '[':
		return &list{raw: b}
	case '"':
		token, _ := rawjson.Lookup(b)
		s, _ := rawjson.Unquote(token)
		return types.String(s)
	case 't':
		return types.True
	case 'f':
		return types.False
	case '0':
		token, _ := rawjson.Lookup(b)
		return number(string(token))
	case 'n', 0:
	}
	return types.NullValue
}

// number is an int64 for texts such as 12 that fit. Others, also 1.0 and 1e3, are
// doubles. CEL compares the two types by value.
func number(text string) ref.Val {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return types.Int(i)
	}
	f, _ := strconv.ParseFloat(text, 64) // out of range is ±Inf, which compares as it should
	return types.Double(f)
}

// object is a JSON object that is split into members when one is read.
type object struct {
	raw     []byte
	split   bool
	members []rawjson.Member
	values  []ref.Val // by index of members, nil until asked for

	asked  int            // how often a member was looked up by its name
	places map[string]int // index of each member; made after many look-ups
}

// often is the number of look-ups after which an object makes an index of its members.
// Most conditions need one or two members. Without the index, a condition that compares
// all members of two large objects would take time by the square of their size.
const often = 8

func (o *object) load() {
	if !o.split {
		o.split = true
		o.members = rawjson.Members(o.raw)
		o.values = make([]ref.Val, len(o.members))
	}
}

func (o *object) at(i int) ref.Val {
	if o.values[i] == nil {
		o.values[i] = value(o.members[i].Value)
	}
	return o.values[i]
}

// Find is the member with a name.
func (o *object) Find(key ref.Val) (ref.Val, bool) {
	name, ok := key.(types.String)
	if !ok {
		return nil, false
	}
	o.load()
	if o.asked++; o.asked > often {
		if o.places == nil {
			o.places = placesOf(o.members)
		}
		i, ok := o.places[string(name)]
		if !ok {
			return nil, false
		}
		return o.at(i), true
	}
	for i := range o.members {
		if o.members[i].Name == string(name) {
			return o.at(i), true
		}
	}
	return nil, false
}

// Get is the member with a name, null if there is none.
func (o *object) Get(key ref.Val) ref.Val {
	if v, ok := o.Find(key); ok {
		return v
	}
	return types.NullValue
}

// Contains reports whether there is a member of that name (the operator in).
func (o *object) Contains(key ref.Val) ref.Val {
	_, ok := o.Find(key)
	return types.Bool(ok)
}

// Size is the number of members.
func (o *object) Size() ref.Val {
	o.load()
	return types.Int(len(o.members))
}

// Iterator goes over the names, in the order of the document.
func (o *object) Iterator() traits.Iterator {
	o.load()
	return &iterator{n: len(o.members), at: func(i int) ref.Val { return types.String(o.members[i].Name) }}
}

// Equal compares by content, whatever the order of members.
func (o *object) Equal(other ref.Val) ref.Val {
	m, ok := other.(traits.Mapper)
	if !ok || m.Size() != o.Size() {
		return types.False
	}
	for i := range o.members {
		v, found := m.Find(types.String(o.members[i].Name))
		if !found || types.Equal(o.at(i), v) != types.True {
			return types.False
		}
	}
	return types.True
}

func (o *object) Type() ref.Type { return types.MapType }

// Value is the object itself: nothing in this package needs it as a Go map.
func (o *object) Value() any { return o }

func (o *object) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("an object cannot become %v", t)
}

func (o *object) ConvertToType(t ref.Type) ref.Val { return convert(o, t, types.MapType) }

// list is a JSON array that is split into elements when one is read.
type list struct {
	raw      []byte
	split    bool
	elements [][]byte
	values   []ref.Val
}

func (l *list) load() {
	if !l.split {
		l.split = true
		l.elements = rawjson.Elements(l.raw)
		l.values = make([]ref.Val, len(l.elements))
	}
}

func (l *list) at(i int) ref.Val {
	if l.values[i] == nil {
		l.values[i] = value(l.elements[i])
	}
	return l.values[i]
}

// Get is the element at an index, null beyond the ends.
func (l *list) Get(index ref.Val) ref.Val {
	i, err := types.GetOrError(index)
	if err != nil {
		return types.WrapErr(err)
	}
	l.load()
	if i < 0 || i >= len(l.elements) {
		return types.NullValue
	}
	return l.at(i)
}

// Contains reports whether an element is equal to v (the operator in).
func (l *list) Contains(v ref.Val) ref.Val {
	l.load()
	for i := range l.elements {
		if types.Equal(l.at(i), v) == types.True {
			return types.True
		}
	}
	return types.False
}

// Size is the number of elements.
func (l *list) Size() ref.Val {
	l.load()
	return types.Int(len(l.elements))
}

// Iterator goes over the elements.
func (l *list) Iterator() traits.Iterator {
	l.load()
	return &iterator{n: len(l.elements), at: l.at}
}

// Add joins two lists.
func (l *list) Add(other ref.Val) ref.Val {
	o, ok := other.(traits.Lister)
	if !ok {
		return types.MaybeNoSuchOverloadErr(other)
	}
	l.load()
	all := make([]ref.Val, 0, len(l.elements))
	for i := range l.elements {
		all = append(all, l.at(i))
	}
	for it := o.Iterator(); it.HasNext() == types.True; {
		all = append(all, it.Next())
	}
	return types.NewRefValList(types.DefaultTypeAdapter, all)
}

// Equal compares element by element.
func (l *list) Equal(other ref.Val) ref.Val {
	o, ok := other.(traits.Lister)
	if !ok || o.Size() != l.Size() {
		return types.False
	}
	for i := range l.elements {
		if types.Equal(l.at(i), o.Get(types.Int(i))) != types.True {
			return types.False
		}
	}
	return types.True
}

func (l *list) Type() ref.Type { return types.ListType }

// Value is the list itself.
func (l *list) Value() any { return l }

func (l *list) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("a list cannot become %v", t)
}

func (l *list) ConvertToType(t ref.Type) ref.Val { return convert(l, t, types.ListType) }

func convert(v ref.Val, to ref.Type, own *types.Type) ref.Val {
	switch to {
	case own:
		return v
	case types.TypeType:
		return own
	}
	return types.NewErr("a value of kind %s cannot become %s", typeName(own.TypeName()), typeName(to.TypeName()))
}

// iterator goes through n values. It is used only as an Iterator, so it does not implement
// the other methods of a CEL value.
type iterator struct {
	ref.Val
	n, i int
	at   func(int) ref.Val
}

func (it *iterator) HasNext() ref.Val { return types.Bool(it.i < it.n) }

func (it *iterator) Next() ref.Val {
	if it.i >= it.n {
		return nil
	}
	it.i++
	return it.at(it.i - 1)
}

func (it *iterator) Type() ref.Type { return types.IteratorType }
