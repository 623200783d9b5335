package hook

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func prefixes(texts ...string) (list []netip.Prefix) {
	for _, s := range texts {
		list = append(list, netip.MustParsePrefix(s))
	}
	return list
}

// A key that narrows nothing may do all that its role allows; each list narrows one thing.
func TestKeyNarrows(t *testing.T) {
	t.Parallel()
	plain := &Key{Role: RoleTenant}
	if plain.Restricted() || !plain.Has("events:publish") || !plain.MayTouch("kobra") || !plain.From(netip.Addr{}) {
		t.Error("a key without lists is narrowed")
	}
	k := &Key{Scopes: []Scope{"events:read"}}
	if !k.Restricted() || !k.Has("events:read") || k.Has("events:publish") || !k.Has(ScopeSelf) {
		t.Error("scopes")
	}
	k = &Key{Contracts: []string{"kobra"}}
	if !k.Restricted() || !k.MayTouch("kobra") || k.MayTouch("standard") {
		t.Error("contracts")
	}
	k = &Key{Addresses: prefixes("192.0.2.0/24", "2001:db8::/32")}
	if !k.Restricted() {
		t.Error("addresses do not restrict")
	}
	for addr, want := range map[string]bool{
		"192.0.2.0": true, "192.0.2.255": true, "192.0.3.0": false, "::ffff:192.0.2.7": true, "2001:db8::1": true, "2001:db9::": false,
	} {
		if got := k.From(netip.MustParseAddr(addr)); got != want {
			t.Errorf("from %s: %t", addr, got)
		}
	}
	if k.From(netip.Addr{}) {
		t.Error("a key that is narrowed to addresses is taken from an unknown one")
	}
}

// A key covers another one if that one may do nothing more.
func TestKeyCovers(t *testing.T) {
	t.Parallel()
	narrow := &Key{
		Scopes: []Scope{"events:read", "keys:write"}, Contracts: []string{"a", "b"}, Addresses: prefixes("192.0.2.0/24", "10.0.0.0/8"),
		Limits: Limits{EventsPerSecond: 5},
	}
	for _, tt := range []struct {
		name string
		k, o *Key
		want bool
	}{
		{"all and all", &Key{}, &Key{}, true},
		{"all and a narrow one", &Key{}, narrow, true},
		{"a narrow one and all", narrow, &Key{}, false},
		{"itself", narrow, narrow, true},
		{"fewer scopes", &Key{Scopes: narrow.Scopes}, &Key{Scopes: narrow.Scopes[1:]}, true},
		{"another scope, too", &Key{Scopes: narrow.Scopes}, &Key{Scopes: []Scope{"events:read", "events:publish"}}, false},
		{"all scopes", &Key{Scopes: narrow.Scopes}, &Key{}, false},
		{"fewer contracts", &Key{Contracts: narrow.Contracts}, &Key{Contracts: []string{"b"}}, true},
		{"another contract", &Key{Contracts: narrow.Contracts}, &Key{Contracts: []string{"c"}}, false},
		{"all contracts", &Key{Contracts: narrow.Contracts}, &Key{}, false},
		{"fewer addresses", &Key{Addresses: narrow.Addresses}, &Key{Addresses: prefixes("10.1.0.0/16", "192.0.2.0/24")}, true},
		{"more addresses around the same", &Key{Addresses: narrow.Addresses}, &Key{Addresses: prefixes("192.0.2.0/23")}, false},
		{"one address elsewhere", &Key{Addresses: narrow.Addresses}, &Key{Addresses: prefixes("192.0.2.1/32", "192.0.3.1/32")}, false},
		{"first address elsewhere", &Key{Addresses: narrow.Addresses}, &Key{Addresses: prefixes("192.0.3.1/32", "192.0.2.1/32")}, false},
		{"all addresses", &Key{Addresses: narrow.Addresses}, &Key{}, false},
		{"the same limits", &Key{Limits: narrow.Limits}, &Key{Limits: narrow.Limits}, true},
		{"lower limits", &Key{Limits: Limits{EventsPerSecond: 5, EventsPerMonth: 9}}, &Key{Limits: Limits{EventsPerSecond: 4, EventsPerMonth: 9, BytesPerMonth: 7}}, true},
		{"one limit lower, one missing", &Key{Limits: Limits{EventsPerSecond: 5, EventsPerMonth: 9}}, &Key{Limits: Limits{EventsPerSecond: 4}}, false},
		{"more bytes", &Key{Limits: Limits{BytesPerMonth: 5}}, &Key{Limits: Limits{BytesPerMonth: 6}}, false},
		{"the same limits of another budget", &Key{ID: KeyID{1}, Limits: narrow.Limits}, &Key{ID: KeyID{2}, Limits: narrow.Limits}, false},
		{"a key that it created", &Key{ID: KeyID{1}, Limits: narrow.Limits}, &Key{ID: KeyID{2}, Limits: narrow.Limits, Shared: (&Key{ID: KeyID{1}, Limits: narrow.Limits}).Budgets()}, true},
		{"other limits", &Key{Limits: narrow.Limits}, &Key{Limits: Limits{EventsPerSecond: 6}}, false},
		{"no limits", &Key{Limits: narrow.Limits}, &Key{}, false},
		{"limits of an unlimited one", &Key{}, &Key{Limits: narrow.Limits}, true},
		{"no address and other scopes", &Key{Scopes: narrow.Scopes, Addresses: narrow.Addresses}, &Key{Scopes: narrow.Scopes}, false},
	} {
		if got := tt.k.Covers(tt.o); got != tt.want {
			t.Errorf("%s: %t", tt.name, got)
		}
	}
}

// Who sees secrets, who may ask for personal data, and which words are roles and scopes.
func TestKeySight(t *testing.T) {
	t.Parallel()
	for role, sees := range map[Role]bool{RoleOperator: true, RoleTenant: true, RolePublish: false, RoleRead: false, "": false, "admin": false} {
		k := &Key{Role: role, Scopes: []Scope{ScopePersonal}}
		if got := k.Sight(); got != (Sight{Secrets: sees}) {
			t.Errorf("%s sees %+v", role, got)
		}
		other := &Key{Role: role, Scopes: []Scope{"events:read"}}
		if k.MayReveal() != sees || other.MayReveal() {
			t.Errorf("%s may reveal personal data: %t with the scope, %t without", role, k.MayReveal(), other.MayReveal())
		}
		if known := role != "" && role != "admin"; role.Valid() != known {
			t.Errorf("%q is a role: %t", role, !known)
		}
	}
	if all := Scopes(); len(all) < 20 || !slices.Contains(all, "events:publish") || !all[0].Valid() || Scope("events").Valid() || ScopeSelf.Valid() {
		t.Errorf("the scopes are %v", all)
	}
}

// A server without the keys says which ones its database needs and which ones it has, and never a key.
func TestSealKeysError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		e    SealKeysError
		want string
	}{
		{SealKeysError{}, "sealed under another encryption key, and this server has no encryption key"},
		{SealKeysError{Wanted: []SealKeyID{"k1", "k2"}}, "is sealed under the encryption key k1, k2, and this server has no encryption key"},
		{SealKeysError{Wanted: []SealKeyID{"k1"}, Given: []SealKeyID{"k3", "k4"}}, "is sealed under the encryption key k1, and this server has only the encryption key k3, k4"},
	} {
		if got := tt.e.Error(); !strings.HasSuffix(got, tt.want) {
			t.Errorf("%q, want %q at the end", got, tt.want)
		}
	}
}
