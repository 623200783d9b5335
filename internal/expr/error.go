package expr

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/interpreter"

	"gancho/internal/nearest"
)

// Error is a mistake in the text of a condition or an expression.
type Error struct {
	Line, Column int    // from 1, within the text
	Message      string // for people: what is wrong and what would be right
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s (line %d, column %d)", e.Message, e.Line, e.Column)
}

var (
	undeclared = regexp.MustCompile(`undeclared reference to '([^']+)'`)
	overload   = regexp.MustCompile(`found no matching overload for '([^']+)' applied to '([^']*)'`)
	identifier = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*`)
)

// explain describes the first mistake that CEL found, in words for people.
func (s *Scope) explain(noun, text string, issues *cel.Issues) *Error {
	first := issues.Errors()[0]
	e := &Error{Line: max(1, first.Location.Line()), Column: max(0, first.Location.Column()) + 1}
	message := first.Message
	switch {
	case undeclared.MatchString(message):
		name := undeclared.FindStringSubmatch(message)[1]
		for _, known := range s.names { // in response.statuss CEL says that there is no response; the whole name is wrong
			if first, _, _ := strings.Cut(name, "."); strings.HasPrefix(known, first+".") {
				name, e.Column = wordAt(text, e.Line, e.Column)
				break
			}
		}
		fix := s.nameFix(text, name, e.Column)
		if _, near := nearest.Word(name, s.names); fix == "" || near && !strings.Contains(fix, "response.status") {
			fix = nearest.DidYouMean(name, s.names)
		}
		e.Message = fmt.Sprintf("There is no %s here.", name) + fix
	case overload.MatchString(message):
		m := overload.FindStringSubmatch(message)
		e.Message = mismatch(m[1], m[2])
	case strings.HasPrefix(message, "Syntax error"):
		e.Message = "The " + noun + " cannot be read here: " + strings.TrimSpace(strings.TrimPrefix(message, "Syntax error:")) + "."
		if i := strings.Index(e.Message, " expecting {"); i > 0 {
			e.Message = e.Message[:i] + "."
		}
		if fix := operatorFix(text); fix != "" { // what the parser expected there helps nobody
			e.Message = "The condition cannot be read here." + fix
		}
	default:
		e.Message = message
	}
	return e
}

// wordAt is the dotted name around a place in the text, and the column where it begins.
func wordAt(text string, line, column int) (word string, start int) {
	lines := strings.Split(text, "\n")
	if line > len(lines) {
		return "", column
	}
	runes := []rune(lines[line-1])
	start = min(column, len(runes)+1)
	for start > 1 && (runes[start-2] == '.' || identifier.MatchString(string(runes[start-2]))) {
		start--
	}
	return identifier.FindString(string(runes[start-1:])), start
}

// mismatch says that a function or operator does not take these types.
func mismatch(function, args string) string {
	args = strings.Replace(args, ".(", ", ", 1) // in string.(int) the first is the value whose function is called
	args = strings.TrimSuffix(strings.Trim(args, "()"), ", ")
	var kinds []string
	for a := range strings.SplitSeq(args, ", ") {
		kinds = append(kinds, typeName(a))
	}
	if op := strings.Trim(function, "_"); op != function && len(kinds) == 2 {
		fix := ""
		if slices.Contains(kinds, typeName("int")) && slices.Contains(kinds, typeName("double")) { // of == and !=
			fix = " Write the whole number with a point, for example 3.0."
		}
		return fmt.Sprintf("%s cannot be used between %s and %s.%s", op, kinds[0], kinds[1], fix)
	}
	return fmt.Sprintf("%s cannot be used with %s.", strings.Trim(function, "_@"), strings.Join(kinds, " and "))
}

func typeName(t string) string {
	switch t {
	case "int", "uint":
		return "a whole number"
	case "double":
		return "a number"
	case "string":
		return "a text"
	case "bool":
		return "true or false"
	case "null_type", "null":
		return "null"
	case "dyn":
		return "a value"
	}
	switch {
	case strings.HasPrefix(t, "list"):
		return "a list"
	case strings.HasPrefix(t, "map"):
		return "an object"
	}
	return t
}

// ErrTooCostly is the error of an evaluation that reached the limit of one evaluation.
var ErrTooCostly = errors.New("the condition is too costly for this document and was stopped")

// tooCostly is [ErrTooCostly], with the word for what was evaluated.
func (p *program) tooCostly() error {
	if p.noun == "condition" {
		return ErrTooCostly
	}
	return costly("the " + p.noun + " is too costly for this document and was stopped")
}

type costly string

func (c costly) Error() string        { return string(c) }
func (c costly) Is(target error) bool { return target == ErrTooCostly }

// runtimeError describes why an evaluation failed, in words for people.
func (p *program) runtimeError(err error) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, interpreter.InterruptError{}) {
		return errors.New("the " + p.noun + " took too long and was stopped")
	}
	if e, ok := errors.AsType[interpreter.EvalCancelledError](err); ok && e.Cause == interpreter.CostLimitExceeded {
		return p.tooCostly()
	}
	if errors.Is(err, errSize) {
		return p.tooCostly()
	}
	text := err.Error()
	if strings.HasPrefix(text, "no such overload") {
		return errors.New("an operator or function of the " + p.noun + " met a value of a kind it cannot be used with (for example null, or a text where a number was expected)")
	}
	switch text {
	case "integer overflow":
		return errors.New("a whole number became larger than 9223372036854775807 or smaller than -9223372036854775808; write one of the numbers with a point, for example 2.0")
	case "division by zero", "modulus by zero":
		return errors.New("there is a division by zero")
	}
	return errors.New(text)
}
