package client

import (
	"context"
	"encoding/json"
	"net/http"
	"time"
)

// NewEvent is an event to publish.
type NewEvent struct {
	Type     string          `json:"type" minLength:"1" maxLength:"128" pattern:"^[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}$" doc:"Type of the event." example:"order.paid"`
	ID       string          `json:"id,omitempty" maxLength:"128" pattern:"^[A-Za-z0-9_.:-]{1,128}$" doc:"Your own id of the event. If it is sent again within 24 hours, nothing is stored, and the answer is the first one." example:"my-123"`
	Contract string          `json:"contract,omitempty" default:"standard" doc:"Only endpoints of this contract get the event." example:"standard"`
	Payload  json.RawMessage `json:"payload" doc:"Any JSON value. Its bytes are stored exactly as they are sent."`
}

// EventAnswer is the answer to a published event, which is stored durably.
type EventAnswer struct {
	ID         string            `json:"id" doc:"Also the webhook-id that receivers see." example:"evt_06ew2c6eqfy7d00000000000g0"`
	ExternalID string            `json:"external_id,omitempty" doc:"Your own id, if you gave one." example:"my-123"`
	Deliveries int               `json:"deliveries" doc:"How many endpoints get the event." example:"1"`
	LeftOut    int               `json:"left_out,omitempty" doc:"How many more endpoints have a filter that gave an error for this event, or would have cost more work than one event may cost. Each has a delivery that is cancelled with the reason filter_failed or over_budget and can be retried or recovered. If an endpoint has more than 60 of those in a minute, the others are only counted (see the list of omissions) and can be recovered as missing."`
	Duplicate  bool              `json:"duplicate" doc:"The same event was accepted before, and this is the answer that it got then."`
	Hint       string            `json:"hint,omitempty" doc:"If the event goes to no endpoint: why, and what to do. It is said of the endpoints as they are now." example:"The tenant has no endpoint of standard. Create one; it can recover events from before."`
	HintCode   string            `json:"hint_code,omitempty" doc:"A stable word for the hint." example:"hint_no_endpoint"`
	HintParams map[string]string `json:"hint_params,omitempty" doc:"The values that the hint mentions."`
	Error      *Problem          `json:"error,omitempty" doc:"In a batch: the item was refused, and nothing of it was stored. The other members have no meaning then."`
}

// EventAnswers are the answers to a batch, in its order.
type EventAnswers struct {
	Items []EventAnswer `json:"items"`
}

// Event is something that happened.
type Event struct {
	ID         string    `json:"id" example:"evt_06ew2c6eqfy7d00000000000g0"`
	ExternalID string    `json:"external_id,omitempty" example:"my-123"`
	Contract   string    `json:"contract" example:"standard"`
	Type       string    `json:"type" example:"order.paid"`
	Source     string    `json:"source" doc:"How the event came in: api, record, schedule, inbound or test." example:"api"`
	CreatedAt  time.Time `json:"created_at"`
	Deliveries int       `json:"deliveries,omitempty" doc:"How many deliveries it has. Left out in lists."`
	// ContentType is the media type of a payload that is not JSON, "" for JSON.
	ContentType string `json:"content_type,omitempty" doc:"The media type of a payload that is not JSON. Left out for JSON." example:"application/x-www-form-urlencoded"`
	// PayloadEncoding says how Payload shows a payload that is not JSON: it is a string then, "text" or "base64".
	PayloadEncoding string `json:"payload_encoding,omitempty" enum:"text,base64" doc:"Only with content_type: the payload is a string, either the text itself or, if it is not UTF-8, its bytes in base64."`
	Unreadable      bool   `json:"unreadable,omitempty" doc:"The payload is stored encrypted and cannot be decrypted: it was damaged, or its encryption key is missing. It is shown as null. Left out in lists."`
	// SchemaErrors is what the schema of the event type refuses of a payload that was accepted all the same.
	SchemaErrors []ProblemError  `json:"schema_errors,omitempty" doc:"What the schema of the event type refuses of the payload, if the contract accepts such payloads (schema_on_post: report). By the contract in force now. Left out in lists."`
	Payload      json.RawMessage `json:"payload,omitempty" doc:"Byte for byte as it was published, unless there is a content_type. Left out in lists."`
}

// EventFilter selects events. The zero value selects all.
type EventFilter struct {
	Paging
	Type, Contract string
	Since, Until   time.Time
}

// PublishEvent publishes one event. It returns when the event is stored durably.
func (c *Client) PublishEvent(ctx context.Context, tenant string, in NewEvent) (*EventAnswer, error) {
	body, err := appendEvent(nil, in)
	if err != nil {
		return nil, err
	}
	return send[EventAnswer](ctx, c, http.MethodPost, path("tenants", tenant, "events"), json.RawMessage(body))
}

// PublishEvents publishes up to 1000 events. If an event is wrong, its answer has an Error, and the others are
// accepted.
func (c *Client) PublishEvents(ctx context.Context, tenant string, in []NewEvent) (*EventAnswers, error) {
	return c.PublishOnce(ctx, tenant, "", in)
}

// PublishOnce is [Client.PublishEvents] with an Idempotency-Key. Sending the same key and events again within 24 hours
// stores nothing, and gets the first answers.
func (c *Client) PublishOnce(ctx context.Context, tenant, key string, in []NewEvent) (*EventAnswers, error) {
	body := []byte{'['}
	for i, e := range in {
		if i > 0 {
			body = append(body, ',')
		}
		var err error
		if body, err = appendEvent(body, e); err != nil {
			return nil, err
		}
	}
	header := http.Header{}
	if key != "" {
		header.Set("Idempotency-Key", key)
	}
	out := new(EventAnswers)
	err := c.call(ctx, http.MethodPost, path("tenants", tenant, "events"), header, json.RawMessage(append(body, ']')), out)
	if err != nil {
		return nil, err
	}
	return out, nil
}

// appendEvent encodes an event without package json, which would change the white space of the payload.
func appendEvent(b []byte, e NewEvent) ([]byte, error) {
	head, err := marshal(struct {
		Type     string `json:"type"`
		ID       string `json:"id,omitempty"`
		Contract string `json:"contract,omitempty"`
	}{e.Type, e.ID, e.Contract})
	if err != nil {
		return nil, err
	}
	b = append(b, head[:len(head)-1]...)
	if e.Payload != nil { // without a payload the server says that it is missing
		b = append(b, `,"payload":`...)
		b = append(b, e.Payload...)
	}
	return append(b, '}'), nil
}

// Event reads an event by its id (evt_…), or by the id that its publisher gave it.
func (c *Client) Event(ctx context.Context, tenant, event string) (*Event, error) {
	return get[Event](ctx, c, path("tenants", tenant, "events", event))
}

// EventPayload reads the payload of an event, byte for byte as it was published.
func (c *Client) EventPayload(ctx context.Context, tenant, event string) ([]byte, error) {
	raw, err := get[json.RawMessage](ctx, c, path("tenants", tenant, "events", event, "payload"))
	if err != nil {
		return nil, err
	}
	return *raw, nil
}

// Events lists events, newest first, without their payloads.
func (c *Client) Events(ctx context.Context, tenant string, f EventFilter) (*List[Event], error) {
	q := f.Paging.query()
	set(q, "type", f.Type)
	set(q, "contract", f.Contract)
	setTime(q, "since", f.Since)
	setTime(q, "until", f.Until)
	return get[List[Event]](ctx, c, withQuery(path("tenants", tenant, "events"), q))
}
