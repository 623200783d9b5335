package admin

import (
	"context"
	"slices"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

const (
	defaultOverlap = 24 * time.Hour
	maxOverlap     = 30 * 24 * time.Hour
	maxSecrets     = 5 // that sign at the same time
)

// SigningSecrets are the signing secrets of an endpoint.
type SigningSecrets struct {
	Text     string
	Public   string        // the public half, if Text is a private key; else ""
	Previous []hook.Secret // replaced ones with which requests are still signed as well
}

var errNoSecret = &hook.Error{
	Kind: hook.KindNotFound, Code: "secret_not_found",
	Detail: "The contract of this endpoint does not sign, so there is no signing secret.",
}

// Secrets reads the signing secrets of an endpoint. The codes of its errors are endpoint_not_found and
// secret_not_found.
func (x Endpoints) Secrets(ctx context.Context, tenant, id string) (SigningSecrets, error) {
	e, err := x.Get(ctx, tenant, id)
	if err != nil {
		return SigningSecrets{}, err
	}
	return x.secretsOf(e, time.Now())
}

// secretsOf are the signing secrets that are good at a time.
func (x Endpoints) secretsOf(e *hook.Endpoint, now time.Time) (SigningSecrets, error) {
	if e.Unreadable {
		return SigningSecrets{}, hook.ErrUnreadable
	}
	if len(e.Secrets) == 0 {
		return SigningSecrets{}, errNoSecret
	}
	out := SigningSecrets{Text: e.Secrets[0].Text}
	if c := (contracts{x.Contracts}).serving(e); c != nil && c.Scheme() != nil {
		if key, err := c.Scheme().VerifyKey(out.Text); err == nil && key != out.Text {
			out.Public = key
		}
	}
	for _, s := range e.Secrets[1:] {
		if now.Before(s.ExpiresAt) {
			out.Previous = append(out.Previous, s)
		}
	}
	return out, nil
}

// Rotation replaces a signing secret.
type Rotation struct {
	Secret string // "": one is made
	// Overlap is how long requests are signed with the old secret as well: at most 30 days; nil: 24 hours.
	// Under a contract whose requests have room for one signature it counts as 0.
	// If it is given, it also ends secrets that were replaced before, as far as they would sign for longer.
	Overlap *time.Duration
}

// RotateSecret replaces the signing secret of an endpoint. The old one signs as well for a while, if the contract says how
// two signatures stand side by side. Giving the same secret a second time changes nothing. The
// codes of its errors are endpoint_not_found, secret_not_found, secret_invalid, request_invalid and endpoint_busy.
func (x Endpoints) RotateSecret(ctx context.Context, tenant, id string, in Rotation) (SigningSecrets, error) {
	overlap := defaultOverlap
	set(&overlap, in.Overlap)
	if overlap < 0 || overlap > maxOverlap {
		return SigningSecrets{}, hook.InvalidFields("request_invalid", hook.Field("/overlap", "overlap",
			"Write a length of time from 0s to 30d, such as 24h."))
	}
	now := now()
	e, err := x.update(ctx, tenant, id, func(e *hook.Endpoint) error {
		if e.Unreadable { // a new secret alone would not make it work
			return hook.ErrUnreadable
		}
		c := (contracts{x.Contracts}).inForce(e.Contract)
		if c == nil || c.Scheme() == nil {
			return errNoSecret
		}
		secret, err := checkSecret(c, in.Secret)
		if err != nil {
			return err
		}
		if !c.Scheme().Several { // requests have room for one signature
			overlap = 0
		}
		if in.Overlap != nil || !c.Scheme().Several {
			e.Secrets = endBy(e.Secrets, now.Add(overlap))
		}
		if len(e.Secrets) > 0 && e.Secrets[0].Text == secret {
			return nil // the request was repeated
		}
		e.Secrets = rotated(e.Secrets, secret, overlap, now)
		return nil
	})
	if err != nil {
		return SigningSecrets{}, err
	}
	return x.secretsOf(e, now)
}

// endBy lets all secrets but the newest one expire at a time, or before it.
func endBy(list []hook.Secret, at time.Time) []hook.Secret {
	list = slices.Clone(list)
	for i := 1; i < len(list); i++ {
		if list[i].ExpiresAt.After(at) {
			list[i].ExpiresAt = at
		}
	}
	return list
}

// SecretInfo is what may be shown of a signing secret to everybody who may see its endpoint.
type SecretInfo struct {
	hook.Secret        // without its text
	ID, Hint    string // see [hook.Secret]
	Current     bool   // it is the newest; the others sign until they expire
}

// ListSecrets lists the signing secrets with which requests are signed, newest first. The codes of its errors are
// endpoint_not_found, secret_not_found and unreadable.
func (x Endpoints) ListSecrets(ctx context.Context, tenant, id string) ([]SecretInfo, error) {
	e, err := x.Get(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	if _, err := x.secretsOf(e, time.Now()); err != nil {
		return nil, err
	}
	var list []SecretInfo
	for i, s := range e.Secrets {
		if i > 0 && !time.Now().Before(s.ExpiresAt) {
			continue
		}
		info := SecretInfo{Secret: s, ID: s.ID(e.ID), Hint: s.Hint(), Current: i == 0}
		info.Text = ""
		list = append(list, info)
	}
	return list, nil
}

// EndSecret ends a replaced signing secret at once. The codes of its errors are endpoint_not_found, secret_not_found,
// secret_current, unreadable and endpoint_busy.
func (x Endpoints) EndSecret(ctx context.Context, tenant, id, secret string) error {
	_, err := x.update(ctx, tenant, id, func(e *hook.Endpoint) error {
		if e.Unreadable {
			return hook.ErrUnreadable
		}
		at := slices.IndexFunc(e.Secrets, func(s hook.Secret) bool { return s.ID(e.ID) == secret })
		switch {
		case at < 0:
			return hook.NotFound("secret", secret)
		case at == 0:
			return hook.Conflict("secret_current", "Requests are signed with this secret. Replace it with POST …/rotate-secret first.")
		}
		e.Secrets = slices.Delete(slices.Clone(e.Secrets), at, at+1)
		return nil
	})
	return err
}

// rotated puts a new secret before the others. Of those, the ones that are still good stay until they expire.
func rotated(old []hook.Secret, secret string, overlap time.Duration, now time.Time) []hook.Secret {
	out := []hook.Secret{{Text: secret, CreatedAt: now}}
	for i, s := range old {
		if i == 0 {
			s.ExpiresAt = now.Add(overlap)
		}
		if s.Text != secret && now.Before(s.ExpiresAt) && len(out) < maxSecrets {
			out = append(out, s)
		}
	}
	return out
}

// checkSecret is the secret to sign with: the given one, or a new one if none is given and the contract signs. It
// refuses a secret that cannot be used, and one for a contract that does not sign.
func checkSecret(c *contract.Contract, text string) (string, error) {
	wrong := func(f hook.FieldError) error { return hook.InvalidFields("secret_invalid", f) }
	switch {
	case c.Scheme() == nil && text != "":
		return "", wrong(hook.Field("/secret", "secret_superfluous",
			"The contract {contract} does not sign, so there is no signing secret. Leave it out.", "contract", c.Name))
	case c.Scheme() == nil:
		return "", nil
	case text == "":
		return c.Scheme().NewSecret(), nil
	}
	if err := c.Scheme().Check(text); err != nil {
		return "", wrong(hook.Field("/secret", "secret_invalid", "{problem}", "problem", err))
	}
	return text, nil
}

// patchSecret replaces the secret of an endpoint, if a new one is given. An endpoint whose contract did not sign in an
// earlier version and does now gets one.
func patchSecret(e *hook.Endpoint, c *contract.Contract, given *string) error {
	if given == nil {
		if c.Scheme() != nil && len(e.Secrets) == 0 {
			e.Secrets = []hook.Secret{{Text: c.Scheme().NewSecret(), CreatedAt: now()}}
		}
		return nil
	}
	if *given == "" {
		return hook.InvalidFields("secret_invalid", hook.Field("/secret", "secret_required",
			"Give the new secret, or leave it out. POST …/rotate-secret makes one."))
	}
	secret, err := checkSecret(c, *given)
	if err != nil {
		return err
	}
	if len(e.Secrets) == 0 || e.Secrets[0].Text != secret {
		e.Secrets = []hook.Secret{{Text: secret, CreatedAt: now()}}
	}
	return nil
}
