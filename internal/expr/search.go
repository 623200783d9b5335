package expr

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"
)

// Searches in texts. Those of CEL can take minutes: its indexOf compares the text that it looks for at each place, and a
// pattern such as (a?){240} is followed in hundreds of ways at once.

// boundedMatches is the name of matches when a condition runs. By its own name, CEL would put its own in its place again.
const boundedMatches = "matches, bounded"

// searchCost is how many units it costs to search 32 bytes by a pattern of so many instructions.
func searchCost(instructions int) uint64 { return uint64(max(4, instructions/2)) }

// compileCost is how many units it costs to compile a pattern of so many instructions.
func compileCost(instructions int) uint64 { return uint64(4 * instructions) }

// matchesCost is what it costs to search a text by a pattern. Patterns that stand in a condition are compiled once, but
// that is not known here.
func matchesCost(text, pattern string) uint64 {
	n := instructions(pattern)
	return compileCost(n) + (textCost(types.String(text))+1)*searchCost(n)
}

// instructions is about how many instructions a pattern has when it is compiled, at most a little more than maxRegex; 0
// if it is none.
func instructions(pattern string) int {
	re, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return 0
	}
	return 2 + countInstructions(re)
}

func countInstructions(re *syntax.Regexp) (n int) {
	for _, sub := range re.Sub {
		n = min(n+countInstructions(sub), maxRegex)
	}
	switch re.Op {
	case syntax.OpLiteral:
		n = len(re.Rune)
	case syntax.OpConcat:
	case syntax.OpAlternate:
		n += len(re.Sub) - 1
	case syntax.OpStar, syntax.OpPlus, syntax.OpQuest:
		n++
	case syntax.OpCapture:
		n += 2
	case syntax.OpRepeat: // x{2,4} becomes xx(x(x)?)?, and x{2,} becomes xx+
		if re.Max < 0 {
			n = max(1, re.Min)*n + 1
		} else {
			n = re.Min*n + (re.Max-re.Min)*(n+1)
		}
	default:
		n = 1
	}
	return min(n, maxRegex)
}

// bindMatches is what a call of matches does instead of CEL's own. It refuses what would take too long, before it begins.
// The error is that of a pattern that stands in the condition.
func bindMatches(call interpreter.InterpretableCall) (func(args ...ref.Val) ref.Val, error) {
	var compiled *regexp.Regexp
	if c, ok := call.Args()[1].(interpreter.InterpretableConst); ok {
		if pattern, ok := c.Value().(types.String); ok {
			var err error
			if compiled, err = compilePattern(string(pattern)); err != nil {
				return nil, err
			}
		}
	}
	return func(args ...ref.Val) ref.Val {
		text, ok1 := args[0].(types.String)
		pattern, ok2 := args[1].(types.String)
		if !ok1 || !ok2 {
			return noOverload("matches")
		}
		if matchesCost(string(text), string(pattern)) > MaxCost {
			return types.WrapErr(errSize)
		}
		re := compiled
		if re == nil {
			var err error
			if re, err = compilePattern(string(pattern)); err != nil {
				return types.WrapErr(err)
			}
		}
		return types.Bool(re.MatchString(string(text)))
	}, nil
}

func compilePattern(pattern string) (*regexp.Regexp, error) {
	if instructions(pattern) >= maxRegex {
		return nil, fmt.Errorf("the regular expression is too large; at most %d instructions are possible", maxRegex)
	}
	return regexp.Compile(pattern)
}

// indexOf is text.indexOf(part) and text.indexOf(part, start). Places are counted in characters from 0; -1: nowhere.
func indexOf(args ...ref.Val) ref.Val { return index(args, false) }

// lastIndexOf is text.lastIndexOf(part) and text.lastIndexOf(part, last), where last is the last place that counts.
func lastIndexOf(args ...ref.Val) ref.Val { return index(args, true) }

func index(args []ref.Val, last bool) ref.Val {
	text, ok1 := args[0].(types.String)
	part, ok2 := args[1].(types.String)
	if !ok1 || !ok2 {
		return noOverload("indexOf")
	}
	s, sep := string(text), string(part)
	limit := types.Int(0)
	if last {
		limit = types.Int(utf8.RuneCountInString(s))
	}
	if len(args) == 3 {
		given, ok := args[2].(types.Int)
		switch {
		case !ok:
			return noOverload("indexOf")
		case given < 0:
			return types.NewErr("index out of range: %d", given)
		case sep != "" && int64(given) >= int64(utf8.RuneCountInString(s)):
			return types.Int(-1)
		}
		limit = given
	}
	if sep == "" {
		return min(limit, types.Int(utf8.RuneCountInString(s)))
	}
	at := byteOf(s, int64(limit))
	if last {
		if i := strings.LastIndex(s[:min(len(s), at+len(sep))], sep); i >= 0 {
			return types.Int(utf8.RuneCountInString(s[:i]))
		}
		return types.Int(-1)
	}
	if i := strings.Index(s[at:], sep); i >= 0 {
		return types.Int(utf8.RuneCountInString(s[:at+i]))
	}
	return types.Int(-1)
}

// byteOf is where a character begins in a text; its end if there is no such character.
func byteOf(s string, character int64) int {
	for i := range s {
		if character == 0 {
			return i
		}
		character--
	}
	return len(s)
}
