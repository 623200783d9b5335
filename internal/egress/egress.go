// Package egress says to which hosts and ports the webhooks of a tenant may go, beside the address
// guard of the transport: by the rules of the tenant, by those of the contract, and by the ports
// that the operator allows.
//
// It promises that the answer at the door, when an endpoint is created, and the answer when a
// connection is made come from the same rules. Names are not looked up at the door: where they lead is decided when a
// connection is made.
package egress

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"gancho/internal/hook"
)

// Rules are compiled [hook.Hosts]. nil allows everything. They do not change.
type Rules struct {
	allow, deny entries
}

// entries are the entries of one list.
type entries struct {
	names    []string // example.com, in lower case and ASCII
	below    []string // .example.com, for *.example.com
	networks []netip.Prefix
}

// Wrong is an entry that means nothing.
type Wrong struct {
	List  string // allow or deny
	Index int
	Entry string
}

func (w *Wrong) Error() string {
	return fmt.Sprintf("%q is no host, address or range of addresses; write example.com, *.example.com, 203.0.113.7 or 203.0.113.0/24", w.Entry)
}

// Compile reads the lists. The error is a [*Wrong].
func Compile(h hook.Hosts) (*Rules, error) {
	if len(h.Allow) == 0 && len(h.Deny) == 0 {
		return nil, nil
	}
	var r Rules
	for _, list := range []struct {
		name  string
		texts []string
		into  *entries
	}{{"allow", h.Allow, &r.allow}, {"deny", h.Deny, &r.deny}} {
		for i, text := range list.texts {
			if !list.into.add(strings.TrimSpace(text)) {
				return nil, &Wrong{list.name, i, text}
			}
		}
	}
	return &r, nil
}

// mappedBits is the length of ::ffff:0:0/96, which holds the IPv4 addresses that are written as IPv6.
const mappedBits = 96

// add adds an entry; false: it means nothing.
func (e *entries) add(text string) bool {
	if p, err := netip.ParsePrefix(text); err == nil {
		if p.Addr().Is4In6() && p.Bits() >= mappedBits { // addresses are compared as IPv4
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mappedBits)
		}
		e.networks = append(e.networks, p.Masked())
		return true
	}
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		a = a.Unmap().WithZone("")
		e.networks = append(e.networks, netip.PrefixFrom(a, a.BitLen()))
		return true
	}
	name, below := strings.CutPrefix(text, "*.")
	name = plain(name)
	if strings.ContainsAny(name, "*/:@ ?#[]") || slices.Contains(strings.Split(name, "."), "") {
		return false
	}
	if below {
		e.below = append(e.below, "."+name)
	} else {
		e.names = append(e.names, name)
	}
	return true
}

// plain is a name as names are compared: in lower case, in ASCII, without the dot at the end.
func plain(name string) string {
	name = strings.TrimSuffix(name, ".")
	if ascii, err := idna.Lookup.ToASCII(name); err == nil {
		name = ascii
	}
	return strings.ToLower(name)
}

func (e *entries) empty() bool { return len(e.names)+len(e.below)+len(e.networks) == 0 }

func (e *entries) hasName(name string) bool {
	return slices.Contains(e.names, name) ||
		slices.ContainsFunc(e.below, func(end string) bool { return strings.HasSuffix(name, end) })
}

func (e *entries) hasAddr(ip netip.Addr) bool {
	return slices.ContainsFunc(e.networks, func(p netip.Prefix) bool { return p.Contains(ip) })
}

// RefuseHost reports whether nothing may go to a host, whatever its addresses are. The host is a
// name or an address, without port.
func (r *Rules) RefuseHost(host string) bool {
	if r == nil {
		return false
	}
	if ip, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return r.Refuse(host, ip)
	}
	name := plain(host)
	return r.deny.hasName(name) || !r.allow.empty() && len(r.allow.networks) == 0 && !r.allow.hasName(name)
}

// Refuse reports whether nothing may go to an address that a host has.
func (r *Rules) Refuse(host string, ip netip.Addr) bool {
	if r == nil {
		return false
	}
	name, ip := plain(host), ip.Unmap().WithZone("")
	return r.deny.hasName(name) || r.deny.hasAddr(ip) ||
		!r.allow.empty() && !r.allow.hasName(name) && !r.allow.hasAddr(ip)
}

// Port reports whether messages may go to a port: 80, 443, those from 1024 on, and the ones that
// the operator allows. The other ports belong to services that are no web servers, such as mail.
func Port(port uint16, allowed []uint16) bool {
	return port == 80 || port == 443 || port >= 1024 || slices.Contains(allowed, port)
}
