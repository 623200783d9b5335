package contract

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gancho/internal/hook"
	"gancho/internal/rawjson"
	"gancho/internal/template"
	"gancho/internal/work"
)

// Plan is a contract applied to one configuration of an endpoint. Whatever does not
// depend on the event is computed once, when the plan is made. A plan is immutable and
// safe for concurrent use; a sender keeps one for each version of an endpoint and of its
// contract.
type Plan struct {
	contract   *Contract
	cfg        hook.EndpointConfig
	credential *Credential
	endpoint   template.Endpoint
	method     string
	url        string      // filled in as far as it is the same for all events
	query      []parameter // to be added to url, if urlOfEvent
	urlOfEvent bool        // what the query is filled in with depends on the event
	bodiless   bool        // the method carries no body
	headers    []headerPlan
	fixed      []hook.Header // all headers; nil if one depends on the event
	auth       *hook.Auth    // nil: requests do not authenticate
	pairs      []freePair
	form       *form // nil: the body is no form
	makesBody  bool  // the body is more than the payload in the contract's style
	policy     hook.Policy
	limits     Limits
}

type headerPlan struct {
	hook.Header
	template *template.Template // nil if the value is known
}

// Limits are the time limits, the rate and the concurrency of an endpoint.
type Limits struct {
	Timeout        time.Duration // what Clock covers
	ConnectTimeout time.Duration // name lookup, connect and TLS together; never 0
	Clock          Clock
	Concurrency    int     // requests at once; 1 if Ordered
	PerSecond      float64 // 0: no limit
	Ordered        bool
	Strict         bool // with Ordered: a delivery that failed holds those behind it
	Mode           hook.Mode
}

// defaultConnectTimeout limits how long it may take to set up a connection.
const defaultConnectTimeout = 10 * time.Second

// Rendering is a request as it is sent, without the signature.
type Rendering struct {
	Method string
	URL    string
	// Headers are complete and in order, without Host, Content-Length and the headers of a
	// signature. Other renderings may share the slice: append copies it, but do not write
	// to its elements.
	Headers []hook.Header
	// Body is the slice of the event's payload itself if the contract does not change it, and nil if the method
	// carries no body.
	Body []byte
}

// Plan applies the contract to a configuration in which [Contract.CheckEndpoint] finds no
// mistakes.
func (c *Contract) Plan(cfg hook.EndpointConfig) *Plan { return c.PlanFor(cfg, cfg.Credential) }

// PlanFor is Plan for an endpoint that belongs to a credential; nil stands for none.
func (c *Contract) PlanFor(cfg hook.EndpointConfig, credential *Credential) *Plan {
	e := &c.endpoint
	p := &Plan{contract: c, cfg: cfg, credential: credential, method: cfg.Method, policy: c.Policy(cfg), limits: c.Limits(cfg)}
	if p.method == "" {
		p.method = e.method
	}
	p.bodiless = !hook.CarriesBody(p.method)
	p.pairs = e.pairsIn(cfg.Settings)
	p.auth = c.authFor(cfg, credential)
	if e.form != nil {
		if ok, err := e.form.applies(cfg.Settings); ok && err == nil {
			p.form = e.form
		}
	}
	p.makesBody = e.body != nil || e.raw != nil || p.form != nil || slices.ContainsFunc(p.pairs, func(x freePair) bool { return x.place == inBody })
	p.planHeaders()
	p.planURL()
	return p
}

// Of is the plan for one endpoint, whose id and name templates can name.
func (p *Plan) Of(id hook.EndpointID, name string) *Plan {
	p.endpoint = template.Endpoint{ID: id.String(), Name: name}
	return p
}

// WithMethod is the plan of the same configuration with another method.
func (p *Plan) WithMethod(method string) *Plan {
	cfg := p.cfg
	cfg.Method = method
	next := p.contract.PlanFor(cfg, p.credential)
	next.endpoint = p.endpoint
	return next
}

// Method is the method of the requests.
func (p *Plan) Method() string { return p.method }

// planHeaders puts the headers into order: Content-Type, those of the contract, those of
// the endpoint, User-Agent, Accept. If the contract or the endpoint lists Content-Type,
// User-Agent or Accept itself, its place and spelling are used.
func (p *Plan) planHeaders() {
	e := &p.contract.endpoint
	switch {
	case p.bodiless:
	case p.form != nil:
		p.headers = append(p.headers, headerPlan{Header: hook.Header{Name: "Content-Type", Value: formContentType}})
	case !e.sets("Content-Type"):
		p.addHeader("Content-Type", e.contentType)
	}
	for _, h := range e.headers {
		if p.bodiless && strings.EqualFold(h.name, "Content-Type") {
			continue
		}
		if p.form != nil && strings.EqualFold(h.name, "Content-Type") {
			p.headers[0].Name = h.name
			continue
		}
		p.addHeader(h.name, h.value)
	}
	if value := p.auth.Header(); value != "" {
		p.headers = append(p.headers, headerPlan{Header: hook.Header{Name: "Authorization", Value: value}})
	}
	ownAgent, ownAccept := e.sets("User-Agent"), e.sets("Accept")
	own := slices.Clone(p.cfg.Headers)
	for _, x := range slices.Backward(p.pairs) {
		if x.place == inHeader {
			own = slices.Insert(own, 0, hook.Header{Name: x.key, Value: x.value})
		}
	}
	for _, h := range own {
		p.headers = append(p.headers, headerPlan{Header: h})
		ownAgent = ownAgent || strings.EqualFold(h.Name, "User-Agent")
		ownAccept = ownAccept || strings.EqualFold(h.Name, "Accept")
	}
	if !ownAgent && e.userAgent != "" {
		p.headers = append(p.headers, headerPlan{Header: hook.Header{Name: "User-Agent", Value: e.userAgent}})
	}
	if !ownAccept && e.accept != "" {
		p.headers = append(p.headers, headerPlan{Header: hook.Header{Name: "Accept", Value: e.accept}})
	}
	for _, h := range p.headers {
		if h.template != nil {
			p.fixed = nil
			return
		}
		p.fixed = append(p.fixed, h.Header)
	}
	p.fixed = slices.Clip(p.fixed)
}

func (p *Plan) addHeader(name string, t *template.Template) {
	h := headerPlan{Header: hook.Header{Name: name}, template: t}
	if t.Static() {
		v, ok, err := t.Render(&template.Inputs{Settings: p.cfg.Settings, Credential: p.credential})
		switch {
		case err == nil && !ok: // names an optional setting that is not filled in
			return
		case err == nil:
			h.Value, h.template = v, nil
		}
	}
	p.headers = append(p.headers, h)
}

// PerAttempt reports whether requests name something of their attempt, so that each attempt has to be rendered anew.
func (p *Plan) PerAttempt() bool { return p.contract.perAttempt }

// LooksBack reports whether requests name something of the attempts before theirs.
func (p *Plan) LooksBack() bool { return p.contract.looksBack }

// BodyPerAttempt reports whether bodies, or the parts of events in them, name something of their attempt.
func (p *Plan) BodyPerAttempt() bool {
	depends := p.contract.endpoint.bodyDependsOn
	return p.contract.perAttempt && !p.bodiless && (depends("attempt") || depends("set") && p.contract.setPerAttempt())
}

// Render makes the request for an event, as its first attempt would. An error means that the event can never be sent
// to this endpoint (hook.ClassRender); its text is for people.
func (p *Plan) Render(ev *hook.Event) (Rendering, error) { return p.RenderFor(ev, nil) }

// Attempt is what templates can name of the attempt that a request is for; nil stands for the first.
type Attempt = template.Attempt

// RenderFor is [Plan.Render] for one attempt.
func (p *Plan) RenderFor(ev *hook.Event, a *Attempt) (Rendering, error) {
	if p.contract.Batches() {
		return p.renderOne(ev, a)
	}
	r, err := p.HeadFor(ev, a)
	if err != nil {
		return Rendering{}, err
	}
	switch {
	case p.bodiless:
	case ev.JSON() && p.makesBody:
		r.Body, err = p.makeBody(ev, a, r.URL)
	case ev.JSON():
		if r.Body, err = rawjson.Restyle(ev.Payload, p.contract.endpoint.json); err != nil {
			err = fmt.Errorf("the payload is not valid JSON: %w", err)
		}
	case p.makesBody:
		err = errNotJSON(ev)
	default:
		r.Body = ev.Payload
	}
	if err != nil {
		return Rendering{}, err
	}
	return r, nil
}

func errNotJSON(ev *hook.Event) error {
	return fmt.Errorf("the contract makes the body of a JSON payload, and the payload of this event is %s", ev.ContentType)
}

// HeadFor is [Plan.RenderFor] without the body.
func (p *Plan) HeadFor(ev *hook.Event, a *Attempt) (Rendering, error) {
	r := Rendering{Method: p.method, URL: p.url, Headers: p.fixed}
	var err error
	if p.urlOfEvent {
		if r.URL, err = p.fillURL(ev, a); err != nil {
			return Rendering{}, err
		}
	}
	if p.fixed == nil {
		if r.Headers, err = p.renderHeaders(ev, a, r.URL); err != nil {
			return Rendering{}, err
		}
	}
	if r.Headers, err = p.withOwn(r.Headers, ev, a, r.URL); err != nil {
		return Rendering{}, err
	}
	if !ev.JSON() && !p.bodiless {
		r.Headers = withContentType(r.Headers, ev.ContentType)
	}
	return r.WithoutBody(), nil
}

// WithBody is the rendering r with the body, and the header that says what that is, of another one.
func (r Rendering) WithBody(other Rendering) Rendering {
	r.Body = other.Body
	i, k := slices.IndexFunc(r.Headers, isContentType), slices.IndexFunc(other.Headers, isContentType)
	switch {
	case k >= 0:
		r.Headers = withContentType(r.Headers, other.Headers[k].Value)
	case i >= 0:
		r.Headers = slices.Delete(slices.Clone(r.Headers), i, i+1)
	}
	return r
}

// WithoutBody is the rendering r, without body and without the header that says what that is if its method carries none.
func (r Rendering) WithoutBody() Rendering {
	if hook.CarriesBody(r.Method) {
		return r
	}
	r.Body = nil
	if i := slices.IndexFunc(r.Headers, isContentType); i >= 0 {
		r.Headers = slices.Delete(slices.Clone(r.Headers), i, i+1)
	}
	return r
}

func isContentType(h hook.Header) bool { return strings.EqualFold(h.Name, "Content-Type") }

// withContentType is a copy of headers that says what the body is.
func withContentType(headers []hook.Header, contentType string) []hook.Header {
	i := slices.IndexFunc(headers, isContentType)
	if i < 0 {
		return slices.Insert(slices.Clone(headers), 0, hook.Header{Name: "Content-Type", Value: contentType})
	}
	headers = slices.Clone(headers)
	headers[i].Value = contentType
	return headers
}

// renderUnits is the work that the body or the headers of one request may cost: about 0.1 s, or 32 MB of text.
const renderUnits = 1_000_000

func renderBudget() *work.Budget { return work.NewBudget(context.Background(), renderUnits, nil) }

var errNoCredential = errors.New("the contract puts the key of a credential into the body, and this endpoint has no credential; " +
	"create the endpoint by creating a credential")

// makeBody creates a body that is not just the payload: it fills in the contract's
// template, adds the person's pairs, applies the style and puts the result into the form.
func (p *Plan) makeBody(ev *hook.Event, a *Attempt, address string) ([]byte, error) {
	e := &p.contract.endpoint
	body := ev.Payload
	if p.credential == nil && e.bodyNames("credential") {
		return nil, errNoCredential
	}
	if e.raw != nil {
		in, err := p.inputs(ev, a, address)
		if err != nil {
			return nil, err
		}
		text, err := p.rawText(e.raw, in)
		if err != nil || p.form == nil {
			return text, err
		}
		return p.form.put(text)
	}
	if e.body != nil {
		in, err := p.inputs(ev, a, address)
		if err != nil {
			return nil, err
		}
		if body, err = e.body.Document(&in); err != nil {
			return nil, fmt.Errorf("the body cannot be made of this event: %w", err)
		}
	}
	body, err := withMembers(body, p.pairs)
	if err != nil {
		return nil, err
	}
	if body, err = rawjson.Restyle(body, e.json); err != nil {
		return nil, fmt.Errorf("the payload is not valid JSON: %w", err)
	}
	if p.form != nil {
		return p.form.put(body)
	}
	return body, nil
}

func (p *Plan) renderHeaders(ev *hook.Event, a *Attempt, address string) ([]hook.Header, error) {
	in, err := p.inputs(ev, a, address)
	if err != nil {
		return nil, err
	}
	out := make([]hook.Header, 0, len(p.headers))
	for _, h := range p.headers {
		made := h.Header
		if h.template != nil {
			var ok bool
			if made, ok, err = (headerTemplate{h.Name, h.template}).render(&in); err != nil {
				return nil, err
			} else if !ok {
				continue
			}
		}
		out = append(out, made)
	}
	return out, nil
}

// SecretBody reports whether the body has secrets in it: the key of a credential, or
// settings that are marked secret. Such a body must not be shown as it is, see
// [Contract.Mask].
func (p *Plan) SecretBody() bool {
	e := &p.contract.endpoint
	if p.bodyNames("credential") || p.bodyNames("url") || slices.ContainsFunc(p.pairs, func(x freePair) bool { return x.place == inBody }) {
		return true
	}
	return len(e.settings.Secrets()) > 0 && p.bodyNames("settings")
}

// bodyNames reports whether the body names something under a root, by itself or in a constant.
func (p *Plan) bodyNames(root string) bool {
	e := &p.contract.endpoint
	return e.bodyNames(root) || e.bodyNames("set") && p.contract.setNames(root)
}

// OAuth2 says where a request gets the token that it authenticates with; nil: it has none.
func (p *Plan) OAuth2() *hook.OAuth2 {
	if p.auth == nil {
		return nil
	}
	return p.auth.OAuth2
}

// Judge is [Contract.Judge].
func (p *Plan) Judge(r *hook.Response) Verdict { return p.contract.Judge(r) }

// Policy is [Contract.Policy] of the plan's configuration.
func (p *Plan) Policy() hook.Policy { return p.policy }

// Limits is [Contract.Limits] of the plan's configuration.
func (p *Plan) Limits() Limits { return p.limits }

// Version is the version of the contract that the plan was made from.
func (p *Plan) Version() int64 { return p.contract.Version }

// Render makes a plan and renders one request with it. To render many, keep the [Plan].
func (c *Contract) Render(cfg hook.EndpointConfig, ev *hook.Event) (Rendering, error) {
	return c.Plan(cfg).Render(ev)
}

// Policy is how often and when a delivery is tried again. The endpoint's own delays come
// first, then the contract's, then the defaults of the product.
func (c *Contract) Policy(cfg hook.EndpointConfig) hook.Policy {
	p := hook.Policy{Retry: cfg.Retry, Mode: c.mode(cfg), GiveUp: cfg.GiveUp}
	if p.GiveUp.IsZero() {
		p.GiveUp = c.delivery.giveUp
	}
	if len(p.Retry) == 0 {
		p.Retry = c.delivery.retry
	}
	if len(p.Retry) == 0 {
		p.Retry = hook.DefaultRetry
	}
	if p.Mode == hook.AtMostOnce {
		p.Retry = p.Retry[:1:1]
	}
	return p
}

func (c *Contract) mode(cfg hook.EndpointConfig) hook.Mode {
	if c.delivery.mode == hook.AtMostOnce || cfg.Mode == "" {
		return c.delivery.mode
	}
	return cfg.Mode
}

// Limits are the limits of an endpoint: its own, or else the contract's, or else the
// defaults of the product.
func (c *Contract) Limits(cfg hook.EndpointConfig) Limits {
	l := Limits{
		Timeout:     firstOf(cfg.Timeout, c.delivery.timeout, hook.DefaultTimeout),
		Clock:       c.delivery.clock,
		Concurrency: firstOf(cfg.Concurrency, c.delivery.concurrency, hook.DefaultConcurrency),
		PerSecond:   firstOf(cfg.PerSecond, c.delivery.perSecond),
		Ordered:     cfg.Ordered || c.delivery.ordered,
		Strict:      c.delivery.strict,
		Mode:        c.mode(cfg),
	}
	l.ConnectTimeout = firstOf(c.delivery.connectTimeout, defaultConnectTimeout)
	if l.Clock == ClockTotal {
		l.ConnectTimeout = min(l.ConnectTimeout, l.Timeout)
	}
	if l.Ordered {
		l.Concurrency = 1
	}
	return l
}

// firstOf is the first value that is not zero.
func firstOf[T comparable](values ...T) (zero T) {
	for _, v := range values {
		if v != zero {
			return v
		}
	}
	return zero
}
