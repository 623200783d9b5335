// Package expr compiles and evaluates conditions and expressions. Filters, success rules, triggers and computed values
// all use it, so that they share one language (CEL), the same limits and the same treatment of JSON:
//
//   - Integers that fit are int64, other numbers are double. They compare by value, and a calculation with one of each
//     gives a double. Between two integers / leaves out the fraction.
//   - A missing member is null, and so is anything below it: payload.a.b.c is
//     null if there is no a. has(payload.a.b) is true if the member exists.
//   - JSON is read only where a condition uses it: a condition on type costs the
//     same however large the payload is.
//
// It promises that a condition can neither run for ever nor build something huge: its
// length, its nesting and the cost of one evaluation are limited. It reads no clock, no file and
// no network. A [Condition] and an [Expression] are immutable and safe for concurrent use. A [Vars] must be
// used by one goroutine at a time.
package expr

import (
	"errors"
	"fmt"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
	"cel.dev/cel-go/interpreter"

	"gancho/internal/work"
)

// Limits of a condition.
const (
	MaxText  = 4096    // bytes of source
	MaxCost  = 200_000 // CEL cost units of one evaluation: about 20 ms, some tenths of a second at worst
	maxRegex = 1000    // instructions of a compiled pattern
	maxDepth = 60      // nesting of the source
)

// Type is the type of a variable.
type Type int

// The types of variables.
const (
	Text Type = iota
	Int
	Bool
	JSON // any JSON value; it is read when a condition needs it, and missing members are null
)

func (t Type) cel() *cel.Type {
	switch t {
	case Text:
		return cel.StringType
	case Int:
		return cel.IntType
	case Bool:
		return cel.BoolType
	case JSON:
	}
	return cel.DynType
}

// Variable is a name that conditions can use. A name may have dots, as in
// response.status. Such a variable comes before a member status of a variable response.
type Variable struct {
	Name string
	Type Type
}

// Scope compiles conditions that use one set of variables.
type Scope struct {
	env   *cel.Env
	names []string                             // for error texts
	check func(text string, a *cel.Ast) *Error // a further check of each condition; nil: none

	functions functionBinder
}

// NewScope makes a scope. It panics if the variables contradict each other: that is a
// mistake in the program, not in its input.
func NewScope(vars ...Variable) *Scope { return newScope(vars) }

func newScope(vars []Variable, more ...cel.EnvOption) *Scope {
	opts := append([]cel.EnvOption{
		cel.ClearMacros(), cel.Macros(cel.StandardMacros...),
		cel.CrossTypeNumericComparisons(true),
		cel.ParserExpressionSizeLimit(MaxText),
		cel.ParserRecursionLimit(maxDepth),
		cel.RegexProgramSizeLimit(maxRegex),
		cel.DefaultUTCTimeZone(true),
		ext.Strings(ext.StringsVersion(4), ext.StringsMaxPrecision(100)),
	}, more...)
	opts = append(append(append(opts, mixedNumbers()...), escapes()...), ownFunctions()...)
	s := &Scope{}
	for _, v := range vars {
		opts = append(opts, cel.Variable(v.Name, v.Type.cel()))
		s.names = append(s.names, v.Name)
	}
	env, err := cel.NewEnv(opts...)
	if err != nil {
		panic(fmt.Sprintf("expr: %v", err))
	}
	s.env = env
	if s.functions, err = newFunctionBinder(env); err != nil {
		panic(fmt.Sprintf("expr: %v", err))
	}
	// At the first mistake, cel-go (0.33.2) makes a list of all names for error texts, while
	// other goroutines that compile macros may read that list. So it is made here, before
	// any other goroutine has the scope.
	_, _ = env.Compile("mistake")
	return s
}

// Condition is a compiled CEL expression that is true or false.
type Condition struct{ program }

// Compile compiles a condition. The error is an [*Error] with the place of the
// first mistake.
func (s *Scope) Compile(text string) (*Condition, error) {
	p, err := s.compile("condition", text)
	if err != nil {
		return nil, err
	}
	return &Condition{p}, nil
}

// program is what a [Condition] and an [Expression] have in common.
type program struct {
	noun string // what messages call it
	text string
	cel  cel.Program
	refs []Reference
}

func (s *Scope) compile(noun, text string) (p program, err error) {
	if strings.TrimSpace(text) == "" {
		fix := "Write an expression that is true or false, or leave it out."
		if noun != "condition" {
			fix = "Write for example payload.total * 2."
		}
		return p, &Error{Line: 1, Column: 1, Message: "The " + noun + " is empty. " + fix}
	}
	if len(text) > MaxText {
		return p, &Error{Line: 1, Column: 1, Message: fmt.Sprintf("The %s has %d bytes; at most %d are allowed.", noun, len(text), MaxText)}
	}
	ast, issues := s.env.Compile(text)
	if issues.Err() != nil {
		return p, s.explain(noun, text, issues)
	}
	if t := ast.OutputType(); noun == "condition" && !t.IsExactType(cel.BoolType) && !t.IsExactType(cel.DynType) {
		return p, &Error{Line: 1, Column: 1, Message: fmt.Sprintf("The condition gives %s, but it has to be true or false. Compare it with something, for example with == or !=.", typeName(t.String()))}
	}
	if e := checkTimes(ast); e != nil {
		return p, e
	}
	if s.check != nil {
		if e := s.check(text, ast); e != nil {
			return p, e
		}
	}
	made, err := s.env.Program(ast,
		cel.EvalOptions(cel.OptOptimize),
		cel.CostLimit(MaxCost),
		cel.CostTracking(byLength{}),
		cel.InterruptCheckFrequency(100),
		cel.CustomDecoratorV2(lenient),
		cel.CustomDecoratorV2(bindChange),
		cel.CustomDecoratorV2(mixNumbers),
		cel.CustomDecoratorV2(s.functions.bind),
	)
	if err != nil {
		return p, &Error{Line: 1, Column: 1, Message: "The " + noun + " cannot be used: " + err.Error()}
	}
	return program{noun: noun, text: text, cel: made, refs: references(ast.NativeRep())}, nil
}

// Text is the source.
func (p *program) Text() string { return p.text }

// Vars has the values of variables. Value is called only for variables that the
// evaluation needs. It returns a string for [Text], an int64 for [Int], a bool for
// [Bool], the result of [Raw] for [JSON], or [Unknown].
type Vars interface {
	Value(name string) (value any, ok bool)
}

// activation adapts Vars to the interface of CEL.
type activation struct{ Vars }

func (a activation) ResolveName(name string) (any, bool) { return a.Value(name) }
func (a activation) Parent() interpreter.Activation      { return nil }

// ErrUndecided is returned if the result depends on an [Unknown] variable.
var ErrUndecided = errors.New("the condition depends on something that is not known")

// Eval evaluates the condition and charges the budget, which may be nil. An error means that the condition has no truth
// value for these variables: a type was wrong, a limit was reached ([ErrTooCostly], [work.ErrSpent]), or the context of
// the budget ended. Its text is for people.
func (c *Condition) Eval(b *work.Budget, vars Vars) (bool, error) {
	out, cost, err := c.begin(b, vars)
	if err != nil {
		return false, err
	}
	b.End(cost)
	if v, ok := out.(types.Bool); ok {
		return bool(v), nil
	}
	return false, fmt.Errorf("the condition gave %s instead of true or false", typeName(out.Type().TypeName()))
}

// begin evaluates the program and returns what that cost. Unless there is an error, the caller ends what it began of the
// budget.
func (p *program) begin(b *work.Budget, vars Vars) (out ref.Val, cost int64, err error) {
	if err = b.Begin(); errors.Is(err, work.ErrSpent) {
		return nil, 0, err
	} else if err != nil {
		return nil, 0, p.runtimeError(err)
	}
	out, cost, err = p.eval(b, vars)
	if err != nil {
		err = p.runtimeError(err)
	} else if _, unknown := out.(*types.Unknown); unknown {
		err = ErrUndecided
	}
	if err != nil {
		b.End(cost)
		return nil, 0, err
	}
	return out, cost, nil
}

func (p *program) eval(b *work.Budget, vars Vars) (out ref.Val, cost int64, err error) {
	var details *cel.EvalDetails
	if ctx := b.Context(); ctx.Done() == nil {
		out, details, err = p.cel.Eval(activation{vars})
	} else {
		out, details, err = p.cel.ContextEval(ctx, activation{vars})
	}
	if n := details.ActualCost(); n != nil {
		cost = int64(*n)
	}
	return out, cost + evalCost, err
}

// evalCost is what each evaluation costs beside what CEL counts.
const evalCost = 5

// Unknown is the value of a variable that is not known. A condition that does not depend
// on it still has a result; for others Eval returns [ErrUndecided].
func Unknown() any { return types.NewUnknown(1, nil) }

// lenient makes a missing member null instead of an error. It wraps every place where a
// condition reads a variable, and with it each member or index of the path that follows.
// CEL calls them attributes and qualifiers.
func lenient(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	if _, done := i.(lenientAttribute); done {
		return i, nil
	}
	if attr, ok := i.(interpreter.InterpretableAttribute); ok {
		return lenientAttribute{attr}, nil
	}
	return i, nil
}

type lenientAttribute struct {
	interpreter.InterpretableAttribute
}

func (a lenientAttribute) AddQualifier(q interpreter.Qualifier) (interpreter.Attribute, error) {
	return a.InterpretableAttribute.AddQualifier(lenientQualifier{q})
}

type lenientQualifier struct{ interpreter.Qualifier }

// Qualify first does what CEL does. Only if that fails it finds out whether the member is
// absent. A presence test (has) does not fail for an absent member.
func (q lenientQualifier) Qualify(vars interpreter.Activation, obj any) (any, error) {
	v, err := q.Qualifier.Qualify(vars, obj)
	if err == nil {
		return v, nil
	}
	if _, present, e := q.QualifyIfPresent(vars, obj, true); e == nil && !present {
		return types.NullValue, nil
	}
	return nil, err
}
