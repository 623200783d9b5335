package expr

import (
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"gancho/internal/rawjson"
	"gancho/internal/work"
)

// Expression is a compiled CEL expression whose result is a JSON value.
type Expression struct{ program }

// Expression compiles an expression. The error is an [*Error] with the place of the first mistake.
func (s *Scope) Expression(text string) (*Expression, error) {
	p, err := s.compile("expression", text)
	if err != nil {
		return nil, err
	}
	return &Expression{p}, nil
}

// TimeLayout is how times are written: RFC 3339 in UTC, with milliseconds.
const TimeLayout = "2006-01-02T15:04:05.000Z"

// Append evaluates the expression and appends its result to out, as JSON:
//
//   - a text, true, false, a number; a number without a fraction has no decimal point
//   - an object or a list of a document as it stands there, byte for byte
//   - other lists, and maps in the order of their names
//   - a timestamp as RFC 3339, bytes as base64
//
// ok is false if the result is null: then Append returns out as it was. Work, budget and error are those of
// [Condition.Eval]; each 32 bytes of the result cost one unit, too.
func (e *Expression) Append(out []byte, b *work.Budget, vars Vars) (_ []byte, ok bool, err error) {
	v, cost, err := e.begin(b, vars)
	if err != nil {
		return out, false, err
	}
	start := len(out)
	w := writer{out: out, limit: start + int(max(MaxCost-cost, 0))*bytesPerCost}
	if v != types.NullValue {
		err = w.value(v)
	}
	b.End(cost + int64(len(w.out)-start)/bytesPerCost)
	switch {
	case errors.Is(err, errSize):
		return out, false, e.tooCostly()
	case err != nil:
		return out, false, err
	}
	return w.out, len(w.out) > start, nil
}

// writer writes the results of expressions as JSON.
type writer struct {
	out   []byte
	limit int // of len(out)
}

// errSize is the error of a result that would be too large.
var errSize = errors.New("the result is too large")

// value writes one value. Only parts of lists and maps can be too large by themselves: CEL counts the cost of texts.
func (w *writer) value(v ref.Val) error {
	switch v := v.(type) {
	case types.Null:
		w.out = append(w.out, "null"...)
	case types.Bool:
		w.out = strconv.AppendBool(w.out, bool(v))
	case types.Int:
		w.out = strconv.AppendInt(w.out, int64(v), 10)
	case types.Uint:
		w.out = strconv.AppendUint(w.out, uint64(v), 10)
	case types.Double:
		return w.double(float64(v))
	case types.String:
		w.out = append(w.out, rawjson.Quote(string(v))...)
	case types.Bytes:
		w.out = append(w.out, rawjson.Quote(base64.StdEncoding.EncodeToString(v))...)
	case types.Timestamp:
		w.out = append(w.out, rawjson.Quote(v.UTC().Format(TimeLayout))...)
	case types.Duration:
		w.out = append(w.out, rawjson.Quote(strconv.FormatFloat(v.Seconds(), 'f', -1, 64)+"s")...)
	case *object:
		return w.raw(v.raw)
	case *list:
		return w.raw(v.raw)
	case traits.Mapper:
		return w.object(v)
	case traits.Lister:
		return w.list(v)
	case *types.Err:
		return v
	default:
		return fmt.Errorf("the expression gave %s, which is not JSON", typeName(v.Type().TypeName()))
	}
	return w.fits(0)
}

// fits is an error if there is no room for so many more bytes.
func (w *writer) fits(more int) error {
	if len(w.out)+more > w.limit {
		return errSize
	}
	return nil
}

func (w *writer) raw(token []byte) error {
	if err := w.fits(len(token)); err != nil {
		return err
	}
	w.out = append(w.out, token...)
	return nil
}

// double writes a number like JavaScript does.
func (w *writer) double(f float64) error {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return errors.New("the expression gave a number that is infinite or none at all (was something divided by 0?), and JSON has no such number")
	}
	format := byte('f')
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		format = 'e'
	}
	if f == 0 { // not -0
		f = 0
	}
	w.out = strconv.AppendFloat(w.out, f, format, -1, 64)
	return w.fits(0)
}

func (w *writer) list(l traits.Lister) error {
	w.out = append(w.out, '[')
	first := true
	for it := l.Iterator(); it.HasNext() == types.True; first = false {
		if !first {
			w.out = append(w.out, ',')
		}
		if err := w.value(it.Next()); err != nil {
			return err
		}
	}
	w.out = append(w.out, ']')
	return w.fits(0)
}

func (w *writer) object(m traits.Mapper) error {
	var names []string
	values := map[string]ref.Val{}
	for it := m.Iterator(); it.HasNext() == types.True; {
		key := it.Next()
		name, ok := key.ConvertToType(types.StringType).(types.String)
		if !ok {
			return fmt.Errorf("the expression gave an object with %s as the name of a member", typeName(key.Type().TypeName()))
		}
		if values[string(name)] != nil {
			return fmt.Errorf("the expression gave an object that has the member %q twice", string(name))
		}
		names = append(names, string(name))
		values[string(name)] = m.Get(key)
	}
	slices.Sort(names)
	w.out = append(w.out, '{')
	for i, name := range names {
		if i > 0 {
			w.out = append(w.out, ',')
		}
		w.out = append(append(w.out, rawjson.Quote(name)...), ':')
		if err := w.value(values[name]); err != nil {
			return err
		}
	}
	w.out = append(w.out, '}')
	return w.fits(0)
}
