package oauth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	nethttp "net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/clientcredentials"

	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/send"
)

// tokens keep the token of one client. Who fetches holds turn, so that all others wait for it.
type tokens struct {
	turn chan struct{}

	mu       sync.Mutex
	token    string    // the value of the header; "": there is none
	renewAt  time.Time // it is not used from then on
	calmTill time.Time // until then no 401 renews it
	failed   *failure  // of the last fetch; nil: it worked
	failedAt time.Time
}

// failure is why there is no token.
type failure struct {
	class, detail string
	notNow        error
}

// reply is that of a message that was not sent, because there is no token.
func (f *failure) reply(x *exchange) *send.Reply {
	headers, _ := x.t.Headers(x.m)
	return &send.Reply{StartedAt: x.began, Sent: headers, Class: f.class, Detail: f.detail, Unsent: len(x.secrets) == 0, NotNow: f.notNow}
}

// kept is the token, if it is good.
func (k *tokens) kept() (string, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.token, k.token != "" && time.Now().Before(k.renewAt)
}

// get is the token. It fetches one if there is none, or waits for somebody who does.
func (k *tokens) get(ctx context.Context, x *exchange) (string, *failure) {
	if token, ok := k.kept(); ok {
		return token, nil
	}
	came := time.Now()
	timer := time.NewTimer(max(x.left(), 0))
	defer timer.Stop()
	select {
	case k.turn <- struct{}{}:
		defer func() { <-k.turn }()
	case <-ctx.Done():
		return "", interrupted()
	case <-timer.C:
		return "", x.late()
	}
	if token, ok := k.kept(); ok { // somebody else fetched it meanwhile
		return token, nil
	}
	k.mu.Lock()
	failed := k.failed
	if failed != nil && k.failedAt.Before(came) { // nobody tried since
		failed = nil
	}
	k.mu.Unlock()
	if failed != nil {
		return "", failed
	}
	if x.left() <= 0 {
		return "", x.late()
	}
	token, lifetime, failed := x.fetch(ctx)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failed = failed; failed != nil {
		k.failedAt = time.Now()
		if failed.class == hook.ClassInterrupted || failed.notNow != nil {
			k.failed = nil // it says nothing about the server of the tokens
		}
		return "", failed
	}
	x.fetched = true
	k.token, k.renewAt = token, time.Now().Add(lifetime-min(lifetime/10, maxEarly))
	return token, nil
}

// refused notes that a receiver answered 401 to a token. It reports whether another token may help.
func (k *tokens) refused(token string, fresh bool) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	switch {
	case k.token != token: // another one was fetched meanwhile
		return !fresh
	case fresh || time.Now().Before(k.calmTill):
		return false
	}
	k.token = ""
	return true
}

// calm notes that a receiver answered 401 to a fresh token.
func (k *tokens) calm(token string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.token == token {
		k.calmTill = time.Now().Add(calmFor)
	}
}

func interrupted() *failure {
	return &failure{class: hook.ClassInterrupted, detail: "Gancho stopped while the token was being fetched, so nothing was sent."}
}

// late is the failure of an attempt whose time was over before there was a token.
func (x *exchange) late() *failure {
	return x.failure("%s did not give one within the time of the attempt", host(x.m.OAuth2.TokenURL))
}

func (x *exchange) failure(format string, args ...any) *failure {
	return &failure{class: hook.ClassToken, detail: "The token could not be fetched: " + fmt.Sprintf(format, args...) + "."}
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return "the server of the tokens"
	}
	return u.Host
}

// fetch gets a token from the server of the tokens, and how long it is good.
func (x *exchange) fetch(ctx context.Context) (value string, lifetime time.Duration, failed *failure) {
	o := x.m.OAuth2
	cfg := clientcredentials.Config{
		ClientID: o.ClientID, ClientSecret: o.ClientSecret, TokenURL: o.TokenURL, Scopes: strings.Fields(o.Scope),
		AuthStyle: oauth2.AuthStyleInHeader,
	}
	if o.Style == hook.StyleBody {
		cfg.AuthStyle = oauth2.AuthStyleInParams
	}
	if o.Audience != "" {
		cfg.EndpointParams = url.Values{"audience": {o.Audience}}
	}
	trip := &roundTrip{ctx: ctx, x: x}
	client := &nethttp.Client{
		Transport:     trip,
		CheckRedirect: func(*nethttp.Request, []*nethttp.Request) error { return nethttp.ErrUseLastResponse },
	}
	began := time.Now()
	token, err := cfg.Token(context.WithValue(ctx, oauth2.HTTPClient, client))
	step := hook.Step{What: hook.StepToken, Method: nethttp.MethodPost, URL: o.TokenURL, Took: time.Since(began)}
	if err == nil {
		value = token.Type() + " " + token.AccessToken
		lifetime = withoutLimit
		if !token.Expiry.IsZero() {
			lifetime = time.Until(token.Expiry)
		}
	}
	failed = x.why(trip.reply, token, err)
	if r := trip.reply; r != nil && r.Response != nil {
		step.Status = r.Response.Status
	}
	if failed != nil {
		step.Class = hook.ClassToken
		if r := trip.reply; r != nil && r.Class != "" {
			step.Class = r.Class
		}
	}
	x.steps = append(x.steps, step)
	return value, lifetime, failed
}

// why says why there is no token; nil if there is one. r is the reply of its server, nil if nothing was sent.
func (x *exchange) why(r *send.Reply, token *oauth2.Token, err error) *failure {
	at := host(x.m.OAuth2.TokenURL)
	refused, _ := errors.AsType[*oauth2.RetrieveError](err)
	switch {
	case r != nil && r.Class == hook.ClassInterrupted:
		return interrupted()
	case r != nil && r.NotNow != nil:
		return &failure{class: hook.ClassToken, detail: r.Detail, notNow: r.NotNow}
	case r != nil && r.Class != "":
		return &failure{class: hook.ClassToken, detail: "The token could not be fetched. " + r.Detail}
	case r != nil && r.Response != nil && r.Response.Truncated:
		return x.failure("the answer of %s is longer than a token can be", at)
	case refused != nil && refused.ErrorCode != "":
		said := refused.ErrorCode
		if refused.ErrorDescription != "" {
			said += ": " + refused.ErrorDescription
		}
		return x.failure("%s answered %d (%s)", at, refused.Response.StatusCode, readable(x.credentials().Text(said)))
	case refused != nil:
		return x.failure("%s answered %d", at, refused.Response.StatusCode)
	case err != nil:
		return x.failure("the answer of %s is no token as RFC 6749 describes one", at)
	case !sendable(token.Type() + token.AccessToken):
		return x.failure("%s gave a token that no header can hold", at)
	}
	return nil
}

// credentials hides what the client shows to the server of the tokens. It is hidden before a text is cut, because nobody
// finds the first half of a secret afterwards.
func (x *exchange) credentials() mask.Mask {
	o := x.m.OAuth2
	in := hook.Auth{Basic: &hook.BasicAuth{User: url.QueryEscape(o.ClientID), Password: url.QueryEscape(o.ClientSecret)}}
	return mask.New(o.ClientSecret, strings.TrimPrefix(in.Header(), "Basic "))
}

// readable is the beginning of what a server said, in one line.
func readable(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, " "))
	const most = 200
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "…"
	}
	return strings.TrimSuffix(strings.TrimSpace(s), ".")
}

// sendable reports whether a token consists of what a header can hold, without spaces.
func sendable(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f }) < 0
}

// roundTrip sends the request for a token by the transport of the message.
type roundTrip struct {
	ctx   context.Context
	x     *exchange
	reply *send.Reply
}

// RoundTrip implements [nethttp.RoundTripper].
func (t *roundTrip) RoundTrip(r *nethttp.Request) (*nethttp.Response, error) {
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	of := t.x.m
	m := &send.Message{Tenant: of.Tenant, Target: r.URL.String(), Body: body, Attributes: of.Attributes}
	m.Method, m.OAuth2, m.Follow, m.Resend, m.WholeAnswer = r.Method, nil, nil, true, false
	m.Clock, m.Timeout = send.ClockTotal, max(t.x.left(), time.Millisecond)
	for _, name := range []string{"Authorization", "Content-Type"} {
		if v := r.Header.Get(name); v != "" {
			m.Headers = append(m.Headers, hook.Header{Name: name, Value: v})
		}
	}
	m.Headers = append(m.Headers, hook.Header{Name: "Accept", Value: "application/json"})
	if i := slices.IndexFunc(of.Headers, func(h hook.Header) bool { return h.Name == "User-Agent" }); i >= 0 {
		m.Headers = append(m.Headers, of.Headers[i])
	}
	t.reply = t.x.t.Transport.Send(t.ctx, m)
	if t.reply.Class != "" {
		return nil, errors.New(t.reply.Class)
	}
	a := t.reply.Response
	out := &nethttp.Response{
		StatusCode: a.Status, Status: fmt.Sprint(a.Status), Header: nethttp.Header{}, Body: io.NopCloser(bytes.NewReader(a.Body)), Request: r,
		ProtoMajor: 1, ProtoMinor: 1, ContentLength: int64(len(a.Body)),
	}
	for _, h := range a.Headers {
		out.Header.Add(h.Name, h.Value)
	}
	return out, nil
}
