package contract

import (
	"slices"
	"time"

	"gancho/internal/certs"
	"gancho/internal/hook"
)

// Identity is what an endpoint shows in the TLS handshake, and whom it trusts; nil if it has nothing of its own. It fails
// if [Contract.CheckEndpoint] finds a mistake in it.
func (c *Contract) Identity(cfg hook.EndpointConfig) (*certs.Identity, error) {
	return certs.New(cfg.TLS)
}

// Certificates says what the certificates of an endpoint are.
func (c *Contract) Certificates(cfg hook.EndpointConfig) []hook.Certificate {
	return certs.List(cfg.TLS)
}

// CheckExpiry lists the certificates of an endpoint that are not valid at a time. was are those that it has so far: they
// may stay.
func (c *Contract) CheckExpiry(cfg, was hook.EndpointConfig, now time.Time) []hook.FieldError {
	had := certs.List(was.TLS)
	if wrong := certs.Expired(cfg.TLS, now); !slices.Equal(certs.List(cfg.TLS), had) {
		return wrong
	}
	return nil
}
