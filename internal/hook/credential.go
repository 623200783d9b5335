package hook

import "time"

// CredentialState says whether a credential can be used.
type CredentialState string

const (
	CredentialActive CredentialState = "active" // its tokens are accepted, its endpoint is active
	CredentialPaused CredentialState = "paused" // its tokens are refused, its endpoint is paused
)

// Credential identifies a receiver under a contract that has credentials. Requests to
// the receiver carry its key, and with its tokens the receiver reads the records that
// those requests were about. If the contract says so, it has an endpoint of its own, which
// is paused and deleted together with it.
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
	// SecretHash is the SHA-256 of the secret. The secret is shown once, when it is made;
	// no request ever contains it.
	SecretHash [32]byte
	// TokenKey signs its tokens. A new key makes all earlier tokens invalid. Generation
	// counts the keys, from 1.
	TokenKey     []byte
	Generation   int64
	TokenExpires time.Time // when the newest token expires
}

// CredentialURL is a credential with the URL of its endpoint, "" if it has no endpoint.
type CredentialURL struct {
	*Credential
	URL string
	// Unreadable says that its key, secret and token key cannot be decrypted and are empty.
	Unreadable bool
}

// Identity is the part of the credential that requests and tokens may contain.
func (c *Credential) Identity() Identity {
	return Identity{ID: c.ID.String(), Tenant: c.Tenant, Name: c.Name, APIKey: c.APIKey}
}

// Identity is the part of a credential that requests and tokens may contain. The secret is
// not in it, so that no template can send the secret.
type Identity struct {
	ID     string `json:"id"` // text form of the credential's id
	Tenant string `json:"tenant"`
	Name   string `json:"name"`
	APIKey string `json:"api_key"`
}
