package expr

import (
	"math"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// arithmetic are the operators between numbers. CEL itself computes only with two numbers of one type, and JSON does not
// say of which type 60 is where 60.5 may stand, too.
var arithmetic = map[string]func(a, b ref.Val) ref.Val{
	operators.Add: func(a, b ref.Val) ref.Val {
		if x, ok := a.(traits.Adder); ok {
			return x.Add(b)
		}
		return noOverload(operators.Add)
	},
	operators.Subtract: func(a, b ref.Val) ref.Val {
		if x, ok := a.(traits.Subtractor); ok {
			return x.Subtract(b)
		}
		return noOverload(operators.Subtract)
	},
	operators.Multiply: func(a, b ref.Val) ref.Val {
		if x, ok := a.(traits.Multiplier); ok {
			return x.Multiply(b)
		}
		return noOverload(operators.Multiply)
	},
	operators.Divide: func(a, b ref.Val) ref.Val {
		if x, ok := a.(traits.Divider); ok {
			return x.Divide(b)
		}
		return noOverload(operators.Divide)
	},
	operators.Modulo: func(a, b ref.Val) ref.Val {
		x, isDouble := a.(types.Double)
		y, both := b.(types.Double)
		if isDouble && both {
			return types.Double(math.Mod(float64(x), float64(y)))
		}
		if x, ok := a.(traits.Modder); ok {
			return x.Modulo(b)
		}
		return noOverload(operators.Modulo)
	},
}

func noOverload(function string) ref.Val { return types.NewErr("no such overload: %s", function) }

// mixedNumbers declares what CEL's own operators do not take: a whole number beside another one.
func mixedNumbers() (out []cel.EnvOption) {
	for op := range arithmetic {
		declared := []cel.FunctionOpt{
			cel.Overload(op+"int_double", []*cel.Type{cel.IntType, cel.DoubleType}, cel.DoubleType),
			cel.Overload(op+"double_int", []*cel.Type{cel.DoubleType, cel.IntType}, cel.DoubleType),
		}
		if op == operators.Modulo {
			declared = append(declared, cel.Overload(op+"double", []*cel.Type{cel.DoubleType, cel.DoubleType}, cel.DoubleType))
		}
		out = append(out, cel.Function(op, declared...))
	}
	return out
}

// mixNumbers lets the operators take a whole number beside another one, which makes both doubles.
func mixNumbers(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok || len(call.Args()) != 2 {
		return i, nil
	}
	compute := arithmetic[call.Function()]
	if compute == nil {
		return i, nil
	}
	return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), func(args ...ref.Val) ref.Val {
		return compute(sameType(args[0], args[1]))
	}), nil
}

// sameType are two values, as doubles if one is a double and the other one a whole number.
func sameType(a, b ref.Val) (ref.Val, ref.Val) {
	switch x := a.(type) {
	case types.Int:
		if _, ok := b.(types.Double); ok {
			return types.Double(x), b
		}
	case types.Double:
		if y, ok := b.(types.Int); ok {
			return a, types.Double(y)
		}
	}
	return a, b
}
