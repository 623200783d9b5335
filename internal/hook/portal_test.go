package hook_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

// TestUsualPortal holds that nobody publishes events, changes records or sees personal data without a word.
func TestUsualPortal(t *testing.T) {
	t.Parallel()
	usual := hook.UsualPortal()
	if got := strings.Join(usual.Pages, " "); got != "endpoints test deliveries documentation credentials" {
		t.Errorf("pages: %s", got)
	}
	if got := strings.Join(usual.Actions, " "); got != "edit_endpoints edit_credentials retry" {
		t.Errorf("actions: %s", got)
	}
	_, scopes := usual.For(hook.RoleTenant, func(hook.Scope) bool { return true })
	for _, s := range []hook.Scope{"events:publish", "records:write", "records:read", "events:read", hook.ScopePersonal, "portal:write", "audit:read"} {
		if slices.Contains(scopes, s) {
			t.Errorf("it has the scope %s", s)
		}
	}
}

// TestPortalAccessFor narrows the whole portal by a role and by the scopes of whoever made the link.
func TestPortalAccessFor(t *testing.T) {
	t.Parallel()
	all := hook.PortalAccess{Pages: hook.PortalPages(), Actions: hook.PortalActions()}
	for name, c := range map[string]struct {
		role           hook.Role
		of             []hook.Scope
		pages, actions []string
		scopes         []hook.Scope
	}{
		"a reader does nothing and tests nothing": {
			hook.RoleRead, hook.Scopes(), slices.DeleteFunc(hook.PortalPages(), func(p string) bool { return p == "test" }),
			[]string{},
			[]hook.Scope{"contracts:read", "credentials:read", "deliveries:read", "endpoints:read", "events:read", "records:read", "schedules:read", "self:read", "stream:read", "tenants:read"},
		},
		"a page needs all its scopes": {
			hook.RoleTenant, []hook.Scope{"deliveries:read", "deliveries:retry"}, []string{}, []string{"retry"}, []hook.Scope{"deliveries:retry", "self:read"},
		},
		"nothing is not everything": {hook.RoleTenant, []hook.Scope{"keys:read"}, []string{}, []string{}, []hook.Scope{"self:read"}},
	} {
		access, scopes := all.For(c.role, func(s hook.Scope) bool { return slices.Contains(c.of, s) })
		if diff := cmp.Diff(hook.PortalAccess{Pages: c.pages, Actions: c.actions}, access); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(c.scopes, scopes); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		for _, s := range scopes {
			if s != hook.ScopeSelf && !s.Valid() {
				t.Errorf("%s is no scope", s)
			}
		}
	}
}

// TestPortalAccessAsJSON keeps apart a list that says nothing and one that allows nothing.
func TestPortalAccessAsJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]hook.PortalAccess{
		`{}`: {}, `{"actions":[]}`: {Actions: []string{}}, `{"contracts":["a"],"pages":["test"]}`: {Contracts: []string{"a"}, Pages: []string{"test"}},
	} {
		var got hook.PortalAccess
		if err := json.Unmarshal([]byte(text), &got); err != nil || !got.Equal(want) {
			t.Errorf("%s is %+v, %v", text, got, err)
		}
		if back, err := json.Marshal(want); err != nil || string(back) != text {
			t.Errorf("%+v is written %s, %v", want, back, err)
		}
	}
	said := hook.PortalAccess{Actions: []string{}}.Or(hook.PortalAccess{Contracts: []string{"a"}, Actions: []string{"retry"}})
	if !said.Equal(hook.PortalAccess{Contracts: []string{"a"}, Actions: []string{}}) {
		t.Errorf("%+v", said)
	}
}
