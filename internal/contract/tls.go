package contract

import (
	"slices"
	"strings"
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

// SoonestExpiry is when the first of the certificates of an endpoint expires; zero if it has none.
func (c *Contract) SoonestExpiry(cfg hook.EndpointConfig) time.Time {
	if first := certs.Soonest(certs.List(cfg.TLS)); first != nil {
		return first.NotAfter
	}
	return time.Time{}
}

// checkTLSUsed reports certificates that no request would use, because none goes to an https:// URL.
func (c *Contract) checkTLSUsed(r *report, cfg hook.EndpointConfig) {
	plain := func(url string) bool { return len(url) >= 7 && strings.EqualFold(url[:7], "http://") }
	if cfg.TLS == nil || !plain(cfg.URL) || c.Redirects() > 0 {
		return
	}
	if a := c.Auth(cfg); a != nil && a.OAuth2 != nil && !plain(a.OAuth2.TokenURL) {
		return
	}
	r.add("/url", "tls_over_http", "Certificates are used with https:// only. Change the URL, or set tls to null.")
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
