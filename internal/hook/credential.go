package hook

import "time"

// CredentialState says whether a credential is good for anything.
type CredentialState string

const (
	CredentialActive CredentialState = "active" // its tokens are good, its endpoint is active
	CredentialPaused CredentialState = "paused" // its tokens are refused, its endpoint is paused
)

// Credential is what a receiver is known by under a contract that has
// credentials: a key that its requests carry, and tokens with which it reads the
// records it was told of. Its own endpoint, where the contract says so, lives and
// dies with it.
type Credential struct {
	ID        CredentialID
	Tenant    string
	Contract  string
	Name      string
	APIKey    string
	State     CredentialState
	Endpoint  EndpointID // zero: it has none
	CreatedAt time.Time
	UpdatedAt time.Time
	// SecretHash is the SHA-256 of the secret, which is shown once, when it is
	// made, and which nothing ever sends.
	SecretHash [32]byte
	// TokenKey signs its tokens. A new one ends all that were made, and counts as a
	// new Generation, from 1.
	TokenKey     []byte
	Generation   int64
	TokenExpires time.Time // of the newest token
}

// CredentialURL is a credential with the address of its endpoint, "" if it has none.
type CredentialURL struct {
	*Credential
	URL string
}

// Identity is the credential as requests and tokens speak of it.
func (c *Credential) Identity() Identity {
	return Identity{ID: c.ID.String(), Tenant: c.Tenant, Name: c.Name, APIKey: c.APIKey}
}

// Identity is what requests and tokens say of a credential. The secret is no
// part of it, so that no template can send it.
type Identity struct {
	ID     string `json:"id"` // text form of the credential's id
	Tenant string `json:"tenant"`
	Name   string `json:"name"`
	APIKey string `json:"api_key"`
}
