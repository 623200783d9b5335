package api

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"gancho.example/client"
	"gancho/internal/auth"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

const maxRecords = 1000 // in one request

// recordChangeHandlers answer requests to change records. huma does not run the operations, so they are described here.
type recordChangeHandlers struct{ *acceptHandlers }

func (h recordChangeHandlers) register(a *API) {
	a.mux.HandleFunc("PUT "+recordPath, h.changeOne(hook.RecordPut))
	a.mux.HandleFunc("PATCH "+recordPath, h.changeOne(hook.RecordPatch))
	a.mux.HandleFunc("DELETE "+recordPath, h.changeOne(hook.RecordDelete))
	a.mux.HandleFunc("POST "+recordsPath, h.changeMany)
	h.describe(a.huma.OpenAPI())
}

const firesText = " The answer says which events the change fired; they are stored in the same commit."

// changeCodes are the codes of errors that every change of a record can have.
var changeCodes = []string{
	"contract_unknown", "record_kind_unknown", "record_key_invalid", "record_busy", "record_unreadable", "too_many_deliveries", "too_much_work",
	"idempotency_invalid", "idempotency_key_reused", "rate_limited", "quota_used_up",
}

// describedChange describes one way to change one record.
type describedChange struct {
	operation
	bodies []string // content types
}

var describedChanges = []describedChange{
	{operation{
		id: "put-record", method: http.MethodPut, summary: "Write a record",
		codes: []string{"record_invalid", "document_too_large"},
		description: "The whole document, stored byte for byte. It must satisfy the contract's JSON Schema for its kind, " +
			"and contain its key." + firesText +
			" Writing the same document again changes nothing and fires nothing. 201: the record was created. 200: it existed.",
	}, []string{"application/json"}},
	{operation{
		id: "patch-record", method: http.MethodPatch, summary: "Change a record",
		codes: []string{"record_invalid", "document_too_large", "record_not_found"},
		description: "A JSON Merge Patch (RFC 7396) on the stored document: null removes a member, and lists are replaced " +
			"as a whole. " +
			"Members that the patch does not name keep their bytes. Use PUT to store a null." + firesText,
	}, []string{"application/json", "application/merge-patch+json"}},
	{operation{
		id: "delete-record", method: http.MethodDelete, summary: "Delete a record", codes: []string{"record_not_found"},
		noBody:      true,
		description: "The record is gone at once." + firesText,
	}, nil},
}

func (h recordChangeHandlers) describe(doc *huma.OpenAPI) {
	for _, c := range describedChanges {
		h.describeOne(doc, c)
	}
	h.describeBatch(doc)
}

func (recordChangeHandlers) describeOne(doc *huma.OpenAPI, c describedChange) {
	c.path, c.access, c.scope = recordPath, auth.Publishers, recordScope
	c.codes = slices.Concat(c.codes, []string{"record_changed", "record_exists", "precondition_invalid"}, changeCodes)
	answer := map[string]*huma.MediaType{"application/json": {Schema: doc.Components.Schemas.Schema(reflect.TypeFor[client.RecordAnswer](), true, "")}}
	op := &huma.Operation{
		OperationID: c.id, Method: c.method, Path: c.path, Tags: []string{"records"}, Summary: c.summary,
		Description: c.describe(),
		Security:    c.security(), Extensions: c.extensions(), Responses: c.responses(doc.Components.Schemas),
		Parameters: []*huma.Param{
			pathParameter("tenant", "Id of the tenant.", "acme"),
			pathParameter("contract", "Name of the contract.", "shop"),
			pathParameter("kind", "Kind of record.", "order"),
			pathParameter("key", "Key of the record, the same as in its document. A numeric one is its decimal text.", "10042"),
			headerParameter("If-Match", "Only if the record has one of these entity tags; * for any."),
			onceParameter(),
		},
	}
	op.Responses["200"] = &huma.Response{Description: "Applied and stored durably.", Content: answer}
	if c.method == http.MethodPut {
		op.Responses["201"] = &huma.Response{Description: "The record was created.", Content: answer}
		op.Parameters = append(op.Parameters, headerParameter("If-None-Match", "*: only if there is no such record."))
	}
	if c.bodies != nil {
		op.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{}}
		for _, kind := range c.bodies {
			op.RequestBody.Content[kind] = &huma.MediaType{Schema: &huma.Schema{Type: huma.TypeObject}}
		}
	}
	doc.AddOperation(op)
}

func (recordChangeHandlers) describeBatch(doc *huma.OpenAPI) {
	ref := func(t reflect.Type) *huma.Schema { return doc.Components.Schemas.Schema(t, true, "") }
	batch := operation{
		id: "change-records", method: http.MethodPost, path: recordsPath, access: auth.Publishers, scope: recordScope,
		description: "1 to 1000 changes. If an item is wrong, its answer is an error, and the other items are applied. " +
			"Changes of the same record are applied in their order." + firesText,
		codes: append([]string{
			"record_invalid", "document_too_large", "record_not_found", "record_change_invalid",
			"too_many_records",
		}, changeCodes...),
	}
	list := &huma.Schema{
		Type: huma.TypeArray, Items: ref(reflect.TypeFor[client.RecordChange]()), MinItems: new(1),
		MaxItems: new(maxRecords),
	}
	responses := batch.responses(doc.Components.Schemas)
	responses["200"] = &huma.Response{
		Description: "Applied and stored durably.",
		Content:     map[string]*huma.MediaType{"application/json": {Schema: ref(reflect.TypeFor[client.RecordAnswers]())}},
	}
	describeItems(doc, reflect.TypeFor[client.RecordAnswer](), reflect.TypeFor[client.RecordAnswers]())
	doc.AddOperation(&huma.Operation{
		OperationID: batch.id, Method: batch.method, Path: batch.path, Tags: []string{"records"},
		Summary: "Change many records", Description: batch.describe(),
		Security: batch.security(), Extensions: batch.extensions(), Parameters: []*huma.Param{
			pathParameter("tenant", "Id of the tenant.", "acme"),
			onceParameter(),
		}, Responses: responses,
		RequestBody: &huma.RequestBody{
			Required: true,
			Content: map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{OneOf: []*huma.Schema{
				list, {Type: huma.TypeObject, Required: []string{"items"}, Properties: map[string]*huma.Schema{"items": list}},
			}}}},
		},
	})
}

// precondition reads the headers If-Match and If-None-Match.
func precondition(r *http.Request) (p hook.Precondition, err error) {
	if values := r.Header.Values("If-Match"); len(values) > 0 {
		p.Present = true
		if tags := strings.TrimSpace(strings.Join(values, ",")); tags != "*" {
			p.Versions = []int64{}
			for tag := range strings.SplitSeq(tags, ",") {
				// A weak tag never matches: RFC 9110, 13.1.1.
				p.Versions = append(p.Versions, versionOf(strings.TrimSpace(tag)))
			}
		}
	}
	if values := r.Header.Values("If-None-Match"); len(values) > 0 {
		if p.Absent = true; len(values) > 1 || strings.TrimSpace(values[0]) != "*" {
			return p, hook.Invalid("precondition_invalid",
				"If-None-Match takes * here: the record is only written if there is none.",
				hook.Field(hook.Parameter+"If-None-Match", "star_only", "Write *, or leave it out."))
		}
	}
	return p, nil
}

// changeOne handles a request about one record.
func (a *acceptHandlers) changeOne(op hook.RecordOp) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t := intakes.Get().(*intake)
		defer t.release()
		answer, err := a.acceptChange(t, w, r, op)
		if err != nil {
			a.fail(w, r, err)
			return
		}
		h := w.Header()
		h["Content-Type"] = jsonType
		if answer.Version != 0 {
			h.Set("ETag", etag(answer.Version))
		}
		if answer.Created && !answer.Duplicate {
			w.WriteHeader(http.StatusCreated)
		}
		_, _ = w.Write(encode(wireAnswer(answer)))
	}
}

// enterRecords checks that the request's key may change records of the tenant in its path.
func (a *acceptHandlers) enterRecords(r *http.Request) (key *hook.Key, tenant string, err error) {
	tenant = r.PathValue("tenant")
	key, err = a.auth.Enter(r, recordAccess, tenant, true)
	return key, tenant, err
}

const recordScope = "records:write"

var recordAccess = auth.Publishers.In(recordScope)

// change changes records, within what the tenant and the key may use.
func (a *acceptHandlers) change(
	w http.ResponseWriter, r *http.Request, key *hook.Key, in hook.RecordChanges,
) ([]hook.RecordAnswer, error) {
	var size int64
	for i := range in.Items {
		size += int64(len(in.Items[i].Document))
	}
	// Nobody knows how many events the changes will fire, so one has to be left.
	ask := hook.QuotaAsk{Items: len(in.Items), Events: 1, Bytes: size}
	taken, err := a.admit(w, r, in.Tenant, key, ask, func() (hook.QuotaAsk, error) {
		if again, err := a.changer.Repeats(r.Context(), in); err != nil || !again {
			return ask, err
		}
		return hook.QuotaAsk{}, nil
	})
	if err != nil {
		return nil, err
	}
	answers, err := a.changer.Change(r.Context(), in)
	if err != nil {
		return nil, err
	}
	if len(answers) != len(in.Items) {
		return nil, fmt.Errorf("%d answers to %d changes", len(answers), len(in.Items))
	}
	fired, before := 0, 0
	size = 0
	for i := range answers {
		switch {
		case answers[i].Duplicate:
			before++
		case answers[i].Wrong == nil:
			fired += len(answers[i].Events)
			size += int64(len(in.Items[i].Document))
		}
	}
	a.quota.Count(in.Tenant, key, fired, size)
	if n := taken - (len(answers) - before); n > 0 {
		a.quota.Return(r.Context(), in.Tenant, key, n)
	}
	return answers, nil
}

func (a *acceptHandlers) acceptChange(
	t *intake, w http.ResponseWriter, r *http.Request, op hook.RecordOp,
) (*hook.RecordAnswer, error) {
	key, tenant, err := a.enterRecords(r)
	if err != nil {
		return nil, err
	}
	if err := auth.AdmitContract(key, r.PathValue("contract")); err != nil {
		return nil, err
	}
	item := hook.RecordChange{
		RecordName: hook.RecordName{Contract: r.PathValue("contract"), Kind: r.PathValue("kind"), Key: r.PathValue("key")},
		Op:         op,
	}
	if item.If, err = precondition(r); err != nil {
		return nil, err
	}
	if op != hook.RecordDelete {
		if err := a.read(t, r, tenant, key, int64(a.maxPayload)); err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(t.body)) == 0 {
			return nil, newProblem("body_missing", "Send the document as the body.")
		}
		if err := checkJSON(t.body); err != nil {
			return nil, err
		}
		item.Document = bytes.Clone(t.body) // the buffer goes back to the pool
	}
	in := hook.RecordChanges{Tenant: tenant, Items: []hook.RecordChange{item}}
	if err := keyed(r, &in, item.Document); err != nil {
		return nil, err
	}
	answers, err := a.change(w, r, key, in)
	if err != nil {
		return nil, err
	}
	if wrong := answers[0].Wrong; wrong != nil {
		return nil, aboutOne(wrong)
	}
	return &answers[0], nil
}

// keyed takes over the Idempotency-Key of a request, with a hash of everything that the request asks for.
func keyed(r *http.Request, in *hook.RecordChanges, body []byte) (err error) {
	if in.RequestKey, err = idempotencyKey(r); err != nil || in.RequestKey == "" {
		return err
	}
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s %q %q %q\n", r.Method, r.URL.Path, r.Header.Values("If-Match"),
		r.Header.Values("If-None-Match"))
	_, _ = h.Write(body)
	h.Sum(in.RequestHash[:0])
	return nil
}

// aboutOne is the error of an item, with its places as a request about one record has them: the document is the body,
// and the names are parameters of the path.
func aboutOne(e *hook.Error) *hook.Error {
	out := *e
	out.Fields = make([]hook.FieldError, len(e.Fields))
	for i, f := range e.Fields {
		out.Fields[i] = f
		for _, whole := range []string{"/document", "/patch"} {
			if rest, ok := strings.CutPrefix(f.Pointer, whole); ok {
				out.Fields[i].Pointer = rest
			}
		}
		for _, name := range []string{"contract", "kind", "key"} {
			if f.Pointer == "/"+name {
				out.Fields[i].Pointer = hook.Parameter + name
			}
		}
	}
	return &out
}

// changeMany handles a request to change many records.
func (a *acceptHandlers) changeMany(w http.ResponseWriter, r *http.Request) {
	t := intakes.Get().(*intake)
	defer t.release()
	if err := a.acceptChanges(t, w, r); err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header()["Content-Type"] = jsonType
	_, _ = w.Write(t.out)
}

// acceptChanges handles a batch. It leaves the answer in t.out.
func (a *acceptHandlers) acceptChanges(t *intake, w http.ResponseWriter, r *http.Request) error {
	key, tenant, err := a.enterRecords(r)
	if err != nil {
		return err
	}
	if err := a.read(t, r, tenant, key, a.maxBody); err != nil {
		return err
	}
	items, prefix, err := changesOf(t.body)
	if err != nil {
		return err
	}
	if len(key.Contracts) > 0 {
		refuseChanges(key, items)
	}
	in := hook.RecordChanges{Tenant: tenant, Items: items}
	if err := keyed(r, &in, t.body); err != nil {
		return err
	}
	answers, err := a.change(w, r, key, in)
	if err != nil {
		return err
	}
	t.out = append(t.out[:0], `{"items":[`...)
	for i := range answers {
		if i > 0 {
			t.out = append(t.out, ',')
		}
		if wrong := answers[i].Wrong; wrong != nil {
			a.logItem(r.Context(), r, wrong)
			t.out = append(t.out, `{"error":`...)
			t.out = append(t.out, encode(ofError(wrong, prefix+"/"+strconv.Itoa(i)).Problem)...)
			t.out = append(t.out, '}')
			continue
		}
		t.out = append(t.out, encode(wireAnswer(&answers[i]))...)
	}
	t.out = append(t.out, "]}"...)
	return nil
}

var errRecords = hook.Invalid("too_many_records", "Send 1 to 1000 changes in one request.",
	hook.Field("", "one_to_1000", "This has none, or more than 1000."))

// changesOf reads the items of a batch: an array, or an object with it as items.
// The error is about the whole request. What is wrong with one item is noted in the item.
// prefix is the JSON Pointer of the array.
func changesOf(body []byte) (items []hook.RecordChange, prefix string, err error) {
	list := body
	broken := checkJSON(body)
	if rawjson.KindOf(body) == '{' && broken == nil {
		members := rawjson.Members(body)
		if len(members) != 1 || members[0].Name != "items" {
			return nil, "", hook.InvalidField("record_change_invalid", hook.Field("", "changes",
				"Send an array of changes, or an object with it as items and nothing else."))
		}
		list, prefix = members[0].Value, "/items"
	}
	if rawjson.KindOf(list) != '[' {
		if broken != nil {
			return nil, "", broken
		}
		return nil, "", hook.InvalidField("record_change_invalid", hook.Field(prefix, "changes_array",
			"Send an array of changes."))
	}
	elements := rawjson.Elements(list)
	if broken != nil {
		var ok bool
		if elements, ok = lenientElements(list); !ok {
			return nil, "", broken
		}
	}
	if len(elements) == 0 || len(elements) > maxRecords {
		return nil, "", errRecords
	}
	items = make([]hook.RecordChange, len(elements))
	for i, element := range elements {
		if broken != nil {
			if items[i].Wrong = checkItem(element); items[i].Wrong != nil {
				continue
			}
		}
		items[i] = changeOf(element)
	}
	return items, prefix, nil
}

// changeOf reads one item of a batch.
func changeOf(element []byte) (c hook.RecordChange) {
	if rawjson.KindOf(element) != '{' {
		c.Wrong = hook.InvalidField("record_change_invalid", hook.Field("", "change_object",
			"A change is an object with contract, kind, key, and document, patch or delete."))
		return c
	}
	given := 0
	for _, m := range rawjson.Members(element) {
		if c.Wrong != nil {
			return c
		}
		switch m.Name {
		case "contract":
			c.Contract, c.Wrong = stringMember(m.Value, "contract_unknown", hook.Field("/contract", "contract_name",
				"The contract is the name of one."))
		case "kind":
			c.Kind, c.Wrong = stringMember(m.Value, "record_kind_unknown", hook.Field("/kind", "kind_name",
				"The kind is the name of one."))
		case "key":
			switch rawjson.KindOf(m.Value) {
			case '0':
				c.Key = string(m.Value)
			default:
				c.Key, c.Wrong = stringMember(m.Value, "record_key_invalid", hook.Field("/key", "record_key",
					"The key is a text, or a whole number."))
			}
		case "document", "patch":
			given++
			if c.Op = hook.RecordPut; m.Name == "patch" {
				c.Op = hook.RecordPatch
			}
			c.Document = bytes.Clone(m.Value) // the buffer goes back to the pool
		case "delete":
			given++
			if c.Op = hook.RecordDelete; string(m.Value) != "true" {
				c.Wrong = hook.InvalidField("record_change_invalid", hook.Field("/delete", "delete_true",
					"Write true to remove the record, or leave it out."))
			}
		default:
			c.Wrong = hook.InvalidField("record_change_invalid", hook.Field("/"+escapePointer(m.Name), "change_member_unknown",
				"A change has contract, kind, key, and document, patch or delete, and no other members."))
		}
	}
	if c.Wrong == nil && given != 1 {
		c.Wrong = hook.InvalidField("record_change_invalid", hook.Field("", "change_what",
			"Say what to do with the record: give one of document, patch and delete."))
	}
	return c
}

func wireAnswer(r *hook.RecordAnswer) client.RecordAnswer {
	out := client.RecordAnswer{
		Contract: r.Contract, Kind: r.Kind, Key: r.Key, Changed: r.Changed, Created: r.Created, Duplicate: r.Duplicate,
		Events: make([]client.RecordEvent, len(r.Events)), Problems: make([]client.RecordProblem, len(r.Troubles)),
	}
	if r.Version != 0 {
		out.ETag = new(etag(r.Version))
	}
	for i, e := range r.Events {
		out.Events[i] = client.RecordEvent{ID: e.ID.String(), Type: e.Type, Deliveries: e.Deliveries, LeftOut: e.LeftOut}
		if e.Hint != nil {
			out.Events[i].Hint, out.Events[i].HintCode, out.Events[i].HintParams = e.Hint.Detail, e.Hint.Code, e.Hint.Params
		}
	}
	for i, t := range r.Troubles {
		out.Problems[i] = client.RecordProblem{Type: t.Type, Reason: t.Reason, Line: t.Line, Detail: t.Detail}
	}
	return out
}
