package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"gancho.example/client"
	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

const (
	recordsPath = "/v1/tenants/{tenant}/records"
	kindPath    = recordsPath + "/{contract}/{kind}"
	recordPath  = kindPath + "/{key}"
	maxRecords  = 1000 // in one request
)

func (a *API) routeRecords() {
	for _, list := range []operation{
		{id: "list-records", path: recordsPath, summary: "List records"},
		{id: "list-records-of-kind", path: kindPath, summary: "List records of a kind"},
	} {
		list.method, list.tag, list.access = http.MethodGet, "records", readers
		list.description = "Ordered by contract, kind and key. Documents come byte for byte as they were written."
		list.codes = []string{"cursor_invalid", "kind_invalid", "contract_not_found", "record_kind_unknown"}
		if list.path == kindPath {
			add(a, list, a.listKind)
		} else {
			add(a, list, a.listRecords)
		}
		a.describeRecordList(list)
	}
	get := operation{
		id: "get-record", method: http.MethodGet, path: recordPath, tag: "records", access: readers,
		summary:     "Read a record",
		description: "The answer is the document, byte for byte as it was written.",
		codes:       []string{"record_not_found", "contract_not_found", "record_kind_unknown"},
	}
	add(a, get, a.getRecord)
	a.describeRecordGet(get)
	// The hot ones, outside huma but in the document.
	a.mux.HandleFunc("PUT "+recordPath, a.changeOne(hook.RecordPut))
	a.mux.HandleFunc("PATCH "+recordPath, a.changeOne(hook.RecordPatch))
	a.mux.HandleFunc("DELETE "+recordPath, a.changeOne(hook.RecordDelete))
	a.mux.HandleFunc("POST "+recordsPath, a.changeMany)
	a.describeRecordChanges()
}

// etag is the entity tag of a version.
func etag(version int64) string { return `"` + strconv.FormatInt(version, 36) + `"` }

// versionOf is the version that an entity tag stands for, -1 if it is none of ours.
func versionOf(tag string) int64 {
	v, err := strconv.ParseInt(strings.Trim(tag, `"`), 36, 64)
	if err != nil || v <= 0 {
		return -1
	}
	return v
}

// precondition reads the headers that a change may be made conditional with.
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
			return p, hook.Invalid("precondition_invalid", "If-None-Match takes * here: the record is only written if there is none.",
				hook.Field(hook.Parameter+"If-None-Match", "star_only", "Write *, or leave it out."))
		}
	}
	return p, nil
}

// changeOne handles a request about one record.
func (a *API) changeOne(op hook.RecordOp) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		t := intakes.Get().(*intake)
		defer t.release()
		answer, err := a.takeChange(t, r, op)
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

// enterRecords lets those in who may change records of the tenant.
func (a *API) enterRecords(r *http.Request) (tenant string, err error) {
	tenant = r.PathValue("tenant")
	key, err := a.keys.authenticate(r)
	if err == nil {
		err = admit(key, publishers, tenant, true)
	}
	return tenant, err
}

func (a *API) takeChange(t *intake, r *http.Request, op hook.RecordOp) (*hook.RecordAnswer, error) {
	tenant, err := a.enterRecords(r)
	if err != nil {
		return nil, err
	}
	item := hook.RecordChange{
		RecordName: hook.RecordName{Contract: r.PathValue("contract"), Kind: r.PathValue("kind"), Key: r.PathValue("key")}, Op: op,
	}
	if item.If, err = precondition(r); err != nil {
		return nil, err
	}
	if op != hook.RecordDelete {
		if err := a.read(t, r, int64(a.MaxPayload)); err != nil {
			return nil, err
		}
		if len(bytes.TrimSpace(t.body.Bytes())) == 0 {
			return nil, newProblem(http.StatusBadRequest, "body_missing", "Send the document as the body.")
		}
		if err := checkJSON(t.body.Bytes()); err != nil {
			return nil, err
		}
		item.Document = bytes.Clone(t.body.Bytes()) // the buffer goes to somebody else
	}
	in := hook.RecordChanges{Tenant: tenant, Items: []hook.RecordChange{item}}
	if err := keyed(r, &in, item.Document); err != nil {
		return nil, err
	}
	answers, err := a.Changer.Change(r.Context(), in)
	if err != nil {
		return nil, err
	}
	if wrong := answers[0].Wrong; wrong != nil {
		return nil, aboutOne(wrong)
	}
	return &answers[0], nil
}

// keyed takes over the Idempotency-Key, which stands for all that is asked for.
func keyed(r *http.Request, in *hook.RecordChanges, body []byte) (err error) {
	if in.RequestKey, err = idempotencyKey(r); err != nil || in.RequestKey == "" {
		return err
	}
	h := sha256.New()
	_, _ = fmt.Fprintf(h, "%s %q %q %q\n", r.Method, r.URL.Path, r.Header.Values("If-Match"), r.Header.Values("If-None-Match"))
	_, _ = h.Write(body)
	h.Sum(in.RequestHash[:0])
	return nil
}

// aboutOne is the error of an item as it is when the item is the request: the
// document is the body, and the name is in the path.
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

// changeMany handles a batch.
func (a *API) changeMany(w http.ResponseWriter, r *http.Request) {
	t := intakes.Get().(*intake)
	defer t.release()
	if err := a.takeChanges(t, r); err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header()["Content-Type"] = jsonType
	_, _ = w.Write(t.out)
}

// takeChanges handles a batch up to its answer, which it leaves in t.out.
func (a *API) takeChanges(t *intake, r *http.Request) error {
	tenant, err := a.enterRecords(r)
	if err != nil {
		return err
	}
	if err := a.read(t, r, a.limit); err != nil {
		return err
	}
	items, prefix, err := changesOf(t.body.Bytes())
	if err != nil {
		return err
	}
	in := hook.RecordChanges{Tenant: tenant, Items: items}
	if err := keyed(r, &in, t.body.Bytes()); err != nil {
		return err
	}
	answers, err := a.Changer.Change(r.Context(), in)
	if err != nil {
		return err
	}
	if len(answers) != len(items) {
		return fmt.Errorf("%d answers to %d changes", len(answers), len(items))
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
// The error is about the whole request; what is wrong with one item is in it.
// prefix is where the array is.
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
			c.Document = bytes.Clone(m.Value) // the buffer goes to somebody else
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
		out.Events[i] = client.RecordEvent{ID: e.ID.String(), Type: e.Type, Deliveries: e.Deliveries}
	}
	for i, t := range r.Troubles {
		out.Problems[i] = client.RecordProblem{Type: t.Type, Line: t.Line, Detail: t.Detail}
	}
	return out
}

// KindPath are the parameters of what is about one kind of record.
type KindPath struct {
	TenantPath
	Contract string `path:"contract" maxLength:"64" doc:"Name of the contract." example:"shop"`
	Kind     string `path:"kind" maxLength:"64" doc:"Kind of record." example:"order"`
}

type recordOutput struct {
	Status       int
	ContentType  string `header:"Content-Type"`
	ETag         string `header:"ETag"`
	LastModified string `header:"Last-Modified"`
	Body         []byte
}

func (a *API) getRecord(ctx context.Context, in *struct {
	KindPath
	Key       string `path:"key" maxLength:"256" doc:"Key of the record." example:"10042"`
	NoneMatch string `header:"If-None-Match" doc:"Entity tags that the caller has; 304 if one is the record's."`
},
) (*recordOutput, error) {
	if !contract.ValidRecordKey(in.Key) {
		return nil, hook.NotFound("record", in.Key)
	}
	r, err := a.Store.Record(ctx, in.Tenant, in.Contract, in.Kind, in.Key)
	if err != nil {
		if wrong := a.checkKind(in.Contract, in.Kind); wrong != nil && hook.IsKind(err, hook.KindNotFound) {
			return nil, wrong
		}
		return nil, err
	}
	out := &recordOutput{
		Status: http.StatusOK, ContentType: "application/json", ETag: etag(r.Version),
		LastModified: r.UpdatedAt.UTC().Truncate(time.Second).Format(http.TimeFormat), Body: r.Document,
	}
	for tag := range strings.SplitSeq(in.NoneMatch, ",") {
		if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag == "*" || versionOf(tag) == r.Version {
			out.Status, out.ContentType, out.Body = http.StatusNotModified, "", nil
		}
	}
	return out, nil
}

func (a *API) listKind(ctx context.Context, in *struct {
	KindPath
	Paging
},
) (*rawOutput, error) {
	return a.recordPage(ctx, in.Tenant, in.Contract, in.Kind, in.Paging)
}

func (a *API) listRecords(ctx context.Context, in *struct {
	TenantPath
	Paging
	Contract string `query:"contract" maxLength:"64" doc:"Only of this contract."`
	Kind     string `query:"kind" maxLength:"64" doc:"Only of this kind; needs contract."`
},
) (*rawOutput, error) {
	if in.Kind != "" && in.Contract == "" {
		return nil, invalidParameter("kind", hook.Field("", "contract_of_kind",
			"A kind belongs to a contract. Give contract too."))
	}
	return a.recordPage(ctx, in.Tenant, in.Contract, in.Kind, in.Paging)
}

// checkKind says what is wrong with the names of a contract and a kind of its
// records ("" is any) under which nothing was found. Where there is something, it
// counts for nothing whether a contract still knows it.
func (a *API) checkKind(contract, kind string) error {
	c := a.contract(contract)
	if c == nil {
		return a.noContract(contract)
	}
	if _, ok := c.Record(kind); !ok && kind != "" {
		return hook.InvalidFields("record_kind_unknown", c.NoRecord(kind).At("/kind"))
	}
	return nil
}

func (a *API) recordPage(ctx context.Context, tenant, contract, kind string, p Paging) (*rawOutput, error) {
	list := listName("records", tenant, contract, kind)
	var after hook.RecordName
	if p.Cursor != "" {
		place, err := decodeCursor(list, p.Cursor)
		if err != nil {
			return nil, err
		}
		parts := strings.SplitN(string(place), "\x00", 3)
		if len(parts) != 3 {
			return nil, invalidParameter("cursor", otherCursor)
		}
		after = hook.RecordName{Contract: parts[0], Kind: parts[1], Key: parts[2]}
	}
	records, more, err := a.Store.Records(ctx, tenant, contract, kind, after, p.Limit)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 && contract != "" {
		if err := a.checkKind(contract, kind); err != nil {
			return nil, err
		}
	}
	// Documents are put in by hand: encoding them would change their bytes.
	body := []byte(`{"items":[`)
	for i, r := range records {
		if i > 0 {
			body = append(body, ',')
		}
		head := encode(client.Record{
			Contract: r.Contract, Kind: r.Kind, Key: r.Key, ETag: etag(r.Version), CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Document: []byte("0"),
		})
		body = append(body, bytes.TrimSuffix(head, []byte("0}"))...)
		body = append(append(body, r.Document...), '}')
	}
	next := []byte("null")
	if more {
		last := records[len(records)-1]
		next = encode(encodeCursor(list, []byte(last.Contract+"\x00"+last.Kind+"\x00"+last.Key)))
	}
	body = append(append(append(body, `],"next_cursor":`...), next...), '}')
	return &rawOutput{"application/json", body}, nil
}
