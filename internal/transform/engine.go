package transform

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"modernc.org/quickjs"

	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

//go:embed prelude.js
var preludeSource string

// preludeLine is the number of the prelude's first line. It is larger than that of any line
// of a script, so that a stack shows which lines are the script's.
const preludeLine = MaxSource + 1

// prelude is the prelude, compiled.
var prelude = sync.OnceValues(func() ([]byte, error) {
	vm, err := quickjs.NewVM()
	if err != nil {
		return nil, err
	}
	defer func() { _ = vm.Close() }()
	return vm.Compile(strings.Repeat("\n", preludeLine)+preludeSource, quickjs.EvalGlobal)
})

// open is how many engines are open, for a test that finds one that nobody closed. Their memory is not Go's.
var open atomic.Int64

// engine is a JavaScript engine for one run.
type engine struct {
	*quickjs.VM
	limits   Limits
	deadline time.Time
	run      quickjs.Value
	printed  quickjs.Value
}

// run runs a script on an input. Without an input it only checks that the text is a script.
func run(limits Limits, source string, in *Input) (out Output, failure *Error) {
	if failure = checkSource(source); failure != nil {
		return out, failure
	}
	if in != nil && len(in.Payload) > MaxPayload {
		return out, failed("The payload has %d bytes; a transformation takes at most %d.", len(in.Payload), MaxPayload)
	}
	e, err := newEngine(limits)
	if err != nil {
		return out, failed("The engine did not start: %s.", err)
	}
	defer e.close()
	answer, err := e.call(source, in)
	console := e.console()
	if err != nil {
		failure = e.explain(err)
	} else if in != nil {
		out, failure = read(answer, in)
	} else {
		failure = wrong(answer)
	}
	out.Console = console
	if failure != nil {
		failure.Console = console
	}
	return out, failure
}

func newEngine(limits Limits) (e *engine, err error) {
	code, err := prelude()
	if err != nil {
		return nil, err
	}
	vm, err := quickjs.NewVM()
	if err != nil {
		return nil, err
	}
	open.Add(1)
	e = &engine{VM: vm, limits: limits, deadline: time.Now().Add(limits.Time)}
	defer func() {
		if err != nil {
			e.close()
		}
	}()
	vm.SetMemoryLimit(uintptr(limits.Memory))
	vm.SetMaxStackSize(uintptr(limits.Depth))
	vm.SetCanBlock(false)
	around, err := vm.EvalBytecodeValue(code)
	if err != nil {
		return nil, err
	}
	defer around.Free()
	for name, to := range map[string]*quickjs.Value{"run": &e.run, "printed": &e.printed} {
		atom, err := vm.NewAtom(name)
		if err != nil {
			return nil, err
		}
		if *to, err = around.GetPropertyValue(atom); err != nil {
			return nil, err
		}
	}
	return e, nil
}

func (e *engine) close() {
	e.run.Free()
	e.printed.Free()
	_ = e.Close()
	open.Add(-1)
}

// about is the part of an [Input] that is not the payload, as JSON.
type about struct {
	ID       string      `json:"id"`
	Type     string      `json:"type"`
	Tenant   string      `json:"tenant"`
	Endpoint string      `json:"endpoint"`
	Method   string      `json:"method"`
	URL      string      `json:"url"`
	Headers  [][2]string `json:"headers"`
	Query    [][2]string `json:"query"`
	Cancel   bool        `json:"cancel"`
}

// call runs the script and then its handler.
func (e *engine) call(source string, in *Input) (string, error) {
	if err := e.arm(); err != nil {
		return "", err
	}
	v, err := e.EvalValue(source, quickjs.EvalGlobal)
	if err != nil {
		return "", err
	}
	v.Free()
	args := []any{quickjs.Undefined{}, quickjs.Undefined{}}
	if in != nil {
		args = []any{string(describe(in)), string(in.Payload)}
	}
	if err := e.arm(); err != nil {
		return "", err
	}
	answer, err := e.run.Call(quickjs.UndefinedValue, args...)
	if err != nil {
		return "", err
	}
	text, ok := answer.(string)
	if !ok {
		return "", errors.New("the answer is not a text")
	}
	return text, nil
}

var errTime = errors.New("interrupted")

// arm sets the engine's time limit to what is left of the run's time.
func (e *engine) arm() error {
	left := time.Until(e.deadline)
	if left <= 0 {
		return errTime
	}
	return e.SetEvalTimeout(left)
}

func describe(in *Input) []byte {
	a := about{ID: in.ID, Type: in.Type, Tenant: in.Tenant, Endpoint: in.Endpoint, Method: in.Method, URL: in.URL}
	a.Headers, a.Query = pairs(in.Headers), pairs(in.Query)
	text, err := json.Marshal(a)
	if err != nil { // texts always encode
		panic(err)
	}
	return text
}

func pairs(list []hook.Header) [][2]string {
	out := make([][2]string, len(list))
	for i, h := range list {
		out[i] = [2]string{h.Name, h.Value}
	}
	return out
}

// console is what the script printed, also when it failed.
func (e *engine) console() []string {
	const grace = 50 * time.Millisecond // if the time of the run is over
	_ = e.SetEvalTimeout(max(time.Until(e.deadline), grace))
	v, err := e.printed.Call(quickjs.UndefinedValue)
	text, ok := v.(string)
	if err != nil || !ok || text == "" {
		return nil
	}
	return strings.Split(cut(text, maxConsole), "\n")
}

// place finds a line of the script in a stack, as in "at handler (<eval>:2:7)".
var place = regexp.MustCompile(`<eval>:(\d+):(\d+)\)`)

// explain describes the error that ended a run.
func (e *engine) explain(err error) *Error {
	f := failed("%s", cut(err.Error(), 500))
	js, ok := errors.AsType[*quickjs.Error](err)
	if ok {
		f.Line, f.Column = js.LineNumber, js.ColumnNumber
		for _, m := range place.FindAllStringSubmatch(cut(js.Stack, 4<<10), -1) {
			if line, _ := strconv.Atoi(m[1]); f.Line == 0 && line < preludeLine {
				f.Line = line
				f.Column, _ = strconv.Atoi(m[2])
			}
		}
	}
	switch f.Message {
	case "interrupted", "InternalError: interrupted":
		if time.Until(e.deadline) <= 0 {
			f.Class, f.Message = hook.ClassScriptTimeout, fmt.Sprintf("The script took longer than %d ms.", e.limits.Time.Milliseconds())
		}
	case "InternalError: out of memory", "InternalError: string too long":
		f.Message = fmt.Sprintf("The script used more than %d MiB of memory.", e.limits.Memory>>20)
	case "InternalError: stack overflow":
		f.Message = fmt.Sprintf("More than %d calls within calls: probably a function that calls itself without end.", e.limits.Depth)
	case "":
		f.Message = "The script threw something that has no text."
	}
	return f
}

// answer is what the prelude returns.
type answer struct {
	Wrong   string       `json:"wrong"`
	Cancel  bool         `json:"cancel"`
	Reason  string       `json:"reason"`
	Body    *string      `json:"body"`
	Payload *string      `json:"payload"`
	Method  string       `json:"method"`
	Headers *[][2]string `json:"headers"` // nil: unchanged; likewise the others
	Query   *[][2]string `json:"query"`
}

func parse(text string) (a answer, failure *Error) {
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return a, failed("What the handler returned cannot be read. It probably changes built-in objects such as Object.prototype.")
	}
	if a.Wrong != "" {
		return a, failed("%s", a.Wrong)
	}
	return a, nil
}

// wrong reads the mistake that the prelude found in a script.
func wrong(text string) *Error {
	_, failure := parse(text)
	return failure
}

// read checks what a script returned.
func read(text string, in *Input) (out Output, failure *Error) {
	a, failure := parse(text)
	if failure != nil {
		return out, failure
	}
	if a.Cancel {
		return Output{Cancelled: true, Reason: cut(a.Reason, maxReason)}, nil
	}
	if out.Payload, failure = a.payload(in.Payload); failure != nil {
		return out, failure
	}
	out.Method, out.Headers, out.Query = a.Method, in.Headers, in.Query
	if a.Headers != nil {
		if out.Headers, failure = headers(*a.Headers); failure != nil {
			return out, failure
		}
	}
	if a.Query != nil {
		out.Query, failure = query(*a.Query)
	}
	return out, failure
}

func query(pairs [][2]string) ([]hook.Header, *Error) {
	out := []hook.Header{}
	size := 0
	for _, p := range pairs {
		out = append(out, hook.Header{Name: p[0], Value: p[1]})
		if size += len(p[0]) + len(p[1]) + 2; size > MaxQuery {
			return nil, failed("webhook.query is larger than %d bytes.", MaxQuery)
		}
	}
	return out, nil
}

// payload is the new payload, nil if it is unchanged.
func (a answer) payload(was []byte) ([]byte, *Error) {
	now := was
	check := func(name string, text []byte) *Error {
		if len(text) > MaxPayload {
			return failed("%s has %d bytes; at most %d are allowed.", name, len(text), MaxPayload)
		}
		if err := rawjson.Check(text, rawjson.MaxDepth); err != nil {
			return failed("%s is not valid JSON: %s", name, err)
		}
		return nil
	}
	if a.Body != nil {
		now = []byte(*a.Body)
		if failure := check("webhook.body", now); failure != nil {
			return nil, failure
		}
	}
	if a.Payload != nil {
		next := []byte(*a.Payload)
		if failure := check("webhook.payload", next); failure != nil {
			return nil, failure
		}
		now = keep(now, next)
	}
	if string(now) == string(was) {
		return nil, nil
	}
	return now, nil
}

// headers are the headers that a script returned. If a name is there twice in different
// spellings, the last value counts: scripts write headers['x-a'] to change the header X-A
// of the contract.
func headers(pairs [][2]string) ([]hook.Header, *Error) {
	at := map[string]int{}
	var out []hook.Header
	size := 0
	for _, p := range pairs {
		h := hook.Header{Name: p[0], Value: p[1]}
		if size += len(h.Name) + len(h.Value); size > MaxHeader {
			return nil, failed("webhook.headers is larger than %d bytes.", MaxHeader)
		}
		low := strings.ToLower(h.Name)
		if i, ok := at[low]; ok {
			out[i] = h
			continue
		}
		at[low] = len(out)
		out = append(out, h)
	}
	if len(out) > MaxHeaders {
		return nil, failed("webhook.headers has %d headers; at most %d are allowed.", len(out), MaxHeaders)
	}
	return out, nil
}
