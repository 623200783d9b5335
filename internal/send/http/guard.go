package http

import (
	"fmt"
	"net/netip"

	"code.dny.dev/ssrf"
)

// Guard decides which addresses a request may reach. The URLs of endpoints come from
// customers. Without a guard, every customer could make Gancho send requests into the
// operator's own network (server-side request forgery, OWASP A10:2021).
//
// It refuses every address that the IANA special-purpose registries of IPv4 and IPv6
// (RFC 6890) do not call public: private, loopback, link-local, shared (CGNAT),
// documentation, multicast and unspecified addresses, every IPv6 address outside
// 2000::/3, Teredo and 6to4. The metadata services of clouds are among them. It checks
// the address that is about to be dialed, after the name was resolved, so it does not
// help an attacker if a name leads to another address the second time.
//
// A Guard is safe for concurrent use.
type Guard struct {
	rules *ssrf.Guardian
}

// azureWire is the address of Azure's metadata and health service. It is in a public
// range, so the registries do not list it.
var azureWire = netip.MustParsePrefix("168.63.129.16/32")

var (
	mappedV4  = netip.MustParsePrefix("::ffff:0:0/96")
	sixToFour = netip.MustParsePrefix("2002::/16")
)

// NewGuard makes a guard that allows public addresses and the given networks, on any
// port. A prefix that maps IPv4 into IPv6 counts as IPv4.
func NewGuard(allow []netip.Prefix) *Guard {
	var v4, v6 []netip.Prefix
	for _, p := range allow {
		if p.Addr().Is4In6() && p.Bits() >= mappedV4.Bits() {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mappedV4.Bits())
		}
		if p.Addr().Is4() {
			v4 = append(v4, p.Masked())
		} else {
			v6 = append(v6, p.Masked())
		}
	}
	return &Guard{rules: ssrf.New(
		ssrf.WithAnyPort(),
		ssrf.WithNetworks("tcp4", "tcp6"),
		ssrf.WithAllowedV4Prefixes(v4...),
		ssrf.WithAllowedV6Prefixes(v6...),
		ssrf.WithDeniedV4Prefixes(azureWire),
	)}
}

// Refused is the error of [Guard.Check].
type Refused struct {
	Addr netip.Addr
	Kind string // what kind of address it is, for example "a private network address"
}

func (r *Refused) Error() string {
	return fmt.Sprintf("address %s is refused: it is %s", r.Addr, r.Kind)
}

// Check returns nil if ip may be dialed, and a [*Refused] if not. It does no I/O.
//
// An IPv4 address mapped into IPv6 (::ffff:10.0.0.1) is checked as the IPv4 address,
// because the system would dial that. An address that leads through a translator to an
// IPv4 address (NAT64, RFC 6052; 6to4, RFC 3056) is allowed only if both are.
func (g *Guard) Check(ip netip.Addr) error {
	if !ip.IsValid() {
		return &Refused{Addr: ip, Kind: "not an IP address"}
	}
	ip = ip.Unmap().WithZone("")
	if err := g.rules.SafeAddr(ip); err != nil {
		return &Refused{Addr: ip, Kind: kindOf(ip)}
	}
	if inner, ok := carried(ip); ok {
		if err := g.rules.SafeAddr(inner); err != nil {
			return &Refused{Addr: ip, Kind: "a translation address for " + inner.String() + ", " + kindOf(inner)}
		}
	}
	return nil
}

// checkDial is Check for the arguments of ControlContext of [net.Dialer].
func (g *Guard) checkDial(network, address string) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil || (network != "tcp4" && network != "tcp6") {
		return &Refused{Kind: "not a TCP address (" + network + " " + address + ")"}
	}
	return g.Check(ap.Addr())
}

// carried returns the IPv4 address to which a translator forwards what is sent to ip. ok
// is false if ip is no such address.
func carried(ip netip.Addr) (inner netip.Addr, ok bool) {
	b := ip.As16()
	switch {
	case ssrf.IPv6NAT64Prefix.Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:16])), true
	case sixToFour.Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}

// kinds has names for networks that people know. The first network that contains an
// address names its kind.
var kinds = []struct {
	prefix netip.Prefix
	name   string
}{
	{netip.MustParsePrefix("169.254.169.254/32"), "the address of a cloud metadata service"},
	{netip.MustParsePrefix("fd00:ec2::254/128"), "the address of a cloud metadata service"},
	{netip.MustParsePrefix("100.100.100.200/32"), "the address of a cloud metadata service"},
	{azureWire, "the address of a cloud metadata service"},
	{netip.MustParsePrefix("127.0.0.0/8"), "a loopback address (this machine)"},
	{netip.MustParsePrefix("::1/128"), "a loopback address (this machine)"},
	{netip.MustParsePrefix("0.0.0.0/8"), "an unspecified address (this machine)"},
	{netip.MustParsePrefix("::/128"), "an unspecified address (this machine)"},
	{netip.MustParsePrefix("10.0.0.0/8"), "a private network address"},
	{netip.MustParsePrefix("172.16.0.0/12"), "a private network address"},
	{netip.MustParsePrefix("192.168.0.0/16"), "a private network address"},
	{netip.MustParsePrefix("fc00::/7"), "a private network address"},
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address"},
	{netip.MustParsePrefix("fe80::/10"), "a link-local address"},
	{netip.MustParsePrefix("100.64.0.0/10"), "a shared provider address (RFC 6598)"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
	{netip.MustParsePrefix("ff00::/8"), "a multicast address"},
	{netip.MustParsePrefix("64:ff9b::/96"), "a NAT64 translation address"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "a NAT64 translation address"},
	{sixToFour, "a 6to4 translation address"},
	{netip.MustParsePrefix("2001::/32"), "a Teredo translation address"},
}

func kindOf(ip netip.Addr) string {
	for _, k := range kinds {
		if k.prefix.Contains(ip) {
			return k.name
		}
	}
	return "reserved, not a public address"
}
