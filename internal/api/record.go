package api

import (
	"bytes"
	"context"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gancho.example/client"
	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

const (
	recordsPath = "/v1/tenants/{tenant}/records"
	kindPath    = recordsPath + "/{contract}/{kind}"
	recordPath  = kindPath + "/{key}"
)

// RecordStore is what [Options] need of the database about records.
type RecordStore interface {
	Record(ctx context.Context, tenant, contract, kind, key string) (hook.Record, error)
	// Records lists by contract, kind and key, beginning after the given name. An empty contract or kind is all of them.
	Records(ctx context.Context, tenant, contract, kind string, after hook.RecordName, limit int) (list []hook.Record,
		more bool, err error)
}

// recordHandlers answer requests to read records.
type recordHandlers struct {
	store     RecordStore
	contracts admin.Contracts
	sees      sights
}

func (h recordHandlers) register(a *API) {
	for _, list := range []operation{
		{id: "list-records", contracts: true, path: recordsPath, summary: "List records"},
		{id: "list-records-of-kind", path: kindPath, summary: "List records of a kind"},
	} {
		list.method, list.tag, list.access = http.MethodGet, "records", auth.Readers
		list.description = "Ordered by contract, kind and key. Documents are returned byte for byte as they were written; what the contract calls " +
			"sensitive is masked."
		list.codes = []string{"cursor_invalid", "kind_invalid", "contract_not_found", "record_kind_unknown", "personal_forbidden"}
		if list.path == kindPath {
			add(a, list, h.listKind)
		} else {
			add(a, list, h.list)
		}
		a.describeRecordList(list)
	}
	get := operation{
		id: "get-record", method: http.MethodGet, path: recordPath, tag: "records", access: auth.Readers,
		summary: "Read a record",
		description: "The answer is the document, byte for byte as it was written. What the contract calls sensitive is masked; " +
			"do not write such a document back.",
		codes: []string{"record_not_found", "contract_not_found", "record_kind_unknown", "personal_forbidden"},
	}
	add(a, get, h.get)
	a.describeRecordGet(get)
}

// etag is the entity tag of a version.
func etag(version int64) string { return `"` + strconv.FormatInt(version, 36) + `"` }

// versionOf is the version of a record that an entity tag stands for, -1 if we did not make the tag.
func versionOf(tag string) int64 {
	v, err := strconv.ParseInt(strings.Trim(tag, `"`), 36, 64)
	if err != nil || v <= 0 {
		return -1
	}
	return v
}

// KindPath are the path parameters of operations on one kind of record.
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

func (h recordHandlers) get(ctx context.Context, in *struct {
	KindPath
	Revealing
	Key       string `path:"key" maxLength:"256" doc:"Key of the record." example:"10042"`
	NoneMatch string `header:"If-None-Match" doc:"Entity tags that the caller has. The answer is 304 if the record has one of them."`
},
) (*recordOutput, error) {
	if !contract.ValidRecordKey(in.Key) {
		return nil, hook.NotFound("record", in.Key)
	}
	sight, err := h.sees.of(ctx, in.Revealing, in.Tenant, in.Contract+"/"+in.Kind+"/"+in.Key)
	if err != nil {
		return nil, err
	}
	r, err := h.store.Record(ctx, in.Tenant, in.Contract, in.Kind, in.Key)
	if err != nil {
		if wrong := h.checkKind(in.Contract, in.Kind); wrong != nil && hook.IsKind(err, hook.KindNotFound) {
			return nil, wrong
		}
		return nil, err
	}
	out := &recordOutput{
		Status: http.StatusOK, ContentType: "application/json", ETag: etag(r.Version),
		LastModified: r.UpdatedAt.UTC().Truncate(time.Second).Format(http.TimeFormat), Body: h.sees.Document(sight, r.Contract, r.Document),
	}
	for tag := range strings.SplitSeq(in.NoneMatch, ",") {
		if tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/"); tag == "*" || versionOf(tag) == r.Version {
			out.Status, out.ContentType, out.Body = http.StatusNotModified, "", nil
		}
	}
	return out, nil
}

func (h recordHandlers) listKind(ctx context.Context, in *struct {
	KindPath
	Paging
	Revealing
},
) (*rawOutput, error) {
	return h.page(ctx, in.Tenant, in.Contract, in.Kind, in.Paging, in.Revealing)
}

func (h recordHandlers) list(ctx context.Context, in *struct {
	TenantPath
	Paging
	Revealing
	Contract string `query:"contract" maxLength:"64" doc:"Only of this contract."`
	Kind     string `query:"kind" maxLength:"64" doc:"Only of this kind; needs contract."`
},
) (*rawOutput, error) {
	if in.Kind != "" && in.Contract == "" {
		return nil, invalidParameter("kind", hook.Field("", "contract_of_kind",
			"A kind belongs to a contract. Give contract too."))
	}
	if in.Contract != "" {
		if err := auth.AdmitContract(keyOf(ctx), in.Contract); err != nil {
			return nil, err
		}
	}
	return h.page(ctx, in.Tenant, in.Contract, in.Kind, in.Paging, in.Revealing)
}

// checkKind is called if no record was found. It fails if there is no such contract, or if the contract has no such
// kind of record; an empty kind is any. Records that exist are shown even if their contract no longer has their kind.
func (h recordHandlers) checkKind(contract, kind string) error {
	c, err := h.contracts.Get(contract)
	if err != nil {
		return err
	}
	if _, ok := c.Record(kind); !ok && kind != "" {
		return hook.InvalidFields("record_kind_unknown", c.NoRecord(kind).At("/kind"))
	}
	return nil
}

func (h recordHandlers) page(ctx context.Context, tenant, contract, kind string, p Paging, reveal Revealing) (*rawOutput, error) {
	sight, err := h.sees.of(ctx, reveal, tenant, strings.Trim(contract+"/"+kind, "/"))
	if err != nil {
		return nil, err
	}
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
	records, more, err := h.store.Records(ctx, tenant, contract, kind, after, p.Limit)
	if err != nil {
		return nil, err
	}
	if len(records) == 0 && contract != "" {
		if err := h.checkKind(contract, kind); err != nil {
			return nil, err
		}
	}
	shown := touchable(ctx, records, func(r hook.Record) string { return r.Contract })
	// Documents are appended as they are, because an encoder would change their bytes.
	body := []byte(`{"items":[`)
	for i, r := range shown {
		if i > 0 {
			body = append(body, ',')
		}
		head := encode(client.Record{
			Contract: r.Contract, Kind: r.Kind, Key: r.Key, ETag: etag(r.Version), CreatedAt: r.CreatedAt,
			UpdatedAt: r.UpdatedAt, Unreadable: r.Unreadable, Document: []byte("0"),
		})
		document := []byte("null")
		if !r.Unreadable {
			document = h.sees.Document(sight, r.Contract, r.Document)
		}
		body = append(body, bytes.TrimSuffix(head, []byte("0}"))...)
		body = append(append(body, document...), '}')
	}
	next := []byte("null")
	if more {
		last := records[len(records)-1]
		next = encode(encodeCursor(list, []byte(last.Contract+"\x00"+last.Kind+"\x00"+last.Key)))
	}
	body = append(append(append(body, `],"next_cursor":`...), next...), '}')
	return &rawOutput{"application/json", body}, nil
}

// describeRecordGet describes the answer, which is a document of any form.
func (a *API) describeRecordGet(op operation) {
	responses := a.operation(op.method, op.path).Responses
	responses["200"].Content = map[string]*huma.MediaType{"application/json": {Schema: &huma.Schema{Type: huma.TypeObject}}}
	delete(responses["200"].Headers, "Content-Type")
	responses["304"] = &huma.Response{Description: "It has one of the entity tags.", Headers: responses["200"].Headers}
}

func (a *API) describeRecordList(op operation) {
	a.describeBody(op.method, op.path, "200", reflect.TypeFor[client.List[client.Record]]())
}
