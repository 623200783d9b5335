package hook

import "encoding/base64"

// Auth is how requests prove to a receiver who sends them, beside a signature. Exactly one member is set.
type Auth struct {
	Basic  *BasicAuth `json:"basic,omitempty"`
	Bearer string     `json:"bearer,omitempty"` // a fixed token
	OAuth2 *OAuth2    `json:"oauth2,omitempty"`
}

// BasicAuth are a user name and a password (RFC 7617). They are sent in UTF-8.
type BasicAuth struct {
	User     string `json:"user"`
	Password string `json:"password,omitempty"`
}

// OAuth2 says where requests get their tokens: by client credentials (RFC 6749 section 4.4).
type OAuth2 struct {
	TokenURL     string `json:"token_url"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
	Scope        string `json:"scope,omitempty"`    // scopes, separated by spaces
	Audience     string `json:"audience,omitempty"` // a parameter that some servers want
	Style        string `json:"style,omitempty"`    // StyleHeader or StyleBody; "": StyleHeader
}

// How a client shows its id and secret to the server that gives tokens.
const (
	StyleHeader = "header" // as Basic credentials
	StyleBody   = "body"   // in the form
)

// Header is the value of the header Authorization; "" if there is no auth, or if it takes a token that has to be fetched.
func (a *Auth) Header() string {
	switch {
	case a == nil:
	case a.Basic != nil:
		return "Basic " + base64.StdEncoding.EncodeToString([]byte(a.Basic.User+":"+a.Basic.Password))
	case a.Bearer != "":
		return "Bearer " + a.Bearer
	}
	return ""
}

// Clone is a copy that shares nothing.
func (a *Auth) Clone() *Auth {
	if a == nil {
		return nil
	}
	c := *a
	if a.Basic != nil {
		c.Basic = new(*a.Basic)
	}
	if a.OAuth2 != nil {
		c.OAuth2 = new(*a.OAuth2)
	}
	return &c
}

// Secrets points to the members that are secrets: nil for those that it does not have, always in the same order.
func (a *Auth) Secrets() (list [3]*string) {
	switch {
	case a == nil:
		return list
	case a.Basic != nil:
		list[0] = &a.Basic.Password
	}
	list[1] = &a.Bearer
	if a.OAuth2 != nil {
		list[2] = &a.OAuth2.ClientSecret
	}
	return list
}
