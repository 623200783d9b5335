package transform

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

// patient are limits for scripts that end by themselves, generous enough for slow machines.
var patient = Limits{Time: time.Minute, Memory: 32 << 20, Depth: 1000}

func sample() Input {
	return Input{
		ID: "evt_1", Type: "order.paid", Tenant: "acme", Endpoint: "CRM", Method: "POST", URL: "https://crm.example.com/hooks",
		Query:   []hook.Header{{Name: "b", Value: "2"}, {Name: "a", Value: "x y"}, {Name: "b", Value: "3"}},
		Headers: []hook.Header{{Name: "Content-Type", Value: "application/json"}, {Name: "X-Shop", Value: "1"}},
		Payload: []byte(`{ "id": 9007199254740993, "ratio":0.000907775311708679, "name":"caf\u00e9", "lines":[{"n":1.50,"id":9007199254740995}], "2":"b", "1":"a" }`),
	}
}

// try runs the body of a handler on the sample.
func try(t *testing.T, body string) (Output, *Error) {
	t.Helper()
	in := sample()
	out, failure := run(patient, "function handler(webhook) {\n"+body+"\n}", &in)
	return out, failure
}

func TestPayload(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, body, want string }{
		{"untouched", `return webhook`, ""},
		{"read", `webhook.payload.lines.length; return webhook`, ""},
		{"changed and changed back", `webhook.payload.id++; webhook.payload.id = 9007199254740992; return webhook`, ""},
		{
			"a member more", `webhook.payload.more = 'é/'; return webhook`,
			`{"1":"a","2":"b","id":9007199254740993,"ratio":0.000907775311708679,"name":"caf\u00e9","lines":[{"n":1.50,"id":9007199254740995}],"more":"é/"}`,
		},
		{"a number in depth", `webhook.payload = {lines: webhook.payload.lines}; webhook.payload.lines[0].n = 2; return webhook`, `{"lines":[{"n":2,"id":9007199254740995}]}`},
		{"another value", `webhook.payload = [1, 'x', null, true]; return webhook`, `[1,"x",null,true]`},
		{"a text", `webhook.payload = 'x'; return webhook`, `"x"`},
		{"text of the payload", `webhook.body = webhook.body.replace('9007199254740993', '18446744073709551615').trim(); return webhook`, strings.Replace(string(sample().Payload), "9007199254740993", "18446744073709551615", 1)},
		{"text, then value", `webhook.body = '{"a":9007199254740993}'; webhook.payload.b = 1; return webhook`, `{"a":9007199254740993,"b":1}`},
		{"value, then text", `webhook.payload.b = 1; webhook.body = '{"a":1}'; return webhook`, `{"a":1}`},
		{"an object of its own", `return {payload: {type: webhook.type, id: webhook.id, tenant: webhook.tenant, to: webhook.endpoint, url: webhook.url}}`, `{"type":"order.paid","id":"evt_1","tenant":"acme","to":"CRM","url":"https://crm.example.com/hooks"}`},
		{"an object without a payload", `return {}`, ""},
		{"a copy", `return {...webhook}`, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			out, failure := try(t, tc.body)
			if failure != nil {
				t.Fatal(failure)
			}
			if got := string(out.Payload); got != tc.want {
				t.Errorf("payload\n%s\nwant\n%s", got, tc.want)
			}
			if (out.Payload == nil) != (tc.want == "") {
				t.Errorf("nil is %v", out.Payload == nil)
			}
			in := sample()
			if diff := cmp.Diff([]any{in.Method, in.Headers, in.Query}, []any{out.Method, out.Headers, out.Query}); diff != "" {
				t.Errorf("the rest changed:\n%s", diff)
			}
		})
	}
}

func TestHeadersQueryMethod(t *testing.T) {
	t.Parallel()
	out, failure := try(t, `
		webhook.headers['x-shop'] = 2
		webhook.headers['X-New'] = 'a' + true
		delete webhook.headers['Content-Type']
		webhook.query.b[0] = '4'
		webhook.query['é&'] = ''
		webhook.query.a = null
		webhook.method = 'PUT'
		console.log('first', {a: 1}, [2], null, undefined, 3n, () => 1)
		console.error(new TypeError('oh'))
		return webhook`)
	if failure != nil {
		t.Fatal(failure)
	}
	want := Output{
		Method:  "PUT",
		Headers: []hook.Header{{Name: "x-shop", Value: "2"}, {Name: "X-New", Value: "atrue"}},
		Query:   []hook.Header{{Name: "b", Value: "4"}, {Name: "b", Value: "3"}, {Name: "é&", Value: ""}},
		Console: []string{`first {"a":1} [2] null undefined 3 [function]`, "TypeError: oh"},
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Error(diff)
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	for body, reason := range map[string]string{
		`webhook.cancel = true; return webhook`:                   "",
		`webhook.cancel = 'too small'; return webhook`:            "too small",
		`return {cancel: 'é'.repeat(150)}`:                        strings.Repeat("é", 100),
		`webhook.payload = undefined; return {cancel: [1]}`:       "",
		`webhook.headers = 3; webhook.cancel = 1; return webhook`: "",
	} {
		out, failure := try(t, body)
		if failure != nil || !out.Cancelled || out.Reason != reason {
			t.Errorf("%s: %+v, %v", body, out, failure)
		}
	}
	if out, failure := try(t, `webhook.cancel = false; return webhook`); failure != nil || out.Cancelled {
		t.Errorf("%+v, %v", out, failure)
	}
}

// Mistakes of authors are reported with their line.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, source, want string
		line               int
	}{
		{"syntax", "function handler(webhook) {\n  let x = ;\n}", "unexpected token", 2},
		{"no handler", "function transform(webhook) { return webhook }", "no function called handler", 0},
		{"no function", "const handler = 3", "no function called handler", 0},
		{"module", "import x from 'y'\nfunction handler(w) { return w }", "SyntaxError", 1},
		{"top level", "const a = 1\nnull.b\nfunction handler(w) { return w }", "cannot read property 'b' of null", 2},
		{"zero byte", "function handler(w) { return w }\x00", "not a text", 0},
		{"not UTF-8", "// \xff\nfunction handler(w) { return w }", "not a text", 0},
		{"too long", "//" + strings.Repeat("x", MaxSource) + "\nfunction handler(w) { return w }", "at most 65536", 0},
	} {
		_, failure := run(patient, tc.source, nil)
		if failure == nil || !strings.Contains(failure.Error(), tc.want) || failure.Line != tc.line || failure.Class != hook.ClassScript {
			t.Errorf("%s: %+v", tc.name, failure)
		}
	}
	for _, tc := range []struct {
		name, body, want string
		line             int
	}{
		{"null", "const x = null\nreturn x.y", "cannot read property 'y' of null", 3},
		{"deeper", "const f = () => {\n  throw new Error('no total') }\n[1].map(f)", "Error: no total", 3},
		{"throws a text", "throw 'no'", "no", 0},
		{"throws undefined", "throw undefined", "undefined", 0},
		{"throws what has no text", "throw {toString() { throw 1 }}", "no text", 0},
		{"throws a symbol", "throw Symbol('x')", "", 0},
		{"no network", "fetch('http://localhost')", "'fetch' is not defined", 2},
		{"no files", "require('fs')", "'require' is not defined", 2},
		{"no std", "return std.open('/etc/passwd')", "'std' is not defined", 2},
		{"returns nothing", "webhook.payload.a = 1", "returned undefined. End it with: return webhook", 0},
		{"returns null", "return null", "returned null", 0},
		{"async", "return Promise.resolve(webhook)", "without async", 0},
		{"never resolves", "return new Promise(() => {})", "without async", 0},
		{"cyclic", "webhook.payload.self = webhook.payload; return webhook", "circular", 0},
		{"payload undefined", "webhook.payload = undefined; return webhook", "set webhook.cancel", 0},
		{"payload function", "webhook.payload = () => 1; return webhook", "is function", 0},
		{"big integer", "webhook.payload.a = 1n; return webhook", "BigInt", 0},
		{"body no JSON", "webhook.body = 'a=b'; return webhook", "webhook.body is not valid JSON", 0},
		{"body twice", `webhook.body = '{"a":1,"a":2}'; return webhook`, "webhook.body is not valid JSON", 0},
		{"half a character in the payload", `webhook.payload = '\ud800'; return webhook`, "webhook.payload is not valid JSON", 0},
		{"deep payload", `let o = {}; for (let i = 0; i < 200; i++) o = {o}; webhook.payload = o; return webhook`, "not valid JSON", 0},
		{"large payload", `webhook.payload = 'x'.repeat(1048577); return webhook`, "at most 1048576", 0},
		{"headers no object", `webhook.headers = [['a', 'b']]; return webhook`, "webhook.headers has to be an object", 0},
		{"header no text", `webhook.headers.a = {}; return webhook`, `webhook.headers["a"] has to be a text`, 0},
		{"many headers", `for (let i = 0; i < 10000; i++) webhook.headers['x' + i] = ''; return webhook`, "webhook.headers", 0},
		{"headers too large", `webhook.headers.a = 'x'.repeat(9000); return webhook`, "webhook.headers is larger", 0},
		{"query no object", `webhook.query = 'a=b'; return webhook`, "webhook.query has to be an object", 0},
		{"query too large", `webhook.query.a = 'x'.repeat(5000); return webhook`, "webhook.query is larger", 0},
		{"getter that throws", `return {get payload() { throw new Error('boo') }}`, "boo", 2},
		{"getter on headers", `return {get headers() { null.x }}`, "cannot read property", 2},
		{"proxy", `return new Proxy({}, {get() { throw new Error('trap') }})`, "trap", 2},
		{"toJSON everywhere", `Object.prototype.toJSON = () => 1; return webhook`, "cannot be read", 0},
		{"text that is no text", `webhook.body = {toString() { throw new Error('ts') }}; return webhook`, "ts", 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			out, failure := try(t, tc.body)
			if failure == nil {
				t.Fatalf("no error: %+v", out)
			}
			if !strings.Contains(failure.Error(), tc.want) || failure.Line != tc.line || failure.Class != hook.ClassScript {
				t.Errorf("%+v", failure)
			}
		})
	}
}

// Scripts that use more than they are allowed are stopped.
func TestLimits(t *testing.T) {
	t.Parallel()
	hasty := Limits{Time: 300 * time.Millisecond, Memory: 32 << 20, Depth: 1000}
	for _, tc := range []struct {
		name, body, class string
		limits            Limits
	}{
		{"loop", `for (;;);`, hook.ClassScriptTimeout, hasty},
		{"loop that catches", `for (;;) try { for (;;); } catch {}`, hook.ClassScriptTimeout, hasty},
		{"loop in finally", `try { for (;;); } finally { for (;;); }`, hook.ClassScriptTimeout, hasty},
		{"regular expression", `/(a+)+$/.test('a'.repeat(50) + 'b')`, hook.ClassScriptTimeout, hasty},
		{"loop in a getter", `return {get payload() { for (;;); }}`, hook.ClassScriptTimeout, hasty},
		{"loop in toJSON", `webhook.payload = {toJSON() { for (;;); }}; return webhook`, hook.ClassScriptTimeout, hasty},
		{"endless generator", `return [...(function* () { for (;;) yield 1 })()]`, "", hasty},
		{"memory", `const a = []; for (;;) a.push('x'.repeat(100000) + a.length)`, "", Limits{Time: time.Minute, Memory: 4 << 20, Depth: 1000}},
		{"memory that catches", `const a = []; for (;;) try { for (;;) a.push(new Array(1000).fill(a)) } catch {}`, "", hasty},
		{"long text", `let s = 'x'; for (;;) s += s`, hook.ClassScript, patient},
		{"buffer", `return new ArrayBuffer(1e9)`, hook.ClassScript, patient},
		{"recursion", `const f = () => f() + 1; f()`, hook.ClassScript, patient},
		{"nested arrays", `JSON.parse('['.repeat(100000))`, hook.ClassScript, patient},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			in := sample()
			_, failure := run(tc.limits, "function handler(webhook) {"+tc.body+"}", &in)
			if failure == nil {
				t.Fatal("no error")
			}
			if failure.Class != tc.class && tc.class != "" {
				t.Errorf("%+v", failure)
			}
		})
	}
	if _, failure := run(hasty, "for (;;);", nil); failure == nil || failure.Class != hook.ClassScriptTimeout {
		t.Errorf("top level: %+v", failure)
	}
	in := sample()
	in.Payload = []byte(`"` + strings.Repeat("x", 1<<20) + `"`)
	if _, failure := run(patient, "function handler(w) { return w }", &in); failure == nil || !strings.Contains(failure.Message, "at most") {
		t.Errorf("large input: %+v", failure)
	}
	in.Payload = in.Payload[2:]
	in.Payload[0] = '"'
	if out, failure := run(patient, "function handler(w) { w.payload = w.payload.slice(1); return w }", &in); failure != nil || len(out.Payload) != 1<<20-1 {
		t.Errorf("largest input: %+v", failure)
	}
}

// The depth of calls is limited by [Limits], and not only by the memory: what is just below the limit runs.
func TestDepth(t *testing.T) {
	t.Parallel()
	const nested = "const f = n => n === 0 ? 0 : 1 + f(n - 1); webhook.payload = f(%d); return webhook"
	for _, tc := range []struct {
		depth, calls int
		stopped      bool
	}{{100, 50, false}, {100, 200, true}, {1000, 200, false}, {1000, 2000, true}} {
		limits := patient
		limits.Depth = tc.depth
		in := sample()
		out, failure := run(limits, "function handler(webhook) {"+fmt.Sprintf(nested, tc.calls)+"}", &in)
		switch {
		case !tc.stopped && (failure != nil || string(out.Payload) != strconv.Itoa(tc.calls)):
			t.Errorf("%d calls of at most %d: %s %+v", tc.calls, tc.depth, out.Payload, failure)
		case tc.stopped && (failure == nil || failure.Class != hook.ClassScript ||
			!strings.Contains(failure.Message, fmt.Sprintf("More than %d calls within calls", tc.depth))):
			t.Errorf("%d calls of at most %d: %+v", tc.calls, tc.depth, failure)
		}
	}
}

// The output of a script that fails is kept, up to a limit.
func TestConsole(t *testing.T) {
	t.Parallel()
	_, failure := try(t, `console.log('before'); throw new Error('x')`)
	if failure == nil || cmp.Diff([]string{"before"}, failure.Console) != "" {
		t.Errorf("%+v", failure)
	}
	out, failure := try(t, `for (let i = 0; i < 1000; i++) console.log('é'.repeat(2000)); return webhook`)
	if failure != nil || len(strings.Join(out.Console, "\n")) > 16<<10 {
		t.Errorf("%d lines, %v", len(out.Console), failure)
	}
	out, failure = try(t, `for (let i = 0; i < 150; i++) console.log(i); const o = {}; o.o = o; return webhook`)
	if n := len(out.Console); failure != nil || n != 101 || out.Console[n-1] != "… and 50 more" {
		t.Errorf("%q, %v", out.Console, failure)
	}
	out, failure = try(t, `const o = {}; o.o = o; console.log(o); console = null; return webhook`)
	if failure != nil || cmp.Diff([]string{"[object that cannot be shown]"}, out.Console) != "" {
		t.Errorf("%q, %v", out.Console, failure)
	}
}

// Nothing passes from one run to the next, not even by changing built-ins.
func TestIsolation(t *testing.T) {
	t.Parallel()
	for range 2 {
		out, failure := try(t, `
			globalThis.count = (globalThis.count ?? 0) + 1
			Array.prototype.count = (Array.prototype.count ?? 0) + 1
			webhook.payload = [globalThis.count, [].count]
			JSON.stringify = () => 'mine'
			String.prototype.slice = null
			return webhook`)
		if failure != nil || string(out.Payload) != "[1,1]" {
			t.Errorf("%s, %v", out.Payload, failure)
		}
	}
}

// Runs, good and bad, leave neither engines nor goroutines behind, nor memory of engines: a value that nobody frees keeps
// what belongs to its engine, tens of KiB. Memory that is left behind grows with every round; other memory stops growing soon.
func TestNoLeak(t *testing.T) {
	const runs, rounds, least = 200, 10, 1 << 10 // least: what each run would leave behind, in bytes
	round := func() {
		for i := range runs {
			in := sample()
			body := []string{"webhook.payload.a = " + fmt.Sprint(i) + "; return webhook", "throw 1", "return Promise.reject(1)", "webhook.payload.x = webhook.payload; return webhook"}[i%4]
			_, failure := run(patient, "function handler(webhook) {"+body+"}", &in)
			if (failure == nil) != (i%4 == 0) {
				t.Fatal(failure)
			}
		}
	}
	round()
	goroutines, engines := runtime.NumGoroutine(), open.Load()
	var grown []string
	for before, ok := outsideHeap(t); ; {
		round()
		after, _ := outsideHeap(t)
		if !ok || after-before < runs*least {
			break
		}
		if grown = append(grown, fmt.Sprintf("%d KiB", (after-before)>>10)); len(grown) == rounds {
			t.Errorf("the memory in use outside of Go's heap grows with every %d runs: by %s", runs, strings.Join(grown, ", "))
			break
		}
		before = after
	}
	if n := runtime.NumGoroutine(); n > goroutines+5 {
		t.Errorf("%d goroutines more", n-goroutines)
	}
	if n := open.Load(); n != engines {
		t.Errorf("%d engines more are open", n-engines)
	}
}

func FuzzHandler(f *testing.F) {
	for _, seed := range []string{"return webhook", "webhook.payload = webhook.headers; return webhook", "webhook.body = '1'; return webhook", "return {headers: {'': '\\r\\n'}}", "throw null"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		in := sample()
		_, _ = run(Limits{Time: 100 * time.Millisecond, Memory: 4 << 20, Depth: 200}, "function handler(webhook) {"+body+"}", &in)
	})
}

func FuzzKeep(f *testing.F) {
	f.Add([]byte(`{"a":[1,2.50,{"b":"é"}]}`), []byte(`{"a":[1,2.5,{"b":"x"}],"c":null}`))
	f.Fuzz(func(t *testing.T, was, now []byte) {
		if !valid(was) || !valid(now) {
			return
		}
		if got := keep(was, now); !valid(got) {
			t.Errorf("%q and %q make %q", was, now, got)
		}
	})
}

func BenchmarkRun(b *testing.B) {
	in := sample()
	const source = "function handler(webhook) { webhook.payload.source = 'shop'; webhook.headers['x-a'] = webhook.type; return webhook }"
	for b.Loop() {
		if _, failure := run(patient, source, &in); failure != nil {
			b.Fatal(failure)
		}
	}
}

// A script may return 64 headers. Two spellings of a name count once.
func TestHeaderLimit(t *testing.T) {
	t.Parallel()
	var pairs [][2]string
	for i := range 64 {
		pairs = append(pairs, [2]string{fmt.Sprintf("x-%d", i), "v"})
	}
	pairs = append(pairs, [2]string{"X-0", "again"})
	if out, err := headers(pairs); err != nil || len(out) != 64 || out[0].Value != "again" {
		t.Errorf("%d headers: %v", len(out), err)
	}
	if out, err := headers(append(pairs, [2]string{"x-more", "v"})); err == nil || out != nil {
		t.Errorf("one more: %d headers, no error", len(out))
	}
}
