package expr

import (
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

const (
	bytesPerCost = 32 // how much text a unit of cost pays for
	searchCost   = 4  // times as much for a regular expression
)

// byLength says what a call costs by how much it reads and makes. CEL by itself
// counts every call as 1 whose types are known only when it runs, as all in JSON
// are: a condition that joins or searches a long text again and again would cost
// next to nothing, and take minutes and gigabytes.
type byLength struct{}

func (byLength) CallCost(function, _ string, args []ref.Val, result ref.Val) *uint64 {
	cost := 1 + textCost(result)
	l, made := result.(traits.Lister)
	_, grows := result.(traits.MutableLister) // as of map and filter, one by one
	if made && !grows {
		n, _ := l.Size().(types.Int)
		cost += uint64(max(n, 0))
	}
	for _, a := range args {
		switch function {
		case operators.Equals, operators.NotEquals, operators.In: // they go through all there is
			cost += jsonCost(a)
		case overloads.Matches:
			cost += searchCost * textCost(a)
		default:
			cost += textCost(a)
		}
	}
	return &cost
}

func textCost(v ref.Val) uint64 {
	switch v := v.(type) {
	case types.String:
		return uint64(len(v)) / bytesPerCost
	case types.Bytes:
		return uint64(len(v)) / bytesPerCost
	}
	return 0
}

// jsonCost is textCost, also of lists and objects of a document.
func jsonCost(v ref.Val) uint64 {
	switch v := v.(type) {
	case *list:
		return uint64(len(v.raw)) / bytesPerCost
	case *object:
		return uint64(len(v.raw)) / bytesPerCost
	}
	return textCost(v)
}
