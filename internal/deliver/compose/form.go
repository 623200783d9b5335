package compose

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/send"
	"gancho/internal/sign"
)

// Form has what the messages to an endpoint are made from: its present configuration, compiled
// with the contract, and its present secrets. A form does not change. After a change of the
// configuration, a new form is made.
type Form struct {
	endpoint *hook.Endpoint
	contract *contract.Contract
	limits   contract.Limits
	present  rendering
	base     send.Attributes // of each message: its identity
	signer   sign.Signer     // nil: the contract does not sign, or the endpoint has no secret
}

// NewForm applies a contract to an endpoint. It fails if the endpoint's secrets do not
// fit the contract's signature scheme, or its certificates cannot be read.
func NewForm(e *hook.Endpoint, c *contract.Contract) (*Form, error) {
	f := &Form{endpoint: e, contract: c, limits: c.Limits(e.Config), present: newRendering(c, e, e.Config)}
	var err error
	if f.base.Identity, err = c.Identity(e.Config); err != nil || c.Scheme() == nil || len(e.Secrets) == 0 {
		return f, err
	}
	f.signer, err = c.Scheme().NewSigner(e.Secrets)
	return f, err
}

// SetScript replaces the endpoint's script, for previews. A form in use must not be
// changed.
func (f *Form) SetScript(script string) { f.present.config.Transformation = script }

// SetSampleCredential puts a sample in the place of the endpoint's credential, for
// previews of endpoints that have none yet. Its key is masked anyway.
func (f *Form) SetSampleCredential(tenant string) {
	e := f.endpoint
	sample := contract.Credential{ID: "sample", Tenant: tenant, Name: e.Name, APIKey: mask.Text}
	f.present.Plan = f.contract.PlanFor(e.Config, &sample).Of(e.ID, e.Name)
}

// URL is the endpoint's URL, secrets masked.
func (f *Form) URL() string { return f.present.mask.Text(f.endpoint.Config.URL) }

// Request stands in for a request that was not recorded, for example because of a crash. It has
// the present method and URL, and no headers. If hideBody is true, its body is a mask.
func (f *Form) Request(hideBody bool) hook.Request {
	q := hook.Request{Method: f.endpoint.Config.Method, URL: f.URL()}
	if q.Method == "" {
		q.Method = f.contract.Methods()[0]
	}
	if hideBody {
		q.Body = []byte(mask.Text)
	}
	return q
}

// message signs a rendered request and returns it as a message that is ready to be sent.
func (f *Form) message(r rendering, req contract.Rendering, job *hook.Job, now time.Time) (*send.Message, error) {
	return f.messageOf(r, req, job.Event.ID.String(), job.Delivery.Mode, now)
}

// messageOf is message of what has that id: an event, or several in one request.
func (f *Form) messageOf(
	r rendering, req contract.Rendering, id string, mode hook.Mode, now time.Time,
) (*send.Message, error) {
	req = req.WithoutBody()
	m := &send.Message{
		Tenant: f.endpoint.Tenant, Target: req.URL, Headers: req.Headers, Body: req.Body,
		Attributes: send.Attributes{
			Method: req.Method, Timeout: f.limits.Timeout, ConnectTimeout: f.limits.ConnectTimeout, Clock: send.ClockTotal,
			Resend: mode != hook.AtMostOnce, Egress: f.contract.Egress(),
			WholeAnswer: f.contract.JudgesBody(),
		},
	}
	m.OAuth2, m.Identity = r.OAuth2(), f.base.Identity
	if f.limits.Clock == contract.ClockResponse {
		m.Clock = send.ClockResponse
	}
	if err := f.sign(r.contract.Scheme(), m, id, now); err != nil {
		return nil, err
	}
	if most := f.contract.Redirects(); most > 0 {
		m.Follow = &send.Follow{Most: most, Elsewhere: r.harmless(m.Headers), Stay: r.SecretBody() || !sameSlice(m.Body, r.mask.Body(m.Body))}
	}
	return m, nil
}

// harmless are the headers that any host may see: those without secrets. A signature gives no secret away, but a token that is
// the secret itself does, and so does one in Authorization, which any server takes for the sender.
func (r rendering) harmless(headers []hook.Header) []hook.Header {
	scheme := r.contract.Scheme()
	return slices.DeleteFunc(slices.Clone(headers), func(h hook.Header) bool {
		if scheme != nil && scheme.Proves(h.Name) && !strings.EqualFold(h.Name, "Authorization") {
			return false
		}
		return mask.NamesCredential(h.Name) || !slices.Equal(r.mask.Headers([]hook.Header{h}), []hook.Header{h})
	})
}

// sign signs a message with the endpoint's present secrets, in the scheme of the contract version that rendered it; nil
// stands for none. The signature may stand in headers, in the URL and in the body. It is made of what goes out, after
// any script.
func (f *Form) sign(scheme *sign.Scheme, m *send.Message, id string, now time.Time) error {
	if scheme == nil {
		return nil
	}
	signer, err := f.signer, error(nil)
	if scheme != f.contract.Scheme() && len(f.endpoint.Secrets) > 0 { // the contract has changed since the first attempt
		if signer, err = scheme.NewSigner(f.endpoint.Secrets); err != nil {
			return fmt.Errorf("the contract signed with %s at the first attempt, and the present secret does not fit: %w",
				scheme.Name, err)
		}
	}
	if signer == nil {
		return errors.New("the contract signs, and the endpoint has no signing secret; make one with rotate-secret")
	}
	signed, err := signer.Sign(sign.Message{
		ID: id, Time: now, Method: m.Method, URL: m.Target, Headers: slices.Clip(m.Headers), Body: m.Body,
		Settings: f.endpoint.Config.Settings,
	})
	if err != nil {
		return err
	}
	m.Target, m.Headers, m.Body = signed.URL, signed.Headers, signed.Body
	return nil
}

// rendering renders requests under one version of an endpoint's configuration and of
// its contract.
type rendering struct {
	*contract.Plan
	contract *contract.Contract
	config   hook.EndpointConfig
	mask     mask.Mask
	personal []string // what is computed of personal data for one event
}

func newRendering(c *contract.Contract, e *hook.Endpoint, cfg hook.EndpointConfig) rendering {
	r := rendering{Plan: c.Plan(cfg).Of(e.ID, e.Name), contract: c, config: cfg, mask: c.Mask(cfg)}
	if s := c.Scheme(); s != nil && s.Bare || c.MayEchoSecret() {
		for _, secret := range e.Secrets {
			r.mask = r.mask.With(spellings(secret.Text)...)
		}
	}
	return r
}

// spellings are a secret as it can stand in a request: as it is, or in Base64, as Basic authentication writes user and
// password. The password is a secret of its own.
func spellings(secret string) []string {
	list := []string{secret, base64.StdEncoding.EncodeToString([]byte(secret)), base64.URLEncoding.EncodeToString([]byte(secret))}
	if _, password, ok := strings.Cut(secret, ":"); ok && password != "" {
		list = append(list, password)
	}
	return list
}

// renderings returns what a delivery's body is made with (first), and what everything else of its request is made with
// (now). Both are the present configuration if this is its first attempt.
//
// Later, the configuration is the present one, by the version of the contract that made the body, so that a request is
// wholly of one version. If the endpoint does not fit that version any more, it is by the present one.
func (c Composer) renderings(ctx context.Context, f *Form, job *hook.Job) (first, now rendering, err error) {
	d := &job.Delivery
	if d.Attempts > 0 || job.Frozen != nil {
		if first, err = c.noted(ctx, f, d); err != nil {
			return first, now, err
		}
	}
	if first.Plan == nil || first.Plan != f.present.Plan && c.nothingSent(first, job) {
		d.EndpointVersion, d.ContractVersion = f.endpoint.Version, f.contract.Version
		return f.present, f.present, nil
	}
	switch {
	case d.ContractVersion == f.contract.Version, len(first.contract.Misfits(f.endpoint)) > 0:
		return first, f.present, nil
	case d.EndpointVersion == f.endpoint.Version:
		return first, first, nil
	}
	return first, newRendering(first.contract, f.endpoint, f.endpoint.Config), nil
}

// nothingSent reports whether no attempt of a delivery sent anything. What a script makes is stored before it is sent, and
// of what cannot be rendered there is no request.
func (c Composer) nothingSent(first rendering, job *hook.Job) bool {
	if job.Frozen != nil {
		return false
	}
	if first.config.Transformation != "" {
		return true
	}
	_, err := first.Render(job.Event)
	return err != nil
}

// noted is the rendering of the versions that a delivery notes. If it notes none, it gets those of the form.
func (c Composer) noted(ctx context.Context, f *Form, d *hook.Delivery) (rendering, error) {
	if d.EndpointVersion == 0 {
		d.EndpointVersion, d.ContractVersion = f.endpoint.Version, f.contract.Version
	}
	if d.EndpointVersion == f.endpoint.Version && d.ContractVersion == f.contract.Version {
		return f.present, nil
	}
	by, cfg := f.contract, f.endpoint.Config
	if d.ContractVersion != by.Version {
		var ok bool
		if by, ok = c.Contracts.At(by.Name, d.ContractVersion); !ok {
			// A newer program on another node stored this version. A node with such a program
			// will send the delivery.
			missing := fmt.Errorf("contract %s has no version %d here", f.contract.Name, d.ContractVersion)
			return rendering{}, hook.Unavailable(missing)
		}
	}
	if d.EndpointVersion != f.endpoint.Version {
		var err error
		if cfg, err = c.Store.EndpointVersion(ctx, f.endpoint.ID, d.EndpointVersion); err != nil {
			return rendering{}, err
		}
	}
	return newRendering(by, f.endpoint, cfg), nil
}
