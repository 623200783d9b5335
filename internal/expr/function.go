package expr

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/overloads"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// function is a function of texts or times, which conditions and expressions can call as f(x, …) and as x.f(…). A value
// that is null gives null, so that what is computed of an absent member is absent.
type function struct {
	args   [][]*cel.Type // of the shapes it has beside those of CEL, without the first one
	result *cel.Type
	first  *cel.Type // the type of the first argument
	call   func(args []ref.Val) ref.Val
}

// functions are those of texts. CEL has some of them for texts alone, and with results of any size.
var functions = map[string]function{
	"lower":  ofText(func(s string) ref.Val { return types.String(strings.ToLower(s)) }),
	"upper":  ofText(func(s string) ref.Val { return types.String(strings.ToUpper(s)) }),
	"trim":   ofText(func(s string) ref.Val { return types.String(strings.TrimSpace(s)) }),
	"hex":    ofText(func(s string) ref.Val { return types.String(hex.EncodeToString([]byte(s))) }),
	"base64": ofText(func(s string) ref.Val { return types.String(base64.StdEncoding.EncodeToString([]byte(s))) }),
	"sha256": ofText(func(s string) ref.Val {
		sum := sha256.Sum256([]byte(s))
		return types.String(hex.EncodeToString(sum[:]))
	}),
	"hmac_sha256":        hmacSHA256(hex.EncodeToString),
	"hmac_sha256_base64": hmacSHA256(base64.StdEncoding.EncodeToString),
	"replace":            {args: [][]*cel.Type{{cel.StringType, cel.StringType}}, first: cel.DynType, result: cel.StringType, call: replace},
	"split":              {args: [][]*cel.Type{{cel.StringType}}, first: cel.DynType, result: cel.ListType(cel.StringType), call: split},
	"join":               {args: [][]*cel.Type{nil, {cel.StringType}}, first: cel.ListType(cel.DynType), result: cel.StringType, call: join},
	"urlencode": ofText(func(s string) ref.Val {
		return types.String(strings.ReplaceAll(url.QueryEscape(s), "+", "%20"))
	}),
	"unix":    ofTime(func(t moment) ref.Val { return types.Int(t.Unix()) }),
	"unix_ms": ofTime(func(t moment) ref.Val { return types.Int(t.UnixMilli()) }),
	"rfc3339": {args: [][]*cel.Type{nil, {cel.StringType}}, first: cel.DynType, result: cel.StringType, call: rfc3339},
	"format":  {args: [][]*cel.Type{{cel.StringType}, {cel.StringType, cel.StringType}}, first: cel.DynType, result: cel.StringType, call: format},
}

func ofText(f func(string) ref.Val) function {
	return function{args: [][]*cel.Type{nil}, first: cel.DynType, result: cel.StringType, call: func(args []ref.Val) ref.Val {
		if args[0] == types.NullValue {
			return args[0]
		}
		s, ok := textOf(args[0])
		if !ok {
			return noOverload("function")
		}
		return f(s)
	}}
}

// hmacSHA256 is a function of a text and a key.
func hmacSHA256(encode func([]byte) string) function {
	return function{args: [][]*cel.Type{{cel.StringType}}, first: cel.DynType, result: cel.StringType, call: func(args []ref.Val) ref.Val {
		if args[0] == types.NullValue {
			return args[0]
		}
		s, ok := textOf(args[0])
		key, isText := args[1].(types.String)
		if !ok || !isText {
			return noOverload("function")
		}
		h := hmac.New(sha256.New, []byte(key))
		h.Write([]byte(s))
		return types.String(encode(h.Sum(nil)))
	}}
}

// ownFunctions declares the functions. bindFunctions has what they do.
func ownFunctions() (out []cel.EnvOption) {
	for name, f := range functions {
		for _, more := range f.args {
			args := append([]*cel.Type{f.first}, more...)
			id := name + strconv.Itoa(len(args))
			out = append(out, cel.Function(name, cel.Overload("gancho_"+id, args, f.result)))
			if !inCEL[name] {
				out = append(out, cel.Function(name, cel.MemberOverload("gancho_of_"+id, args, f.result)))
			}
		}
	}
	return out
}

// inCEL are the functions that CEL has as x.f(…) in all shapes.
var inCEL = map[string]bool{"trim": true, "replace": true, "split": true, "join": true}

// functionBinder replaces the calls of some functions of CEL by those here, and limits others.
type functionBinder struct {
	format func(args ...ref.Val) ref.Val // of CEL: "%s".format([x])
}

func newFunctionBinder(env *cel.Env) (b functionBinder, err error) {
	overloads, err := env.Functions()["format"].Bindings()
	if err != nil {
		return b, err
	}
	for _, o := range overloads {
		if o.Operator == "string_format" {
			b.format = o.Function
		}
	}
	if b.format == nil {
		return b, fmt.Errorf("CEL has no format of texts")
	}
	return b, nil
}

// bind is a decorator.
func (b functionBinder) bind(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok {
		return i, nil
	}
	if call.Function() == overloads.Matches {
		matches, err := bindMatches(call)
		if err != nil {
			return nil, err
		}
		return interpreter.NewCall(call.ID(), boundedMatches, call.OverloadID(), call.Args(), matches), nil
	}
	impl := b.implementation(call)
	if impl == nil {
		return i, nil
	}
	return interpreter.NewCall(call.ID(), call.Function(), call.OverloadID(), call.Args(), impl), nil
}

func (b functionBinder) implementation(call interpreter.InterpretableCall) func(args ...ref.Val) ref.Val {
	switch name := call.Function(); name {
	case operators.Equals:
		return limited(call, func(args ...ref.Val) ref.Val { return types.Equal(args[0], args[1]) })
	case operators.NotEquals:
		return limited(call, func(args ...ref.Val) ref.Val { return types.Bool(types.Equal(args[0], args[1]) != types.True) })
	case operators.In:
		return limited(call, func(args ...ref.Val) ref.Val {
			if in, ok := args[1].(traits.Container); ok {
				return in.Contains(args[0])
			}
			return noOverload(name)
		})
	case "indexOf":
		return indexOf
	case "lastIndexOf":
		return lastIndexOf
	case "format":
		return func(args ...ref.Val) ref.Val {
			list, ok := args[1].(traits.Lister)
			switch {
			case !ok:
				return format(args)
			case tooLarge(list):
				return types.WrapErr(errSize)
			}
			return b.format(args...)
		}
	default:
		if f, ok := functions[name]; ok {
			return func(args ...ref.Val) ref.Val { return f.call(args) }
		}
		return nil
	}
}

// limited is f for a call whose arguments may be lists that an expression made, in which one large object stands many
// times. nil if no argument can be such a list.
func limited(call interpreter.InterpretableCall, f func(args ...ref.Val) ref.Val) func(args ...ref.Val) ref.Val {
	for _, a := range call.Args() {
		if _, constant := a.(interpreter.InterpretableConst); constant {
			return nil
		}
	}
	return func(args ...ref.Val) ref.Val {
		if tooLarge(args[0]) || tooLarge(args[1]) {
			return types.WrapErr(errSize)
		}
		return f(args...)
	}
}

// maxResult is how many bytes one call may make or read. More of them than that cost more than an evaluation may.
const maxResult = MaxCost * bytesPerCost

// tooLarge reports whether a value would have more than maxResult bytes as JSON.
func tooLarge(v ref.Val) bool { return size(v, maxResult) > maxResult }

// size is about how many bytes a value has as JSON; counting ends beyond limit.
func size(v ref.Val, limit int) (n int) {
	switch v := v.(type) {
	case types.String:
		return len(v)
	case types.Bytes:
		return len(v)
	case *object:
		return len(v.raw)
	case *list:
		return len(v.raw)
	case traits.Mapper:
		for it := v.Iterator(); it.HasNext() == types.True && n <= limit; {
			key := it.Next()
			n += 1 + size(key, limit-n) + size(v.Get(key), limit-n)
		}
		return n
	case traits.Lister:
		for it := v.Iterator(); it.HasNext() == types.True && n <= limit; {
			n += 1 + size(it.Next(), limit-n)
		}
		return n
	}
	return 1
}

// textOf is a text, or a number, time or truth value as one. It is false for everything else.
func textOf(v ref.Val) (string, bool) {
	switch v := v.(type) {
	case types.String:
		return string(v), true
	case types.Bytes:
		return string(v), true
	case types.Int, types.Uint, types.Double, types.Bool, types.Timestamp:
		w := writer{limit: maxResult}
		if w.value(v) != nil {
			return "", false
		}
		return strings.Trim(string(w.out), `"`), true
	}
	return "", false
}

func replace(args []ref.Val) ref.Val {
	s, isText := textOf(args[0])
	before, ok1 := args[1].(types.String)
	after, ok2 := args[2].(types.String)
	n := -1
	if len(args) == 4 {
		most, ok := args[3].(types.Int)
		if n = int(max(-1, most)); !ok {
			return noOverload("replace")
		}
	}
	switch {
	case args[0] == types.NullValue:
		return args[0]
	case !isText || !ok1 || !ok2:
		return noOverload("replace")
	}
	count := strings.Count(s, string(before))
	if n >= 0 {
		count = min(count, n)
	}
	if count > 0 && len(s)+count*(len(after)-len(before)) > maxResult {
		return types.WrapErr(errSize)
	}
	return types.String(strings.Replace(s, string(before), string(after), n))
}

func split(args []ref.Val) ref.Val {
	s, isText := textOf(args[0])
	sep, ok := args[1].(types.String)
	n := -1
	if len(args) == 3 {
		most, ok := args[2].(types.Int)
		if n = int(max(-1, min(most, MaxCost))); !ok {
			return noOverload("split")
		}
	}
	switch {
	case args[0] == types.NullValue:
		return args[0]
	case !isText || !ok:
		return noOverload("split")
	case n < 0 && strings.Count(s, string(sep)) > MaxCost:
		return types.WrapErr(errSize)
	}
	return types.DefaultTypeAdapter.NativeToValue(strings.SplitN(s, string(sep), n))
}

func join(args []ref.Val) ref.Val {
	list, isList := args[0].(traits.Lister)
	sep := types.String("")
	if len(args) == 2 {
		var ok bool
		if sep, ok = args[1].(types.String); !ok {
			return noOverload("join")
		}
	}
	switch {
	case args[0] == types.NullValue:
		return args[0]
	case !isList:
		return noOverload("join")
	}
	var b strings.Builder
	for it := list.Iterator(); it.HasNext() == types.True; {
		element := it.Next()
		if element == types.NullValue {
			continue
		}
		s, ok := textOf(element)
		if !ok {
			return noOverload("join")
		}
		if b.Len() > 0 {
			b.WriteString(string(sep))
		}
		if b.WriteString(s); b.Len() > maxResult {
			return types.WrapErr(errSize)
		}
	}
	return types.String(b.String())
}
