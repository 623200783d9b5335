package api

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"gancho.example/client"
	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

const eventsPath = "/v1/tenants/{tenant}/events"

// EventStore is what [Options] need of the database about events.
type EventStore interface {
	admin.EventStore
	EventDeliveries(ctx context.Context, tenant string, id hook.EventID) (int, error)
	// Events come without payloads. A page may have fewer events than asked for although more follow; then next is not
	// zero.
	Events(
		ctx context.Context, tenant string, f hook.EventFilter, p hook.Page,
	) (list []*hook.Event, next hook.ID, err error)
}

// eventHandlers answer requests to read events.
type eventHandlers struct {
	store EventStore
	sees  sights
}

func (h eventHandlers) register(a *API) {
	add(a, operation{
		id: "list-events", contracts: true, method: http.MethodGet, path: eventsPath, tag: "events", access: auth.Readers,
		summary: "List events",
		description: "Newest first, without payloads. With a filter by type or contract, one page looks at no more than " +
			"10,000 events.",
		codes: []string{"cursor_invalid"},
	}, h.list)
	get := operation{
		id: "get-event", method: http.MethodGet, path: eventsPath + "/{event}", tag: "events", access: auth.Readers,
		summary: "Read an event",
		description: "By its id (evt_…) or by the id that it was given when it was published. The payload comes byte for " +
			"byte as it was; one that is not JSON, as a string. What the contract calls sensitive is masked.",
		codes: []string{"event_not_found", "personal_forbidden"},
	}
	add(a, get, h.get)
	a.describeBody(get.method, get.path, "200", reflect.TypeFor[client.Event]())
}

// Span are the parameters that limit a list to a span of time.
type Span struct {
	Since time.Time `query:"since" doc:"Only events made then or later, to the millisecond." example:"2026-11-21T00:00:00Z"`
	Until time.Time `query:"until" doc:"Only events made before then." example:"2026-11-22T00:00:00Z"`
}

func (s Span) name() string { return s.Since.UTC().String() + s.Until.UTC().String() }

func wireEvent(e *hook.Event) client.Event {
	return client.Event{
		ID: e.ID.String(), ExternalID: e.ExternalID, Contract: e.Contract, Type: e.Type, Source: string(e.Door),
		CreatedAt:   e.CreatedAt,
		ContentType: e.ContentType, Unreadable: e.Unreadable,
	}
}

func (h eventHandlers) list(ctx context.Context, in *struct {
	TenantPath
	Paging
	Span
	Type     string `query:"type" maxLength:"128" doc:"Only of this type." example:"order.paid"`
	Contract string `query:"contract" maxLength:"64" doc:"Only of this contract."`
},
) (*struct{ Body client.List[client.Event] }, error) {
	list := listName("events", in.Tenant, in.Type, in.Contract, in.name())
	p, err := in.page(list)
	if err != nil {
		return nil, err
	}
	f := hook.EventFilter{Type: in.Type, Contract: in.Contract, Since: in.Since, Until: in.Until}
	events, next, err := h.store.Events(ctx, in.Tenant, f, p)
	if err != nil {
		return nil, err
	}
	events = touchable(ctx, events, func(e *hook.Event) string { return e.Contract })
	return &struct{ Body client.List[client.Event] }{wireList(events, next, list, wireEvent)}, nil
}

// rawOutput is an answer that is JSON already.
type rawOutput struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (h eventHandlers) get(ctx context.Context, in *struct {
	TenantPath
	Revealing
	Event   string `path:"event" maxLength:"128" doc:"Id of the event, Gancho's or the caller's own." example:"evt_06ew2c6eqfy7d00000000000g0"`
	Payload bool   `query:"payload" default:"true" doc:"false leaves the payload out; it can be read by itself."`
},
) (*rawOutput, error) {
	e, err := (admin.Events{Store: h.store}).Find(ctx, in.Tenant, in.Event)
	if err != nil && !errors.Is(err, hook.ErrUnreadable) { // then all but the payload is shown
		return nil, err
	}
	n, err := h.store.EventDeliveries(ctx, in.Tenant, e.ID)
	if err != nil {
		return nil, err
	}
	sight, err := h.sees.of(ctx, in.Revealing, in.Tenant, e.ID.String())
	if err != nil {
		return nil, err
	}
	var out client.Event
	var payload []byte
	if e.Unreadable {
		out, payload = wireEvent(e), []byte("null")
	} else {
		misshapen := h.sees.Misshapen(e)
		e = h.sees.Event(sight, e)
		if out, payload = wireEvent(e), e.Payload; in.Payload && !e.JSON() {
			out.PayloadEncoding, payload = quoted(payload)
		}
		if len(misshapen) > 0 {
			out.SchemaErrors = fieldErrors(misshapen)
		}
	}
	// The payload is appended as it is, because an encoder would change its bytes.
	head := encode(out)
	body := bytes.TrimSuffix(head, []byte("}"))
	body = append(body, `,"deliveries":`...)
	body = strconv.AppendInt(body, int64(n), 10)
	if in.Payload {
		body = append(body, `,"payload":`...)
		body = append(body, payload...)
	}
	return &rawOutput{"application/json", append(body, '}')}, nil
}

// quoted is a payload that is not JSON as a JSON string, and how the string shows it.
func quoted(payload []byte) (encoding string, text []byte) {
	if utf8.Valid(payload) {
		return "text", encode(string(payload))
	}
	return "base64", encode(payload)
}

// describeBody describes an answer that huma gets as bytes.
func (a *API) describeBody(method, path, status string, t reflect.Type) {
	op := a.operation(method, path)
	schema := a.huma.OpenAPI().Components.Schemas.Schema(t, true, "")
	op.Responses[status].Content = map[string]*huma.MediaType{"application/json": {Schema: schema}}
	op.Responses[status].Headers = nil
}
