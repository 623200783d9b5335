// Package transform runs the scripts that endpoints may have: JavaScript that
// changes the payload, headers, query or method of one request before it is
// signed, or cancels it. docs/transformations.md describes how to write one.
//
// A script is a program of a stranger. It gets no network, no files, no modules, no clock
// except the time of day, and nothing secret. Two limits protect the server:
//
//   - The engine (engine.go) limits time, memory and the depth of calls. Every run has a
//     new engine, so nothing passes from one event to the next. But the engine looks at
//     the clock only between instructions, and a single one, such as the search for a long
//     text in a longer one, can take hours.
//   - So scripts run in processes of their own ([Pool]), which are killed if a script takes
//     too long. A server without scripts starts no such process.
//
// It promises that whatever a script does, the result is an [Output] or an [*Error].
package transform

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"gancho/internal/hook"
)

// Limits of a script and of what it may return.
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

// DefaultLimits are the limits of a server. A small script takes a millisecond.
var DefaultLimits = Limits{Time: 250 * time.Millisecond, Memory: 32 << 20, Depth: 1000}

// Input is what a script can read: an event and the request that the contract makes of it.
// It must not contain secrets.
type Input struct {
	ID, Type, Tenant string
	Endpoint         string // its name
	Method           string
	URL              string // without the query; the script cannot change it
	Query            []hook.Header
	Headers          []hook.Header // without what the signature adds
	Payload          []byte        // valid JSON
}

// Output is the result of a script.
type Output struct {
	Cancelled bool
	Reason    string // of the cancellation, in the script's words; may be ""

	Payload []byte // valid JSON; nil: unchanged
	Method  string
	Headers []hook.Header // in order; names as the script spells them, no two alike
	Query   []hook.Header
	Console []string // what the script printed
}

// Error is the reason why a script has no [Output].
type Error struct {
	Class        string // hook.ClassScript or hook.ClassScriptTimeout
	Message      string // what is wrong, for the script's author
	Line, Column int    // from 1; 0: not known
	Console      []string
}

// ScriptFailure is the error without the part of the request where it was found.
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

// failed makes an error that is the script's fault.
func failed(format string, args ...any) *Error {
	return &Error{Class: hook.ClassScript, Message: fmt.Sprintf(format, args...)}
}

// Inline runs scripts in this process. Use it for scripts that are sure to end, in tests
// and tools, and in the processes of a [Pool].
type Inline struct{ Limits Limits }

// Run runs a script. The error is an [*Error].
func (r Inline) Run(_ context.Context, _, source string, in Input) (Output, error) {
	out, err := run(r.Limits, source, &in)
	if err != nil {
		return Output{}, err
	}
	return out, nil
}

// Check reports the mistakes of a script that show without an event.
func (r Inline) Check(_ context.Context, _, source string) error {
	if _, err := run(r.Limits, source, nil); err != nil {
		return err
	}
	return nil
}

// checkSource refuses a text that cannot be a script.
func checkSource(source string) *Error {
	switch {
	case len(source) > MaxSource:
		return failed("The script has %d bytes; at most %d are allowed.", len(source), MaxSource)
	case !utf8.ValidString(source), strings.ContainsRune(source, 0):
		return failed("The script is not a text: write it as UTF-8, without zero bytes.")
	}
	return nil
}

// cut shortens a text to at most n bytes, without cutting a character in two.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
