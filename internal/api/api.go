// Package api is Gancho's REST API: JSON under /v1, described by an OpenAPI 3.1
// document at /openapi.json.
//
// It turns requests into calls of the use cases of package admin, and what they return into JSON, or into problems
// (RFC 9457) if it is an error. Each noun has a file with a struct of handlers and an interface for what they read from
// the database. It is the only package that knows the JSON of the API and its HTTP statuses. It promises:
//
//   - When a handler answers with 2xx, what was asked for is stored durably. Any other answer means that nothing was
//     stored.
//   - Errors say what to change, and never repeat what was sent. Keys, secrets and payloads appear only in answers of
//     operations that show them, and in no log.
//   - A key of one tenant finds nothing of another tenant, not even that it exists.
//   - Requests are read up to a limit and checked before anything is done: valid UTF-8, no member twice, no unknown
//     members, bounded depth.
//
// huma runs all operations except the hot ones. Events and changes of records come in so often that handlers of their
// own (publish.go, record_change.go) scan the bytes without decoding them into Go values.
package api

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

// Options of [New]. Fields without a comment must be set.
type Options struct {
	Admin    admin.Admin
	Auth     *auth.Auth
	Accepter Accepter
	Changer  Changer
	Quota    Quota // nil: nothing is limited
	Explain  Explainer
	Views    Views
	Streams  Streams
	Guide    Guide
	// Senders are the addresses that requests come from, as receivers see them; empty: they are not known.
	Senders []string

	Events     EventStore
	Deliveries DeliveryStore
	Records    RecordStore
	Stats      StatsStore
	Omissions  OmissionStore
	Audit      AuditStore
	Health     Health

	Once     OnceStore     // nil: an Idempotency-Key of a request that changes the configuration does nothing
	KeepKeys time.Duration // how long such a key is remembered; 0: 24 hours

	Log     *slog.Logger // nil: none
	Metrics http.Handler // serves /metrics; nil: none
	// MaxPayload is the largest payload of one event, and the largest document of a record, in bytes; 0 means 1 MiB.
	MaxPayload int
	// Bodies is how many bytes of request bodies may be in memory at the same time; 0 means 256 MiB.
	Bodies  int64
	Version string // of the program, for the document; "": dev
	// Examples are contracts whose requests the OpenAPI document has as examples, called at most once; nil: there are none.
	Examples func() []*contract.Contract
	// PublicURL is the address at which browsers reach the server; nil: the one that they used for their request. If it has
	// a path, that is no part of the paths of requests any more (package listen).
	PublicURL *url.URL
	// PortalLogo is the URL path at which Console serves the operator's logo; "": there is none.
	PortalLogo string
	// PortalAccent is the colour of the portal if a link names none; "": the portal's own.
	PortalAccent string
	Console      Pages // nil: none
}

// Accepter stores events and their deliveries. They are durable when it returns. An error is about the whole request,
// and means that nothing was stored.
type Accepter interface {
	Accept(ctx context.Context, in hook.NewEvents) ([]hook.EventAnswer, error)
	// Fresh is what of a request was not accepted before. It reads the database.
	Fresh(ctx context.Context, in hook.NewEvents) (hook.QuotaAsk, error)
}

// Changer changes records and stores the events that the changes fire. All of it is durable when it returns. An error
// is about the whole request, and means that nothing was stored.
type Changer interface {
	Change(ctx context.Context, in hook.RecordChanges) ([]hook.RecordAnswer, error)
	// Repeats reports whether a request has the Idempotency-Key of one before. It reads the database.
	Repeats(ctx context.Context, in hook.RecordChanges) (bool, error)
}

// Pages serves pages for people. It gets the requests for which the API has no operation.
type Pages interface {
	http.Handler
	// Takes reports whether a request is for a page, or for a file that a page needs.
	Takes(r *http.Request) bool
}

// API serves the REST API. Its methods may be called from any goroutine.
type API struct {
	failures
	addresses addresses
	auth      *auth.Auth
	tenants   tenantReader
	contracts *contract.Set
	console   Pages // nil: none
	lookups   lookupHandlers
	objects   objects
	accept    *acceptHandlers
	once      OnceStore
	keepKeys  time.Duration
	bodies    *bodies // memory for the bodies of all requests
	mux       *http.ServeMux
	huma      huma.API
	docs      *openapi
}

// New makes the API. It starts nothing.
func New(o Options) *API {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Quota == nil {
		o.Quota = noQuota{}
	}
	if o.MaxPayload <= 0 {
		o.MaxPayload = 1 << 20
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	if o.Admin.Contracts.InForce == nil {
		o.Admin.Contracts.InForce = new(contract.Set)
	}
	answers := failures{o.Log}
	all, at := newBodies(o.Bodies, largestBody(o.MaxPayload)), addresses{o.PublicURL}
	a := &API{
		failures: answers, addresses: at, auth: o.Auth, tenants: o.Admin.Tenants.Store, contracts: o.Admin.Contracts.InForce,
		console: o.Console,
		lookups: lookupHandlers{answers, o.Admin.Lookups, o.Auth},
		objects: objects{o.Admin.Endpoints, o.Admin.Credentials, o.Admin.Events, o.Deliveries},
		once:    o.Once, keepKeys: cmp.Or(o.KeepKeys, 24*time.Hour),
		accept: newAcceptHandlers(o, answers, all), bodies: all, mux: http.NewServeMux(),
	}
	a.huma = newHuma(a.mux, o.Version)
	a.huma.OpenAPI().Servers = []*huma.Server{{URL: "/", Description: "The server that has this document."}}
	if at.public != nil {
		a.huma.OpenAPI().Servers = []*huma.Server{{URL: at.public.String()}}
	}
	a.docs = &openapi{doc: a.huma.OpenAPI(), contracts: o.Examples, guide: o.Guide}
	sees := sights{o.Views, o.Admin.People}
	deliveries := deliveryHandlers{o.Deliveries, o.Admin.Deliveries, o.Admin.Events, o.Explain, sees}
	for _, noun := range []interface{ register(a *API) }{
		tenantHandlers{o.Admin.Tenants, o.Senders},
		usageHandlers{o.Quota},
		searchHandlers{o.Admin.People},
		&endpointHandlers{audit: o.Audit, endpoints: o.Admin.Endpoints, deliveries: o.Admin.Deliveries, sees: sees},
		credentialHandlers{o.Admin.Credentials},
		eventHandlers{o.Events, sees},
		omissionHandlers{o.Omissions, sees},
		publishHandlers{a.accept},
		recordHandlers{o.Records, o.Admin.Contracts, sees},
		recordChangeHandlers{a.accept},
		testHandlers{tests: o.Admin.Tests, endpoints: o.Admin.Endpoints, explain: o.Explain, sees: sees},
		explainHandlers{o.Deliveries, o.Admin.Events, o.Explain, sees},
		deliveries,
		exactHandlers{deliveries},
		recoveryHandlers{o.Admin.Recoveries},
		bulkHandlers{o.Admin.Bulks, deliveries},
		filterHandlers{o.Admin.Filters},
		keyHandlers{o.Admin.Keys},
		encryptionKeyHandlers{o.Admin.SealKeys},
		sessionHandlers{o.Auth, at},
		portalHandlers{o.Admin.PortalLinks, o.Auth, at, o.PortalLogo, o.PortalAccent},
		contractHandlers{o.Admin.Contracts, o.Admin.Tests, o.Guide, at},
		scheduleHandlers{o.Admin.Schedules},
		guideHandlers{o.Admin.Contracts, o.Guide, at},
		statsHandlers{o.Stats},
		streamHandlers{o.Streams, o.Auth, o.Admin.Tenants.Store},
		auditHandlers{o.Audit, new(auditBusy)},
		systemHandlers{answers, o.Health, o.Metrics},
	} {
		noun.register(a)
	}
	finishSchemas(a.huma.OpenAPI())
	return a
}

// Document is the OpenAPI document of a server that the options describe, in version 3.1 or 3.0 of OpenAPI.
func Document(o Options, version string) []byte {
	o.Metrics = http.NotFoundHandler()
	return New(o).docs.in(version)
}

// ServeHTTP serves one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h["X-Content-Type-Options"], h["Cache-Control"] = noSniff, noStore // of all answers; some pages may be stored
	if tenant, ok := publishPath(r); ok && !a.log.Enabled(r.Context(), slog.LevelDebug) {
		defer a.recovered(w, r)
		a.accept.publish(w, r, tenant)
		return
	}
	start := time.Now()
	id := newRequestID()
	r = r.WithContext(context.WithValue(r.Context(), idOfRequest, id))
	w.Header().Set("X-Request-Id", id)
	rec := &recorder{ResponseWriter: w, addresses: a.addresses}
	defer func() {
		a.log.Debug("request", "request", id, "method", r.Method, "path", routeOf(r),
			"status", rec.status, "bytes", rec.bytes, "took", time.Since(start), "remote", r.RemoteAddr)
	}()
	defer a.recovered(rec, r)
	a.route(rec, r)
}

var noSniff, noStore = []string{"nosniff"}, []string{"no-store"}

// route finds the handler of a request. If there is none it answers with a problem, as every operation does.
func (a *API) route(w http.ResponseWriter, r *http.Request) {
	h, pattern := a.mux.Handler(r)
	if pattern != "" {
		a.mux.ServeHTTP(w, r)
		return
	}
	if c, route, key, ok := a.contracts.Route(r.URL.EscapedPath()); ok && !isAPIPath(r) {
		a.lookups.serve(w, r, c, route, key)
		return
	}
	// There is no such operation. The mux's own handler tells whether the path is unknown or takes other methods.
	probe := &probe{header: http.Header{}}
	h.ServeHTTP(probe, r)
	allow := probe.header.Get("Allow")
	switch {
	case probe.status != http.StatusMethodNotAllowed && a.console != nil && !isAPIPath(r) && a.console.Takes(r):
		a.console.ServeHTTP(w, r)
	case probe.status != http.StatusMethodNotAllowed:
		a.fail(w, r, newProblem("path_not_found",
			"There is nothing at this path. GET /openapi.json describes what there is."))
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", allow+", OPTIONS")
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", allow)
		a.fail(w, r, newProblem("method_not_allowed", "This path takes "+allow+"."))
	}
}

// isAPIPath reports whether a path can only be meant for the API.
func isAPIPath(r *http.Request) bool {
	return r.URL.Path == "/v1" || strings.HasPrefix(r.URL.Path, "/v1/")
}

// recovered turns a panic of a handler into a 500. If the answer has begun already it ends the connection instead.
func (a *API) recovered(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	//lint:ignore errorlint the value itself is what net/http looks for
	if v == http.ErrAbortHandler {
		panic(v)
	}
	a.log.Error("handler panicked", "request", requestID(r.Context()), "method", r.Method, "path", routeOf(r), "panic", v,
		"stack", string(debug.Stack()))
	if rec, ok := w.(*recorder); ok && rec.status != 0 {
		panic(http.ErrAbortHandler) // otherwise the caller would take half an answer for a whole one
	}
	a.fail(w, r, errors.New("panic"))
}

// callerGone is the status that huma sets after that of the answer, when the caller hung up while it was written.
const callerGone = 499

// recorder notes the status and size of an answer, for the log. In a redirect, such as the mux makes from //v1 to /v1, it
// writes the path as browsers know it.
type recorder struct {
	http.ResponseWriter
	addresses addresses
	status    int
	bytes     int
}

func (w *recorder) WriteHeader(status int) {
	if status == callerGone && w.status != 0 {
		return
	}
	if w.status == 0 {
		w.status = status
	}
	if to := w.Header().Get("Location"); strings.HasPrefix(to, "/") {
		w.Header().Set("Location", w.addresses.path(to))
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *recorder) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	n, err := w.ResponseWriter.Write(b)
	w.bytes += n
	return n, err
}

// Unwrap lets http.ResponseController through.
func (w *recorder) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// probe receives an answer that is looked at and not sent.
type probe struct {
	header http.Header
	status int
}

func (p *probe) Header() http.Header { return p.header }

func (p *probe) WriteHeader(status int) { p.status = status }

func (p *probe) Write(b []byte) (int, error) { return len(b), nil }

func newRequestID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}

// requestID is the id under which the log mentions the request.
func requestID(ctx context.Context) string {
	if id, ok := ctx.Value(idOfRequest).(string); ok {
		return id
	}
	return newRequestID() // requests to publish get an id only if they fail
}

// publishPath is the tenant in the path of the operation that publishes events. It is not ok for any other path.
func publishPath(r *http.Request) (tenant string, ok bool) {
	if r.Method != http.MethodPost || r.URL.RawPath != "" {
		return "", false
	}
	tenant, ok = strings.CutPrefix(r.URL.Path, "/v1/tenants/")
	if !ok {
		return "", false
	}
	tenant, ok = strings.CutSuffix(tenant, "/events")
	return tenant, ok && tenant != "" && tenant != "." && tenant != ".." && !strings.Contains(tenant, "/")
}
