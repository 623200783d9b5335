// Package oauth sends messages with the tokens that their receivers want: it fetches a token by client credentials
// (RFC 6749 section 4.4), keeps it, and sends each message with it.
//
// It promises:
//   - A token is fetched by the transport that sends the message, so that the same addresses are refused, within the time
//     of the message; redirects of a token's server are not followed, and only a short answer is read.
//   - One fetch at a time for the same client of the same tenant. Who waits meanwhile gets its token, or its failure.
//   - A token is renewed shortly before it expires, and when a receiver answers 401 to a token that was not fetched for the
//     same message. Then the message is sent once more, unless it must not be sent twice. When the fresh token is refused
//     as well, no 401 renews it for a minute, so that a receiver cannot make Gancho fetch tokens without end.
//   - Tokens are in memory only, of a bounded number of clients, and in [send.Detour].
package oauth

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/json"
	nethttp "net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"gancho/internal/cache"
	"gancho/internal/hook"
	"gancho/internal/send"
)

// Limits of tokens.
const (
	maxClients   = 10_000           // whose tokens are kept
	maxEarly     = time.Minute      // before a token expires it is renewed, or earlier if it lives shortly
	withoutLimit = 10 * time.Minute // how long a token is kept of which nobody said when it expires
	calmFor      = time.Minute      // how long no 401 renews a token after a fresh one was refused
)

// Transport is a [send.Transport] that adds tokens to the messages that want one.
type Transport struct {
	send.Transport // sends the messages, and fetches the tokens

	mu      sync.Mutex
	clients *cache.Cache[*tokens]
}

// New makes a transport over another one.
func New(over send.Transport) *Transport {
	return &Transport{Transport: over, clients: cache.New[*tokens](maxClients, 0)}
}

// Send makes one attempt to exchange the message; see [send.Transport].
func (t *Transport) Send(ctx context.Context, m *send.Message) *send.Reply {
	if m.OAuth2 == nil {
		return t.Transport.Send(ctx, m)
	}
	x := &exchange{t: t, m: m, began: time.Now(), tokens: t.tokensOf(m)}
	reply := x.send(ctx)
	if x.isRefused(reply) && x.tokens.refused(x.token, x.fetched) && m.Resend {
		x.steps = append(append(x.steps, reply.Way().Steps...), hook.Step{
			What: hook.StepRequest, Method: m.Method, URL: cmp.Or(reply.Way().Target, m.Target), Status: reply.Response.Status, Took: reply.Timing.Total,
		})
		reply = x.send(ctx)
		reply.Unsent, reply.NotNow = false, nil // the receiver has got the message once
	}
	if x.fetched && x.isRefused(reply) {
		x.tokens.calm(x.token)
	}
	reply.Timing.FirstByte += shift(x.began, reply)
	reply.StartedAt, reply.Timing.Total = x.began, time.Since(x.began)
	way := reply.Way()
	way.Steps, way.Secrets = append(x.steps, way.Steps...), append(x.secrets, way.Secrets...)
	reply.Detour = &way
	return reply
}

// isRefused reports whether a receiver refused the token of the message. Another host to which the receiver redirected
// did not get it, so its 401 says nothing of the token.
func (x *exchange) isRefused(r *send.Reply) bool {
	return r.Class == "" && r.Response != nil && r.Response.Status == nethttp.StatusUnauthorized &&
		slices.ContainsFunc(r.Sent, func(h hook.Header) bool { return h.Value == x.token })
}

// shift is how much later than the attempt its last exchange began; 0 if that got no answer.
func shift(began time.Time, r *send.Reply) time.Duration {
	if r.Timing.FirstByte == 0 {
		return 0
	}
	return r.StartedAt.Sub(began)
}

// Headers returns the headers that Send would send; see [send.Transport]. In the place of the token is a mask.
func (t *Transport) Headers(m *send.Message) (headers []hook.Header, refusal string) {
	if m.OAuth2 != nil {
		m = withToken(m, "Bearer ********")
	}
	return t.Transport.Headers(m)
}

// withToken is a message with the token in its header Authorization.
func withToken(m *send.Message, value string) *send.Message {
	with := *m
	with.Headers = slices.DeleteFunc(slices.Clone(m.Headers), func(h hook.Header) bool { return strings.EqualFold(h.Name, "Authorization") })
	with.Headers = append(with.Headers, hook.Header{Name: "Authorization", Value: value})
	return &with
}

// exchange is one attempt to send a message with a token.
type exchange struct {
	t      *Transport
	m      *send.Message
	began  time.Time
	tokens *tokens

	wanted  time.Time // when the token was asked for
	token   string    // the value of the header
	fetched bool      // for this exchange
	steps   []hook.Step
	secrets []string // the tokens, as they stand in the header and alone
}

// left is how much of the message's time is left. Where the clock runs only while the receiver answers, each token has
// the time for setting up a connection.
func (x *exchange) left() time.Duration {
	if x.m.Clock == send.ClockResponse {
		return cmp.Or(x.m.ConnectTimeout, hook.DefaultTimeout) - time.Since(x.wanted)
	}
	return cmp.Or(x.m.Timeout, hook.DefaultTimeout) - time.Since(x.began)
}

// send sends the message with a token, which it fetches if there is none.
func (x *exchange) send(ctx context.Context) *send.Reply {
	x.wanted = time.Now()
	got, failed := x.tokens.get(ctx, x)
	if failed != nil {
		return failed.reply(x)
	}
	x.token = got
	_, alone, _ := strings.Cut(got, " ")
	x.secrets = append(x.secrets, got, alone)
	m := withToken(x.m, got)
	if m.Clock == send.ClockTotal {
		m.Timeout = max(x.left(), time.Millisecond)
	}
	return x.t.Transport.Send(ctx, m)
}

// tokensOf is where the token of the message's client is kept.
func (t *Transport) tokensOf(m *send.Message) *tokens {
	text, err := json.Marshal(m.OAuth2)
	if err != nil { // never: it has nothing but texts
		text = nil
	}
	sum := sha256.Sum256(text)
	key := m.Tenant + "\x00" + string(sum[:])
	if m.Identity != nil { // a token may be bound to the certificate with which it was fetched (RFC 8705)
		key += string(m.Identity.ID[:])
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if kept, ok := t.clients.Lookup(key); ok {
		return kept
	}
	kept := &tokens{turn: make(chan struct{}, 1)}
	t.clients.Add(key, kept)
	return kept
}
