package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"gancho/internal/auth"
	"gancho/internal/hook"
)

// exactHandlers answer requests for stored bytes alone. In a JSON answer the same bytes are a member
// among others: a program that reads them with a JSON library gets other numbers and escapes, and a page has to hold
// the whole document to show a part of it.
type exactHandlers struct{ deliveryHandlers }

func (h exactHandlers) register(a *API) {
	payload := operation{
		id: "get-event-payload", method: http.MethodGet, path: eventsPath + "/{event}/payload", tag: "events",
		access:  auth.Readers,
		summary: "Read the payload of an event",
		description: "The exact bytes that were published, without anything around them; what the contract calls sensitive is masked. The type of those that are not " +
			"JSON is " +
			"application/octet-stream here; their own is the content_type of the event.",
		codes: []string{"event_not_found", "personal_forbidden"},
	}
	add(a, payload, h.payload)
	a.describeExact(payload, "application/json", "application/octet-stream")
	body := operation{
		id: "get-attempt-body", method: http.MethodGet, path: deliveriesPath + "/{delivery}/attempts/{attempt}/body",
		tag: "deliveries", access: auth.Readers,
		summary: "Read the body of a request",
		description: "The exact bytes of the body that one attempt of a delivery sent; secrets are masked as in the " +
			"delivery. " +
			"The type is always application/octet-stream; the one that was sent is in the headers of the attempt.",
		codes: []string{"delivery_not_found", "attempt_not_found", "personal_forbidden"},
	}
	add(a, body, h.attemptBody)
	a.describeExact(body, "application/octet-stream")
}

// exactOutput is bytes that others chose. A browser saves them and never shows them as a page of this origin, whatever
// they are.
type exactOutput struct {
	ContentType   string `header:"Content-Type"`
	Disposition   string `header:"Content-Disposition"`
	Sniffing      string `header:"X-Content-Type-Options"`
	Policy        string `header:"Content-Security-Policy"`
	ResourcesFrom string `header:"Cross-Origin-Resource-Policy"`
	CacheControl  string `header:"Cache-Control"`
	Body          []byte
}

func exact(contentType, file string, body []byte) *exactOutput {
	return &exactOutput{
		contentType, `attachment; filename="` + file + `"`, "nosniff", "default-src 'none'; sandbox",
		"same-origin", "no-store", body,
	}
}

func (a *API) describeExact(op operation, contentTypes ...string) {
	ok := a.operation(op.method, op.path).Responses["200"]
	ok.Content = map[string]*huma.MediaType{}
	for _, contentType := range contentTypes {
		ok.Content[contentType] = &huma.MediaType{Schema: &huma.Schema{}}
	}
	ok.Headers = nil
}

func (h exactHandlers) payload(ctx context.Context, in *struct {
	TenantPath
	Revealing
	Event string `path:"event" maxLength:"128" doc:"Id of the event, Gancho's or the caller's own." example:"evt_06ew2c6eqfy7d00000000000g0"`
},
) (*exactOutput, error) {
	e, err := h.events.Find(ctx, in.Tenant, in.Event)
	if err != nil {
		return nil, err
	}
	sight, err := h.sees.of(ctx, in.Revealing, in.Tenant, e.ID.String())
	if err != nil {
		return nil, err
	}
	e = h.sees.Event(sight, e)
	if !e.JSON() {
		return exact("application/octet-stream", e.ID.String(), e.Payload), nil
	}
	return exact("application/json", e.ID.String()+".json", e.Payload), nil
}

func (h exactHandlers) attemptBody(ctx context.Context, in *struct {
	DeliveryPath
	Revealing
	Attempt string `path:"attempt" maxLength:"128" doc:"Id of the attempt, from the attempt_list of the delivery." example:"att_06ew2c6eqfy7d00000000000g4_1"`
},
) (*exactOutput, error) {
	d, err := h.delivery(ctx, in.DeliveryPath)
	if err != nil {
		return nil, err
	}
	at, err := h.attempt(ctx, d.ID, in.Attempt)
	if err != nil {
		return nil, err
	}
	e, err := h.store.TenantEndpoint(ctx, in.Tenant, d.Endpoint)
	if err != nil && !hook.IsKind(err, hook.KindNotFound) { // the endpoint may have been deleted
		return nil, err
	}
	ev, err := h.store.Event(ctx, d.Tenant, d.ID.Event())
	if err != nil && !hook.IsKind(err, hook.KindNotFound) { // the event may have been removed meanwhile
		return nil, err
	}
	body, err := h.sentBody(ctx, d, ev)
	if err != nil {
		return nil, err
	}
	sight, err := h.sees.of(ctx, in.Revealing, in.Tenant, d.ID.String())
	if err != nil {
		return nil, err
	}
	body = h.sees.Attempt(sight, e, ev, at, body).Request.Body
	return exact("application/octet-stream", in.Attempt, body), nil
}

// attempt reads the attempt of a delivery that has an id. An attempt that sent nothing has no body, so it is not found.
func (h exactHandlers) attempt(ctx context.Context, d hook.DeliveryID, id string) (*hook.Attempt, error) {
	number, ok := attemptNumber(id)
	if !ok {
		return nil, hook.NotFound("attempt", id)
	}
	at, err := h.store.Attempt(ctx, d, number)
	switch {
	case err != nil && !hook.IsKind(err, hook.KindNotFound):
		return nil, err
	case err == nil && attemptID(at) == id && at.Unreadable:
		return nil, hook.ErrUnreadable
	case err != nil, attemptID(at) != id, at.Request.Method == "": // of another delivery, or nothing was sent
		return nil, hook.NotFound("attempt", id)
	}
	return at, nil
}
