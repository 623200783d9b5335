package expr

import (
	"math"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/cost"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

const (
	bytesPerCost = 32  // bytes of text that cost one unit
	failedZone   = 300 // of a function that failed, perhaps because it looked for a time zone that does not exist
)

// byLength computes the cost of a call from the length of what it reads and makes. CEL
// itself counts each call as 1 if types are known only when it runs, as with all of JSON.
// Then a condition that joins or searches a long text again and again would cost next to
// nothing, and take minutes and gigabytes.
type byLength struct{}

func (byLength) CallCost(function, _ string, args []ref.Val, result ref.Val) *uint64 {
	cost := 1 + textCost(result)
	l, made := result.(traits.Lister)
	_, grows := result.(traits.MutableLister) // map and filter add elements one by one
	if made && !grows {
		n, _ := l.Size().(types.Int)
		cost += uint64(max(n, 0))
	}
	switch function {
	case boundedMatches:
		if len(args) == 2 {
			text, _ := args[0].(types.String)
			pattern, _ := args[1].(types.String)
			cost += matchesCost(string(text), string(pattern))
		}
	case "format", "rfc3339":
		if types.IsError(result) {
			cost += failedZone
		}
	}
	for _, a := range args {
		switch function {
		case "join": // elements that are null are not in the result
			cost += jsonCost(a)
		case "xml", "csv", "json", "percent": // they read all of their arguments, too
			cost += jsonCost(a)
		case operators.Equals, operators.NotEquals, operators.In: // they read all of their arguments
			cost += jsonCost(a)
		default:
			cost += textCost(a)
		}
	}
	return &cost
}

// LeastCost estimates what an evaluation of a condition costs at least if no part of it is skipped, in units of work.
// Lists and texts that stand in the condition count with their size, all others as if they had one element. The error is
// that of [Scope.Compile].
func (s *Scope) LeastCost(text string) (int64, error) {
	if _, err := s.Compile(text); err != nil {
		return 0, err
	}
	ast, issues := s.env.Compile(text)
	if issues.Err() != nil {
		return 0, s.explain("condition", text, issues)
	}
	estimate, err := s.env.EstimateCost(ast, sizes{})
	if err != nil {
		return 0, err
	}
	return int64(min(estimate.Max, math.MaxInt64)), nil
}

// sizes are the sizes of what is not written in the condition. CEL knows the others.
type sizes struct{}

func (sizes) EstimateSize(n cost.AstNode) *cost.SizeEstimate {
	if e := n.Expr(); e != nil {
		switch e.Kind() {
		case ast.LiteralKind, ast.ListKind, ast.MapKind:
			return nil
		default:
		}
	}
	return &cost.SizeEstimate{Min: 0, Max: 1}
}

func (sizes) EstimateCallCost(string, string, *cost.AstNode, []cost.AstNode) *cost.CallEstimate {
	return nil
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

// jsonCost is textCost that also counts lists and objects.
func jsonCost(v ref.Val) uint64 { return uint64(size(v, maxResult)) / bytesPerCost }
