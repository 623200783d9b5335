package expr

import (
	"sync"

	"cel.dev/cel-go/cel"
)

var bare = sync.OnceValue(func() *cel.Env {
	env, err := cel.NewEnv(cel.ClearMacros(), cel.ParserExpressionSizeLimit(MaxText), cel.ParserRecursionLimit(maxDepth))
	if err != nil {
		panic("expr: " + err.Error())
	}
	return env
})

// Canonical is a condition or expression in one spelling: two texts that differ only in spaces, comments, quotes or
// brackets that are not needed have the same. What cannot be read stays as it is.
func Canonical(text string) string {
	parsed, issues := bare().Parse(text)
	if issues.Err() != nil {
		return text
	}
	out, err := cel.AstToString(parsed)
	if err != nil {
		return text
	}
	return out
}
