package expr

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

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
				case wantErr && (err == nil || !strings.Contains(err.Error(), part)):
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
		"<!-- never closed <html>": false, `{"a":"<html>"}`: false, "x<html>": false, "<?xml version='1.0'?><html>": false,
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
