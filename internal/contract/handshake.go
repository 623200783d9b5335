package contract

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"gancho/internal/expr"
	"gancho/internal/hook"
	"gancho/internal/rawjson"
	"gancho/internal/template"
	"gancho/internal/yamlfile"
)

// HandshakeType is the event type of a handshake in the history.
const HandshakeType = "endpoint.verify"

// handshake is the section "endpoint.verify": a request that an endpoint has to answer before it gets events.
type handshake struct {
	endpoint  endpoint         // what the request is made of
	accept    *expr.Condition  // nil: any 2xx
	perMinute *expr.Expression // nil: the answer says nothing about that
}

// handshakeMethods are those of a handshake.
var handshakeMethods = append([]string{"OPTIONS", "HEAD"}, methods...)

// verify reads the section "verify".
func (l *loader) verify(c *Contract, n *yamlfile.Node) {
	h := &handshake{}
	o := l.Object(n, "verify", keysOf["endpoint.verify"])
	if o.Node == nil {
		return
	}
	of := &c.endpoint
	e := &h.endpoint
	*e = endpoint{
		method: "POST", contentType: template.Literal(defaultContentType), userAgent: of.userAgent, accept: of.accept, json: of.json,
		settings: of.settings, egress: of.egress, auth: of.auth,
	}
	if v := o.Get("method"); v != nil {
		e.method = l.OneOf(v, handshakeMethods...)
	}
	e.methods = []string{e.method}
	if hook.CarriesBody(e.method) {
		e.scheme = of.scheme
	}
	at := l.requestPlace(c)
	at.Roots = credentialRoots(c, template.HandshakeRoots)
	at.Scope = template.HandshakeScope()
	if v := o.Get("query"); v != nil {
		l.query(e, v, at)
	}
	if v := o.Get("headers"); v != nil {
		e.headers = l.headers(e, v, at)
	}
	if v := o.Get("body"); v != nil {
		l.body(e, v, at, o)
		if !hook.CarriesBody(e.method) {
			l.ProblemAt(v, "A request with the method "+e.method+" carries no body.", "Put the values into query, or choose the method POST.")
		}
		if e.bodyNames("credential") || len(of.settings.Secrets()) > 0 && e.bodyNames("settings") {
			l.ProblemAt(v, "The body of a handshake is shown in the history, and would show secrets.", "Put them into headers or query, where they are masked.")
		}
	}
	if v := o.Get("form"); v != nil {
		e.form = l.form(v)
	}
	if v := o.Get("accept"); v != nil {
		h.accept = template.ReadCondition(l.File, v, expr.Accept())
	}
	if v := o.Get("per_minute"); v != nil {
		h.perMinute = template.ReadExpression(l.File, v, expr.Accept())
	}
	if c.credentials != nil && c.credentials.Endpoint {
		l.ProblemAt(n, "Endpoints of this contract come with a credential, and there is no handshake for those.", "Leave verify out, or endpoint: true under credentials.")
	}
	c.handshake = h
}

// Verifies reports whether an endpoint has to answer a handshake before it gets events.
func (c *Contract) Verifies() bool { return c.handshake != nil }

// HandshakeRule says what is asked of an endpoint first: the method of the request, and the rule for the answer, "" if any
// 2xx is right. The contract must verify.
func (c *Contract) HandshakeRule() (method, rule string) {
	if c.handshake.accept != nil {
		rule = c.handshake.accept.Text()
	}
	return c.handshake.endpoint.method, rule
}

// Handshake is the contract as it makes and judges the handshake ev of an endpoint with some secrets. It is nil if
// there is no handshake.
func (c *Contract) Handshake(ev *hook.Event, secrets []hook.Secret) *Contract {
	if c.handshake == nil {
		return nil
	}
	var payload struct{ Challenge string }
	_ = json.Unmarshal(ev.Payload, &payload) // of [NewHandshake]
	h := *c
	h.endpoint = c.handshake.endpoint
	h.delivery = delivery{
		timeout: c.delivery.timeout, connectTimeout: c.delivery.connectTimeout, clock: c.delivery.clock, mode: hook.AtLeastOnce,
		retry: []time.Duration{0}, success: c.handshake.accept,
	}
	h.computesHidden, h.perAttempt, h.looksBack = false, false, false // as the parts of the handshake say, not those of events
	h.noteRequests()
	h.asked = &expr.Challenge{Text: payload.Challenge}
	if len(secrets) > 0 {
		h.asked.Secret = secrets[0].Text
	}
	return &h
}

// AllowedRate is how many requests a second the receiver allows by its answer to this handshake; 0: it does not say, or
// the contract does not ask.
func (c *Contract) AllowedRate(r *hook.Response) (perSecond float64) {
	if c.handshake == nil || c.handshake.perMinute == nil || r == nil {
		return 0
	}
	out, ok, err := c.handshake.perMinute.Append(nil, nil, c.answer(r))
	if err != nil || !ok {
		return 0
	}
	perMinute, err := strconv.ParseFloat(strings.TrimSpace(rawjson.Text(out)), 64)
	if err != nil || !(perMinute > 0) { // such as * for any rate
		return 0
	}
	return min(max(perMinute/60, minPerSecond), MaxPerSecond)
}

// MayEchoSecret reports whether an answer can have the endpoint's signing secret in it, because the contract is that of a
// [Contract.Handshake], whose rule can ask for it.
func (c *Contract) MayEchoSecret() bool { return c.asked != nil && c.handshake.accept != nil }

// NewHandshake is the event of a handshake, with a new challenge.
func (c *Contract) NewHandshake(tenant string, now time.Time) *hook.Event {
	b := make([]byte, 24)
	_, _ = rand.Read(b) // never fails
	return &hook.Event{
		ID: hook.NewEventID(), Tenant: tenant, Contract: c.Name, Type: HandshakeType, Door: hook.DoorTest, CreatedAt: now,
		Payload: challengePayload(base64.RawURLEncoding.EncodeToString(b)),
	}
}

// challengePayload is the payload of a handshake.
func challengePayload(challenge string) []byte {
	payload, _ := json.Marshal(map[string]string{"challenge": challenge}) // never fails
	return payload
}
