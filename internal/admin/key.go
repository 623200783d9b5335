package admin

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"gancho/internal/hook"
)

// KeyStore is what [Keys] need of the database.
type KeyStore interface {
	// CreateKey fails with KindNotFound if the key is for a tenant that does not exist.
	CreateKey(ctx context.Context, k hook.Key) error
	Keys(ctx context.Context, p hook.Page) (list []hook.Key, next hook.ID, err error)
	DeleteKey(ctx context.Context, id hook.KeyID) error
}

// Keys are the use cases of API keys.
type Keys struct{ Store KeyStore }

// KeySpec is a new API key as somebody requests it.
type KeySpec struct {
	Name      string
	Role      hook.Role
	Tenant    string    // "": the key is good for all tenants
	ExpiresAt time.Time // zero: never
}

// Create creates an API key. Its text is returned here and stored nowhere: the database has only its hash. The code of
// its error is key_input_invalid.
func (x Keys) Create(ctx context.Context, in KeySpec) (k hook.Key, text string, err error) {
	k = hook.Key{ID: hook.NewKeyID(), Name: in.Name, Role: in.Role, Tenant: in.Tenant, CreatedAt: now()}
	wrong := func(f hook.FieldError) error { return hook.InvalidFields("key_input_invalid", f) }
	noTenant := wrong(hook.Field("/tenant", "tenant_unknown", "There is no such tenant. Create it first."))
	switch {
	case !k.Role.Valid():
		return k, "", wrong(hook.Field("/role", "role_unknown", "The roles are operator, tenant, publish and read."))
	case k.Role == hook.RoleTenant && k.Tenant == "":
		return k, "", wrong(hook.Field("/tenant", "tenant_required", "A key of role tenant needs the id of its tenant."))
	case k.Role == hook.RoleOperator && k.Tenant != "":
		return k, "", wrong(hook.Field("/tenant", "tenant_superfluous",
			"A key of role operator is good for all tenants. Leave the tenant out, or choose the role tenant."))
	case k.Tenant != "" && !hook.ValidTenantID(k.Tenant):
		return k, "", noTenant
	}
	if !in.ExpiresAt.IsZero() {
		if !in.ExpiresAt.After(k.CreatedAt) {
			return k, "", wrong(hook.Field("/expires_at", "time_past",
				"This time is past. Choose one in the future, or leave it out."))
		}
		k.ExpiresAt = in.ExpiresAt.UTC()
	}
	text, k.Hash, k.Hint = newKeyText()
	if err := x.Store.CreateKey(ctx, k); hook.IsKind(err, hook.KindNotFound) {
		return k, "", noTenant
	} else if err != nil {
		return k, "", err
	}
	return k, text, nil
}

// newKeyText generates the text of an API key, and returns the hash and hint that are stored.
func newKeyText() (text string, hash [32]byte, hint string) {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	text = "gk_" + base64.RawURLEncoding.EncodeToString(b[:])
	return text, sha256.Sum256([]byte(text)), text[len(text)-4:]
}

// List lists API keys, newest first, without their texts.
func (x Keys) List(ctx context.Context, p hook.Page) (list []hook.Key, next hook.ID, err error) {
	return x.Store.Keys(ctx, p)
}

// Delete revokes an API key: it stops working at once. The code of its error is key_not_found.
func (x Keys) Delete(ctx context.Context, id string) error {
	parsed, err := hook.ParseKeyID(id)
	if err != nil {
		return hook.NotFound("key", id)
	}
	return x.Store.DeleteKey(ctx, parsed)
}
