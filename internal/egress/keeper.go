package egress

import (
	"context"
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"gancho/internal/cache"
	"gancho/internal/hook"
)

// Store is what a [Keeper] needs of the database.
type Store interface {
	Tenant(ctx context.Context, id string) (hook.Tenant, error)
}

const maxTenants = 100_000 // whose rules are kept in memory

// Keeper knows the rules of tenants, and which ports are allowed. It is safe for concurrent use.
type Keeper struct {
	Ports []uint16 // allowed beside those of [Port]
	// Guard is the address guard of the transport, which says why nothing may be sent to an address. nil: an address in a URL is
	// looked at when a connection is made.
	Guard func(netip.Addr) error

	tenants *cache.Loader[*Rules]
}

// NewKeeper makes a keeper that reads the rules of a tenant once, and again when they change.
func NewKeeper(store Store, ports []uint16) *Keeper {
	return &Keeper{Ports: ports, tenants: cache.NewLoader(maxTenants, 0, func(ctx context.Context, id string) (*Rules, error) {
		t, err := store.Tenant(ctx, id)
		if err != nil {
			return nil, err
		}
		return Compile(t.Policy.Egress)
	})}
}

// Tenant returns the rules of a tenant.
func (k *Keeper) Tenant(ctx context.Context, id string) (*Rules, error) {
	return k.tenants.Get(ctx, id)
}

// Changed forgets the rules of a tenant that has changed. The store calls it.
func (k *Keeper) Changed(c hook.Change) {
	switch {
	case c.Anything:
		k.tenants.ForgetIf(func(string, *Rules) bool { return true })
	case c.Tenant != "" && c.Endpoint.IsZero() && c.Key.IsZero():
		k.tenants.Forget(c.Tenant)
	}
}

// CheckURL says why the webhooks of a tenant cannot go to a URL, as far as that is known without
// looking the name up; nil if they can, or if it is no URL. contract are the rules of the contract.
func (k *Keeper) CheckURL(ctx context.Context, tenant string, contract *Rules, target string) ([]hook.FieldError, error) {
	const at = "/url"
	u, _ := url.Parse(target)     // nil if it is no URL
	if u == nil || u.Host == "" { // others say what is wrong
		return nil, nil
	}
	if n, err := strconv.ParseUint(u.Port(), 10, 16); err == nil && n > 0 && !Port(uint16(n), k.Ports) {
		return []hook.FieldError{hook.Field(at, "url_port_refused",
			"Webhooks go to the ports 80, 443 and from 1024 on. Use one of these, or ask the operator to allow port {port} (--allow-ports).",
			"port", n)}, nil
	}
	if ip, ok := k.refused(u.Hostname()); ok {
		return []hook.FieldError{hook.Field(at, "url_address_refused",
			"Webhooks do not go to {host}: that is not a public address. Use the public address of the receiver, or, if it really is in "+
				"your own network, let the operator start the server with --allow-networks {network}.",
			"host", u.Hostname(), "network", networkOf(ip))}, nil
	}
	own, err := k.Tenant(ctx, tenant)
	if err != nil {
		return nil, err
	}
	if own.RefuseHost(u.Hostname()) || contract.RefuseHost(u.Hostname()) {
		return []hook.FieldError{hook.Field(at, "url_host_refused",
			"Webhooks of this tenant may not go to {host}. Use an allowed host, or ask the operator to allow this one.",
			"host", u.Hostname())}, nil
	}
	return nil, nil
}

// refused finds the address that a host stands for without being looked up, and which the guard refuses.
func (k *Keeper) refused(host string) (netip.Addr, bool) {
	if k.Guard == nil {
		return netip.Addr{}, false
	}
	list := []netip.Addr{}
	if ip, err := netip.ParseAddr(host); err == nil {
		list = append(list, ip)
	} else if name := plain(host); name == "localhost" || strings.HasSuffix(name, ".localhost") { // RFC 6761, section 6.3
		list = append(list, netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback())
	}
	for _, ip := range list {
		if k.Guard(ip) == nil {
			return netip.Addr{}, false
		}
	}
	if len(list) == 0 {
		return netip.Addr{}, false
	}
	return list[0], true
}

// networkOf is the network that an operator would allow for an address: all of this machine, or only the address.
func networkOf(ip netip.Addr) netip.Prefix {
	ip = ip.Unmap().WithZone("")
	if ip.Is4() && ip.IsLoopback() {
		return netip.PrefixFrom(netip.AddrFrom4([4]byte{127, 0, 0, 0}), loopbackBits)
	}
	return netip.PrefixFrom(ip, ip.BitLen())
}

const loopbackBits = 8 // of 127.0.0.0/8
