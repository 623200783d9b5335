package admin

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
)

// KeyStore is what [Keys] need of the database.
type KeyStore interface {
	// CreateKey fails with KindNotFound if the key is for a tenant that does not exist.
	CreateKey(ctx context.Context, k hook.Key) error
	Keys(ctx context.Context, p hook.Page) (list []hook.Key, next hook.ID, err error)
	Key(ctx context.Context, id hook.KeyID) (hook.Key, error)
	// RotateKey gives a key another text; the texts until now are good until ends at most.
	RotateKey(ctx context.Context, id hook.KeyID, hash [32]byte, hint string, ends time.Time) error
	// EndEarlierTexts ends the texts that rotations replaced.
	EndEarlierTexts(ctx context.Context, id hook.KeyID) error
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

	// Scopes, Contracts and Addresses narrow what the role allows; none of one kind: that does not narrow it.
	Scopes    []string // as in events:publish
	Contracts []string // names; a contract need not exist yet
	Addresses []string // as in 192.0.2.7 or 192.0.2.0/24

	// Limits of events and bytes hold beside those of the tenant. One that is left out is that of the creating key, and all
	// that is used counts as used by the creating key, too.
	Limits hook.Limits
}

// maxKeyLimits is how many contracts and addresses a key can be limited to.
const maxKeyLimits = 100

// Create creates an API key in the name of the holder of by. Its text is returned here and stored nowhere: the database
// has only its hash. The codes of its errors are key_input_invalid, and key_wider if by may not do all that the new key
// may.
func (x Keys) Create(ctx context.Context, by *hook.Key, in KeySpec) (k hook.Key, text string, err error) {
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
	k.Limits = hook.Limits{
		EventsPerSecond: in.Limits.EventsPerSecond, EventsPerMonth: in.Limits.EventsPerMonth,
		BytesPerMonth: in.Limits.BytesPerMonth,
	}
	if err := setLimits(&k, in); err != nil {
		return k, "", err
	}
	k.Limits.EventsPerSecond = cmp.Or(k.Limits.EventsPerSecond, by.Limits.EventsPerSecond)
	k.Limits.EventsPerMonth = cmp.Or(k.Limits.EventsPerMonth, by.Limits.EventsPerMonth)
	k.Limits.BytesPerMonth = cmp.Or(k.Limits.BytesPerMonth, by.Limits.BytesPerMonth)
	if k.Shared = slices.Clone(by.Budgets()); len(k.Shared) > hook.MaxShared {
		return k, "", errTooDeep
	}
	if err := covers(by, &k); err != nil {
		return k, "", err
	}
	if by.Restricted() && !by.ExpiresAt.IsZero() && (k.ExpiresAt.IsZero() || k.ExpiresAt.After(by.ExpiresAt)) {
		return k, "", errOutlives // otherwise its holder would have it for ever
	}
	text, k.Hash, k.Hint = newKeyText()
	if err := x.Store.CreateKey(ctx, k); hook.IsKind(err, hook.KindNotFound) {
		return k, "", noTenant
	} else if err != nil {
		return k, "", err
	}
	return k, text, nil
}

// setLimits sets what a new key is limited to.
func setLimits(k *hook.Key, in KeySpec) error {
	var wrong []hook.FieldError
	for i, s := range in.Scopes {
		if scope := hook.Scope(s); !scope.Valid() {
			wrong = append(wrong, hook.Field(fmt.Sprintf("/scopes/%d", i), "scope_unknown",
				"There is no such scope. The scopes are {scopes}.", "scopes", scopeNames()))
		} else if !slices.Contains(k.Scopes, scope) {
			k.Scopes = append(k.Scopes, scope)
		}
	}
	for i, name := range in.Contracts {
		if !contract.ValidName(name) {
			wrong = append(wrong, hook.Field(fmt.Sprintf("/contracts/%d", i), "contract_name_invalid",
				"This cannot be the name of a contract."))
		} else if !slices.Contains(k.Contracts, name) {
			k.Contracts = append(k.Contracts, name)
		}
	}
	for i, text := range in.Addresses {
		p, ok := prefixOf(text)
		if !ok {
			wrong = append(wrong, hook.Field(fmt.Sprintf("/allowed_addresses/%d", i), "address_range",
				"Write an IP address or a range of them, such as 192.0.2.7 or 192.0.2.0/24."))
		} else if !slices.Contains(k.Addresses, p) {
			k.Addresses = append(k.Addresses, p)
		}
	}
	if len(k.Contracts) > maxKeyLimits || len(k.Addresses) > maxKeyLimits {
		wrong = append(wrong, hook.Field("", "too_many_limits",
			"A key can be limited to at most {max} contracts and {max} addresses.", "max", maxKeyLimits))
	}
	if len(wrong) > 0 {
		return hook.InvalidFields("key_input_invalid", wrong...)
	}
	return nil
}

func scopeNames() string {
	var names []string
	for _, s := range hook.Scopes() {
		names = append(names, string(s))
	}
	return strings.Join(names, ", ")
}

// prefixOf reads an address, or a range of addresses.
func prefixOf(text string) (p netip.Prefix, ok bool) {
	text = strings.TrimSpace(text)
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true
	}
	p, err := netip.ParsePrefix(text)
	return p.Masked(), err == nil && !p.Addr().Is4In6()
}

// covers refuses what the holder of a limited key would do with a key that may do more than theirs.
func covers(by, k *hook.Key) error {
	if by.Covers(k) {
		return nil
	}
	return &hook.Error{
		Kind: hook.KindForbidden, Code: "key_wider",
		Detail: "Your key is limited, and this one may do more. Give it no other scopes, contracts and addresses than yours, and no higher limits.",
	}
}

var errOutlives = &hook.Error{
	Kind: hook.KindForbidden, Code: "key_wider",
	Detail: "Your key is limited and ends, and this one would end later. Give it an expires_at that is not after that of yours.",
}

var errTooDeep = &hook.Error{
	Kind: hook.KindForbidden, Code: "key_wider",
	Detail: "Your key was created by a key with limits, that one by another, and so on: too many in a line. " +
		"Create this key with one that stands nearer to the beginning.",
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

// Rotate gives an API key another text, which is returned here and stored nowhere. The text until now is good for
// overlap longer: at most 30 days; nil: 24 hours. Texts that earlier rotations replaced end with it, if not before. The
// codes of its errors are key_not_found, request_invalid, and key_wider if by may not do all that the key may.
func (x Keys) Rotate(ctx context.Context, by *hook.Key, id string, overlap *time.Duration) (k hook.Key, text string, err error) {
	k, err = x.covered(ctx, by, id)
	if err != nil {
		return k, "", err
	}
	keep := defaultOverlap
	set(&keep, overlap)
	if keep < 0 || keep > maxOverlap {
		return k, "", hook.InvalidFields("request_invalid", hook.Field("/overlap", "overlap",
			"Write a length of time from 0s to 30d, such as 24h."))
	}
	text, hash, hint := newKeyText()
	if err := x.Store.RotateKey(ctx, k.ID, hash, hint, now().Add(keep)); err != nil {
		return k, "", err
	}
	k, err = x.Store.Key(ctx, k.ID)
	return k, text, err
}

// EndEarlier ends the texts of an API key that rotations replaced, at once. The codes of its errors are key_not_found
// and key_wider.
func (x Keys) EndEarlier(ctx context.Context, by *hook.Key, id string) error {
	k, err := x.covered(ctx, by, id)
	if err != nil {
		return err
	}
	return x.Store.EndEarlierTexts(ctx, k.ID)
}

// Delete revokes an API key: it stops working at once. The codes of its errors are key_not_found and key_wider.
func (x Keys) Delete(ctx context.Context, by *hook.Key, id string) error {
	k, err := x.covered(ctx, by, id)
	if err != nil {
		return err
	}
	return x.Store.DeleteKey(ctx, k.ID)
}

// covered is a key by its id, if by may do all that it may.
func (x Keys) covered(ctx context.Context, by *hook.Key, id string) (hook.Key, error) {
	parsed, err := hook.ParseKeyID(id)
	if err != nil {
		return hook.Key{}, hook.NotFound("key", id)
	}
	k, err := x.Store.Key(ctx, parsed)
	if err != nil {
		return k, err
	}
	return k, covers(by, &k)
}
