package hook

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"gancho/internal/nearest"
)

// Kind is the kind of failure that an [Error] reports; the API maps it to a status.
type Kind string

const (
	KindMalformed    Kind = "malformed"    // the request cannot be read at all (400)
	KindInvalid      Kind = "invalid"      // it can be read, but a value is wrong (422)
	KindUnauthorized Kind = "unauthorized" // no key, or a wrong one (401)
	KindForbidden    Kind = "forbidden"    // a right key that may not do this (403)
	KindNotFound     Kind = "not_found"    // it does not exist, or belongs to another tenant (404)
	KindConflict     Kind = "conflict"     // valid, but not possible in the present state (409)
	KindPrecondition Kind = "precondition" // a condition that the caller set is not met (412)
	KindTooLarge     Kind = "too_large"    // over a size limit (413)
	KindLimited      Kind = "limited"      // too many at once; try again later (429)
	KindUnavailable  Kind = "unavailable"  // cannot be stored now, and nothing was (503)
)

// Error is a failure with two texts: Detail is for the person who made the request and
// says what to change; Err is for the log only. Of any other error, the API shows only
// that it is a 500.
type Error struct {
	Kind   Kind
	Code   string       // stable word, e.g. payload_invalid
	Detail string       // for people: what is wrong and what to do
	Fields []FieldError // the wrong places in the request, if they are known
	Err    error        // for the log; never shown
	// RetryAfter is when a request has a chance again, for KindLimited and KindUnavailable; 0: in a moment.
	RetryAfter time.Duration
}

// FieldError is one wrong place in a request. [Field] makes it.
type FieldError struct {
	Pointer string            // JSON Pointer (RFC 6901) into the request body, e.g. /retry/2
	Code    string            // stable word for the mistake, e.g. url_scheme; clients translate by it
	Params  map[string]string // the values that the sentence mentions, by name; nil if it mentions none
	Detail  string            // the sentence in English: what is wrong there and what would be right
}

// Parameters that add a sentence: the word that was probably meant, or all possible words.
const (
	ParamMeant    = "meant"
	ParamPossible = "possible"
)

// Field makes the error for one place in a request. In text, {name} is replaced by the
// parameter of that name. params alternate between names and values, as in [log/slog].
// [ParamMeant] and [ParamPossible] each add a sentence.
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

// FieldNear makes the error for a member of a wrong name, and adds which of the candidates was probably meant. others are
// other words for them, see [nearest.Member].
func FieldNear(pointer, code, text, name string, candidates []string, others map[string]string) FieldError {
	return Field(pointer, code, text, nearest.Member(name, candidates, others)...)
}

// At returns the same error for another place.
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

// InvalidFields is [Invalid] with a detail made from its fields: the detail of the field if
// there is one, otherwise their number. At least one is needed. A field is a place in the
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

// Parameter begins the pointer of a [FieldError] about a parameter of the request; the
// parameter's name follows. All other pointers are about the body.
const Parameter = "?"

// InvalidField is an error of [KindInvalid] about one field, with the detail of the field.
func InvalidField(code string, f FieldError) *Error {
	return Invalid(code, f.Detail, f)
}

// NotFound is the error for something that does not exist or belongs to another tenant.
func NotFound(what, id string) *Error {
	detail := fmt.Sprintf("There is no %s %q here.", strings.ReplaceAll(what, "_", " "), id)
	return &Error{Kind: KindNotFound, Code: what + "_not_found", Detail: detail}
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
