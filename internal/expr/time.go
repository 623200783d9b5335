package expr

import (
	"errors"
	"fmt"
	"math"
	"path"
	"strings"
	"sync"
	"time"
	_ "time/tzdata" // an expression means the same on machines without time zones

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"github.com/ncruces/go-strftime"
)

// moment is a time that a function got.
type moment = time.Time

func ofTime(f func(moment) ref.Val) function {
	return function{args: [][]*cel.Type{nil}, first: cel.DynType, result: cel.IntType, call: func(args []ref.Val) ref.Val {
		if args[0] == types.NullValue {
			return args[0]
		}
		t, err := timeOf(args[0])
		if err != nil {
			return types.WrapErr(err)
		}
		return f(t)
	}}
}

// inMilliseconds is from when a number counts milliseconds, not seconds: 1e11 s would be in the year 5138, and 1e11 ms
// are in 1973.
const inMilliseconds = 1e11

// timeOf reads a time: a timestamp, a text as RFC 3339 has it, a date alone (midnight in UTC), or seconds or milliseconds
// since 1970.
func timeOf(v ref.Val) (time.Time, error) {
	switch v := v.(type) {
	case types.Timestamp:
		return v.UTC(), nil
	case types.Int:
		if v < inMilliseconds && v > -inMilliseconds {
			return inRange(time.Unix(int64(v), 0))
		}
		return inRange(time.UnixMilli(int64(v)))
	case types.Double:
		f := float64(v)
		if math.Abs(f) < inMilliseconds {
			f *= 1000
		}
		if !(math.Abs(f) < 1e15) {
			return time.Time{}, errYear
		}
		return inRange(time.UnixMilli(int64(math.Round(f))))
	case types.String:
		text := strings.ToUpper(string(v))
		if len(text) > len(time.DateOnly) && text[len(time.DateOnly)] == ' ' {
			text = text[:len(time.DateOnly)] + "T" + text[len(time.DateOnly)+1:]
		}
		for _, layout := range []string{time.RFC3339, time.DateOnly} {
			if t, err := time.Parse(layout, text); err == nil {
				return inRange(t)
			}
		}
		return time.Time{}, fmt.Errorf("%.40q is no time; write it like 2026-01-31T12:00:00Z, or give seconds since 1970", string(v))
	}
	return time.Time{}, fmt.Errorf("%s is no time; give a text like 2026-01-31T12:00:00Z, or seconds since 1970", typeName(v.Type().TypeName()))
}

var errYear = errors.New("a time is not between the years 0 and 9999")

// inRange refuses what RFC 3339 cannot write.
func inRange(t time.Time) (time.Time, error) {
	if t = t.UTC(); t.Year() < 0 || t.Year() > 9999 {
		return t, errYear
	}
	return t, nil
}

// zones are the time zones that were asked for, by name.
var zones sync.Map

// zoneOf is a time zone by its name in the IANA database.
func zoneOf(name string) (*time.Location, error) {
	if z, ok := zones.Load(name); ok {
		return z.(*time.Location), nil
	}
	z, err := time.LoadLocation(name)
	// America//Bogota and America/./Bogota are found on disk, and would be kept as zones of their own.
	if err != nil || name == "Local" || len(name) > 64 || path.Clean(name) != name {
		return nil, fmt.Errorf("there is no time zone %.40q; write its IANA name, for example America/Bogota", name)
	}
	zones.Store(name, z)
	return z, nil
}

// timeIn is the time in the first argument, in the zone at an index of the arguments, UTC if there is none.
func timeIn(args []ref.Val, zone int) (time.Time, error) {
	t, err := timeOf(args[0])
	if err != nil || len(args) <= zone {
		return t, err
	}
	name, ok := args[zone].(types.String)
	if !ok {
		return t, errors.New("the name of a time zone is a text, for example America/Bogota")
	}
	z, err := zoneOf(string(name))
	if err != nil {
		return t, err
	}
	return t.In(z), nil
}

// rfc3339 writes a time, with a fraction of a second only if it has one.
func rfc3339(args []ref.Val) ref.Val {
	if args[0] == types.NullValue {
		return args[0]
	}
	t, err := timeIn(args, 1)
	if err != nil {
		return types.WrapErr(err)
	}
	return types.String(t.Format(time.RFC3339Nano))
}

// format writes a time by a layout of strftime.
func format(args []ref.Val) ref.Val {
	if args[0] == types.NullValue {
		return args[0]
	}
	layout, ok := args[1].(types.String)
	if !ok {
		return noOverload("format")
	}
	t, err := timeIn(args, 2)
	if err == nil {
		err = checkLayout(string(layout))
	}
	if err != nil {
		return types.WrapErr(err)
	}
	return types.String(strftime.Format(string(layout), t))
}

const (
	layoutParts = "aAbBhmdeIlHkMSLfNyYCUWVgGsQwujpPzZntcDFvxXrRT+%"
	maxLayout   = 200 // bytes
)

// checkLayout finds what is wrong with a layout of strftime.
func checkLayout(layout string) error {
	if len(layout) > maxLayout {
		return fmt.Errorf("the layout of a time has %d bytes; at most %d are possible", len(layout), maxLayout)
	}
	if !strings.Contains(layout, "%") {
		return fmt.Errorf(`the layout %.40q has no %% in it; write for example "%%d/%%m/%%Y %%H:%%M:%%S", see strftime`, layout)
	}
	for rest := layout; ; {
		_, after, found := strings.Cut(rest, "%")
		if !found {
			return nil
		}
		part := strings.TrimPrefix(after, "-")
		if strings.HasPrefix(part, ":z") {
			part = part[1:]
		}
		if part == "" || !strings.Contains(layoutParts, part[:1]) {
			return fmt.Errorf(`the layout %.40q has a %% before something that strftime does not know; write for example "%%d/%%m/%%Y"`, layout)
		}
		rest = part[1:]
	}
}

// checkTimes finds mistakes in layouts and names of zones that stand in the text.
func checkTimes(a *cel.Ast) (found *Error) {
	native := a.NativeRep()
	ast.PostOrderVisit(native.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if found != nil || e.Kind() != ast.CallKind {
			return
		}
		call := e.AsCall()
		args := call.Args()
		if call.IsMemberFunction() {
			args = append([]ast.Expr{call.Target()}, args...)
		}
		check := func(i int, wrong func(string) error) {
			if found != nil || len(args) <= i || args[i].Kind() != ast.LiteralKind {
				return
			}
			text, isText := args[i].AsLiteral().Value().(string)
			if err := wrong(text); isText && err != nil {
				at := native.SourceInfo().GetStartLocation(args[i].ID())
				message := err.Error()
				found = &Error{Line: max(1, at.Line()), Column: at.Column() + 1, Message: strings.ToUpper(message[:1]) + message[1:] + "."}
			}
		}
		zone := func(name string) error { _, err := zoneOf(name); return err }
		switch call.FunctionName() {
		case "format":
			check(1, checkLayout)
			check(2, zone)
		case "rfc3339":
			check(1, zone)
		}
	}))
	return found
}
