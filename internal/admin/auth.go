package admin

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/rawjson"
)

// maskedAuth is an auth with masks in the place of its secrets.
func maskedAuth(a *hook.Auth) *hook.Auth {
	a = a.Clone()
	for _, secret := range a.Secrets() {
		if secret != nil && *secret != "" {
			*secret = mask.Text
		}
	}
	return a
}

// restoreAuth puts stored secrets into the place of their masks. A mask that stands for no stored secret stays.
func restoreAuth(given, stored *hook.Auth) *hook.Auth {
	given = given.Clone()
	was := stored.Secrets()
	for i, secret := range given.Secrets() {
		if secret != nil && *secret == mask.Text && was[i] != nil && *was[i] != "" {
			*secret = *was[i]
		}
	}
	return given
}

// maskedTLS is a TLS without its private key.
func maskedTLS(t *hook.TLS) *hook.TLS {
	if t == nil || t.Key == "" {
		return t
	}
	shown := *t
	shown.Key = mask.Text
	return &shown
}

// restoreTLS puts the stored private key into the place of its mask.
func restoreTLS(given, stored *hook.TLS) *hook.TLS {
	if given == nil || given.Key != mask.Text || stored == nil {
		return given
	}
	out := *given
	out.Key = stored.Key
	return &out
}

// patched applies a JSON Merge Patch to a part of the configuration. null, or an object without members, is none.
func patched[T any](stored *T, patch json.RawMessage) (*T, error) {
	was := []byte("{}")
	if stored != nil {
		var err error
		if was, err = json.Marshal(stored); err != nil {
			return nil, err
		}
	}
	out := new(T)
	merged := rawjson.Merge(was, patch)
	if text := string(merged); text == "null" || text == "{}" {
		return nil, nil
	}
	if err := json.Unmarshal(merged, out); err != nil {
		return nil, err
	}
	return out, nil
}

// checkEndpointReach refuses the URLs of an endpoint, that of its receiver and that of its tokens, to which the webhooks
// of the tenant may not go, and certificates that have expired. was is the configuration so far, of which all may stay.
func checkEndpointReach(ctx context.Context, x Egress, tenant string, c *contract.Contract, cfg, was hook.EndpointConfig) error {
	if err := checkReach(ctx, x, tenant, c, cfg.URL, was.URL); err != nil {
		return err
	}
	if wrong := c.CheckExpiry(cfg, was, time.Now()); len(wrong) > 0 {
		return hook.InvalidFields("endpoint_invalid", wrong...)
	}
	err := checkReach(ctx, x, tenant, c, tokenURL(c, cfg), tokenURL(c, was))
	if wrong, ok := errors.AsType[*hook.Error](err); ok {
		for i := range wrong.Fields {
			wrong.Fields[i].Pointer = "/auth/oauth2/token_url"
			if c.OwnsAuth() {
				wrong.Fields[i].Pointer = "/settings"
			}
		}
	}
	return err
}

func tokenURL(c *contract.Contract, cfg hook.EndpointConfig) string {
	if a := c.Auth(cfg); a != nil && a.OAuth2 != nil {
		return a.OAuth2.TokenURL
	}
	return ""
}
