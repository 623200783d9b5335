package http

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"gancho/internal/egress"
	"gancho/internal/hook"
)

// tenants are the rules of one tenant, which a test can change.
type tenants struct {
	mu    sync.Mutex
	hosts hook.Hosts
}

func (s *tenants) Tenant(_ context.Context, id string) (hook.Tenant, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if id != "acme" {
		return hook.Tenant{}, hook.NotFound("tenant", id)
	}
	return hook.Tenant{ID: id, Policy: hook.TenantPolicy{Egress: s.hosts}}, nil
}

// The rules of the tenant and of the contract hold when a connection is made, and when one that
// was kept is used again.
func TestHostsAreChecked(t *testing.T) {
	t.Parallel()
	r := receive(t, answering(ok))
	_, port, _ := net.SplitHostPort(r.addr)
	store := &tenants{}
	keeper := egress.NewKeeper(store, nil)
	tr := newTransport(t, func(o *Options) {
		o.Egress = keeper
		o.Resolver = nameServer(t, func(string, uint16) (byte, []netip.Addr, bool) {
			return 0, []netip.Addr{netip.MustParseAddr("127.0.0.1")}, false
		})
	})
	for _, tt := range []struct {
		name, detail string
		tenant       hook.Hosts
		contract     hook.Hosts
		whose        string
		allowed      bool
	}{
		{name: "no rules", whose: "acme", allowed: true},
		{name: "kept connection to an address denied since", whose: "acme", tenant: hook.Hosts{Deny: []string{"127.0.0.0/8"}}, detail: "leads to 127.0.0.1"},
		{name: "allowed by name", whose: "acme", tenant: hook.Hosts{Allow: []string{"*.example.test"}}, allowed: true},
		{name: "kept connection to a host denied since", whose: "acme", tenant: hook.Hosts{Deny: []string{"hooks.example.test"}}, detail: "may not go to hooks.example.test"},
		{name: "allowed by address", whose: "acme", tenant: hook.Hosts{Allow: []string{"127.0.0.1"}}, allowed: true},
		{name: "another address", whose: "acme", tenant: hook.Hosts{Allow: []string{"127.0.0.2"}}, detail: "leads to 127.0.0.1"},
		{name: "the contract", whose: "acme", contract: hook.Hosts{Allow: []string{"other.example"}}, detail: "may not go to hooks.example.test"},
		{name: "both", whose: "acme", tenant: hook.Hosts{Allow: []string{"hooks.example.test"}}, contract: hook.Hosts{Allow: []string{"127.0.0.1"}}, allowed: true},
		{name: "rules that cannot be read", whose: "nobody", detail: "could not be read"},
	} {
		store.mu.Lock()
		store.hosts = tt.tenant
		store.mu.Unlock()
		keeper.Changed(hook.Change{Tenant: "acme"})
		m := post("http://hooks.example.test:"+port+"/", "x")
		var err error
		if m.Egress, err = egress.Compile(tt.contract); err != nil {
			t.Fatal(err)
		}
		m.Tenant = tt.whose
		x := tr.Send(t.Context(), m)
		if tt.allowed != (x.Class == "") || !tt.allowed && (x.Class != hook.ClassHostNotAllowed || !x.Unsent || !strings.Contains(x.Detail, tt.detail)) {
			t.Errorf("%s: class %q (%s)", tt.name, x.Class, x.Detail)
		}
		if unknown := tt.whose != "acme"; unknown != (x.NotNow != nil) {
			t.Errorf("%s: not now: %v", tt.name, x.NotNow)
		}
		if x.Class != "" {
			checkSentence(t, x.Detail)
		}
	}
}

func TestPortsAreChecked(t *testing.T) {
	t.Parallel()
	for _, allowed := range []bool{false, true} {
		tr := newTransport(t, func(o *Options) {
			if allowed {
				o.Egress = egress.NewKeeper(&tenants{}, []uint16{1})
			}
		})
		m := post("http://127.0.0.1:1/", "x")
		m.Tenant = "acme"
		x := tr.Send(t.Context(), m)
		if refused := x.Class == hook.ClassPortNotAllowed; refused == allowed || refused && !strings.Contains(x.Detail, "--allow-ports") {
			t.Errorf("port 1, allowed %v: class %q (%s)", allowed, x.Class, x.Detail)
		}
		checkSentence(t, x.Detail)
	}
}
