package api

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"gancho.example/client"
	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

const (
	deliveriesPath = "/v1/tenants/{tenant}/deliveries"
	shownAttempts  = 200
)

// DeliveryStore is what [Options] need of the database about deliveries.
type DeliveryStore interface {
	Delivery(ctx context.Context, tenant string, id hook.DeliveryID) (hook.Delivery, error)
	Deliveries(
		ctx context.Context, tenant string, f hook.DeliveryFilter, p hook.Page,
	) (list []hook.Delivery, next hook.ID, err error)
	// SearchDeliveries are the deliveries of a page whose event has what somebody looks for. It bounds how much a page looks at.
	SearchDeliveries(
		ctx context.Context, tenant string, f hook.DeliveryFilter, p hook.Page, has func(*hook.Event) bool,
	) (hook.DeliverySearch, error)
	// Attempts are the latest n, oldest first.
	Attempts(ctx context.Context, id hook.DeliveryID, n int) ([]*hook.Attempt, error)
	// Attempt is one of them by its number, from 1. It fails with KindNotFound if there is none.
	Attempt(ctx context.Context, id hook.DeliveryID, number int) (*hook.Attempt, error)
	// Body is the body that was frozen at the first attempt, nil if it equals the payload.
	Body(ctx context.Context, id hook.DeliveryID) ([]byte, error)
	Event(ctx context.Context, tenant string, id hook.EventID) (*hook.Event, error)
	TenantEndpoint(ctx context.Context, tenant string, id hook.EndpointID) (*hook.Endpoint, error)
}

// Explainer says in words for people why things are as they are. See package explain.
type Explainer interface {
	// Attempt says what became of an attempt. e is nil if the endpoint is gone.
	Attempt(e *hook.Endpoint, d hook.Delivery, at *hook.Attempt, language string) hook.Diagnosis
	// AttemptUnder is Attempt under a contract that need not be in force; nil: it is gone.
	AttemptUnder(c *contract.Contract, e *hook.Endpoint, d hook.Delivery, at *hook.Attempt, language string) hook.Diagnosis
	// Delivery says which rules made a delivery what it is. e, ev and last are nil if they are gone, or never were.
	// heldBy is the delivery that holds the queue before it, "" if none does.
	Delivery(d hook.Delivery, e *hook.Endpoint, ev *hook.Event, last *hook.Attempt, heldBy, language string) hook.Why
	// Event says why an endpoint got an event, or did not. d is the delivery, nil if there is none.
	Event(e *hook.Endpoint, ev *hook.Event, d *hook.Delivery, cancelled, language string) []hook.Reason
}

// deliveryHandlers answer requests about deliveries.
type deliveryHandlers struct {
	store      DeliveryStore
	deliveries admin.Deliveries
	events     admin.Events
	explain    Explainer
	sees       sights
}

func (h deliveryHandlers) register(a *API) {
	add(a, operation{
		id: "list-deliveries", contracts: true, method: http.MethodGet, path: deliveriesPath, tag: "deliveries", access: auth.Readers,
		summary: "List deliveries",
		description: "Newest event first. Filters by endpoint, event, since and until, and by the states failed, unknown " +
			"and cancelled, use an index. " +
			"With any other filter, one page looks at no more than 10,000 deliveries, or 5,000 of one endpoint. " +
			"A search in payloads (contains) says in searched how far the page looked.",
		codes: []string{"cursor_invalid", "personal_forbidden"},
	}, h.list)
	add(a, operation{
		id: "get-delivery", method: http.MethodGet, path: deliveriesPath + "/{delivery}", tag: "deliveries",
		access:  auth.Readers,
		summary: "Read a delivery",
		description: "With every request that was made for it and the response, secrets masked; a diagnosis of the " +
			"latest attempt; and, in plain words, the rules that made the delivery what it is.",
		codes: []string{"delivery_not_found", "personal_forbidden"},
	}, h.get)
	add(a, operation{
		id: "retry-delivery", scope: "deliveries:retry", method: http.MethodPost, path: deliveriesPath + "/{delivery}/retry", tag: "deliveries",
		access: auth.Managers,
		status: http.StatusAccepted, noBody: true, summary: "Send a delivery again",
		description: "A finished delivery is sent again with the same bytes, from the beginning of its retry schedule. " +
			"One that waits for its next attempt is sent now. While its endpoint is paused, the delivery waits.",
		codes: []string{
			"delivery_not_found", "at_most_once", "event_erased", "delivery_unfinished", "delivery_is_test",
			"endpoint_disabled", "endpoint_deleted",
		},
	}, h.retry)
	add(a, operation{
		id: "skip-delivery", scope: "deliveries:retry", method: http.MethodPost, path: deliveriesPath + "/{delivery}/skip", tag: "deliveries",
		access: auth.Managers,
		status: http.StatusAccepted, noBody: true, summary: "Skip a delivery that holds the queue",
		description: "Under a contract with a strict order, a delivery that failed holds those behind it. Skipping cancels it, " +
			"with the reason skipped, and the queue goes on. To send it again instead, use retry.",
		codes: []string{"delivery_not_found", "delivery_not_held"},
	}, h.skip)
}

// DeliveryPath are the path parameters of operations on one delivery.
type DeliveryPath struct {
	TenantPath
	Delivery string `path:"delivery" doc:"Id of the delivery." example:"dlv_06ew2c6eqfy7d00000000000g4"`
}

// delivery reads the delivery that a path names.
func (h deliveryHandlers) delivery(ctx context.Context, in DeliveryPath) (hook.Delivery, error) {
	id, err := hook.ParseDeliveryID(in.Delivery)
	if err != nil {
		return hook.Delivery{}, hook.NotFound("delivery", in.Delivery)
	}
	return h.store.Delivery(ctx, in.Tenant, id)
}

func wireDelivery(d hook.Delivery) client.Delivery {
	out := client.Delivery{
		ID: d.ID.String(), Event: d.ID.Event().String(), Endpoint: d.Endpoint.String(), Type: d.Type, State: string(d.State),
		Reason: d.Reason,
		Mode:   string(d.Mode), Test: d.Test, Attempts: d.Attempts, CreatedAt: d.CreatedAt, FinishedAt: wireTime(d.FinishedAt),
	}
	if !d.State.Finished() {
		out.NextAttemptAt = wireTime(d.NextAttemptAt)
		out.Held = d.Held()
	}
	return out
}

func (h deliveryHandlers) list(ctx context.Context, in *struct {
	TenantPath
	Paging
	Span
	Endpoint []string `query:"endpoint,explode" maxItems:"50" doc:"Only to these endpoints. The name can be repeated, as those of type, contract and state can." example:"ep_06ew2c5e8m4b900000000000g0"`
	Event    string   `query:"event" maxLength:"128" doc:"Only of this event: its id, Gancho's or the caller's own."`
	Type     []string `query:"type,explode" maxItems:"100" doc:"Only of these event types." example:"order.paid"`
	Contract []string `query:"contract,explode" maxItems:"50" doc:"Only to endpoints of these contracts." example:"standard"`
	State    []string `query:"state,explode" maxItems:"7" enum:"pending,sending,retrying,delivered,failed,unknown,cancelled" doc:"Only in these states."`
	By       string   `query:"by" enum:"made,ended" default:"made" doc:"What since and until are compared with: the time at which the event was made, or that at which its delivery ended (finished_at), as the statistics count it. ended leaves out what has not ended."`
	Tests    bool     `query:"tests" default:"true" doc:"false leaves out tests of endpoints, which the statistics do not count."`
	Contains string   `query:"contains" maxLength:"200" doc:"Only of events whose payload has this text, letter by letter. A page looks at 2,000 payloads, 16 MiB or two seconds, whichever comes first: go on with next_cursor. What a contract calls sensitive is not searched unless reveal is true."`
	Revealing
},
) (*struct{ Body client.DeliveryList }, error) {
	list := listName("deliveries", in.Tenant, fmt.Sprintf("%q %q %q %q", in.Endpoint, in.Type, in.Contract, in.State), in.Event, in.By,
		strconv.FormatBool(in.Tests), in.Contains, in.name())
	p, err := in.page(list)
	if err != nil {
		return nil, err
	}
	f := hook.DeliveryFilter{Types: in.Type, Since: in.Since, Until: in.Until, Ended: in.By == "ended", NoTests: !in.Tests}
	for _, s := range in.State {
		f.States = append(f.States, hook.State(s))
	}
	for _, s := range in.Type {
		if n := utf8.RuneCountInString(s); n > 128 {
			return nil, hook.InvalidFields("request_invalid", hook.Field(hook.Parameter+"type", "too_long",
				"This can have at most {max} characters; there are {count}.", "max", 128, "count", n))
		}
	}
	none := &struct{ Body client.DeliveryList }{client.DeliveryList{List: client.List[client.Delivery]{Items: []client.Delivery{}}}}
	if f.Endpoints, err = endpointIDs(in.Endpoint, hook.Parameter+"endpoint"); err != nil {
		return nil, err
	}
	if f.Contracts, err = h.contracts(ctx, in.Tenant, in.Contract, f.Endpoints); err != nil {
		return nil, err
	}
	if in.Event != "" {
		e, err := h.events.Find(ctx, in.Tenant, in.Event)
		if hook.IsKind(err, hook.KindNotFound) {
			return none, nil
		}
		if err != nil {
			return nil, err
		}
		f.Event = e.ID
		if err := auth.AdmitContract(keyOf(ctx), e.Contract); err != nil {
			return nil, err
		}
	}
	if in.Contains != "" {
		return h.search(ctx, in.Tenant, f, p, in.Contains, in.Revealing, list)
	}
	deliveries, next, err := h.store.Deliveries(ctx, in.Tenant, f, p)
	if err != nil {
		return nil, err
	}
	return &struct{ Body client.DeliveryList }{client.DeliveryList{List: wireList(deliveries, next, list, wireDelivery)}}, nil
}

// search finds deliveries by a text in what the caller may see of the payloads of their events.
func (h deliveryHandlers) search(
	ctx context.Context, tenant string, f hook.DeliveryFilter, p hook.Page, text string, r Revealing, list string,
) (*struct{ Body client.DeliveryList }, error) {
	sight, err := h.sees.of(ctx, r, tenant, "deliveries")
	if err != nil {
		return nil, err
	}
	s := hook.PayloadSearch{Text: text, Personal: sight.Personal, Shown: h.sees.Event}
	found, err := h.store.SearchDeliveries(ctx, tenant, f, p, s.Has)
	if err != nil {
		return nil, err
	}
	out := client.DeliveryList{
		List:     wireList(found.List, found.Next, list, wireDelivery),
		Searched: &client.Searched{Deliveries: found.Looked, Unreadable: found.Hidden, Back: wireTime(found.Back)},
	}
	return &struct{ Body client.DeliveryList }{out}, nil
}

// endpointIDs reads the ids of endpoints. place is that of the list in the request.
func endpointIDs(list []string, place string) (ids []hook.EndpointID, err error) {
	for _, s := range list {
		if s == "" { // ?endpoint=
			continue
		}
		id, err := hook.ParseEndpointID(s)
		if err != nil {
			return nil, hook.InvalidFields("request_invalid", hook.Field(place, "endpoint_id",
				"This is no endpoint id; one looks like ep_06ew2c5e8m4b900000000000g0."))
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// contracts are those to whose endpoints a list of deliveries is limited, because the request names them or because its
// key may touch no others; nil: it is not. It fails if the request names a contract, or an endpoint of one, that the key
// may not touch.
func (h deliveryHandlers) contracts(
	ctx context.Context, tenant string, named []string, endpoints []hook.EndpointID,
) ([]string, error) {
	named = slices.DeleteFunc(named, func(s string) bool { return s == "" })
	of := keyOf(ctx).Contracts
	if len(of) == 0 {
		return named, nil
	}
	for _, name := range named {
		if err := auth.AdmitContract(keyOf(ctx), name); err != nil {
			return nil, err
		}
	}
	for _, id := range endpoints {
		if err := h.admitEndpoint(ctx, tenant, id); err != nil {
			return nil, err
		}
	}
	if len(named) > 0 {
		return named, nil
	}
	return of, nil
}

func (h deliveryHandlers) get(ctx context.Context, in *struct {
	DeliveryPath
	Speaks
	Revealing
	Bodies bool `query:"bodies" default:"true" doc:"false leaves out the bodies of requests; each can be read by itself."`
},
) (*struct{ Body client.DeliveryDetail }, error) {
	d, err := h.delivery(ctx, in.DeliveryPath)
	if err != nil {
		return nil, err
	}
	e, err := h.store.TenantEndpoint(ctx, in.Tenant, d.Endpoint)
	if err != nil && !hook.IsKind(err, hook.KindNotFound) { // the endpoint may have been deleted
		return nil, err
	}
	ev, err := h.store.Event(ctx, d.Tenant, d.ID.Event())
	hidden := errors.Is(err, hook.ErrUnreadable)                       // nobody knows then what in a body is sensitive
	if err != nil && !hidden && !hook.IsKind(err, hook.KindNotFound) { // the event may have been removed
		return nil, err
	}
	attempts, err := h.store.Attempts(ctx, d.ID, shownAttempts)
	if err != nil {
		return nil, err
	}
	sight, err := h.sees.of(ctx, in.Revealing, in.Tenant, d.ID.String())
	if err != nil {
		return nil, err
	}
	out := client.DeliveryDetail{Delivery: wireDelivery(d), AttemptList: []client.Attempt{}}
	var holder *hook.Delivery
	if d.State.Waiting() {
		if holder, err = h.deliveries.Holder(ctx, e); err != nil {
			return nil, err
		}
		if holder != nil && holder.ID != d.ID {
			out.HeldBy = holder.ID.String()
		}
	}
	var last *hook.Attempt
	if len(attempts) > 0 {
		var body []byte
		if in.Bodies && !hidden {
			if body, err = h.sentBody(ctx, d, ev); err != nil && !errors.Is(err, hook.ErrUnreadable) { // then it is left out
				return nil, err
			}
		}
		for _, at := range attempts {
			last = h.sees.Attempt(sight, e, ev, at, body)
			shown := wireAttempt(last)
			if !in.Bodies {
				shown.Request.Body, shown.Request.BodyBase64 = "", ""
			}
			out.AttemptList = append(out.AttemptList, shown)
		}
		out.Diagnosis = new(wireDiagnosis(h.explain.Attempt(h.sees.Endpoint(sight, e), d, last, in.language())))
	}
	out.Why = wireWhy(h.explain.Delivery(d, e, ev, last, out.HeldBy, in.language()))
	return &struct{ Body client.DeliveryDetail }{out}, nil
}

func wireDiagnosis(d hook.Diagnosis) client.Diagnosis {
	return client.Diagnosis{Code: d.Code, Level: d.Level, Language: d.Language, Title: d.Title, Advice: d.Advice}
}

func wireReason(r hook.Reason) client.Reason {
	return client.Reason{Code: r.Code, Detail: r.Detail, Cause: r.Cause}
}

func wireWhy(w hook.Why) client.DeliveryWhy {
	optional := func(r *hook.Reason) *client.Reason {
		if r == nil {
			return nil
		}
		return new(wireReason(*r))
	}
	return client.DeliveryWhy{
		Made: optional(w.Made), Taken: optional(w.Taken), Judged: optional(w.Judged), Rule: optional(w.Rule),
		Next: wireReason(w.Next),
	}
}

// sentBody is the body of a delivery's requests. An attempt that sent another one has its own. ev is nil if the event
// was removed.
func (h deliveryHandlers) sentBody(ctx context.Context, d hook.Delivery, ev *hook.Event) ([]byte, error) {
	body, err := h.store.Body(ctx, d.ID)
	if err != nil || body != nil || ev == nil {
		return body, err
	}
	return ev.Payload, nil
}

func attemptID(at *hook.Attempt) string {
	return fmt.Sprintf("att_%s_%d", strings.TrimPrefix(at.Delivery.String(), "dlv_"), at.Number)
}

// attemptNumber is the number at the end of an attempt's id, false if there is none.
func attemptNumber(id string) (n int, ok bool) {
	_, digits, ok := strings.Cut(strings.TrimPrefix(id, "att_"), "_")
	n, err := strconv.Atoi(digits)
	return n, ok && err == nil && n > 0 && n <= math.MaxInt32
}

func wireAttempt(at *hook.Attempt) client.Attempt {
	x := at.Extras()
	out := client.Attempt{
		ID:        attemptID(at),
		Transport: at.Transport, StartedAt: at.StartedAt, Interrupted: at.Interrupted, Unreadable: at.Unreadable,
		Rule: x.Rule, RuleError: x.RuleFailed,
		Request: client.Request{Method: at.Request.Method, URL: at.Request.URL, Headers: pairs(at.Request.Headers)},
		TimingMS: client.Timing{
			DNS: ms(at.Timing.DNS), Connect: ms(at.Timing.Connect), TLS: ms(at.Timing.TLS), FirstByte: ms(at.Timing.FirstByte),
			Total: ms(at.Timing.Total),
		},
	}
	if at.Request.Method != "" { // without a method nothing was sent
		out.Request.Body, out.Request.BodyBase64 = text(at.Request.Body)
	}
	for _, s := range x.Steps {
		out.Steps = append(out.Steps, client.Step{What: s.What, Method: s.Method, URL: s.URL, Status: s.Status, Class: s.Class, TookMS: ms(s.Took)})
	}
	if r := at.Response; r != nil {
		out.Response = &client.Response{Status: r.Status, Headers: pairs(r.Headers), Truncated: r.Truncated}
		out.Response.Body, out.Response.BodyBase64 = text(r.Body)
	}
	if b := x.Batch; !b.IsZero() {
		out.Batch = &client.Batch{ID: b.ID.String(), Position: b.Place, Of: b.Of}
	}
	if at.Class != "" {
		out.Error = &client.AttemptError{Class: at.Class, Detail: at.Detail}
	}
	return out
}

// text shows bytes in JSON: as a string if they are UTF-8, or else as base64.
func text(b []byte) (plain, encoded string) {
	if utf8.Valid(b) {
		return string(b), ""
	}
	return "", base64.StdEncoding.EncodeToString(b)
}

func pairs(headers []hook.Header) [][2]string {
	out := make([][2]string, len(headers))
	for i, h := range headers {
		out[i] = [2]string{strings.ToValidUTF8(h.Name, "\uFFFD"), strings.ToValidUTF8(h.Value, "\uFFFD")}
	}
	return out
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (h deliveryHandlers) skip(ctx context.Context, in *DeliveryPath) (*struct{ Body client.Delivery }, error) {
	d, err := h.delivery(ctx, *in)
	if err != nil {
		return nil, err
	}
	if d, err = h.deliveries.Skip(ctx, d); err != nil {
		return nil, err
	}
	return &struct{ Body client.Delivery }{wireDelivery(d)}, nil
}

func (h deliveryHandlers) retry(ctx context.Context, in *DeliveryPath) (*struct{ Body client.Delivery }, error) {
	d, err := h.delivery(ctx, *in)
	if err != nil {
		return nil, err
	}
	if d, err = h.deliveries.Retry(ctx, d); err != nil {
		return nil, err
	}
	return &struct{ Body client.Delivery }{wireDelivery(d)}, nil
}
