package api

import (
	"gancho.example/client"
	"gancho/internal/hook"
)

// authOf is the auth that an input asks for; nil: none. An empty one is a mistake that the rules report, such as a token that
// somebody forgot to fill in.
func authOf(in *client.Auth) *hook.Auth {
	if in == nil {
		return nil
	}
	return &hook.Auth{Basic: (*hook.BasicAuth)(in.Basic), Bearer: in.Bearer, OAuth2: (*hook.OAuth2)(in.OAuth2)}
}

// tlsOf is the TLS that an input asks for; nil: none.
func tlsOf(in *client.TLS) *hook.TLS {
	if in == nil || *in == (client.TLS{}) {
		return nil
	}
	return (*hook.TLS)(in)
}

// wireAuth is an auth as it is shown.
func wireAuth(a *hook.Auth) *client.Auth {
	if a == nil {
		return nil
	}
	return &client.Auth{Basic: (*client.BasicAuth)(a.Basic), Bearer: a.Bearer, OAuth2: (*client.OAuth2)(a.OAuth2)}
}
