// Package transform runs the scripts that endpoints may have: JavaScript that
// changes the payload, headers, query or method of one request before it is
// signed, or cancels it. docs/transformations.md tells how to write one.
//
// A script is a stranger's program. It gets no network, no file, no module, no
// clock but the time of day, and nothing secret. Two fences hold it:
//
//   - The engine (engine.go) bounds time, memory and the depth of calls, and every
//     run has a fresh one, so nothing passes from one event to the next. But the
//     engine looks at the clock only between steps, and one step, such as a search
//     of a long text in a longer one, can take hours.
//   - So scripts run in processes of their own ([Pool]), which are killed when a
//     script overstays. A server that never sees a script starts none.
//
// Whatever a script does ends in an [Output] or an [*Error].
package transform

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"gancho/internal/hook"
)

// Limits of a script and of what it may hand back.
const (
	MaxSource  = 64 << 10 // of the script, in bytes
	MaxPayload = 1 << 20  // of a payload, before and after, in bytes
	MaxHeaders = 64       // lines
	MaxHeader  = 8 << 10  // names and values together, in bytes
	MaxQuery   = 4 << 10  // as text in the URL, in bytes
	maxReason  = 200      // of a cancellation, in bytes
	maxConsole = 16 << 10 // in bytes
)

// Limits of one run. The zero value is not usable, see [DefaultLimits].
type Limits struct {
	Time   time.Duration // from the start of the engine to the answer
	Memory int           // of the script's values, in bytes
	Depth  int           // calls within calls, and values within values
}

// DefaultLimits are those of a server. A small script takes a millisecond.
var DefaultLimits = Limits{Time: 250 * time.Millisecond, Memory: 32 << 20, Depth: 1000}

// Input is what a script sees: an event and the request that the contract makes
// of it. There must be nothing secret in it.
type Input struct {
	ID, Type, Tenant string
	Endpoint         string // its name
	Method           string
	URL              string // without the query; the script cannot change it
	Query            []hook.Header
	Headers          []hook.Header // without what the signature adds
	Payload          []byte        // valid JSON
}

// Output is what a script made of an [Input].
type Output struct {
	Cancelled bool
	Reason    string // of the cancellation, in the script's words; may be ""

	Payload []byte // valid JSON; nil: as it came
	Method  string
	Headers []hook.Header // in order; names as the script spells them, no two alike
	Query   []hook.Header
	Console []string // what the script printed
}

// Error says why a script did not come to an [Output].
type Error struct {
	Class        string // hook.ClassScript or hook.ClassScriptTimeout
	Message      string // what is wrong, for the script's author
	Line, Column int    // from 1; 0: not known
	Console      []string
}

// ScriptFailure is what is wrong with the script, without where in a request it was noticed.
func (e *Error) ScriptFailure() hook.ScriptFailure {
	return hook.ScriptFailure{Class: e.Class, Detail: e.Message, Line: e.Line, Column: e.Column}
}

func (e *Error) Error() string {
	text := strings.TrimRight(e.Message, ".")
	if e.Line > 0 {
		return fmt.Sprintf("%s (line %d, column %d)", text, e.Line, e.Column)
	}
	return text
}

// failed makes an error of the script.
func failed(format string, args ...any) *Error {
	return &Error{Class: hook.ClassScript, Message: fmt.Sprintf(format, args...)}
}

// Inline runs scripts in this process. It is for scripts that can be trusted to
// end: tests, tools, and the processes of a [Pool].
type Inline struct{ Limits Limits }

// Run runs a script. The error is an [*Error].
func (r Inline) Run(_ context.Context, _, source string, in Input) (Output, error) {
	out, err := run(r.Limits, source, &in)
	if err != nil {
		return Output{}, err
	}
	return out, nil
}

// Check reports what is wrong with a script that can be told without an event.
func (r Inline) Check(_ context.Context, _, source string) error {
	if _, err := run(r.Limits, source, nil); err != nil {
		return err
	}
	return nil
}

// checkSource refuses what is no script.
func checkSource(source string) *Error {
	switch {
	case len(source) > MaxSource:
		return failed("The script has %d bytes; at most %d are allowed.", len(source), MaxSource)
	case !utf8.ValidString(source), strings.ContainsRune(source, 0):
		return failed("The script is not a text: write it as UTF-8, without zero bytes.")
	}
	return nil
}

// cut shortens a text to n bytes, at a whole character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
