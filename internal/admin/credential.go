package admin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"slices"
	"time"
	"unicode/utf8"

	"gancho/internal/bearer"
	"gancho/internal/contract"
	"gancho/internal/hook"
)

// CredentialStore is what [Credentials] need of the database.
type CredentialStore interface {
	endpointReader
	// CreateCredential stores a credential and its endpoint in one commit, and sets their times. The endpoint may be
	// nil. It is a conflict if the tenant has most endpoints of the contract already; 0 means any number.
	CreateCredential(ctx context.Context, c *hook.Credential, e *hook.Endpoint, most int) error
	TenantCredential(ctx context.Context, tenant string, id hook.CredentialID) (*hook.Credential, error)
	Credentials(ctx context.Context, tenant string, p hook.Page) (list []hook.CredentialURL, next hook.ID, err error)
	// UpdateCredential stores nothing, and is not ok, if the credential or the endpoint was changed since it was read.
	// The endpoint may be nil.
	UpdateCredential(ctx context.Context, c *hook.Credential, e *hook.Endpoint, newConfig bool) (ok bool, err error)
	// DeleteCredential deletes the endpoint of the credential as well. It fails with [hook.ErrChangedMeanwhile] if only does
	// not hold for the revision of the credential.
	DeleteCredential(ctx context.Context, tenant string, id hook.CredentialID, only hook.Precondition) error
}

// Credentials are the use cases of credentials. All fields are needed.
type Credentials struct {
	Store     CredentialStore
	Contracts *contract.Set
	Egress    Egress
}

// CredentialSpec is a new credential as somebody requests it.
type CredentialSpec struct {
	Contract string
	Name     string
	APIKey   string // one that is in use already; "": one is made
	Secret   string // one that is in use already; "": one is made
	// Endpoint is the configuration of its endpoint, if the contract says that it has one. Without a URL it must be
	// left out.
	Endpoint hook.EndpointConfig
	// Wrong is what the caller found wrong while reading the request. It is reported together with what the rules find.
	Wrong []hook.FieldError
}

// NewCredential is a new credential with its secret and token, which are shown only now.
type NewCredential struct {
	hook.CredentialURL
	Secret string
	Token  string // good until TokenExpires
}

var errNoCredentials = hook.InvalidFields("no_credentials", hook.Field("/contract", "credentials_none",
	"This contract has no credentials. Choose one that has."))

// Create creates a credential, its first token and, if the contract asks for one, its endpoint. The codes of its errors
// are contract_unknown, no_credentials, credential_invalid, endpoint_invalid and too_many_endpoints.
func (x Credentials) Create(ctx context.Context, tenant string, in CredentialSpec) (*NewCredential, error) {
	c := (contracts{x.Contracts}).inForce(in.Contract)
	if c == nil {
		return nil, hook.InvalidFields("contract_unknown", x.Contracts.NoContractWithCredentials(in.Contract).At("/contract"))
	}
	how, ok := c.Credentials()
	if !ok {
		return nil, errNoCredentials
	}
	cr := &hook.Credential{
		ID: hook.NewCredentialID(), Tenant: tenant, Contract: c.Name, Name: in.Name,
		State: hook.CredentialActive,
	}
	secret, wrong, err := fill(cr, how, in)
	if err != nil {
		return nil, err
	}
	var e *hook.Endpoint
	if how.Endpoint {
		if e, err = x.ownEndpoint(ctx, cr, in.Endpoint, wrong); err != nil {
			return nil, err
		}
	} else if in.Endpoint.URL != "" {
		wrong = append(wrong, hook.Field("/url", "credential_no_endpoint",
			"A credential of this contract has no endpoint. Leave it out."))
	}
	if len(wrong) > 0 {
		return nil, hook.InvalidFields("credential_invalid", wrong...)
	}
	bearer.Renew(cr)
	token, err := bearer.Issue(cr, how, time.Now())
	if err != nil {
		return nil, err
	}
	if err := x.Store.CreateCredential(ctx, cr, e, c.PerTenant()); err != nil {
		return nil, err
	}
	return &NewCredential{withURL(cr, e), secret, token}, nil
}

// fill sets the key of a credential and the hash of its secret. Those that were not given are generated. It says what
// is wrong with what was given.
func fill(cr *hook.Credential, how contract.Credentials, in CredentialSpec) (secret string, wrong []hook.FieldError, err error) {
	cr.APIKey, secret = in.APIKey, in.Secret
	wrong = append(slices.Clone(in.Wrong), checkName(in.Name)...)
	for _, x := range []struct {
		text    *string
		like    contract.Alphabet
		pointer string
	}{{&cr.APIKey, how.APIKey, "/apiKey"}, {&secret, how.Secret, "/secret"}} {
		switch {
		case *x.text != "" && !x.like.Has(*x.text):
			wrong = append(wrong, hook.Field(x.pointer, "key_characters",
				"It has {length} characters, all of them from {characters}. Leave it out to have one made.",
				"length", x.like.Length, "characters", x.like.Characters))
		case *x.text == "":
			if *x.text, err = x.like.Make(rand.Reader); err != nil {
				return "", nil, err
			}
		}
	}
	cr.SecretHash = sha256.Sum256([]byte(secret))
	return secret, wrong, nil
}

// checkName validates a name.
func checkName(name string) []hook.FieldError {
	if utf8.RuneCountInString(name) <= maxName {
		return nil
	}
	return []hook.FieldError{hook.Field("/name", "name_long", "A name has at most {max} characters.", "max", maxName)}
}

// ownEndpoint is the endpoint of a new credential. What is wrong with the endpoint is reported together with what is
// wrong with the credential.
func (x Credentials) ownEndpoint(ctx context.Context, cr *hook.Credential, cfg hook.EndpointConfig, wrong []hook.FieldError) (*hook.Endpoint, error) {
	in := EndpointSpec{Contract: cr.Contract, Config: cfg}
	in.Config.Credential = nil
	c, err := checkEndpoint(contracts{x.Contracts}, &in)
	if e, ok := errors.AsType[*hook.Error](err); ok && len(wrong) > 0 {
		return nil, hook.InvalidFields("credential_invalid", append(wrong, e.Fields...)...)
	}
	if err != nil || len(wrong) > 0 {
		return nil, err // Create reports wrong
	}
	in.Name = cr.Name
	if err := checkReach(ctx, x.Egress, cr.Tenant, c, in.Config.URL, ""); err != nil {
		return nil, err
	}
	in.Config.Credential = new(cr.Identity())
	return newEndpoint(cr.Tenant, c, in)
}

// withURL is a credential with the address of its endpoint, which is nil if it has none.
func withURL(c *hook.Credential, e *hook.Endpoint) hook.CredentialURL {
	if e == nil {
		return hook.CredentialURL{Credential: c}
	}
	return hook.CredentialURL{Credential: c, URL: e.Config.URL}
}

// Get reads a credential. The code of its error is credential_not_found.
func (x Credentials) Get(ctx context.Context, tenant, id string) (hook.CredentialURL, error) {
	cr, e, err := x.read(ctx, tenant, id)
	if err != nil {
		return hook.CredentialURL{}, err
	}
	return withURL(cr, e), nil
}

// read reads a credential and its endpoint, which is nil if it has none.
func (x Credentials) read(ctx context.Context, tenant, id string) (*hook.Credential, *hook.Endpoint, error) {
	parsed, err := hook.ParseCredentialID(id)
	if err != nil {
		return nil, nil, hook.NotFound("credential", id)
	}
	cr, err := x.Store.TenantCredential(ctx, tenant, parsed)
	if err != nil || cr.Endpoint.IsZero() {
		return cr, nil, err
	}
	e, err := x.Store.TenantEndpoint(ctx, tenant, cr.Endpoint)
	if hook.IsKind(err, hook.KindNotFound) { // both were deleted since the credential was read
		err = hook.NotFound("credential", id)
	}
	return cr, e, err
}

// List lists the credentials of a tenant, newest first.
func (x Credentials) List(ctx context.Context, tenant string, p hook.Page) (list []hook.CredentialURL, next hook.ID, err error) {
	return x.Store.Credentials(ctx, tenant, p)
}

// CredentialPatch is a change of a credential. A field that is nil stays as it is.
type CredentialPatch struct {
	Name  *string
	State *hook.CredentialState // also of its endpoint
	URL   *string               // of its endpoint
	// SeesSecrets says that the caller may read the signing secret of the endpoint.
	SeesSecrets bool
	If          hook.Precondition // on the revision of the credential
}

// Patch changes a credential and its endpoint together. The codes of its errors are credential_not_found,
// credential_invalid, endpoint_invalid, endpoint_busy and contract_not_found.
func (x Credentials) Patch(ctx context.Context, tenant, id string, p CredentialPatch) (hook.CredentialURL, error) {
	cr, e, err := x.update(ctx, tenant, id, func(cr *hook.Credential, e *hook.Endpoint) (bool, error) {
		if err := p.If.Check(withURL(cr, e).Revision()); err != nil {
			return false, err
		}
		if err := p.apply(cr); err != nil {
			return false, err
		}
		if e == nil {
			if p.URL != nil {
				return false, hook.InvalidFields("credential_invalid", hook.Field("/url", "credential_no_endpoint",
					"A credential of this contract has no endpoint. Leave it out."))
			}
			return false, nil
		}
		return true, x.patchOwn(ctx, cr, e, p)
	})
	if err != nil {
		return hook.CredentialURL{}, err
	}
	return withURL(cr, e), nil
}

// apply changes the credential itself.
func (p CredentialPatch) apply(cr *hook.Credential) error {
	set(&cr.Name, p.Name)
	set(&cr.State, p.State)
	wrong := checkName(cr.Name)
	if cr.State != hook.CredentialActive && cr.State != hook.CredentialPaused {
		wrong = append(wrong, hook.Field("/state", "credential_state", "The states are active and paused."))
	}
	if len(wrong) > 0 {
		return hook.InvalidFields("credential_invalid", wrong...)
	}
	return nil
}

// patchOwn changes the endpoint of a credential.
func (x Credentials) patchOwn(ctx context.Context, cr *hook.Credential, e *hook.Endpoint, p CredentialPatch) error {
	if p.Name != nil && cr.Name != e.Config.Credential.Name {
		e.Name, e.Config.Credential = cr.Name, new(cr.Identity())
	}
	if p.URL != nil {
		known := contracts{x.Contracts}
		c := known.serving(e)
		if c == nil {
			return known.missing(cr.Contract)
		}
		if err := checkReach(ctx, x.Egress, cr.Tenant, c, *p.URL, e.Config.URL); err != nil {
			return err
		}
		now := e.Config
		now.URL = *p.URL
		if wrong := c.CheckEndpoint(now); len(wrong) > 0 {
			return hook.InvalidFields("endpoint_invalid", wrong...)
		}
		knows := EndpointPatch{Knows: Knows{Signing: p.SeesSecrets, Credential: true}}
		if checkMoved(c, e, masked(c, e.Config), now, knows) != nil {
			return hook.InvalidFields("endpoint_invalid", hook.Field("/url", "secret_again_endpoint",
				"Secrets of the endpoint would go to another address than before: {url}. Change the URL of the endpoint "+
					"itself, and give its secrets again with it.", "url", origin(now.URL)))
		}
		e.Config = now
	}
	switch {
	case p.State == nil:
	case *p.State == hook.CredentialActive:
		e.State, e.StateReason = hook.EndpointActive, ""
	case e.State == hook.EndpointActive: // an endpoint that is disabled stays disabled
		e.State, e.StateReason = hook.EndpointPaused, hook.ReasonCredential
	}
	return nil
}

// update reads a credential and its endpoint, lets change change them, and stores both together, or the credential
// alone if change says that it left the endpoint as it was. If another change was faster it starts again.
func (x Credentials) update(ctx context.Context, tenant, id string, change func(*hook.Credential, *hook.Endpoint) (both bool, err error)) (*hook.Credential, *hook.Endpoint, error) {
	for range updateTries {
		cr, e, err := x.read(ctx, tenant, id)
		if err != nil {
			return nil, nil, err
		}
		var was hook.EndpointConfig
		if e != nil {
			was = e.Config
		}
		both, err := change(cr, e)
		if err != nil {
			return nil, nil, err
		}
		var ok bool
		if both && e != nil {
			ok, err = x.Store.UpdateCredential(ctx, cr, e, !sameConfig(was, e.Config))
		} else {
			ok, err = x.Store.UpdateCredential(ctx, cr, nil, false)
		}
		if ok || err != nil {
			return cr, e, err
		}
	}
	return nil, nil, hook.Conflict("endpoint_busy",
		"Others keep changing this credential or its endpoint. Try again in a moment.")
}

// Delete removes a credential with its endpoint; its tokens are refused from then on. The code of its error is
// credential_not_found, or changed_meanwhile if only does not hold for its revision.
func (x Credentials) Delete(ctx context.Context, tenant, id string, only hook.Precondition) error {
	parsed, err := hook.ParseCredentialID(id)
	if err != nil {
		return hook.NotFound("credential", id)
	}
	return x.Store.DeleteCredential(ctx, tenant, parsed, only)
}

// NewToken creates another token of a credential and returns when it expires. Earlier tokens stay valid until they
// expire, unless the caller revokes them. The codes of its errors are credential_not_found, credential_paused,
// endpoint_busy, contract_not_found and no_credentials.
func (x Credentials) NewToken(ctx context.Context, tenant, id string, revokeEarlier bool) (token string, expires time.Time, err error) {
	known := contracts{x.Contracts}
	cr, _, err := x.update(ctx, tenant, id, func(cr *hook.Credential, _ *hook.Endpoint) (_ bool, err error) {
		c := known.inForce(cr.Contract)
		if c == nil {
			return false, known.missing(cr.Contract)
		}
		how, ok := c.Credentials()
		switch {
		case !ok: // it had them when the credential was made
			return false, errNoCredentials
		case cr.State != hook.CredentialActive:
			return false, hook.Conflict("credential_paused",
				"This credential is paused, so a token would be refused. Make it active first.")
		case revokeEarlier:
			bearer.Renew(cr)
		}
		token, err = bearer.Issue(cr, how, time.Now())
		return false, err
	})
	if err != nil {
		return "", time.Time{}, err
	}
	return token, cr.TokenExpires, nil
}
