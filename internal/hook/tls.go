package hook

import "time"

// TLS is what an endpoint shows to its receiver in the TLS handshake, and whom it trusts beside the authorities of the
// system. All of it is PEM; an empty text stands for nothing.
type TLS struct {
	Certificate string `json:"certificate,omitempty"` // the client certificate, followed by its chain
	Key         string `json:"key,omitempty"`         // its private key
	CA          string `json:"ca,omitempty"`          // authorities that may sign the receiver's certificate
}

// Certificate is what people are told of a certificate.
type Certificate struct {
	Use       string // UseClient or UseAuthority
	Subject   string
	Issuer    string
	NotBefore time.Time
	NotAfter  time.Time
}

// CertificateWarning is how long before its end people are warned of a certificate.
const CertificateWarning = 30 * 24 * time.Hour

// What a certificate of an endpoint is for.
const (
	UseClient    = "client"
	UseAuthority = "ca"
)
