package api

import (
	"context"
	"net/http"

	"gancho.example/client"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

// sessionHandlers answer requests to sign in to the console, to sign out, and to see who one is.
type sessionHandlers struct {
	auth      *auth.Auth
	addresses addresses
}

// forAPI is a cookie that browsers send with requests to the API.
func (h sessionHandlers) forAPI(c http.Cookie) http.Cookie {
	c.Path = h.addresses.path("/v1")
	return c
}

func (h sessionHandlers) register(a *API) {
	add(a, operation{
		id: "create-session", method: http.MethodPost, path: "/v1/session", tag: "sessions", open: true,
		status: http.StatusCreated, limit: openBody,
		summary: "Sign in to the console",
		description: "Exchanges an API key for a cookie that scripts cannot read (HttpOnly, SameSite=Strict), valid for " +
			"12 hours, or until the key is revoked. " +
			"With the cookie, requests that change something are accepted from the console's own origin only.",
		codes: []string{"key_invalid", "address_forbidden", "too_many_tries", "cross_origin"},
	}, h.create)
	add(a, operation{
		id: "get-session", method: http.MethodGet, path: "/v1/session", tag: "sessions", access: auth.Anyone,
		scope: hook.ScopeSelf, contracts: true,
		summary: "Read the current session", description: "Says whose API key, cookie or portal token this request has.",
	}, h.get)
	add(a, operation{
		id: "delete-session", method: http.MethodDelete, path: "/v1/session", tag: "sessions", open: true,
		status:  http.StatusNoContent,
		summary: "Sign out", codes: []string{"cross_origin"},
		description: "Ends the session of the console or, with its token in Authorization, of the portal, and removes the " +
			"cookie. A copy of the cookie or of the token is worth nothing from then on.",
	}, h.delete)
}

func wireSession(k *hook.Key) client.Session {
	return client.Session{
		Name: k.Name, Role: string(k.Role), Tenant: k.Tenant, Portal: k.Portal != nil, Access: (*client.PortalAccess)(k.Portal),
		ExpiresAt: wireTime(k.ExpiresAt),
	}
}

type sessionOutput struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
	Body      client.Session
}

func (h sessionHandlers) create(ctx context.Context, in *struct{ Body client.SessionInput }) (*sessionOutput, error) {
	r := requestOf(ctx)
	if err := h.auth.SameOrigin(r); err != nil {
		return nil, err
	}
	key, cookie, ends, err := h.auth.SignIn(ctx, r, in.Body.Key)
	if err != nil {
		return nil, err
	}
	out := &sessionOutput{SetCookie: h.forAPI(cookie), Body: wireSession(key)}
	out.Body.ExpiresAt = wireTime(ends)
	return out, nil
}

func (sessionHandlers) get(ctx context.Context, _ *struct{}) (*struct{ Body client.Session }, error) {
	return &struct{ Body client.Session }{wireSession(keyOf(ctx))}, nil
}

func (h sessionHandlers) delete(ctx context.Context, _ *struct{}) (*struct {
	SetCookie http.Cookie `header:"Set-Cookie"`
}, error,
) {
	r := requestOf(ctx)
	if err := h.auth.SameOrigin(r); err != nil {
		return nil, err
	}
	removed, err := h.auth.SignOut(r)
	if err != nil {
		return nil, err
	}
	return &struct {
		SetCookie http.Cookie `header:"Set-Cookie"`
	}{h.forAPI(removed)}, nil
}
