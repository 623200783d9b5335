package api

import (
	"context"
	"net/http"

	"gancho.example/client"
	"gancho/internal/admin"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

const (
	credentialsPath = "/v1/tenants/{tenant}/credentials"
	credentialPath1 = credentialsPath + "/{credential}"
)

// credentialHandlers answer requests about credentials.
type credentialHandlers struct{ credentials admin.Credentials }

func (h credentialHandlers) register(a *API) {
	add(a, operation{
		id: "create-credential", contracts: true, method: http.MethodPost, path: credentialsPath, tag: "credentials", access: auth.Managers,
		status:  http.StatusCreated,
		summary: "Create a credential",
		description: "If the contract says so, an endpoint is created together with the credential: both or neither. Only " +
			"this answer shows the key, the secret and the token. " +
			"Send apiKey and secret to take over a credential that is in use already.",
		codes: []string{
			"contract_unknown", "no_credentials", "credential_invalid", "endpoint_invalid", "secret_invalid",
			"too_many_endpoints",
		}, once: true,
	}, h.create)
	add(a, operation{
		id: "list-credentials", contracts: true, method: http.MethodGet, path: credentialsPath, tag: "credentials", access: auth.Readers,
		summary: "List credentials", description: "Without keys, secrets and tokens.", codes: []string{"cursor_invalid"},
	}, h.list)
	add(a, operation{
		id: "get-credential", method: http.MethodGet, path: credentialPath1, tag: "credentials", access: auth.Readers,
		summary: "Read a credential", description: "Without key, secret and tokens.", codes: []string{"credential_not_found"},
	}, h.get)
	add(a, operation{
		id: "patch-credential", method: http.MethodPatch, path: credentialPath1, tag: "credentials", access: auth.Managers,
		summary: "Pause, resume or change a credential",
		description: "paused: its tokens are refused, and its endpoint is paused, so deliveries wait. active: both work " +
			"again. " +
			"Members that are left out stay as they are. To change anything else about its endpoint, change the endpoint.",
		codes: []string{
			"credential_not_found", "credential_invalid", "endpoint_invalid", "endpoint_busy",
			"contract_not_found",
		}, conditional: true,
	}, h.patch)
	add(a, operation{
		id: "delete-credential", method: http.MethodDelete, path: credentialPath1, tag: "credentials", access: auth.Managers,
		status:  http.StatusNoContent,
		summary: "Delete a credential",
		description: "Its endpoint is deleted as well: waiting deliveries are cancelled, and the history stays. Its " +
			"tokens are refused from now on.",
		codes: []string{"credential_not_found"}, conditional: true,
	}, h.delete)
	add(a, operation{
		id: "create-credential-token", method: http.MethodPost, path: credentialPath1 + "/tokens", tag: "credentials",
		access: auth.Managers, status: http.StatusCreated,
		bodyOptional: true, summary: "Create a token",
		description: "Earlier tokens are valid until they expire, unless revoke_earlier is true. Only this answer shows " +
			"the token.",
		codes: []string{
			"credential_not_found", "credential_paused", "endpoint_busy", "contract_not_found",
			"no_credentials",
		}, once: true,
	}, h.createToken)
}

// CredentialPath are the path parameters of operations on one credential.
type CredentialPath struct {
	TenantPath
	Credential string `path:"credential" doc:"Id of the credential." example:"crd_06ew2c5e8m4b900000000000g0"`
}

// wireCredential is a credential as it is shown.
func wireCredential(c hook.CredentialURL) client.Credential {
	out := client.Credential{
		ID: c.ID.String(), Tenant: c.Tenant, Contract: c.Contract, Name: c.Name, State: string(c.State),
		Unreadable:     c.Unreadable,
		Hint:           c.APIKey[max(len(c.APIKey)-4, 0):],
		TokenExpiresAt: c.TokenExpires, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, URL: c.URL, ETag: etag(c.Revision()),
	}
	if !c.Endpoint.IsZero() {
		out.Endpoint = c.Endpoint.String()
	}
	return out
}

type newCredentialOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         client.NewCredential
}

func (h credentialHandlers) create(ctx context.Context, in *struct {
	TenantPath
	Body client.CredentialInput
},
) (*newCredentialOutput, error) {
	if err := auth.AdmitContract(keyOf(ctx), in.Body.Contract); err != nil {
		return nil, err
	}
	spec := admin.CredentialSpec{
		Contract: in.Body.Contract, Name: in.Body.Name, APIKey: in.Body.APIKey, Secret: in.Body.Secret,
		Endpoint: endpointSpec(client.EndpointInput{
			URL: in.Body.URL, Method: in.Body.Method, EventTypes: in.Body.EventTypes, Filter: in.Body.Filter,
			Headers: in.Body.Headers, Settings: in.Body.Settings,
		}).Config,
	}
	if spec.Name == "" {
		spec.Wrong = append(spec.Wrong, hook.Field("/name", "name_required",
			"This is required: a name by which people know it, like My app."))
	}
	made, err := h.credentials.Create(ctx, in.Tenant, spec)
	if err != nil {
		return nil, err
	}
	return &newCredentialOutput{"no-store", client.NewCredential{
		Credential: wireCredential(made.CredentialURL), APIKey: made.APIKey, Secret: made.Secret, Token: made.Token,
		ExpiresAt: made.TokenExpires,
	}}, nil
}

type credentialsOutput struct {
	Body client.List[client.Credential]
}

func (h credentialHandlers) list(ctx context.Context, in *struct {
	TenantPath
	Paging
},
) (*credentialsOutput, error) {
	list := listName("credentials", in.Tenant)
	p, err := in.page(list)
	if err != nil {
		return nil, err
	}
	credentials, next, err := h.credentials.List(ctx, in.Tenant, p)
	if err != nil {
		return nil, err
	}
	credentials = touchable(ctx, credentials, func(c hook.CredentialURL) string { return c.Contract })
	return &credentialsOutput{wireList(credentials, next, list, wireCredential)}, nil
}

type credentialOutput struct {
	ETag string `header:"ETag"`
	Body client.Credential
}

func (h credentialHandlers) get(ctx context.Context, in *CredentialPath) (*credentialOutput, error) {
	cr, err := h.credentials.Get(ctx, in.Tenant, in.Credential)
	if err != nil {
		return nil, err
	}
	return &credentialOutput{etag(cr.Revision()), wireCredential(cr)}, nil
}

func (h credentialHandlers) patch(ctx context.Context, in *struct {
	CredentialPath
	Body client.CredentialPatch
},
) (*credentialOutput, error) {
	only, err := precondition(requestOf(ctx))
	if err != nil {
		return nil, err
	}
	p := admin.CredentialPatch{SeesSecrets: keyOf(ctx).Has("endpoints:secret"), If: only}
	if in.Body.Name != "" {
		p.Name = &in.Body.Name
	}
	if in.Body.State != "" {
		p.State = new(hook.CredentialState(in.Body.State))
	}
	if in.Body.URL != "" {
		p.URL = &in.Body.URL
	}
	cr, err := h.credentials.Patch(ctx, in.Tenant, in.Credential, p)
	if err != nil {
		return nil, err
	}
	return &credentialOutput{etag(cr.Revision()), wireCredential(cr)}, nil
}

func (h credentialHandlers) delete(ctx context.Context, in *CredentialPath) (*struct{}, error) {
	only, err := onlyIf(ctx)
	if err != nil {
		return nil, err
	}
	return nil, h.credentials.Delete(ctx, in.Tenant, in.Credential, only)
}

type newTokenOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         client.NewToken
}

func (h credentialHandlers) createToken(ctx context.Context, in *struct {
	CredentialPath
	Body client.TokenInput
},
) (*newTokenOutput, error) {
	token, expires, err := h.credentials.NewToken(ctx, in.Tenant, in.Credential, in.Body.RevokeEarlier)
	if err != nil {
		return nil, err
	}
	return &newTokenOutput{"no-store", client.NewToken{Token: token, ExpiresAt: expires}}, nil
}
