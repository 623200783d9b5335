package api

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"slices"
	"time"

	"gancho.example/client"
	"gancho/internal/bearer"
	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/nearest"
)

const (
	credentialsPath = "/v1/tenants/{tenant}/credentials"
	credentialPath1 = credentialsPath + "/{credential}"
)

func (a *API) routeCredentials() {
	add(a, operation{
		id: "create-credential", method: http.MethodPost, path: credentialsPath, tag: "credentials", access: managers, status: http.StatusCreated,
		summary: "Make a credential",
		description: "Under a contract that says so its endpoint is made with it, or nothing. The answer is the only place that shows the key, the secret and the token. " +
			"Give apiKey and secret to take over ones that are in use already.",
		codes: []string{"contract_unknown", "no_credentials", "credential_invalid", "endpoint_invalid", "secret_invalid", "too_many_endpoints"},
	}, a.createCredential)
	add(a, operation{
		id: "list-credentials", method: http.MethodGet, path: credentialsPath, tag: "credentials", access: readers,
		summary: "List credentials", description: "Without keys, secrets and tokens.", codes: []string{"cursor_invalid"},
	}, a.listCredentials)
	add(a, operation{
		id: "get-credential", method: http.MethodGet, path: credentialPath1, tag: "credentials", access: readers,
		summary: "Read a credential", description: "Without key, secret and tokens.", codes: []string{"credential_not_found"},
	}, a.getCredential)
	add(a, operation{
		id: "patch-credential", method: http.MethodPatch, path: credentialPath1, tag: "credentials", access: managers,
		summary: "Pause, resume or change a credential",
		description: "paused: its tokens are refused and its endpoint is paused, so deliveries wait; active: both work again. " +
			"Members left out stay. Anything else about its endpoint is changed there.",
		codes: []string{"credential_not_found", "credential_invalid", "endpoint_invalid", "endpoint_busy", "contract_not_found"},
	}, a.patchCredential)
	add(a, operation{
		id: "delete-credential", method: http.MethodDelete, path: credentialPath1, tag: "credentials", access: managers, status: http.StatusNoContent,
		summary: "Delete a credential", description: "With its endpoint: deliveries that wait are cancelled, the history stays. Its tokens are refused from now on.",
		codes: []string{"credential_not_found"},
	}, a.deleteCredential)
	add(a, operation{
		id: "create-credential-token", method: http.MethodPost, path: credentialPath1 + "/tokens", tag: "credentials", access: managers, status: http.StatusCreated,
		bodyOptional: true, summary: "Make a token",
		description: "Earlier tokens stay good until they expire, unless revoke_earlier is true. The answer is the only place that shows the token.",
		codes:       []string{"credential_not_found", "credential_paused", "endpoint_busy", "contract_not_found", "no_credentials"},
	}, a.createToken)
}

// CredentialPath are the parameters of what concerns one credential.
type CredentialPath struct {
	TenantPath
	Credential string `path:"credential" doc:"Id of the credential." example:"crd_06ew2c5e8m4b900000000000g0"`
}

// credential reads the credential that a path names.
func (a *API) credential(ctx context.Context, in CredentialPath) (*hook.Credential, error) {
	id, err := hook.ParseCredentialID(in.Credential)
	if err != nil {
		return nil, hook.NotFound("credential", in.Credential)
	}
	return a.Store.TenantCredential(ctx, in.Tenant, id)
}

// wireCredential is a credential as it is shown.
func wireCredential(c hook.CredentialURL) client.Credential {
	out := client.Credential{
		ID: c.ID.String(), Tenant: c.Tenant, Contract: c.Contract, Name: c.Name, State: string(c.State), Hint: c.APIKey[max(len(c.APIKey)-4, 0):],
		TokenExpiresAt: c.TokenExpires, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, URL: c.URL,
	}
	if !c.Endpoint.IsZero() {
		out.Endpoint = c.Endpoint.String()
	}
	return out
}

// withEndpoint is a credential and the address of its endpoint e, nil if it has
// none.
func withEndpoint(c *hook.Credential, e *hook.Endpoint) hook.CredentialURL {
	if e == nil {
		return hook.CredentialURL{Credential: c}
	}
	return hook.CredentialURL{Credential: c, URL: e.Config.URL}
}

// endpointOf is the endpoint of a credential, nil if it has none.
func (a *API) endpointOf(ctx context.Context, c *hook.Credential) (*hook.Endpoint, error) {
	if c.Endpoint.IsZero() {
		return nil, nil
	}
	e, err := a.Store.TenantEndpoint(ctx, c.Tenant, c.Endpoint)
	if hook.IsKind(err, hook.KindNotFound) { // both were deleted since the credential was read
		return nil, hook.NotFound("credential", c.ID.String())
	}
	return e, err
}

var errNoCredentials = hook.InvalidFields("no_credentials", hook.FieldError{Pointer: "/contract", Detail: "This contract has no credentials. Choose one that has."})

type newCredentialOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         client.NewCredential
}

func (a *API) createCredential(ctx context.Context, in *struct {
	TenantPath
	Body client.CredentialInput
},
) (*newCredentialOutput, error) {
	c := a.contract(in.Body.Contract)
	if c == nil {
		return nil, hook.InvalidFields("contract_unknown", hook.FieldError{
			Pointer: "/contract", Detail: "There is no contract of this name." + nearest.DidYouMean(in.Body.Contract, a.namesWithCredentials()),
		})
	}
	how, ok := c.Credentials()
	if !ok {
		return nil, errNoCredentials
	}
	cr := &hook.Credential{ID: hook.NewCredentialID(), Tenant: in.Tenant, Contract: c.Name, Name: in.Body.Name, State: hook.CredentialActive}
	secret, err := fill(cr, how, in.Body)
	if err != nil {
		return nil, err
	}
	var e *hook.Endpoint
	if how.Endpoint {
		if e, err = a.ownEndpoint(cr, in.Body); err != nil {
			return nil, err
		}
	} else if in.Body.URL != "" {
		return nil, hook.InvalidFields("credential_invalid", hook.FieldError{Pointer: "/url", Detail: "Credentials of this contract have no endpoint. Leave it out."})
	}
	bearer.Renew(cr)
	token, err := bearer.Issue(cr, how, time.Now())
	if err != nil {
		return nil, err
	}
	if err := a.Store.CreateCredential(ctx, cr, e, c.PerTenant()); err != nil {
		return nil, err
	}
	return &newCredentialOutput{"no-store", client.NewCredential{Credential: wireCredential(withEndpoint(cr, e)), APIKey: cr.APIKey, Secret: secret, Token: token, ExpiresAt: cr.TokenExpires}}, nil
}

func (a *API) namesWithCredentials() []string {
	return slices.DeleteFunc(a.contractNames(), func(name string) bool {
		c := a.contract(name)
		if c == nil {
			return true
		}
		_, ok := c.Credentials()
		return !ok
	})
}

// fill gives a credential its key and secret: those of the input, or new ones.
func fill(cr *hook.Credential, how contract.Credentials, in client.CredentialInput) (secret string, err error) {
	cr.APIKey, secret = in.APIKey, in.Secret
	var wrong []hook.FieldError
	for _, x := range []struct {
		text    *string
		like    contract.Alphabet
		pointer string
	}{{&cr.APIKey, how.APIKey, "/apiKey"}, {&secret, how.Secret, "/secret"}} {
		switch {
		case *x.text != "" && !x.like.Has(*x.text):
			wrong = append(wrong, hook.FieldError{Pointer: x.pointer, Detail: x.like.String() + ". Leave it out to have one made."})
		case *x.text == "":
			if *x.text, err = x.like.Make(rand.Reader); err != nil {
				return "", err
			}
		}
	}
	if len(wrong) > 0 {
		return "", hook.InvalidFields("credential_invalid", wrong...)
	}
	cr.SecretHash = sha256.Sum256([]byte(secret))
	return secret, nil
}

// ownEndpoint is the endpoint of a new credential.
func (a *API) ownEndpoint(cr *hook.Credential, in client.CredentialInput) (*hook.Endpoint, error) {
	cfg, c, err := a.configure(client.EndpointInput{
		Contract: in.Contract, URL: in.URL, Method: in.Method, EventTypes: in.EventTypes, Filter: in.Filter, Headers: in.Headers, Settings: in.Settings,
	})
	if err != nil {
		return nil, err
	}
	cfg.Credential = new(cr.Identity())
	return newEndpoint(cr.Tenant, in.Name, c, cfg, "")
}

type credentialsOutput struct {
	Body client.List[client.Credential]
}

func (a *API) listCredentials(ctx context.Context, in *struct {
	TenantPath
	Paging
},
) (*credentialsOutput, error) {
	list := listName("credentials", in.Tenant)
	p, err := in.page(list)
	if err != nil {
		return nil, err
	}
	credentials, next, err := a.Store.Credentials(ctx, in.Tenant, p)
	if err != nil {
		return nil, err
	}
	return &credentialsOutput{wireList(credentials, next, list, wireCredential)}, nil
}

type credentialOutput struct{ Body client.Credential }

func (a *API) getCredential(ctx context.Context, in *CredentialPath) (*credentialOutput, error) {
	cr, err := a.credential(ctx, *in)
	if err != nil {
		return nil, err
	}
	e, err := a.endpointOf(ctx, cr)
	if err != nil {
		return nil, err
	}
	return &credentialOutput{wireCredential(withEndpoint(cr, e))}, nil
}

// updateCredential reads a credential and its endpoint, lets change change them,
// and stores both together, or the credential alone if change says that it left
// the endpoint as it was. If somebody else was faster it starts anew.
func (a *API) updateCredential(ctx context.Context, in CredentialPath, change func(*hook.Credential, *hook.Endpoint) (both bool, err error)) (*hook.Credential, *hook.Endpoint, error) {
	for range updateTries {
		cr, err := a.credential(ctx, in)
		if err != nil {
			return nil, nil, err
		}
		e, err := a.endpointOf(ctx, cr)
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
			ok, err = a.Store.UpdateCredential(ctx, cr, e, !sameConfig(was, e.Config))
		} else {
			ok, err = a.Store.UpdateCredential(ctx, cr, nil, false)
		}
		if ok || err != nil {
			return cr, e, err
		}
	}
	return nil, nil, hook.Conflict("endpoint_busy", "Others keep changing this credential or its endpoint. Try again in a moment.")
}

func (a *API) patchCredential(ctx context.Context, in *struct {
	CredentialPath
	Body client.CredentialPatch
},
) (*credentialOutput, error) {
	cr, e, err := a.updateCredential(ctx, in.CredentialPath, func(cr *hook.Credential, e *hook.Endpoint) (bool, error) {
		if in.Body.Name != "" {
			cr.Name = in.Body.Name
		}
		if in.Body.State != "" {
			cr.State = hook.CredentialState(in.Body.State)
		}
		if e == nil {
			if in.Body.URL != "" {
				return false, hook.InvalidFields("credential_invalid", hook.FieldError{Pointer: "/url", Detail: "This credential has no endpoint. Leave it out."})
			}
			return false, nil
		}
		return true, a.patchOwn(cr, e, in.Body)
	})
	if err != nil {
		return nil, err
	}
	return &credentialOutput{wireCredential(withEndpoint(cr, e))}, nil
}

// patchOwn changes the endpoint of a credential as the credential was changed.
func (a *API) patchOwn(cr *hook.Credential, e *hook.Endpoint, in client.CredentialPatch) error {
	if in.Name != "" && cr.Name != e.Config.Credential.Name {
		e.Name, e.Config.Credential = cr.Name, new(cr.Identity())
	}
	if in.URL != "" {
		c := a.servedBy(e)
		if c == nil {
			return a.noContract(cr.Contract)
		}
		e.Config.URL = in.URL
		if wrong := c.CheckEndpoint(e.Config); len(wrong) > 0 {
			return hook.InvalidFields("endpoint_invalid", wrong...)
		}
	}
	switch {
	case in.State == string(hook.CredentialActive):
		e.State, e.StateReason = hook.EndpointActive, ""
	case in.State == string(hook.CredentialPaused) && e.State == hook.EndpointActive: // one that is disabled stays so
		e.State, e.StateReason = hook.EndpointPaused, hook.ReasonCredential
	}
	return nil
}

func (a *API) deleteCredential(ctx context.Context, in *CredentialPath) (*struct{}, error) {
	id, err := hook.ParseCredentialID(in.Credential)
	if err != nil {
		return nil, hook.NotFound("credential", in.Credential)
	}
	return nil, a.Store.DeleteCredential(ctx, in.Tenant, id)
}

type newTokenOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         client.NewToken
}

func (a *API) createToken(ctx context.Context, in *struct {
	CredentialPath
	Body client.TokenInput
},
) (*newTokenOutput, error) {
	var token string
	cr, _, err := a.updateCredential(ctx, in.CredentialPath, func(cr *hook.Credential, _ *hook.Endpoint) (_ bool, err error) {
		c := a.contract(cr.Contract)
		if c == nil {
			return false, a.noContract(cr.Contract)
		}
		how, ok := c.Credentials()
		switch {
		case !ok: // it had them when the credential was made
			return false, errNoCredentials
		case cr.State != hook.CredentialActive:
			return false, hook.Conflict("credential_paused", "This credential is paused, so a token would be refused. Make it active first.")
		case in.Body.RevokeEarlier:
			bearer.Renew(cr)
		}
		token, err = bearer.Issue(cr, how, time.Now())
		return false, err
	})
	if err != nil {
		return nil, err
	}
	return &newTokenOutput{"no-store", client.NewToken{Token: token, ExpiresAt: cr.TokenExpires}}, nil
}
