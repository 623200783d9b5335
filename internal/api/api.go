// Package api is Gancho's REST API: JSON under /v1, described by an OpenAPI 3.1
// document at /openapi.json.
//
// It turns requests into calls of the few methods it needs (see [Store],
// [Accepter], [Changer], [Waker]), and their errors into problems (RFC 9457). It is the only
// package that knows JSON shapes of the API and HTTP statuses. It promises:
//
//   - What a handler has answered with 2xx is durable. Any other answer means
//     that nothing was stored.
//   - Errors say what to change, and never repeat what was sent: keys, secrets
//     and payloads appear in no answer that is not theirs, and in no log.
//   - A key of one tenant finds nothing of another, not even that it exists.
//   - Requests are read to a limit and checked before anything is done: valid
//     UTF-8, no member twice, no unknown members, bounded depth.
//
// huma runs all operations but the hot ones: events and records are taken in by
// handlers of their own (publish.go, record.go), which build no tree.
package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"runtime/debug"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"golang.org/x/sync/semaphore"

	"gancho/internal/admin"
	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/stream"
)

// Options of [New]. Store, Accepter, Changer, Recoverer, Waker, Tester, Contracts,
// Catalog, Runner and AdminKey are needed.
type Options struct {
	Store     Store
	Accepter  Accepter
	Changer   Changer
	Recoverer Recoverer
	Waker     Waker
	Tester    Tester
	Scripts   Scripts
	Contracts *contract.Set
	Catalog   Catalog
	Runner    Runner
	AdminKey  string       // text of the operator's key
	Log       *slog.Logger // nil: none
	Metrics   http.Handler // serves /metrics; nil: none
	// MaxPayload bounds the payload of one event and the document of a record, in
	// bytes; 0 means 1 MiB.
	MaxPayload int
	Version    string // of the program, for the document
	SessionKey []byte // 32 bytes that sessions are sealed with; nil: they end with the process
	// PublicURL is where browsers find the server; nil: as the request says.
	PublicURL *url.URL
	// PortalLogo is the path of the operator's picture, which Console serves; "": none.
	PortalLogo string
	Console    Pages // nil: none
	// Stream is told by others what happens; nil: nobody tells.
	Stream *stream.Hub
}

// Pages serves what people look at: requests that the API has nothing for.
type Pages interface {
	http.Handler
	// Takes reports whether a request is for a page or for a file of one.
	Takes(r *http.Request) bool
}

// API serves the REST API. Its methods may be called from any goroutine.
type API struct {
	Options
	log     *slog.Logger
	keys    *keyring
	lookups admin.Lookups
	mux     *http.ServeMux
	huma    huma.API
	doc     []byte              // the OpenAPI document
	limit   int64               // of the body of a publish request
	room    *semaphore.Weighted // for large bodies, see maxBodies
}

// New makes the API. It starts nothing. Its owner must tell it of committed
// changes with [API.Changed].
func New(o Options) *API {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.MaxPayload <= 0 {
		o.MaxPayload = 1 << 20
	}
	if o.Stream == nil {
		o.Stream = new(stream.Hub)
	}
	if o.Contracts == nil {
		o.Contracts = new(contract.Set)
	}
	if o.Version == "" {
		o.Version = "dev"
	}
	a := &API{
		Options: o, log: o.Log, mux: http.NewServeMux(), keys: newKeyring(o.Store, o.AdminKey, o.SessionKey),
		limit: max(maxBatch, int64(o.MaxPayload)+bodyMargin), room: semaphore.NewWeighted(maxBodies),
	}
	a.huma = newHuma(a.mux, o.Version)
	tenantHandlers{admin.Tenants{Store: o.Store}}.register(a)
	endpoints := admin.Endpoints{Store: o.Store, Contracts: o.Contracts, Scripts: o.Scripts}
	(&endpointHandlers{endpoints: endpoints}).register(a)
	credentialHandlers{admin.Credentials{Store: o.Store, Contracts: o.Contracts}}.register(a)
	a.routeEvents()
	a.routeRecords()
	a.routeTests()
	a.routeExplain()
	a.routeDeliveries()
	a.routeExact()
	a.routeRecoveries()
	keyHandlers{admin.Keys{Store: o.Store}}.register(a)
	a.routeSessions()
	a.routePortal()
	a.routeContracts()
	a.routeSchedules()
	a.routeContractDocs()
	a.routeStats()
	a.routeStream()
	a.routeAudit()
	a.routeSystem()
	a.lookups = admin.Lookups{Store: o.Store}
	a.doc = a.document()
	return a
}

// Changed tells that configuration was committed: what is remembered of it is
// forgotten. It is quick and calls nobody.
func (a *API) Changed(c hook.Change) { a.keys.changed(c) }

// Document is the OpenAPI document of a server of some version.
func Document(version string) []byte {
	return New(Options{Version: version, Metrics: http.NotFoundHandler()}).doc
}

// ServeHTTP serves one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if tenant, ok := publishPath(r); ok && !a.log.Enabled(r.Context(), slog.LevelDebug) {
		defer a.recovered(w, r)
		a.publish(w, r, tenant)
		return
	}
	start := time.Now()
	id := newRequestID()
	r = r.WithContext(context.WithValue(r.Context(), idOfRequest, id))
	w.Header().Set("X-Request-Id", id)
	rec := &recorder{ResponseWriter: w}
	defer func() {
		a.log.Debug("request", "request", id, "method", r.Method, "path", r.URL.Path, "route", r.Pattern,
			"status", rec.status, "bytes", rec.bytes, "took", time.Since(start), "remote", r.RemoteAddr)
	}()
	defer a.recovered(rec, r)
	a.route(rec, r)
}

// route finds the handler, and answers in our own form when there is none.
func (a *API) route(w http.ResponseWriter, r *http.Request) {
	h, pattern := a.mux.Handler(r)
	if pattern != "" {
		a.mux.ServeHTTP(w, r)
		return
	}
	if c, route, key, ok := a.Contracts.Route(r.URL.EscapedPath()); ok && !ours(r) {
		a.lookUp(w, r, c, route, key)
		return
	}
	// The mux knows whether the path or only the method is wrong.
	probe := &probe{header: http.Header{}}
	h.ServeHTTP(probe, r)
	allow := probe.header.Get("Allow")
	switch {
	case probe.status != http.StatusMethodNotAllowed && a.Console != nil && !ours(r) && a.Console.Takes(r):
		a.Console.ServeHTTP(w, r)
	case probe.status != http.StatusMethodNotAllowed:
		a.fail(w, r, newProblem(http.StatusNotFound, "path_not_found", "There is nothing at this path. GET /openapi.json describes what there is."))
	case r.Method == http.MethodOptions:
		w.Header().Set("Allow", allow+", OPTIONS")
		w.WriteHeader(http.StatusNoContent)
	default:
		w.Header().Set("Allow", allow)
		a.fail(w, r, newProblem(http.StatusMethodNotAllowed, "method_not_allowed", "This path takes "+allow+"."))
	}
}

// ours reports whether a path can only be meant for the API.
func ours(r *http.Request) bool { return r.URL.Path == "/v1" || strings.HasPrefix(r.URL.Path, "/v1/") }

// recovered turns a panic into a 500, unless the answer has begun.
func (a *API) recovered(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	//lint:ignore errorlint the value itself is what net/http looks for
	if v == http.ErrAbortHandler {
		panic(v)
	}
	a.log.Error("handler panicked", "request", requestID(r.Context()), "method", r.Method, "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
	if rec, ok := w.(*recorder); ok && rec.status != 0 {
		panic(http.ErrAbortHandler) // the caller must not take a half answer for a whole one
	}
	a.fail(w, r, errors.New("panic"))
}

// recorder remembers what was answered, for the log.
type recorder struct {
	http.ResponseWriter
	status int
	bytes  int
}

func (w *recorder) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
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

// probe takes an answer that is not to be sent.
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

// requestID is what the log calls the request.
func requestID(ctx context.Context) string {
	if id, ok := ctx.Value(idOfRequest).(string); ok {
		return id
	}
	return newRequestID() // a publish request: it has none unless something goes wrong
}

// routeSystem adds what is not about tenants.
func (a *API) routeSystem() {
	a.mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { writeStatus(w, "ok") })
	a.mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := a.Store.Ready(r.Context()); err != nil {
			a.fail(w, r, err)
			return
		}
		writeStatus(w, "ready")
	})
	a.mux.HandleFunc("GET /openapi.json", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openapi+json")
		_, _ = w.Write(a.doc)
	})
	if a.Metrics != nil {
		a.mux.Handle("GET /metrics", a.Metrics)
	}
}

func writeStatus(w http.ResponseWriter, status string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = fmt.Fprintf(w, "{\"status\":%q}\n", status)
}

// publishPath finds the tenant in the path of the hot operation.
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
