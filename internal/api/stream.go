package api

import (
	"bytes"
	"context"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"gancho.example/client"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

const (
	streamKeepAlive = 15 * time.Second // an idle stream sends a comment so often, and the key is checked again
	streamRecheck   = time.Second      // a busy stream checks the key again so often

	streamScope hook.Scope = "stream:read"
)

// Streams let callers watch what happens.
type Streams interface {
	// Watch hands out the notices of a tenant, or of all if tenant is "", until leave is called or the channel is closed.
	// It is not ok if too many watch.
	Watch(tenant string) (notices <-chan hook.Notice, leave func(), ok bool)
}

// streamHandlers answer requests to watch what happens.
type streamHandlers struct {
	streams Streams
	auth    *auth.Auth
	tenants tenantReader
}

func (h streamHandlers) register(a *API) {
	add(a, operation{
		id: "stream", scope: streamScope, contracts: true, method: http.MethodGet, path: "/v1/stream", tag: "watching", access: auth.AnyReaders,
		summary: "Watch what happens",
		description: "Server-sent events. Each has a notice as JSON in data, and the notice's kind as event: requests " +
			"that were made, deliveries, and changes. " +
			"A key of one tenant sees that tenant only. The stream begins with what happens now. A client that reads too " +
			"slowly misses notices, and gets a notice lost that says how many. So read lists again after connecting, and " +
			"after lost. " +
			"If several servers share the work, each of them sends the notices of all. Those of other servers come within " +
			"about a second; only notices of the same server are in order. " +
			"The stream ends when the server stops, and soon after the key stops working.",
		codes: []string{"tenant_not_found", "too_many_streams"},
	}, h.watch)
	op := a.operation(http.MethodGet, "/v1/stream")
	op.Responses["200"] = &huma.Response{
		Description: "A stream without end.",
		Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{
			Type: huma.TypeString, Description: "Lines that begin with event: and data:. The data is a Notice.",
		}}},
	}
	a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[client.Notice](), true, "") // no operation refers to it, so it has to be added here
}

func wireNotice(n hook.Notice) client.Notice {
	out := client.Notice{
		Kind: string(n.Kind), At: n.At, Tenant: n.Tenant, Contract: n.Contract, Type: n.Type, State: string(n.State),
		Reason: n.Reason, Test: n.Test,
		NextAttemptAt: wireTime(n.NextAttemptAt), Attempt: n.Number, Class: n.Class, Status: n.Status, Lost: n.Lost,
	}
	if !n.Endpoint.IsZero() {
		out.Endpoint = n.Endpoint.String()
	}
	if !n.Delivery.IsZero() {
		out.Delivery = n.Delivery.String()
	}
	if n.Kind == hook.NoticeAttempt {
		out.DurationMS = new(ms(n.Took))
	}
	return out
}

func (h streamHandlers) watch(ctx context.Context, in *Scope) (*huma.StreamResponse, error) {
	tenant, err := in.of(ctx, h.tenants)
	if err != nil {
		return nil, err
	}
	notices, leave, ok := h.streams.Watch(tenant)
	if !ok {
		return nil, &hook.Error{
			Kind: hook.KindLimited, Code: "too_many_streams",
			Detail: "Too many watch this server or this tenant, or it is stopping. Try again in a moment.",
		}
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer leave()
		r, w := humago.Unwrap(ctx)
		if r.Method != http.MethodHead {
			h.feed(w, r, notices, keyOf(ctx.Context()))
		}
	}}, nil
}

// feed sends the notices that a key may see until there are no more, or the caller goes away. If the caller does not
// read, writing fails after the time that the server gives every caller (package listen).
func (h streamHandlers) feed(w http.ResponseWriter, r *http.Request, notices <-chan hook.Notice, key *hook.Key) {
	control := http.NewResponseController(w)
	header := w.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("X-Accel-Buffering", "no") // keeps proxies from collecting notices before they pass them on
	send := func(text []byte) bool {
		_, err := w.Write(text)
		return err == nil && control.Flush() == nil
	}
	checked := time.Now()
	stillAllowed := func() bool { // the key may have been revoked, or have expired
		checked = time.Now()
		now, err := h.auth.Authenticate(r)
		if err != nil || !now.Has(streamScope) {
			return false
		}
		key = now // of a portal link, the contracts may be others by now
		return true
	}
	keepAlive := time.NewTicker(streamKeepAlive)
	defer keepAlive.Stop()
	for ok := send([]byte("retry: 2000\n\n")); ok; {
		select {
		case n, open := <-notices:
			ok = open && (time.Since(checked) < streamRecheck || stillAllowed()) && send(encodeNotices(n, notices, key))
		case <-keepAlive.C:
			ok = stillAllowed() && send([]byte(":\n\n"))
		case <-r.Context().Done():
			ok = false
		}
	}
}

// encodeNotices is a notice and all that are ready after it, in the form of server-sent events, without those that the
// key may not see. A notice that is of no contract only says that something was missed, or that a list has changed.
func encodeNotices(n hook.Notice, more <-chan hook.Notice, key *hook.Key) []byte {
	var b bytes.Buffer
	for waiting := len(more); ; waiting-- {
		if n.Kind == hook.NoticeLost || key.MayTouch(n.Contract) {
			b.WriteString("event: " + string(n.Kind) + "\ndata: ")
			b.Write(encode(wireNotice(n)))
			b.WriteString("\n\n")
		}
		if waiting <= 0 {
			return b.Bytes()
		}
		var open bool
		if n, open = <-more; !open {
			return b.Bytes()
		}
	}
}
