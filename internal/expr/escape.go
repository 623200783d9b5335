package expr

import (
	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"

	"gancho/internal/rawjson"
)

// escapeNames are the functions that write a value for a text of another format, see [rawjson.EscapeNamed].
var escapeNames = []string{"xml", "csv", "json", "percent"}

// escapes declares them. Each takes any value.
func escapes() (out []cel.EnvOption) {
	for _, name := range escapeNames {
		escape, _ := rawjson.EscapeNamed(name)
		out = append(out, cel.Function(name, cel.Overload(name+"_of_value", []*cel.Type{cel.DynType}, cel.StringType,
			cel.UnaryBinding(func(v ref.Val) ref.Val {
				w := writer{limit: MaxCost * bytesPerCost}
				if err := w.value(v); err != nil {
					return types.WrapErr(err)
				}
				return types.String(escape(w.out))
			}))))
	}
	return out
}
