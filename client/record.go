package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// Record is the current state of one business object, as it was last written.
type Record struct {
	Contract  string    `json:"contract" example:"shop"`
	Kind      string    `json:"kind" example:"order"`
	Key       string    `json:"key" doc:"A numeric key is written as decimal text." example:"10042"`
	ETag      string    `json:"etag" doc:"Entity tag, which is another one after every change. Send it back as If-Match." example:"\"hzkh4c0q2f\""`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	// Unreadable says that the document is stored encrypted and cannot be decrypted. It is null then.
	Unreadable bool            `json:"unreadable,omitempty" doc:"The document is stored encrypted and cannot be decrypted: it was damaged, or its encryption key is missing. It is shown as null. Delete the record and write it again."`
	Document   json.RawMessage `json:"document" object:"true" nullable:"true" doc:"Byte for byte as it was written; null if it is unreadable."`
}

// RecordChange is one item of a batch. Exactly one of Document, Patch and Delete must be set.
type RecordChange struct {
	Contract string          `json:"contract" example:"shop"`
	Kind     string          `json:"kind" example:"order"`
	Key      string          `json:"key,omitempty" maxLength:"256" doc:"It may be left out if the document or patch contains it." example:"10042"`
	Document json.RawMessage `json:"document,omitempty" object:"true" doc:"The whole document. Its bytes are stored exactly as they are sent."`
	Patch    json.RawMessage `json:"patch,omitempty" object:"true" doc:"JSON Merge Patch (RFC 7396) on the stored document."`
	Delete   bool            `json:"delete,omitempty" doc:"Removes the record."`
}

// RecordAnswer is the answer to a change, which is stored durably.
type RecordAnswer struct {
	Contract  string          `json:"contract" example:"shop"`
	Kind      string          `json:"kind" example:"order"`
	Key       string          `json:"key" example:"10042"`
	ETag      *string         `json:"etag" doc:"Entity tag of the record as it is now; null if there is no record." example:"\"hzkh4c0q2f\""`
	Changed   bool            `json:"changed" doc:"Whether the record changed. Writing the same document again changes nothing and fires nothing."`
	Created   bool            `json:"created" doc:"Whether there was no such record before."`
	Events    []RecordEvent   `json:"events" doc:"The events that the change fired."`
	Problems  []RecordProblem `json:"problems" doc:"Conditions and payloads of the contract that could not be evaluated for this change. Their events were not fired; the record was changed all the same."`
	Duplicate bool            `json:"duplicate" doc:"The same request was answered before, and this is the answer that it got then."`
	Error     *Problem        `json:"error,omitempty" doc:"In a batch: the item was refused, and nothing of it was stored. The other members have no meaning then."`
}

// RecordAnswers are the answers to a batch, in its order.
type RecordAnswers struct {
	Items []RecordAnswer `json:"items"`
}

// RecordEvent is an event that a change fired.
type RecordEvent struct {
	ID         string            `json:"id" example:"evt_06ew2c6eqfy7d00000000000g0"`
	Type       string            `json:"type" example:"order.paid"`
	Deliveries int               `json:"deliveries" doc:"How many endpoints get the event." example:"1"`
	LeftOut    int               `json:"left_out,omitempty" doc:"How many more endpoints do not get the event because their filters gave an error or would have cost too much work. See left_out of a published event."`
	Hint       string            `json:"hint,omitempty" doc:"If the event goes to no endpoint: why, and what to do. It is said of the endpoints as they are now." example:"The tenant has no endpoint of standard. Create one; it can recover events from before."`
	HintCode   string            `json:"hint_code,omitempty" doc:"A stable word for the hint." example:"hint_no_endpoint"`
	HintParams map[string]string `json:"hint_params,omitempty" doc:"The values that the hint mentions."`
}

// RecordProblem says why an event was not fired: its condition or payload could not be evaluated.
type RecordProblem struct {
	Type   string `json:"type" doc:"Of the event." example:"order.paid"`
	Reason string `json:"reason,omitempty" enum:"condition_failed,payload_failed,over_budget,payload_too_large,record_unreadable" doc:"What failed: the condition (when), the payload, the budget of work, the largest size of a payload, or reading what was in the record." example:"condition_failed"`
	Line   int    `json:"line,omitempty" doc:"Line of the condition or payload in the contract." example:"120"`
	Detail string `json:"detail"`
}

// RecordFilter selects records. The zero value selects all.
type RecordFilter struct {
	Paging
	Contract, Kind string
}

func recordPath(tenant, contract, kind, key string) string {
	return path("tenants", tenant, "records", contract, kind, key)
}

// Record reads a document, byte for byte as it was written.
func (c *Client) Record(ctx context.Context, tenant, contract, kind, key string) (json.RawMessage, error) {
	doc, err := get[json.RawMessage](ctx, c, recordPath(tenant, contract, kind, key))
	if err != nil {
		return nil, err
	}
	return *doc, nil
}

// PutRecord writes a whole document. The answer has the events that the change fired.
func (c *Client) PutRecord(ctx context.Context, tenant, contract, kind, key string, document json.RawMessage) (*RecordAnswer, error) {
	return send[RecordAnswer](ctx, c, http.MethodPut, recordPath(tenant, contract, kind, key), document)
}

// PatchRecord applies a JSON Merge Patch to a document.
func (c *Client) PatchRecord(ctx context.Context, tenant, contract, kind, key string, patch json.RawMessage) (*RecordAnswer, error) {
	return send[RecordAnswer](ctx, c, http.MethodPatch, recordPath(tenant, contract, kind, key), patch)
}

// DeleteRecord removes a record.
func (c *Client) DeleteRecord(ctx context.Context, tenant, contract, kind, key string) (*RecordAnswer, error) {
	return send[RecordAnswer](ctx, c, http.MethodDelete, recordPath(tenant, contract, kind, key), nil)
}

// ChangeRecords makes up to 1000 changes. If a change is wrong, its answer has an Error, and the others are made.
func (c *Client) ChangeRecords(ctx context.Context, tenant string, changes []RecordChange) (*RecordAnswers, error) {
	body := []byte{'['}
	for i, change := range changes {
		if i > 0 {
			body = append(body, ',')
		}
		// Package json would change the white space of documents.
		document, patch := change.Document, change.Patch
		change.Document, change.Patch = nil, nil
		head, err := marshal(change)
		if err != nil {
			return nil, err
		}
		body = append(body, head[:len(head)-1]...)
		if document != nil {
			body = append(append(body, `,"document":`...), document...)
		}
		if patch != nil {
			body = append(append(body, `,"patch":`...), patch...)
		}
		body = append(body, '}')
	}
	return send[RecordAnswers](ctx, c, http.MethodPost, path("tenants", tenant, "records"), json.RawMessage(append(body, ']')))
}

// Records lists records by contract, kind and key.
func (c *Client) Records(ctx context.Context, tenant string, f RecordFilter) (*List[Record], error) {
	q := f.Paging.query()
	set(q, "contract", f.Contract)
	set(q, "kind", f.Kind)
	return get[List[Record]](ctx, c, withQuery(path("tenants", tenant, "records"), q))
}
