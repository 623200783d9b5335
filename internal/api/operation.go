package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	jsonv2 "github.com/go-json-experiment/json"

	"gancho.example/client"
	"gancho/internal/auth"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

const (
	maxBody  = 256 << 10 // bytes of a request body, unless the operation says otherwise
	openBody = 16 << 10  // of operations without a key: anybody can send many of these at the same time
	maxDepth = rawjson.MaxDepth
)

// newHuma sets huma up with one format: JSON, read strictly and written without escapes for HTML. huma serves no pages
// and no schemas of its own.
func newHuma(mux *http.ServeMux, version string) huma.API {
	registry := huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer)
	registry.RegisterTypeAlias(reflect.TypeFor[problem](), reflect.TypeFor[client.Problem]())
	c := huma.DefaultConfig("Gancho", version)
	c.OpenAPI.Components.Schemas = registry
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.CreateHooks = nil
	c.RejectUnknownQueryParameters = true
	format := huma.Format{
		Marshal: func(w io.Writer, v any) error {
			_, err := w.Write(encode(v))
			return err
		},
		// It refuses members that come twice, invalid UTF-8, and names in another case.
		Unmarshal: func(data []byte, v any) error { return jsonv2.Unmarshal(data, v) },
	}
	c.Formats = map[string]huma.Format{"application/json": format, "json": format} // the second for problem+json
	c.Info.Description = description
	c.Info.License = nil
	c.Tags = []*huma.Tag{
		{Name: "tenants", Description: "The customer companies of the product that sends webhooks."},
		{Name: "endpoints", Description: "Where deliveries go."},
		{
			Name: "credentials",
			Description: "For contracts that have credentials: the key by which a receiver is known, and its tokens for " +
				"look-ups.",
		},
		{Name: "events", Description: "Things that happened, published by the API, fired by a change of a record, or made " +
			"by a schedule."},
		{Name: "records", Description: "The current state of business objects. Their changes fire events as the contract " +
			"says."},
		{Name: "deliveries", Description: "One event for one endpoint, and every request made for it."},
		{Name: "keys", Description: "API keys."},
		{Name: "sessions", Description: "How people sign in to the console and the portal."},
		{Name: "schedules", Description: "Events that a contract makes from stored records at regular times."},
		{Name: "contracts", Description: "The webhook systems that endpoints can belong to."},
		{Name: "watching", Description: "Statistics, a live stream, and the audit."},
		{Name: "system", Description: "The server itself."},
	}
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"key": {
			Type: "http", Scheme: "bearer",
			Description: "An API key (gk_…), the operator's admin key, or the token of a portal link (gp_…).",
		},
		"session": {
			Type: "apiKey", In: "cookie", Name: auth.CookieName,
			Description: "The console's session, see POST /v1/session.",
		},
	}
	return humago.New(mux, c)
}

const description = `Complete webhooks for any product: publish events, deliver them durably, see what happened.

Every request needs an API key in the header Authorization, as in "Authorization: Bearer gk_…". Failures are problems (RFC 9457, application/problem+json) with a stable code.

Lists come newest first, a page at a time: give next_cursor as cursor, with the same filters, until it is null. A page may hold fewer items than limit, even none, although more follow, because one page looks at a bounded number of rows.`

// operation is what a handler says about its operation, beside the types of its input and output.
type operation struct {
	id, method, path string
	tag, summary     string
	description      string
	access           auth.Access
	status           int      // of success; 0: 200
	codes            []string // of problems that it may answer, beside those that every operation may
	noBody           bool     // a body is not read, even if there is one
	bodyOptional     bool
	raw              bool   // the handler reads the body, which is not JSON
	newTenant        bool   // the tenant in the path need not exist: the operation creates it
	open             bool   // it needs no key: signing in and out
	text             string // the member of the input that a body of plain text is taken for; "": only JSON
	limit            int64  // of the body, in bytes; 0: maxBody
	// scope is the group to which the operation belongs; "": that of its tag, read or write by its method.
	scope hook.Scope
	// once says that the operation takes an Idempotency-Key: repeated with the same one, it is carried out once.
	once bool
	// conditional says that the operation takes If-Match: it is carried out only if nobody changed the object meanwhile.
	conditional bool
	// contracts says that the handler itself checks or filters what a key may see that is limited to contracts. Without
	// it, the path has to say which contract the operation is about, see [API.checkContract].
	contracts bool
	// page is a page of the portal to which the operation belongs beside its scope; "": the scope alone decides what a
	// portal link may.
	page string
	// notInPortal says that no portal link may use the operation, whatever its scope is.
	notInPortal bool
}

// add registers an operation.
func add[I, O any](a *API, op operation, handle func(context.Context, *I) (*O, error)) {
	h := huma.Operation{
		OperationID: op.id, Method: op.method, Path: op.path, Tags: []string{op.tag}, Summary: op.summary,
		Description: op.describe(), DefaultStatus: op.status, MaxBodyBytes: op.maxBody() + 2, // huma refuses a body of exactly the limit
		Security: op.security(), Extensions: op.extensions(),
		Parameters: op.parameters(), Middlewares: huma.Middlewares{a.admit(op)}, Responses: op.responses(a.huma.OpenAPI().Components.Schemas),
	}
	huma.Register(a.huma, h, func(ctx context.Context, in *I) (*O, error) {
		err := checkTexts(in)
		var out *O
		if err == nil {
			out, err = handle(ctx, in)
		}
		if err != nil {
			p := asProblem(err)
			say(p.Errors, AcceptedLanguage(requestOf(ctx).Header.Get("Accept-Language")))
			a.logProblem(ctx, op.method, op.path, p)
			return nil, p
		}
		return out, nil
	})
	if op.text != "" {
		schema := &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeString}}
		content := a.operation(op.method, op.path).RequestBody.Content
		content["application/yaml"], content["text/plain"] = schema, schema
	}
	if op.bodyOptional {
		if registered := a.operation(op.method, op.path); registered.RequestBody != nil {
			registered.RequestBody.Required = false
		}
	}
}

// operation finds a registered operation in the document.
func (a *API) operation(method, path string) *huma.Operation {
	item := a.huma.OpenAPI().Paths[path]
	switch method {
	case http.MethodGet:
		return item.Get
	case http.MethodPut:
		return item.Put
	case http.MethodPost:
		return item.Post
	case http.MethodPatch:
		return item.Patch
	case http.MethodDelete:
		return item.Delete
	}
	panic("api: no operation is a " + method)
}

// parameters are the headers of the operation that its input does not name.
func (op operation) parameters() (list []*huma.Param) {
	if op.once {
		list = append(list, onceParameter())
	}
	if op.conditional {
		list = append(list, headerParameter("If-Match",
			"Only if it still has one of these entity tags; a change that somebody else made meanwhile is not overwritten."))
	}
	return list
}

// extensions say in the document what OpenAPI has no words for: the scope.
func (op operation) extensions() map[string]any {
	if op.open {
		return nil
	}
	return map[string]any{scopeExtension: op.scopeOf()}
}

const scopeExtension = "x-gancho-scope"

// security says in the document how callers authenticate.
func (op operation) security() []map[string][]string {
	if op.open {
		return []map[string][]string{}
	}
	return []map[string][]string{{"key": {}}, {"session": {}}}
}

// describe is the description, with the roles that may use the operation.
func (op operation) describe() string {
	if op.open {
		return strings.TrimSpace(op.description + "\n\nNeeds no key.")
	}
	names := make([]string, 0, 4)
	for _, r := range op.access.Roles {
		names = append(names, string(r))
	}
	text := op.description + "\n\nRoles: " + strings.Join(names, ", ") + "."
	if s := op.scopeOf(); s != hook.ScopeSelf {
		text += " Scope: " + string(s) + "."
	}
	return strings.TrimSpace(text)
}

// scopeOf is the scope of the operation, "" if it needs no key.
func (op operation) scopeOf() hook.Scope {
	switch {
	case op.open:
		return ""
	case op.scope != "":
		return op.scope
	case op.method == http.MethodGet:
		return hook.Scope(op.tag + ":read")
	}
	return hook.Scope(op.tag + ":write")
}

// responses are the problems that an operation may answer, by status.
func (op operation) responses(registry huma.Registry) map[string]*huma.Response {
	codes := slices.Concat(op.codes, []string{"internal_error", "storage_unavailable"})
	if !op.open {
		codes = append(codes, "key_missing", "key_invalid", "session_ended", "forbidden", "cross_origin", "scope_missing",
			"contract_forbidden", "portal_forbidden", "address_forbidden", "too_many_tries")
	}
	if strings.Contains(op.path, "{tenant}") && !op.newTenant {
		codes = append(codes, "tenant_not_found", "unreadable")
	}
	if op.raw {
		codes = append(codes, "request_invalid", "body_too_large", "body_incomplete", "body_timeout", "encoding_unsupported")
	} else if !op.noBody && op.method != http.MethodGet && op.method != http.MethodDelete {
		codes = append(codes, "json_invalid", "body_too_large", "encoding_unsupported", "request_invalid", "body_incomplete",
			"body_timeout", "too_busy")
		if !op.bodyOptional {
			codes = append(codes, "body_missing")
		}
	} else {
		codes = append(codes, "request_invalid")
	}
	if op.once {
		codes = append(codes, "idempotency_invalid", "idempotency_key_reused", "idempotency_unanswered")
	}
	if op.conditional {
		codes = append(codes, "precondition_invalid", "changed_meanwhile")
	}
	schema := registry.Schema(reflect.TypeFor[client.Problem](), true, "")
	out := map[string]*huma.Response{}
	byStatus := map[int][]string{}
	for _, code := range codes {
		m, ok := meanings[code]
		if !ok {
			panic("api: no meaning is written for the problem code " + code)
		}
		if status := statuses[m.kind]; !slices.Contains(byStatus[status], code) {
			byStatus[status] = append(byStatus[status], code)
		}
	}
	for _, status := range slices.Sorted(maps.Keys(byStatus)) {
		lines := []string{http.StatusText(status) + "."}
		for _, code := range slices.Sorted(slices.Values(byStatus[status])) {
			lines = append(lines, fmt.Sprintf("- `%s`: %s", code, meanings[code].text))
		}
		out[strconv.Itoa(status)] = &huma.Response{
			Description: strings.Join(lines, "\n"), Content: map[string]*huma.MediaType{problemType: {Schema: schema}},
		}
	}
	return out
}

// admit is the middleware of every operation. It checks the key, what the key may do, that the tenant exists, and that
// the body is well-formed, before huma reads the request.
func (a *API) admit(op operation) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		memory := held{of: a.bodies}
		defer memory.release()
		key, err := a.enter(r, op)
		if err == nil {
			memory.by = holderOf(r.PathValue("tenant"), key)
			err = readBody(r, op, &memory)
		}
		if err != nil {
			a.fail(w, r, err)
			return
		}
		ctx = huma.WithContext(ctx, hook.WithActor(ctx.Context(), actor(r, key)))
		a.onlyOnce(op, huma.WithValue(ctx, callOf, call{r, key, a.huma.OpenAPI().Components.Schemas}), next)
	}
}

func (a *API) enter(r *http.Request, op operation) (*hook.Key, error) {
	if op.open {
		return nil, nil
	}
	onTenant := strings.Contains(op.path, "{tenant}")
	tenant := r.PathValue("tenant")
	key, err := a.auth.Enter(r, op.access.In(op.scopeOf()), tenant, onTenant)
	if err == nil && (op.page != "" || op.notInPortal) {
		err = auth.AdmitPage(key, op.page)
	}
	if err != nil {
		return nil, err
	}
	if onTenant && !op.newTenant {
		if !hook.ValidTenantID(tenant) {
			return nil, hook.NotFound("tenant", tenant)
		}
		if _, err := a.tenants.Tenant(r.Context(), tenant); err != nil {
			return nil, err
		}
	}
	if len(key.Contracts) > 0 && !op.contracts {
		return key, a.checkContract(r, op, key)
	}
	return key, nil
}

// readBody reads and checks the body before huma does, because the errors of huma say less and repeat what was sent.
func readBody(r *http.Request, op operation, memory *held) error {
	if op.noBody || r.Method == http.MethodGet || r.Method == http.MethodHead || r.Method == http.MethodDelete {
		r.Body = http.NoBody
		return nil
	}
	if op.raw {
		if r.ContentLength > op.maxBody() {
			return unreadable(&http.MaxBytesError{Limit: op.maxBody()}, op.maxBody())
		}
		return plainEncoding(r)
	}
	body, err := memory.read(r, nil, op.maxBody())
	if err != nil {
		return err
	}
	if len(bytes.TrimSpace(body)) == 0 {
		if !op.bodyOptional {
			return newProblem("body_missing", "Send a JSON object as the body.")
		}
		body = []byte("{}")
	}
	if op.text != "" && isText(r.Header.Get("Content-Type"), body) {
		if !utf8.Valid(body) {
			return hook.Invalid("text_invalid", "The body is not UTF-8 text. Save the file as UTF-8 and send it again.")
		}
		body = encode(map[string]string{op.text: string(body)})
	}
	if err := checkJSON(body); err != nil {
		return err
	}
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	r.Header.Set("Content-Type", "application/json") // whichever type the caller named
	return nil
}

// isText reports whether a body is plain text rather than JSON. If its type does not say, its first character decides:
// curl sends every body with the type of a form.
func isText(contentType string, body []byte) bool {
	kind, _, _ := mime.ParseMediaType(contentType)
	switch {
	case kind == "application/json":
		return false
	case strings.HasSuffix(kind, "yaml") || strings.HasPrefix(kind, "text/"):
		return true
	}
	return rawjson.KindOf(bytes.TrimSpace(body)) != '{'
}

// maxBody is how many bytes of a body the operation reads.
func (op operation) maxBody() int64 {
	if op.limit > 0 {
		return op.limit
	}
	return maxBody
}

func plainEncoding(r *http.Request) error {
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return newProblem("encoding_unsupported", "Send the body as it is, without Content-Encoding.")
	}
	return nil
}

// unreadable is the error for a body that could not be read: it is too large, or the connection broke.
func unreadable(err error, limit int64) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return &hook.Error{
			Kind: hook.KindTooLarge, Code: "body_too_large",
			Detail: fmt.Sprintf("The body is larger than %d bytes. Send less at once.", limit),
		}
	}
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return newProblem("body_timeout", "The body came too slowly, or stopped. Send the request again.")
	}
	return &hook.Error{
		Kind: hook.KindMalformed, Code: "body_incomplete",
		Detail: "The body did not arrive as a whole. Send the request again.", Err: err,
	}
}

// form is how a form-encoded body begins, which no JSON does.
var form = regexp.MustCompile(`^\s*[A-Za-z_][\w.%+\[\]-]{0,127}=`)

// checkJSON refuses a body that is not one JSON value within the limits.
func checkJSON(body []byte) error {
	err := rawjson.Check(body, maxDepth)
	if err == nil {
		return nil
	}
	e := &hook.Error{Kind: hook.KindMalformed, Code: "json_invalid", Detail: "The body is not valid JSON."}
	if form.Match(body) {
		return &hook.Error{Kind: e.Kind, Code: e.Code, Detail: "This is a form. Send a JSON object.", Fields: []hook.FieldError{
			hook.Field("", "json_form", `This is a form, such as name=value. Send a JSON object, such as {"name":"value"}, and the header Content-Type: application/json.`),
		}}
	}
	if syntax, ok := errors.AsType[*rawjson.SyntaxError](err); ok {
		e.Detail = fmt.Sprintf("%s (byte %d)", syntax.Detail, syntax.Offset)
		e.Fields = []hook.FieldError{hook.Field(syntax.Pointer, "json_refused", "{problem}", "problem", syntax.Detail)}
	}
	return e
}

// validate checks a JSON document against the schema of T, as huma checks bodies.
func validate[T any](registry huma.Registry, doc []byte) error {
	var parsed any
	if err := jsonv2.Unmarshal(doc, &parsed); err != nil {
		return err
	}
	at, res := huma.NewPathBuffer(nil, 0), &huma.ValidateResult{}
	at.Push("body")
	huma.Validate(registry, registry.Schema(reflect.TypeFor[T](), true, ""), at, huma.ModeWriteToServer, parsed, res)
	if len(res.Errors) > 0 {
		p := fromHuma(http.StatusUnprocessableEntity, "", res.Errors)
		p.suggest(registry, &huma.MediaType{Schema: registry.Schema(reflect.TypeFor[T](), true, "")})
		return p
	}
	return nil
}

// isObject reports whether JSON, which was checked before, is an object.
func isObject(raw json.RawMessage) bool { return rawjson.KindOf(raw) == '{' }

type contextKey int

const (
	idOfRequest contextKey = iota
	callOf
)

// call is what a handler of huma's can find out about its request, beside its input.
type call struct {
	request *http.Request
	key     *hook.Key // nil if the operation needs none
	schemas huma.Registry
}

func requestOf(ctx context.Context) *http.Request { return ctx.Value(callOf).(call).request }

func keyOf(ctx context.Context) *hook.Key { return ctx.Value(callOf).(call).key }
