package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json/jsontext"

	"gancho.example/client"
	"gancho/internal/auth"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// POST …/events is the hot operation. It reads the body into a pooled buffer, scans it once, copies each payload once,
// and writes the answer without an encoder.

const (
	maxBatch   = 32 << 20 // bytes of one request, unless a single payload may be larger
	bodyMargin = 64 << 10 // bytes that a request may have around its payload
	maxEvents  = 1000     // in one request
	maxKey     = 255      // characters of an Idempotency-Key
	keepBuffer = 1 << 20  // bytes; a buffer that grew larger is not put back into the pool
)

// intake are the buffers that one request needs. They come from a pool and go back to it.
type intake struct {
	body []byte
	held held         // memory for body
	in   bytes.Buffer // from which dec reads the body
	dec  *jsontext.Decoder
	out  []byte
}

var intakes = sync.Pool{New: func() any {
	t := new(intake)
	t.dec = jsontext.NewDecoder(&t.in)
	return t
}}

func (t *intake) release() {
	t.held.release()
	t.in = bytes.Buffer{}
	t.dec.Reset(&t.in)
	if cap(t.body) <= keepBuffer && cap(t.out) <= keepBuffer {
		intakes.Put(t)
	}
}

// acceptHandlers answer the hot requests: to publish events, and to change records.
type acceptHandlers struct {
	failures
	auth       *auth.Auth
	accepter   Accepter
	changer    Changer
	quota      Quota
	maxPayload int     // bytes
	maxBody    int64   // bytes of a whole request
	bodies     *bodies // memory for all bodies
}

func newAcceptHandlers(o Options, f failures, all *bodies) *acceptHandlers {
	return &acceptHandlers{
		failures: f, auth: o.Auth, accepter: o.Accepter, changer: o.Changer, quota: o.Quota, maxPayload: o.MaxPayload,
		maxBody: largestBody(o.MaxPayload), bodies: all,
	}
}

// largestBody is how many bytes the body of a request may have, if a payload may have maxPayload.
func largestBody(maxPayload int) int64 { return max(maxBatch, int64(maxPayload)+bodyMargin) }

const publishScope = "events:publish"

var publishAccess = auth.Publishers.In(publishScope)

// publishHandlers answer requests to publish events. huma does not run the operation, so it is described here.
type publishHandlers struct{ *acceptHandlers }

func (h publishHandlers) register(a *API) {
	a.mux.HandleFunc("POST "+eventsPath, func(w http.ResponseWriter, r *http.Request) {
		h.publish(w, r,
			r.PathValue("tenant"))
	})
	h.describe(a.huma.OpenAPI())
}

// describe adds the operation to the document.
func (publishHandlers) describe(doc *huma.OpenAPI) {
	registry := doc.Components.Schemas
	ref := func(t reflect.Type) *huma.Schema { return registry.Schema(t, true, "") }
	event := ref(reflect.TypeFor[client.NewEvent]())
	op := operation{
		method: http.MethodPost, path: eventsPath, access: auth.Publishers, scope: publishScope,
		description: "One event, or an array of 1 to 1000. The answer comes when they are stored durably. It says how " +
			"many endpoints take each event, and has a hint if none does. An event without contract is of the contract standard; it is " +
			"refused with contract_needed if nobody takes it there and exactly one other contract of the tenant's endpoints has its type. " +
			"If an item of an array is wrong, its answer is an error, and the other items are accepted.\n\n" +
			"An id makes one event idempotent, the header Idempotency-Key a whole request. Sending the same again within 24 " +
			"hours stores nothing, and gets the first answer with duplicate set. " +
			"Other content with the same id or key is refused.\n\nPayloads are stored byte for byte. One that the schema of its event " +
			"type refuses is refused with payload_invalid, unless the contract says schema_on_post: report.",
		codes: []string{
			"event_invalid", "event_type_invalid", "event_type_unknown", "event_id_invalid", "contract_unknown", "contract_needed",
			"payload_missing", "payload_invalid",
			"too_many_events", "too_many_deliveries", "too_much_work", "idempotency_invalid", "event_id_reused", "idempotency_key_reused",
			"payload_too_large", "rate_limited", "quota_used_up",
		},
	}
	responses := op.responses(registry)
	responses["202"] = &huma.Response{
		Description: "Accepted and stored durably.",
		Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{OneOf: []*huma.Schema{
			ref(reflect.TypeFor[client.EventAnswer]()), ref(reflect.TypeFor[client.EventAnswers]()),
		}}}},
	}
	describeItems(doc, reflect.TypeFor[client.EventAnswer](), reflect.TypeFor[client.EventAnswers]())
	doc.AddOperation(&huma.Operation{
		OperationID: "publish-events", Method: op.method, Path: op.path, Tags: []string{"events"}, Summary: "Publish events",
		Description: op.describe(), Security: op.security(), Extensions: op.extensions(),
		Parameters: []*huma.Param{
			pathParameter("tenant", "Id of the tenant.", "acme"), onceParameter(),
		},
		RequestBody: &huma.RequestBody{
			Required: true,
			Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{
				OneOf: []*huma.Schema{event, {Type: huma.TypeArray, Items: event, MinItems: new(1), MaxItems: new(maxEvents)}},
			}}},
		},
		Responses: responses,
	})
}

var jsonType = []string{"application/json"}

// publish answers one request to publish events of a tenant.
func (a *acceptHandlers) publish(w http.ResponseWriter, r *http.Request, tenant string) {
	key, err := a.auth.Enter(r, publishAccess, tenant, true)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	t := intakes.Get().(*intake)
	defer t.release()
	if err := a.acceptEvents(t, w, r, key, tenant); err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header()["Content-Type"] = jsonType
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write(t.out)
}

// read reads the body of a request about a tenant, made with key, into t, up to limit bytes. The path of r may not have
// been read.
func (a *acceptHandlers) read(t *intake, r *http.Request, tenant string, key *hook.Key, limit int64) (err error) {
	t.held.of, t.held.by = a.bodies, holderOf(tenant, key)
	t.body, err = t.held.read(r, t.body, limit)
	return err
}

// acceptEvents handles one request to publish. It leaves the answer in t.out.
func (a *acceptHandlers) acceptEvents(
	t *intake, w http.ResponseWriter, r *http.Request, key *hook.Key, tenant string,
) error {
	if err := a.read(t, r, tenant, key, a.maxBody); err != nil {
		return err
	}
	in := hook.NewEvents{Tenant: tenant}
	var batch bool
	var err error
	if in.RequestKey, err = idempotencyKey(r); err != nil {
		return err
	}
	if in.RequestKey != "" {
		in.RequestHash = sha256.Sum256(t.body)
	}
	if in.Items, batch, err = t.scan(a.maxPayload); err != nil {
		return err
	}
	if len(key.Contracts) > 0 {
		refuseEvents(key, in.Items)
	}
	if !batch && in.Items[0].Wrong != nil {
		return in.Items[0].Wrong
	}
	var size int64
	for i := range in.Items {
		size += int64(len(in.Items[i].Payload))
	}
	ask := hook.QuotaAsk{Items: len(in.Items), Events: len(in.Items), Bytes: size}
	taken, err := a.admit(w, r, tenant, key, ask, func() (hook.QuotaAsk, error) { return a.accepter.Fresh(r.Context(), in) })
	if err != nil {
		return err
	}
	answers, err := a.accepter.Accept(r.Context(), in)
	if err != nil {
		return err
	}
	if len(answers) != len(in.Items) {
		return fmt.Errorf("%d answers to %d events", len(answers), len(in.Items))
	}
	accepted, before := 0, 0
	size = 0
	for i := range answers {
		switch {
		case answers[i].Duplicate:
			before++
		case answers[i].Wrong == nil:
			accepted++
			size += int64(len(in.Items[i].Payload))
		}
	}
	a.quota.Count(tenant, key, accepted, size)
	if n := taken - (len(answers) - before); n > 0 {
		a.quota.Return(r.Context(), tenant, key, n)
	}
	t.out = t.out[:0]
	if !batch {
		if answers[0].Wrong != nil {
			return answers[0].Wrong
		}
		t.out = appendAnswer(t.out, &answers[0])
		return nil
	}
	t.out = append(t.out, `{"items":[`...)
	for i := range answers {
		if i > 0 {
			t.out = append(t.out, ',')
		}
		if answers[i].Wrong != nil {
			a.logItem(r.Context(), r, answers[i].Wrong)
			t.out = append(t.out, `{"error":`...)
			t.out = append(t.out, encode(ofError(answers[i].Wrong, "/"+strconv.Itoa(i)).Problem)...)
			t.out = append(t.out, '}')
			continue
		}
		t.out = appendAnswer(t.out, &answers[i])
	}
	t.out = append(t.out, "]}"...)
	return nil
}

func (a failures) logItem(ctx context.Context, r *http.Request, e *hook.Error) {
	if e.Err != nil {
		a.logProblem(ctx, r.Method, routeOf(r), ofError(e, ""))
	}
}

// appendAnswer appends the answer to one event. Nothing in it needs escaping: our ids have letters and digits, and
// those of callers were checked to have only letters, digits and _.:-
func appendAnswer(b []byte, e *hook.EventAnswer) []byte {
	b = append(b, `{"id":"`...)
	b = append(b, e.ID.String()...)
	if e.ExternalID != "" {
		b = append(b, `","external_id":"`...)
		b = append(b, e.ExternalID...)
	}
	b = append(b, `","deliveries":`...)
	b = strconv.AppendInt(b, int64(e.Deliveries), 10)
	if e.LeftOut > 0 {
		b = append(b, `,"left_out":`...)
		b = strconv.AppendInt(b, int64(e.LeftOut), 10)
	}
	b = append(b, `,"duplicate":`...)
	b = strconv.AppendBool(b, e.Duplicate)
	if e.Hint != nil {
		b = appendHint(b, e.Hint)
	}
	return append(b, '}')
}

// appendHint appends the members that say why an event has no delivery.
func appendHint(b []byte, h *hook.FieldError) []byte {
	members := encode(struct {
		Hint   string            `json:"hint"`
		Code   string            `json:"hint_code"`
		Params map[string]string `json:"hint_params,omitempty"`
	}{h.Detail, h.Code, h.Params})
	b = append(b, ',')
	return append(b, members[1:len(members)-1]...) // without the braces
}

// idempotencyKey is the header Idempotency-Key, "" if there is none.
func idempotencyKey(r *http.Request) (string, error) {
	values, ok := r.Header["Idempotency-Key"]
	if !ok {
		return "", nil
	}
	if !validKey(values[0]) || len(values) > 1 {
		return "", hook.Invalid("idempotency_invalid", "Send one Idempotency-Key of 1 to 255 printable ASCII characters.",
			hook.Field(hook.Parameter+"Idempotency-Key", "ascii_key", "Use 1 to 255 printable ASCII characters."))
	}
	return values[0], nil
}

func validKey(s string) bool {
	if s == "" || len(s) > maxKey {
		return false
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// scan reads the events of the body. The error is about the whole request. What is wrong with one item of an array is
// noted in the item.
func (t *intake) scan(maxPayload int) (items []hook.NewEvent, batch bool, err error) {
	body := t.body
	kind := rawjson.KindOf(body)
	switch kind {
	case '{':
		items = make([]hook.NewEvent, 1)
		t.reset(body)
		if t.item(&items[0], maxPayload) && t.end() {
			return items, false, nil
		}
	case '[':
		if items, err = t.array(body, maxPayload); items != nil || err != nil {
			return items, true, err
		}
	}
	// The body is malformed. Another, slower scan finds out how.
	if err := checkJSON(body); err != nil {
		if kind == '[' {
			return t.repair(body, maxPayload, err)
		}
		return nil, false, err
	}
	return nil, false, &hook.Error{
		Kind: hook.KindInvalid, Code: "event_invalid", Detail: "Send an event as a JSON object, or an array of them.",
		Fields: []hook.FieldError{hook.Field("", "object_or_array", "This is neither an object nor an array.")},
	}
}

func (t *intake) reset(body []byte) {
	t.in = *bytes.NewBuffer(body)
	t.dec.Reset(&t.in)
}

// end reports whether nothing follows in the body.
func (t *intake) end() bool {
	_, err := t.dec.ReadToken()
	return errors.Is(err, io.EOF)
}

// skip reads one token, whichever it is, and reports whether there was one.
func (t *intake) skip() bool {
	_, err := t.dec.ReadToken()
	return err == nil
}

// array reads an array of events. It returns nil and no error if the array is malformed.
func (t *intake) array(body []byte, maxPayload int) ([]hook.NewEvent, error) {
	t.reset(body)
	if !t.skip() {
		return nil, nil
	}
	items := make([]hook.NewEvent, 0, 16)
	for t.dec.PeekKind() != ']' {
		if len(items) == maxEvents {
			return nil, errEvents
		}
		items = append(items, hook.NewEvent{})
		if !t.item(&items[len(items)-1], maxPayload) {
			return nil, nil
		}
	}
	if !t.skip() || !t.end() {
		return nil, nil
	}
	if len(items) == 0 {
		return nil, errEvents
	}
	return items, nil
}

var errEvents = hook.Invalid("too_many_events", "Send 1 to 1000 events in one array.",
	hook.Field("", "one_to_1000", "This has none, or more than 1000."))

// repair reads an array in which some items are JSON and break our rules. Those items are noted as wrong, and the
// others are accepted. If the array is not JSON at all it returns broken.
func (t *intake) repair(body []byte, maxPayload int, broken error) ([]hook.NewEvent, bool, error) {
	elements, ok := lenientElements(body)
	if !ok {
		return nil, true, broken
	}
	if len(elements) == 0 || len(elements) > maxEvents {
		return nil, true, errEvents
	}
	items := make([]hook.NewEvent, len(elements))
	for i, element := range elements {
		if items[i].Wrong = checkItem(element); items[i].Wrong != nil {
			continue
		}
		t.reset(element)
		if !t.item(&items[i], maxPayload) {
			items[i].Wrong = hook.Invalid("event_invalid", "An event is a JSON object.", hook.Field("", "object_needed",
				"This has to be an object."))
		}
	}
	return items, true, nil
}

// lenientElements are the elements of an array that is JSON but may break our rules, which are: no member twice, valid
// UTF-8, limited depth.
func lenientElements(body []byte) (elements [][]byte, ok bool) {
	lenient := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true),
		jsontext.AllowInvalidUTF8(true))
	if _, err := lenient.ReadValue(); err != nil {
		return nil, false
	}
	if _, err := lenient.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, false
	}
	return rawjson.Elements(body), true
}

// checkItem says which of our rules an item of an array breaks, nil if none.
func checkItem(element []byte) *hook.Error {
	err := checkJSON(element)
	if err == nil {
		return nil
	}
	e, _ := errors.AsType[*hook.Error](err)
	e.Kind = hook.KindInvalid
	return e
}

// item reads one event. It returns false if the JSON is malformed. Anything else that is wrong is noted in the event.
func (t *intake) item(e *hook.NewEvent, maxPayload int) bool {
	e.Door = hook.DoorAPI
	if k := t.dec.PeekKind(); k != '{' {
		if _, err := t.dec.ReadValue(); err != nil {
			return false
		}
		e.Wrong = hook.InvalidField("event_invalid", hook.Field("", "event_object",
			"An event is a JSON object with type and payload."))
		return true
	}
	if _, err := t.dec.ReadToken(); err != nil {
		return false
	}
	var payload jsontext.Value
	for t.dec.PeekKind() != '}' {
		name, err := t.dec.ReadValue()
		if err != nil {
			return false
		}
		member := memberOf(name)
		var unknown string
		if member == memberUnknown {
			unknown, _ = rawjson.Unquote(name) // the next read overwrites name
		}
		value, err := t.dec.ReadValue()
		if err != nil {
			return false
		}
		if e.Wrong != nil {
			continue
		}
		switch member {
		case memberType:
			e.Type, e.Wrong = stringMember(value, "event_type_invalid", hook.Field("/type", "event_type_string",
				"The type is a string, such as order.paid."))
		case memberID:
			e.ExternalID, e.Wrong = stringMember(value, "event_id_invalid", hook.Field("/id", "id_string",
				"The id is a string; leave it out if you have none."))
			if e.Wrong == nil && e.ExternalID == "" {
				e.Wrong = hook.InvalidField("event_id_invalid", hook.Field("/id", "id_empty",
					"The id is empty. Leave it out if you have none."))
			}
		case memberContract:
			e.Contract, e.Wrong = stringMember(value, "contract_unknown", hook.Field("/contract", "contract_name",
				"The contract is the name of one."))
		case memberPayload:
			payload = value
			e.Wrong = checkPayload(value, maxPayload)
			if e.Wrong == nil {
				e.Payload = bytes.Clone(value) // the buffer goes back to the pool
			}
		case memberUnknown:
			e.Wrong = unknownMember(unknown)
		}
	}
	if _, err := t.dec.ReadToken(); err != nil {
		return false
	}
	if e.Wrong == nil && payload == nil {
		e.Wrong = hook.InvalidField("payload_missing", hook.Field("/payload", "payload_missing",
			"The event has no payload. Send one, null if there is nothing to say."))
	}
	if e.Wrong == nil && e.Type == "" {
		e.Wrong = hook.InvalidField("event_type_invalid", hook.Field("/type", "event_type_missing",
			"The event has no type. Send one, such as order.paid."))
	}
	return true
}

// eventMembers are the members of an event. otherNames are what they are called elsewhere.
var (
	eventMembers = []string{"type", "payload", "id", "contract"}
	otherNames   = map[string]string{
		"event": "type", "eventname": "type", "name": "type", "topic": "type", "action": "type", "kind": "type",
		"data": "payload", "body": "payload", "message": "payload", "content": "payload", "object": "payload",
		"key": "id", "uuid": "id", "idempotencykey": "id", "system": "contract", "schema": "contract",
	}
)

// unknownMember is the error for a member that events do not have.
func unknownMember(name string) *hook.Error {
	return hook.InvalidField("event_invalid", hook.FieldNear("/"+escapePointer(name), "event_member_unknown",
		"An event has no such member. Correct its name, or put it into the payload.", name, eventMembers, otherNames))
}

type member int

const (
	memberUnknown member = iota
	memberType
	memberID
	memberContract
	memberPayload
)

// memberOf says which member a token names.
func memberOf(name jsontext.Value) member {
	switch string(name) {
	case `"type"`:
		return memberType
	case `"id"`:
		return memberID
	case `"contract"`:
		return memberContract
	case `"payload"`:
		return memberPayload
	}
	if bytes.IndexByte(name, '\\') >= 0 { // the name is written with escapes
		if plain, err := jsontext.AppendUnquote([]byte{'"'}, name); err == nil && bytes.IndexByte(plain, '\\') < 0 {
			return memberOf(append(plain, '"'))
		}
	}
	return memberUnknown
}

// stringMember reads a string of at most 512 bytes. wrong is the error for anything else.
func stringMember(value jsontext.Value, code string, wrong hook.FieldError) (string, *hook.Error) {
	if value.Kind() != '"' {
		return "", hook.InvalidField(code, wrong)
	}
	s, ok := rawjson.Unquote(value)
	if !ok || len(s) > 512 {
		return "", hook.InvalidField(code, wrong)
	}
	return s, nil
}

func checkPayload(value jsontext.Value, limit int) *hook.Error {
	if len(value) > limit {
		e := hook.InvalidField("payload_too_large", hook.Field("/payload", "payload_too_large",
			"The payload has {bytes} bytes; at most {max} are taken. Send less, or a link to the rest.", "bytes", len(value),
			"max", limit))
		e.Kind = hook.KindTooLarge
		return e
	}
	// Only a payload with enough brackets to be too deep is scanned for its depth.
	if bytes.Count(value, []byte{'{'})+bytes.Count(value, []byte{'['}) > maxDepth {
		if err := rawjson.Check(value, maxDepth); err != nil {
			return hook.InvalidField("payload_invalid", hook.Field("/payload", "payload_deep",
				"The payload nests more than {max} deep. Send a flatter one.", "max", maxDepth))
		}
	}
	return nil
}
