package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"gancho.example/client"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

// problem is an error on its way to the caller. huma knows how to write it; the
// handlers that huma does not run use [failures.fail].
type problem struct {
	client.Problem
	header http.Header
	err    error // for the log
}

func (p *problem) Error() string             { return p.Problem.Error() }
func (p *problem) Unwrap() error             { return p.err }
func (p *problem) GetStatus() int            { return p.Status }
func (p *problem) GetHeaders() http.Header   { return p.header }
func (p *problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

// wholeSeconds is a time in the headers Retry-After and RateLimit-Reset: at least one second.
func wholeSeconds(d time.Duration) string {
	return strconv.FormatInt(max(1, int64(math.Ceil(d.Seconds()))), 10)
}

// newProblem makes a problem that api itself answers with. Its status is that of the code's kind.
func newProblem(code, detail string, errs ...client.ProblemError) *problem {
	m, ok := meanings[code]
	if !ok {
		panic("api: no meaning is written for the problem code " + code)
	}
	return problemOf(m.kind, code, detail, errs...)
}

// problemOf makes a problem of a kind. A kind without a status is answered as 500.
func problemOf(kind hook.Kind, code, detail string, errs ...client.ProblemError) *problem {
	status, ok := statuses[kind]
	if !ok {
		status = http.StatusInternalServerError
	}
	return &problem{Problem: client.Problem{
		Type: "urn:gancho:problem:" + code, Title: http.StatusText(status), Status: status, Detail: detail, Code: code,
		Errors: errs,
	}}
}

// asProblem turns any error into a problem. An error that was not written for callers becomes a 500 without its text.
func asProblem(err error) *problem {
	if p, ok := errors.AsType[*problem](err); ok {
		return p
	}
	if e, ok := errors.AsType[*hook.Error](err); ok {
		return ofError(e, "")
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		p := newProblem("request_aborted", "The request ended before it was answered. Send it again.")
		p.err = err
		return p
	}
	p := newProblem("internal_error", "Something went wrong on the server. It was logged.")
	p.err = err
	return p
}

// ofError is an error for people as a problem. prefix comes before its pointers.
func ofError(e *hook.Error, prefix string) *problem {
	p := problemOf(e.Kind, e.Code, e.Detail)
	p.err = e.Err
	for _, f := range e.Fields {
		p.Errors = append(p.Errors, fieldError(f, prefix))
	}
	switch e.Kind {
	case hook.KindUnauthorized:
		p.header = http.Header{"Www-Authenticate": {`Bearer realm="gancho"`}}
	case hook.KindLimited, hook.KindUnavailable:
		p.header = http.Header{"Retry-After": {wholeSeconds(e.RetryAfter)}}
	case hook.KindMalformed, hook.KindInvalid, hook.KindForbidden, hook.KindNotFound, hook.KindConflict,
		hook.KindPrecondition, hook.KindTooLarge:
		// These need no header.
	}
	return p
}

func fieldError(f hook.FieldError, prefix string) client.ProblemError {
	if name, ok := strings.CutPrefix(f.Pointer, hook.Parameter); ok {
		name = cmp.Or(name, `""`) // as in ?=x
		return client.ProblemError{Parameter: name, Code: f.Code, Params: f.Params, Detail: f.Detail}
	}
	return client.ProblemError{Pointer: new(prefix + f.Pointer), Code: f.Code, Params: f.Params, Detail: f.Detail}
}

// say puts the sentences among the parameters of mistakes into a language: problem says for example what is wrong in a
// condition. The details stay English; clients have them by code.
func say(mistakes []client.ProblemError, language string) {
	const problem = "problem"
	for i := range mistakes {
		m := &mistakes[i]
		if said := contract.Say(m.Params[problem], language); said != m.Params[problem] {
			m.Params = maps.Clone(m.Params) // which others may have, too
			m.Params[problem] = said
		}
	}
}

// invalidParameter is the error for a wrong parameter.
func invalidParameter(name string, f hook.FieldError) *hook.Error {
	return hook.InvalidField(name+"_invalid", f.At(hook.Parameter+name))
}

// placedAt is an error of a use case, with the place of one of its fields replaced by the place that the field has in
// the request. For example, the id of a tenant is a parameter of the path.
func placedAt(err error, field, place string) error {
	e, ok := errors.AsType[*hook.Error](err)
	if !ok {
		return err
	}
	out := *e
	out.Fields = slices.Clone(e.Fields)
	for i := range out.Fields {
		if out.Fields[i].Pointer == field {
			out.Fields[i].Pointer = place
		}
	}
	return &out
}

// summary is the detail of a problem with n wrong places.
func summary(n int, where, first string) string {
	if n == 1 {
		if where == "" || where == hook.Parameter {
			return first
		}
		return strings.TrimPrefix(where, hook.Parameter) + ": " + first
	}
	return fmt.Sprintf("%d values are wrong; see errors.", n)
}

// huma has these settings as variables of its package. Errors get our form, in which they never repeat what was sent,
// and names in JSON are compared exactly.
func init() {
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError { return fromHuma(status, msg, errs) }
	huma.NewErrorWithContext = func(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
		p := fromHuma(status, msg, errs)
		if c, ok := ctx.Context().Value(callOf).(call); ok && ctx.Operation().RequestBody != nil {
			p.suggest(c.schemas, ctx.Operation().RequestBody.Content["application/json"])
		}
		return p
	}
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false
}

// fromHuma turns what huma found wrong with a request into a problem, without the values that huma adds.
func fromHuma(status int, msg string, errs []error) *problem {
	switch status {
	case http.StatusRequestEntityTooLarge:
		return newProblem("body_too_large", "The body is too large.")
	case http.StatusRequestTimeout:
		return newProblem("body_timeout", "The body did not arrive in time.")
	case http.StatusNotAcceptable:
		return newProblem("not_acceptable", "Answers are application/json only.")
	}
	if status >= 500 {
		p := newProblem("internal_error", "Something went wrong on the server. It was logged.")
		p.err = errors.Join(append([]error{errors.New(msg)}, errs...)...)
		return p
	}
	if len(errs) == 0 {
		code := "request_malformed"
		if strings.Contains(msg, "body is required") {
			code = "body_missing"
			msg = "Send a JSON object as the body."
		}
		return newProblem(code, msg)
	}
	p := newProblem("request_invalid", "")
	for _, err := range errs {
		if q, ok := errors.AsType[*problem](err); ok {
			return q
		}
		p.Errors = append(p.Errors, fromDetail(err))
	}
	p.summarize()
	return p
}

// summarize writes the detail of a problem from its wrong places.
func (p *problem) summarize() {
	where := p.Errors[0].Parameter
	if p.Errors[0].Pointer != nil {
		where = *p.Errors[0].Pointer
	}
	p.Detail = summary(len(p.Errors), where, p.Errors[0].Detail)
}

// suggest says of each unknown member of the body which one was probably meant.
func (p *problem) suggest(schemas huma.Registry, body *huma.MediaType) {
	if body == nil || body.Schema == nil || schemas == nil {
		return
	}
	found := false
	for i, e := range p.Errors {
		if e.Code != "member_unknown" || e.Pointer == nil {
			continue
		}
		at, name, _ := cutLast(*e.Pointer)
		known := membersAt(schemas, body.Schema, at)
		p.Errors[i], found = fieldError(hook.FieldNear(*e.Pointer, "member_unknown",
			"There is no such member here. Remove it, or correct its name.", name, known, nil), ""), true
	}
	if found {
		p.summarize()
	}
}

// cutLast splits a JSON Pointer into the place of an object and the name of its member.
func cutLast(pointer string) (at, name string, ok bool) {
	i := strings.LastIndexByte(pointer, '/')
	if i < 0 {
		return "", "", false
	}
	return pointer[:i], strings.NewReplacer("~1", "/", "~0", "~").Replace(pointer[i+1:]), true
}

// membersAt are the members that a schema knows at a place, sorted; none if it does not say.
func membersAt(schemas huma.Registry, s *huma.Schema, at string) []string {
	for _, step := range strings.Split(at, "/")[1:] {
		if s = resolved(schemas, s); s == nil {
			return nil
		}
		if _, err := strconv.Atoi(step); err == nil && s.Items != nil {
			s = s.Items
			continue
		}
		s = s.Properties[step]
	}
	if s = resolved(schemas, s); s == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(s.Properties))
}

// resolved is the schema that a reference names.
func resolved(schemas huma.Registry, s *huma.Schema) *huma.Schema {
	if s != nil && s.Ref != "" {
		return schemas.SchemaFromRef(s.Ref)
	}
	return s
}

var requiredProperty = regexp.MustCompile(`^expected required property (\S+) to be present$`)

// fromDetail is one wrong place that huma found.
func fromDetail(err error) client.ProblemError {
	d, ok := errors.AsType[*huma.ErrorDetail](err)
	if !ok {
		return fieldError(hook.Field("", "unexpected", "This is not what is expected here."), "")
	}
	in, rest, _ := strings.Cut(d.Location, ".")
	if in != "body" && !strings.HasPrefix(in, "body[") {
		name, _, _ := strings.Cut(rest, "[") // one value of several
		return fieldError(wrongParameter(name, d).At(hook.Parameter+name), "")
	}
	pointer := pointerOf(strings.TrimPrefix(d.Location, "body"))
	if m := requiredProperty.FindStringSubmatch(d.Message); m != nil {
		return fieldError(hook.Field(pointer+"/"+escapePointer(m[1]), "required", "This is required."), "")
	}
	switch {
	case d.Message == "unexpected property":
		return fieldError(hook.Field(pointer, "member_unknown",
			"There is no such member here. Remove it, or correct its name."), "")
	case strings.HasPrefix(d.Message, "expected "):
		return fieldError(expected(pointer, d.Message, d.Value), "")
	}
	return fieldError(hook.Field(pointer, "unexpected", "This is not what is expected here."), "")
}

// expectations are huma's messages, without "expected " in front, as sentences that say what to write. Codes and
// parameters are those that package schema gives for the same mistakes.
var expectations = []struct {
	message           *regexp.Regexp // its group is the value of param
	code, text, param string
}{
	{regexp.MustCompile(`^boolean$`), "type_boolean", "This has to be true or false.", ""},
	{regexp.MustCompile(`^integer$`), "type_integer", "This has to be a whole number.", ""},
	{regexp.MustCompile(`^number$`), "type_number", "This has to be a number.", ""},
	{regexp.MustCompile(`^string$`), "type_string", "This has to be a text.", ""},
	{regexp.MustCompile(`^array$`), "type_array", "This has to be a list.", ""},
	{regexp.MustCompile(`^object$`), "type_object", "This has to be an object.", ""},
	{regexp.MustCompile(`^value to be one of "(.*)"$`), "one_of", "This has to be one of {values}.", "values"},
	{regexp.MustCompile(`^(?:array )?length >= 1$`), "empty", "This cannot be empty.", ""},
	{regexp.MustCompile(`^array length >= (\d+)$`), "too_few_entries", "This needs at least {min} entries.", "min"},
	{regexp.MustCompile(`^array length <= (\d+)$`), "too_many_entries", "This can have at most {max} entries.", "max"},
	{regexp.MustCompile(`^number >= (\S+)$`), "too_small", "This has to be at least {min}.", "min"},
	{regexp.MustCompile(`^number <= (\S+)$`), "too_large", "This can be at most {max}.", "max"},
	{regexp.MustCompile(`^string to match pattern (.+)$`), "pattern", "This has to match the pattern {pattern}.", "pattern"},
}

var lengthLimit = regexp.MustCompile(`^length (>=|<=) (\d+)$`)

// expected is the error for a message of huma's that begins with "expected ". value is what was sent.
func expected(pointer, message string, value any) hook.FieldError {
	what := strings.TrimPrefix(message, "expected ")
	for _, e := range expectations {
		switch m := e.message.FindStringSubmatch(what); {
		case m == nil:
		case e.param == "":
			return hook.Field(pointer, e.code, e.text)
		default:
			return hook.Field(pointer, e.code, e.text, e.param, m[1])
		}
	}
	if text, ok := value.(string); ok {
		count := utf8.RuneCountInString(text)
		switch m := lengthLimit.FindStringSubmatch(what); {
		case m == nil:
		case m[1] == ">=":
			return hook.Field(pointer, "too_short", "This needs at least {min} characters; there are {count}.",
				"min", m[2], "count", count)
		default:
			return hook.Field(pointer, "too_long", "This can have at most {max} characters; there are {count}.",
				"max", m[2], "count", count)
		}
	}
	return hook.Field(pointer, "expected", "Expected {what}.", "what",
		strings.ReplaceAll(what, "\"", "'"))
}

// wrongParameter is the error for huma's message about a parameter, without the value that was sent.
func wrongParameter(name string, d *huma.ErrorDetail) hook.FieldError {
	message := d.Message
	switch {
	case message == "required query parameter is missing":
		return hook.Field("", "required", "This is required.")
	case message == "unknown query parameter":
		return hook.Field("", "parameter_unknown", "There is no such parameter here. Remove it, or correct its name.")
	case name == "since" || name == "until":
		return hook.Field("", "time_format", "Write a time as in 2026-11-21T18:00:00Z.")
	case name == "limit":
		return hook.Field("", "number_range", "This has to be from {min} to {max}.", "min", 1, "max", 200)
	case strings.HasPrefix(message, "expected "):
		return expected("", message, d.Value)
	}
	return hook.Field("", "unreadable", "This value cannot be read.")
}

// opaque are members whose own members may have any names. huma does not escape such names in its paths.
var opaque = []string{".headers.", ".metadata.", ".settings."}

// pointerOf turns huma's .a.b[2] into the JSON Pointer /a/b/2.
func pointerOf(path string) string {
	for _, o := range opaque {
		if rest, ok := strings.CutPrefix(path, o); ok {
			return strings.ReplaceAll(strings.TrimSuffix(o, "."), ".", "/") + "/" + escapePointer(rest)
		}
	}
	var b strings.Builder
	for i := 0; i < len(path); {
		switch path[i] {
		case '.':
			end := i + 1
			for end < len(path) && path[end] != '.' && path[end] != '[' {
				end++
			}
			b.WriteString("/" + escapePointer(path[i+1:end]))
			i = end
		case '[':
			end := strings.IndexByte(path[i:], ']')
			if end < 0 {
				return b.String()
			}
			b.WriteString("/" + path[i+1:i+end])
			i += end + 1
		default:
			i++
		}
	}
	return b.String()
}

func escapePointer(s string) string {
	return strings.NewReplacer("~", "~0", "/", "~1").Replace(s)
}

// failures answer requests with errors, and write to the log what callers must not see.
type failures struct{ log *slog.Logger }

// fail answers a request with an error.
func (a failures) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := asProblem(err)
	a.logProblem(r.Context(), r.Method, routeOf(r), p)
	h := w.Header()
	maps.Copy(h, p.header)
	h.Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(encode(p.Problem))
	}
}

// routeOf is the path of a request as a log has it: the pattern of its route, because keys of records and other values
// in a path may be somebody's. Only what has no route is written as it came.
func routeOf(r *http.Request) string {
	if _, path, ok := strings.Cut(r.Pattern, " "); ok {
		return path
	}
	return cmp.Or(r.Pattern, r.URL.Path)
}

// logProblem writes the cause of a failure on our side to the log.
func (a failures) logProblem(ctx context.Context, method, path string, p *problem) {
	switch {
	case errors.Is(p.err, context.Canceled): // the caller hung up
		return
	case p.Status >= 500:
		level := slog.LevelError
		if p.Status == http.StatusServiceUnavailable {
			level = slog.LevelWarn
		}
		a.log.Log(ctx, level, "request failed", "request", requestID(ctx), "method", method, "path", path, "code", p.Code,
			"error", p.err)
	}
}

// encode is v as JSON, without escaping of <, > and &.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err) // our own types always encode
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}
