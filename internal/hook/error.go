package hook

import (
	"errors"
	"fmt"
	"strings"
)

// Kind says what sort of failure an [Error] is; the API maps it to a status.
type Kind string

const (
	KindMalformed    Kind = "malformed"    // the request cannot be read at all (400)
	KindInvalid      Kind = "invalid"      // it can be read, but a value is wrong (422)
	KindUnauthorized Kind = "unauthorized" // no key, or a wrong one (401)
	KindForbidden    Kind = "forbidden"    // a right key that may not do this (403)
	KindNotFound     Kind = "not_found"    // no such thing, or not this tenant's (404)
	KindConflict     Kind = "conflict"     // right, but not in the present state (409)
	KindPrecondition Kind = "precondition" // the caller made a condition, and it is not met (412)
	KindTooLarge     Kind = "too_large"    // over a size limit (413)
	KindLimited      Kind = "limited"      // too many at once, come back (429)
	KindUnavailable  Kind = "unavailable"  // not durable now, nothing was stored (503)
)

// Error is a failure with two texts: Detail, written for the person who made
// the request and telling what to change, and Err, for the log only.
// Any other error that reaches the API is shown as a bare 500.
type Error struct {
	Kind   Kind
	Code   string       // stable word, e.g. payload_invalid
	Detail string       // for people: what is wrong and what to do
	Fields []FieldError // where in the request, if that can be said
	Err    error        // for the log; never shown
}

// FieldError is one wrong place in a request. [Field] makes it.
type FieldError struct {
	Pointer string            // JSON Pointer (RFC 6901) into the request body, e.g. /retry/2
	Code    string            // stable word for the mistake, e.g. url_scheme; clients translate by it
	Params  map[string]string // the values that the sentence mentions, by name; nil if it mentions none
	Detail  string            // the sentence in English: what is wrong there and what would be right
}

// Names of parameters that end a sentence: the one word that was probably meant,
// or all that are possible.
const (
	ParamMeant    = "meant"
	ParamPossible = "possible"
)

// Field makes the error for one place in a request. In text, each {name} stands
// for the parameter of that name. params are names and values in turns, as in
// [log/slog]. [ParamMeant] and [ParamPossible] add a sentence of their own.
func Field(pointer, code, text string, params ...any) FieldError {
	f := FieldError{Pointer: pointer, Code: code, Detail: text}
	if len(params) == 0 {
		return f
	}
	f.Params = make(map[string]string, len(params)/2)
	places := make([]string, 0, len(params))
	for i := 0; i+1 < len(params); i += 2 {
		name, value := params[i].(string), fmt.Sprint(params[i+1])
		f.Params[name] = value
		places = append(places, "{"+name+"}", value)
	}
	f.Detail = strings.NewReplacer(places...).Replace(text)
	if meant := f.Params[ParamMeant]; meant != "" {
		f.Detail += " Did you mean " + meant + "?"
	}
	if possible := f.Params[ParamPossible]; possible != "" {
		f.Detail += " Possible: " + possible + "."
	}
	return f
}

// At is the same mistake at another place.
func (f FieldError) At(pointer string) FieldError {
	f.Pointer = pointer
	return f
}

func (e *Error) Error() string {
	var s strings.Builder
	s.WriteString(e.Code + ": " + e.Detail)
	for _, f := range e.Fields {
		s.WriteString("; " + f.Pointer + ": " + f.Detail)
	}
	if e.Err != nil {
		s.WriteString(": " + e.Err.Error())
	}
	return s.String()
}

func (e *Error) Unwrap() error { return e.Err }

// Invalid is an error of [KindInvalid] about some fields.
func Invalid(code, detail string, fields ...FieldError) *Error {
	return &Error{Kind: KindInvalid, Code: code, Detail: detail, Fields: fields}
}

// InvalidFields is [Invalid] with a detail made of its fields, of which there is at
// least one: of the only one, or else how many there are. A field is a place in the
// body (a JSON Pointer), or [Parameter] and the name of a parameter.
func InvalidFields(code string, fields ...FieldError) *Error {
	detail := fmt.Sprintf("%d values are wrong; see errors.", len(fields))
	if len(fields) == 1 {
		detail = fields[0].Detail
		if place := strings.TrimPrefix(fields[0].Pointer, Parameter); place != "" {
			detail = place + ": " + detail
		}
	}
	return Invalid(code, detail, fields...)
}

// Parameter begins the pointer of a [FieldError] that is about a parameter of the
// request rather than its body: the parameter's name follows.
const Parameter = "?"

// InvalidField is an error of [KindInvalid] about one field: both say the same.
func InvalidField(code string, f FieldError) *Error {
	return Invalid(code, f.Detail, f)
}

// NotFound is the error for a thing that is absent or another tenant's.
func NotFound(what, id string) *Error {
	return &Error{Kind: KindNotFound, Code: what + "_not_found", Detail: fmt.Sprintf("There is no %s %q here.", strings.ReplaceAll(what, "_", " "), id)}
}

// Conflict is an error of [KindConflict].
func Conflict(code, detail string) *Error {
	return &Error{Kind: KindConflict, Code: code, Detail: detail}
}

// Unavailable wraps a failure of the database: nothing was stored, and the
// caller may try the same request again.
func Unavailable(err error) *Error {
	return &Error{
		Kind: KindUnavailable, Code: "storage_unavailable",
		Detail: "The request could not be stored durably, so nothing was accepted. Send it again in a moment.", Err: err,
	}
}

// IsKind reports whether err is, or wraps, an [Error] of kind k.
func IsKind(err error, k Kind) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Kind == k
}
