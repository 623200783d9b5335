package expr

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"errors"
	"io"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/zstd"

	"gancho/internal/hook"
	"gancho/internal/work"
)

const order = `{"id":9007199254740993,"total":45.50,"paid":true,"note":null,"tags":["new","web",null],
 "customer":{"name":"Ana","vip":false,"age":31},"items":[{"sku":"A","qty":2},{"sku":"B","qty":10},{"sku":"C"}],"huge":1e400,
 "small":{"x":1},"large":{"y":2,"x":1},"empty":{}}`

func TestFilter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		// types and numbers
		`type == "order.paid"`:                                     "true",
		`type.startsWith("order.")`:                                "true",
		`payload.id == 9007199254740993`:                           "true",
		`payload.id == 9007199254740992`:                           "false",
		`payload.total > 45`:                                       "true",
		`payload.total == 45.5`:                                    "true",
		`payload.customer.age >= 31 && payload.paid`:               "true",
		`payload.huge > 1.0`:                                       "true",
		`payload.paid`:                                             "true",
		`"web" in payload.tags`:                                    "true",
		`null in payload.tags`:                                     "true",
		`size(payload.tags) == 3 && size(payload) == 11`:           "true",
		`payload.tags[1] == "web"`:                                 "true",
		`payload["customer"]["name"] == "Ana"`:                     "true",
		`payload.customer[payload.tags[0]] == null`:                "true",
		`payload.tags == ["new", "web", null]`:                     "true",
		`["new", "web", null] == payload.tags`:                     "true",
		`payload.customer == {"age":31,"vip":false,"name":"Ana"}`:  "true",
		`{"age":31,"vip":false,"name":"Ana"} == payload.customer`:  "true",
		`payload.customer == {"age":31,"vip":false,"name":"Ana!"}`: "false",
		`(payload.tags + ["x"])[3] == "x"`:                         "true",
		`payload.items.exists(i, i.qty > 5)`:                       "true",                   // C has none, but one that fits is enough
		`payload.items.exists(i, i.qty > 50)`:                      "error no such overload", // null > 50 means nothing
		`payload.items.exists(i, has(i.qty) && i.qty > 5)`:         "true",
		`payload.items.all(i, i.sku in ["A", "B", "C"])`:           "true",
		`payload.items.map(i, i.sku) == ["A", "B", "C"]`:           "true",
		`payload.items.filter(i, i.qty == null).size() == 1`:       "true",
		`payload.customer.exists(k, k == "vip")`:                   "true",
		`payload.customer.name.lowerAscii() == "ana"`:              "true",
		`payload.customer.name.matches("^A.*a$")`:                  "true",
		// objects are equal if both have the same members, none more
		`payload.small == payload.large`:                 "false",
		`payload.large == payload.small`:                 "false",
		`payload.small == {"x": 1, "y": 2}`:              "false",
		`payload.large == {"x": 1}`:                      "false",
		`{"x": 1} == payload.large`:                      "false",
		`payload.small == {"x": 1}`:                      "true",
		`payload.small != payload.large`:                 "true",
		`payload.small in [payload.large]`:               "false",
		`[payload.small] == [payload.large]`:             "false",
		`{"in": payload.small} == {"in": payload.large}`: "false",
		`payload.empty == payload.small`:                 "false",
		// missing members are null, all the way down
		`payload.missing == null`:                                     "true",
		`payload.a.b.c.d == null`:                                     "true",
		`payload.note == null`:                                        "true",
		`payload.note.deeper == null`:                                 "true",
		`payload.total.deeper == null`:                                "true",
		`payload.tags[7] == null`:                                     "true",
		`payload.a.b[0].c != "x"`:                                     "true",
		`payload.a.b == payload.c.d`:                                  "true",
		`has(payload.note)`:                                           "true",
		`has(payload.missing)`:                                        "false",
		`has(payload.a.b.c)`:                                          "false",
		`has(payload.customer.name)`:                                  "true",
		`has(payload.note.x)`:                                         "false",
		`(payload.paid ? payload.x : payload.y) == null`:              "true",
		`(payload.paid ? payload.customer : payload.y).name == "Ana"`: "true",
		`{"a":1}.b == null`:                                           "error compile",
		`1 in payload`:                                                "false", // a member has a text as its name
		`payload.customer[1] == 1`:                                    "false",
		`payload.m1 == null && payload.m2 == null && payload.m3 == null && payload.m4 == null && payload.m5 == null && payload.m6 == null && payload.m7 == null && payload.m8 == null && payload.m9 == null && payload.paid`: "true",
		`size(payload.tags) < 3.5`:                           "true",
		`payload.customer.age / 0 == 1`:                      "error division by zero",
		`type(payload) == map && type(payload.tags) == list`: "true",
		// no truth value
		`payload.note`:               "error gave null instead of true or false",
		`payload.customer`:           "error gave an object instead",
		`payload.total + "x" == "x"`: "error no such overload",
		`payload.missing > 3`:        "error no such overload",
		`payload.items.all(a, payload.items.all(b, payload.items.all(c, payload.items.all(d, payload.items.all(e, payload.items.all(f, payload.items.all(g, payload.items.all(h, payload.items.all(i, payload.items.all(j, payload.items.all(k, true)))))))))))`: "error too costly",
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			if want == "error no such overload" {
				want = "error met a value of a kind"
			}
			c, err := Filter().Compile(text)
			if err != nil {
				if want != "error compile" {
					t.Fatal(err)
				}
				return
			}
			for range 2 { // the second time everything is split already
				got, err := c.Eval(nil, NewEvent("order.paid", []byte(order)))
				switch part, wantErr := strings.CutPrefix(want, "error "); {
				case wantErr && (err == nil || got || !strings.Contains(err.Error(), part)):
					t.Fatalf("got %v, %v, want an error with %q", got, err, part)
				case !wantErr && (err != nil || got != (want == "true")):
					t.Fatalf("got %v, %v, want %s", got, err, want)
				}
			}
		})
	}
}

func TestCompileErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		scope        *Scope
		text         string
		line, column int
		message      string
	}{
		{Filter(), "", 1, 1, "is empty"},
		{Filter(), "paylod.a == 1", 1, 1, "There is no paylod here. Did you mean payload?"},
		{Filter(), "type == \"x\" &&\n  tipe == 1", 2, 3, "Did you mean type?"},
		{Filter(), "new.a == 1", 1, 1, "There is no new here. Possible: type, payload."},
		{Success(), "response.statuss == 200", 1, 1, "There is no response.statuss here. Did you mean response.status?"},
		{Filter(), "type = 'x'", 1, 6, "Write == to compare."},
		{Filter(), "type == 'x' and payload.a", 1, 13, "Write && for and"},
		{Filter(), "type", 1, 1, "gives a text, but it has to be true or false"},
		{Filter(), "payload.a ==", 1, 13, "The condition cannot be read here: mismatched input '<EOF>'."},
		{Filter(), "type.contains(1)", 1, 14, "contains cannot be used with a text and a whole number."},
		{Filter(), "type.lowerAscii(1) == 'x'", 1, 16, "lowerAscii cannot be used with a text and a whole number."},
		{Filter(), "(1).lowerAscii() == 'x'", 1, 15, "lowerAscii cannot be used with a whole number."},
		{Filter(), "size(1) == 1", 1, 5, "size cannot be used with a whole number."},
		{Filter(), "!type", 1, 1, "! cannot be used with a text."},
		{Filter(), "type == timestamp('2026-01-01T00:00:00Z')", 1, 6, "between a text and timestamp."},
		{Filter(), "true &&\n true && tipe", 2, 10, "There is no tipe here."},
		{Success(), "true && (response.statuss == 200)", 1, 10, "There is no response.statuss here. Did you mean response.status?"},
		{Success(), "true &&\nresponse.jsn.a == 1", 2, 1, "There is no response.jsn.a here."},
		{Filter(), "type == '" + strings.Repeat("x", MaxText-9) + "'", 1, 1, "4097 bytes; at most 4096"},
		{Filter(), "type == 1", 1, 6, "== cannot be used between a text and a whole number"},
		{Filter(), "type.startWith('x')", 1, 15, "startWith"},
		{Filter(), "payload.a ==", 1, 13, "cannot be read here"},
		{Filter(), strings.Repeat("(", 100) + "true" + strings.Repeat(")", 100), 1, 1, "recursion"},
		{Filter(), "type == '" + strings.Repeat("x", MaxText) + "'", 1, 1, "at most 4096"},
		{Filter(), "type.matches('[')", 1, 1, "error parsing regexp"},
	} {
		t.Run(tc.text[:min(30, len(tc.text))], func(t *testing.T) {
			t.Parallel()
			_, err := tc.scope.Compile(tc.text)
			e, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Line != tc.line || e.Column != tc.column || !strings.Contains(e.Message, tc.message) {
				t.Errorf("got  %d:%d %s\nwant %d:%d …%s…", e.Line, e.Column, e.Message, tc.line, tc.column, tc.message)
			}
		})
	}
}

// What is allowed is allowed up to the last byte.
func TestLongest(t *testing.T) {
	t.Parallel()
	text := "type == '" + strings.Repeat("x", MaxText-10) + "'"
	c, err := Filter().Compile(text)
	if err != nil || c.Text() != text {
		t.Fatal(err)
	}
	if ok, err := c.Eval(nil, NewEvent(strings.Repeat("x", MaxText-10), nil)); !ok || err != nil {
		t.Error(ok, err)
	}
}

// A condition sees the variables of its scope, and no others.
func TestScopes(t *testing.T) {
	t.Parallel()
	vars := NewSettings([]byte(`{"a":1}`))
	for text, scope := range map[string]*Scope{`settings.a == 1 && settings.b == null`: Settings()} {
		c, err := scope.Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if ok, err := c.Eval(nil, vars); !ok || err != nil {
				t.Errorf("%s: %v, %v", text, ok, err)
			}
		}
	}
	if _, err := Settings().Compile(`payload.b == 2`); err == nil {
		t.Error("a condition on settings sees a payload")
	}
	for name, vars := range map[string]Vars{
		"settings": NewEvent("t", nil), "none": vars, "payload": NewChange(nil, nil), "old": NewRecord(nil), "type": NewResponse(&hook.Response{}),
	} {
		if _, ok := vars.Value(name); ok {
			t.Errorf("%T has %s", vars, name)
		}
	}
	c, err := Trigger().Compile(`changed("a")`)
	if err != nil {
		t.Fatal(err)
	}
	if ok, err := c.Eval(nil, NewEvent("t", nil)); ok || err == nil || !strings.Contains(err.Error(), "there is no change here") {
		t.Errorf("changed() of an event: %v, %v", ok, err)
	}
}

// An evaluation is charged with what it cost, and none begins when nothing is left.
func TestBudget(t *testing.T) {
	t.Parallel()
	long := []byte(`{"t":"` + strings.Repeat("x", 100_000) + `","l":[1` + strings.Repeat(",1", 499) + `]}`)
	for text, want := range map[string][2]int64{
		`true`:                             {evalCost, evalCost + 1},
		`type == "x"`:                      {evalCost, evalCost + 5},
		`payload.l.all(x, x == 1)`:         {500, 5000},
		`payload.t.contains("y")`:          {100_000 / bytesPerCost, 100_000/bytesPerCost + 50},
		`size(bytes(payload.t)) == 100000`: {2 * 100_000 / bytesPerCost, 4 * 100_000 / bytesPerCost},
	} {
		c, err := Filter().Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		b := work.NewBudget(t.Context(), 1e9, nil)
		if _, err := c.Eval(b, NewEvent("x", long)); err != nil {
			t.Fatal(err)
		}
		if spent := b.Close(); spent < want[0] || spent > want[1] {
			t.Errorf("%s costs %d, want %v", text, spent, want)
		}
		b = work.NewBudget(t.Context(), 1, nil)
		if _, err := c.Eval(b, NewEvent("x", long)); err != nil { // the last one may take more than is left
			t.Fatal(err)
		}
		if ok, err := c.Eval(b, NewEvent("x", long)); ok || !errors.Is(err, work.ErrSpent) {
			t.Errorf("%s with nothing left: %v, %v", text, ok, err)
		}
		b.Close()
	}
}

func TestRuntimeErrors(t *testing.T) {
	t.Parallel()
	for err, want := range map[error]string{
		context.Canceled:                     "took too long",
		context.DeadlineExceeded:             "took too long",
		error(interpreter.InterruptError{}):  "took too long",
		errors.New("no such overload"):       "of a kind it cannot be used with",
		errors.New("something of CEL's own"): "something of CEL's own",
		error(interpreter.EvalCancelledError{Message: "left", Cause: interpreter.ContextCancelled}): "left",
		error(interpreter.EvalCancelledError{Cause: interpreter.CostLimitExceeded}):                 ErrTooCostly.Error(),
	} {
		if got := (&program{noun: "condition"}).runtimeError(err); !strings.Contains(got.Error(), want) {
			t.Errorf("%v: %v, want … %s …", err, got, want)
		}
	}
}

// JSON is what CEL expects of a value, also where no condition above needs it.
func TestValues(t *testing.T) {
	t.Parallel()
	fresh := func(text string) ref.Val { return Raw([]byte(text)).(ref.Val) }
	const object, array = `{"a":1,"b":[2]}`, `[1,"x"]`
	var names strings.Builder
	for it := fresh(object).(traits.Mapper).Iterator(); it.HasNext() == types.True; {
		names.WriteString(string(it.Next().(types.String)))
	}
	it := fresh(array).(traits.Lister).Iterator()
	first, second, end := it.Next(), it.Next(), it.Next()
	if names.String() != "ab" || first != types.Int(1) || second != types.String("x") || end != nil || it.HasNext() != types.False {
		t.Errorf("names %q, elements %v, %v, %v", names.String(), first, second, end)
	}
	for what, got := range map[string]ref.Val{
		"a member":               fresh(object).(traits.Mapper).Get(types.String("a")).Equal(types.Int(1)),
		"no member":              fresh(object).(traits.Mapper).Get(types.String("z")).Equal(types.NullValue),
		"an element":             fresh(array).(traits.Lister).Get(types.Int(0)).Equal(types.Int(1)),
		"an element as double":   fresh(array).(traits.Lister).Get(types.Double(1)).Equal(types.String("x")),
		"before the first":       fresh(array).(traits.Lister).Get(types.Int(-1)).Equal(types.NullValue),
		"behind the last":        fresh(array).(traits.Lister).Get(types.Int(2)).Equal(types.NullValue),
		"no index":               types.Bool(types.IsError(fresh(array).(traits.Lister).Get(types.String("x")))),
		"contains":               fresh(array).(traits.Lister).Contains(types.String("x")),
		"joined":                 fresh(array).(traits.Lister).Add(fresh(`[3]`)).(traits.Lister).Size().Equal(types.Int(3)),
		"not joined":             types.Bool(types.IsError(fresh(array).(traits.Lister).Add(types.Int(3)))),
		"itself":                 types.Bool(fresh(object).ConvertToType(types.MapType).Type() == types.MapType),
		"its type":               types.Bool(fresh(array).ConvertToType(types.TypeType) == types.ListType),
		"no text":                types.Bool(types.IsError(fresh(array).ConvertToType(types.StringType))),
		"is no number":           types.Bool(fresh(object).Equal(types.Int(1)) == types.False && fresh(array).Equal(types.Int(1)) == types.False),
		"another length":         types.Bool(fresh(array).Equal(fresh(`[1]`)) == types.False && fresh(`[1]`).Equal(fresh(array)) == types.False),
		"another element":        types.Bool(fresh(array).Equal(fresh(`[1,"y"]`)) == types.False),
		"equal":                  fresh(array).Equal(fresh(` [ 1 , "x" ] `)),
		"another name":           types.Bool(fresh(`{"a":1,"n":null}`).Equal(fresh(`{"a":1,"m":null}`)) == types.False),
		"equal in another order": fresh(object).Equal(fresh(`{"b":[2],"a":1.0}`)),
	} {
		if got != types.True {
			t.Errorf("%s: %v", what, got)
		}
	}
	for _, v := range []ref.Val{fresh(object), fresh(array)} {
		if got, err := v.ConvertToNative(reflect.TypeFor[string]()); got != nil || err == nil {
			t.Errorf("%v became %v", v.Value(), got)
		}
	}
	if e, ok := fresh(array).ConvertToType(types.StringType).(*types.Err); !ok || !strings.Contains(e.Error(), "a value of kind a list cannot become a text") {
		t.Errorf("the error is %v", e)
	}
}

func TestSuccess(t *testing.T) {
	t.Parallel()
	answer := func(status int, body string, headers ...hook.Header) *hook.Response {
		return &hook.Response{Status: status, Body: []byte(body), Headers: headers}
	}
	cut := answer(200, `{"ok":true}`)
	cut.Truncated = true
	for _, tc := range []struct {
		text string
		r    *hook.Response
		want bool
	}{
		{`response.status == 200 && !response.html`, answer(200, "Webhook recebido."), true},
		{`response.status == 200 && !response.html`, answer(200, "<!DOCTYPE html><p>"), false},
		{`response.json.success`, answer(200, `{"success":true}`), true},
		{`response.json.success == true`, answer(200, `no`), false},
		{`response.json == null && !response.is_json`, answer(200, `{"a":1,"a":2}`), true},
		{`response.is_json`, cut, false},
		{`response.empty`, answer(204, " \n"), true},
		{`response.body.contains("ok")`, answer(200, "it is ok\xff"), true},
		{`response.headers["x-a"] == "1, 2"`, answer(200, "", hook.Header{Name: "X-A", Value: "1"}, hook.Header{Name: "x-a", Value: "2"}), true},
		{`response.headers.none == null`, answer(200, ""), true},
		{`response.json.a == "é" && response.body == '{"a":"é"}'`, answer(200, "\ufeff"+`{"a":"é"}`), true},
		{`response.json.a == "é"`, answer(200, "{\"a\":\"\xe9\"}", hook.Header{Name: "Content-Type", Value: "application/json; charset=iso-8859-1"}), true},
		{`response.json.a == "é"`, answer(200, "\xff\xfe{\x00\"\x00a\x00\"\x00:\x00\"\x00\xe9\x00\"\x00}\x00", hook.Header{Name: "Content-Type", Value: "application/json"}), true},
		{`response.json.a == "é"`, answer(200, "\xfe\xff\x00{\x00\"\x00a\x00\"\x00:\x00\"\x00\xe9\x00\"\x00}"), true},
		{`response.html`, answer(200, "\xff\xfe<\x00h\x00t\x00m\x00l\x00>\x00", hook.Header{Name: "Content-Type", Value: "text/html"}), true},
		{`response.empty`, answer(200, "\ufeff \n"), true},
	} {
		c, err := Success().Compile(tc.text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Eval(nil, NewResponse(tc.r)); err != nil || got != tc.want {
			t.Errorf("%s of %q = %v, %v, want %v", tc.text, tc.r.Body, got, err, tc.want)
		}
	}
}

func TestStatusOnly(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		text   string
		status int
		want   error
		ok     bool
	}{
		{`response.status == 200 && !response.html`, 200, ErrUndecided, false},
		{`response.status == 200 && !response.html`, 404, nil, false},
		{`!response.html && response.status == 200`, 404, nil, false},
		{`response.status < 300 || response.json.ok`, 204, nil, true},
		{`response.status < 300 || response.json.ok`, 500, ErrUndecided, false},
		{`response.headers["x"] == "1"`, 200, ErrUndecided, false},
	} {
		c, err := Success().Compile(tc.text)
		if err != nil {
			t.Fatal(err)
		}
		r := NewResponse(&hook.Response{Status: tc.status})
		r.StatusOnly = true
		if ok, err := c.Eval(nil, r); ok != tc.ok || !errors.Is(err, tc.want) {
			t.Errorf("%s with %d = %v, %v, want %v, %v", tc.text, tc.status, ok, err, tc.ok, tc.want)
		}
	}
}

func TestIsHTML(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]bool{
		"<!doctype html>": true, "\ufeff \n<!-- a --> <!-- b -->\n<!DocType  HTML PUBLIC>": true,
		"<html>": true, "<HTML lang=pt>": true, "<html": true, "<html/>": true,
		"": false, "<htmlx>": false, "<p>hi": false, "Accepted": false, "<!doctypehtml>": false, "<!doctype xml>": false,
		"<!-- never closed <html>": false, "<!doctype htmlx>": false, "<!doctype html": true, "<!----><html>": true, "<!doctype": false, `{"a":"<html>"}`: false, "x<html>": false,
		"<?xml version='1.0'?><html>": true, "\ufeff<!-- a --><?xml version='1.0'?>\n<!DOCTYPE html PUBLIC>": true,
		"<?xml version='1.0'?><rss>": false, "<?xml version='1.0'><html>": false, "<?": false,
	} {
		if got := IsHTML([]byte(body)); got != want {
			t.Errorf("IsHTML(%q) = %v, want %v", body, got, want)
		}
	}
}

// A condition that does not touch the payload must not read it.
func TestLazy(t *testing.T) {
	t.Parallel()
	c, err := Filter().Compile(`type == "x" || payload.a == 1`)
	if err != nil {
		t.Fatal(err)
	}
	ev := NewEvent("x", []byte(`{"a":1}`))
	if ok, err := c.Eval(nil, ev); !ok || err != nil {
		t.Fatal(ok, err)
	}
	if ev.payload != nil {
		t.Error("the payload was read")
	}
}

func TestInterrupt(t *testing.T) {
	t.Parallel()
	c, err := Filter().Compile(`payload.all(a, payload.all(b, a + b < 1000000))`)
	if err != nil {
		t.Fatal(err)
	}
	ctx := leaving{t.Context(), new(atomic.Int32)}
	big := []byte("[1" + strings.Repeat(",1", 5000) + "]")
	budget := work.NewBudget(ctx, 1e9, nil)
	for range 2 { // the caller leaves during the first evaluation
		if _, err := c.Eval(budget, NewEvent("x", big)); err == nil || !strings.Contains(err.Error(), "took too long") {
			t.Errorf("got %v, want that it was stopped", err)
		}
	}
	if spent := budget.Close(); spent == 0 || spent > MaxCost/2 {
		t.Errorf("%d units were spent, want a few", spent)
	}
	if _, err := c.Eval(nil, NewEvent("x", big)); err == nil || !strings.Contains(err.Error(), "too costly") {
		t.Errorf("got %v, want that it is too costly", err)
	}
}

// leaving is the context of a caller who leaves once the evaluation has begun.
type leaving struct {
	context.Context
	asked *atomic.Int32
}

func (l leaving) Err() error {
	if l.asked.Add(1) == 1 {
		return nil
	}
	return context.Canceled
}

func (l leaving) Done() <-chan struct{} {
	done := make(chan struct{})
	close(done)
	return done
}

// Conditions are compiled by many at once, good and bad ones. (The race detector
// judges this.)
func TestCompileAtOnce(t *testing.T) {
	t.Parallel()
	for range 20 {
		s := NewScope(Variable{Name: "payload", Type: JSON})
		var all sync.WaitGroup
		for _, text := range []string{`payload.all(x, x > 1)`, `nothing(payload)`, `payload.exists(x, x.y == 1)`, `unknown == 1`} {
			all.Go(func() { _, _ = s.Compile(text) })
		}
		all.Wait()
	}
}

// FuzzCompile: no text of a condition on an event or on a change makes the program panic or work on, and a wrong one is
// explained.
func FuzzCompile(f *testing.F) {
	for _, s := range []string{
		`changed("a.b")`, `changed_except(["a"])`, `added("l") || removed("l")`, `old == null`, `old.l.all(x, new.l.exists(y, x == y))`,
		`payload.a == 1`, `type in ["a"]`, `payload.all(x, x.y > 2)`, `has(payload.a)`, `"\`, `payload.matches("(")`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for scope, vars := range map[*Scope]Vars{
			Filter():  NewEvent("order.paid", []byte(order)),
			Trigger(): NewChange([]byte(`{"a":{"b":1},"l":[1,2]}`), []byte(`{"a":{"b":2},"l":[2,3]}`)),
		} {
			c, err := scope.Compile(text)
			if err != nil {
				if e, ok := errors.AsType[*Error](err); !ok || e.Error() == "" {
					t.Fatalf("%T: %v", err, err)
				}
				continue
			}
			_, _ = c.Eval(nil, vars)
		}
	})
}

func BenchmarkEvalType(b *testing.B)    { benchmark(b, `type.startsWith("order.")`) }
func BenchmarkEvalPayload(b *testing.B) { benchmark(b, `payload.customer.age > 30 && payload.paid`) }
func BenchmarkEvalMissing(b *testing.B) { benchmark(b, `payload.customer.none.x == null`) }

func benchmark(b *testing.B, text string) {
	c, err := Filter().Compile(text)
	if err != nil {
		b.Fatal(err)
	}
	payload := []byte(order)
	b.ReportAllocs()
	for b.Loop() {
		if ok, err := c.Eval(nil, NewEvent("order.paid", payload)); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

func BenchmarkCompile(b *testing.B) {
	for b.Loop() {
		_, _ = Filter().Compile(`payload.customer.age > 30 && payload.paid`)
	}
}

// A rule judges all that was read of an answer, without its compression, and knows whether that is all.
func TestSuccessOfCompressed(t *testing.T) {
	t.Parallel()
	long := `{"list":"` + strings.Repeat("x", 100_000) + `","ok":true}`
	coded := func(coding string, body []byte) *hook.Response {
		return &hook.Response{Status: 200, Body: body, Headers: []hook.Header{{Name: "Content-Encoding", Value: coding}, {Name: "Content-Type", Value: "application/json"}}}
	}
	var gz, deflated, br bytes.Buffer
	for _, w := range []io.WriteCloser{gzip.NewWriter(&gz), zlib.NewWriter(&deflated), brotli.NewWriter(&br)} {
		if _, err := io.WriteString(w, long); err != nil || w.Close() != nil {
			t.Fatal(err)
		}
	}
	zw, err := zstd.NewWriter(nil)
	if err != nil {
		t.Fatal(err)
	}
	var bomb bytes.Buffer
	w := gzip.NewWriter(&bomb)
	if _, err := w.Write(bytes.Repeat([]byte(" "), 10<<20)); err != nil || w.Close() != nil {
		t.Fatal(err)
	}
	read := &hook.Response{Status: 200, Body: []byte(long[:hook.KeepBody]), Truncated: true, Long: &hook.Long{Body: []byte(long)}}
	notAll := &hook.Response{Status: 200, Body: []byte(long[:hook.KeepBody]), Truncated: true, Long: &hook.Long{Body: []byte(long), Cut: true}}
	for name, tc := range map[string]struct {
		r       *hook.Response
		ok, cut bool
	}{
		"gzip":             {coded("gzip", gz.Bytes()), true, false},
		"deflate":          {coded("deflate", deflated.Bytes()), true, false},
		"br":               {coded("br", br.Bytes()), true, false},
		"zstd":             {coded("zstd", zw.EncodeAll([]byte(long), nil)), true, false},
		"cut gzip":         {coded("gzip", gz.Bytes()[:gz.Len()/2]), false, true},
		"bomb":             {coded("gzip", bomb.Bytes()), false, true},
		"all that is read": {read, true, false},
		"more than that":   {notAll, false, true},
	} {
		c, err := Success().Compile("response.json.ok == true")
		if err != nil {
			t.Fatal(err)
		}
		vars := NewResponse(tc.r)
		if vars.Cut() {
			t.Errorf("%s: cut before anybody looked", name)
		}
		if ok, err := c.Eval(nil, vars); ok != tc.ok || err != nil || vars.Cut() != tc.cut {
			t.Errorf("%s: %t, %v, cut %t; want %+v", name, ok, err, vars.Cut(), tc)
		}
	}
}

// Rules about what follows see the error, and that there was no answer.
func TestAnswer(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`error.class == "timeout" && attempt.number == 3 && response.status == 0 && response.empty && !response.is_json`: true,
		`response.headers["retry-after"] != null || response.json != null || response.body != "" || response.html`:       false,
	} {
		c, err := Answer().Compile(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := c.Eval(nil, &Answered{Response: NewResponse(nil), Class: "timeout", Attempt: 3}); got != want || err != nil {
			t.Errorf("%s: %t, %v", text, got, err)
		}
		if _, err := Success().Compile(text); err == nil && strings.Contains(text, "error.") {
			t.Error("a success rule sees the error class")
		}
	}
}
