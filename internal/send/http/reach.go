package http

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"gancho/internal/egress"
)

// refusedPort is the error for a port that the operator does not allow.
type refusedPort struct{ port string }

func (e *refusedPort) Error() string { return "port " + e.port + " is refused" }

// refusedHost is the error for a host, or one of its addresses, that the rules of the tenant or
// of the contract refuse.
type refusedHost struct {
	addr netip.Addr // zero: the host has no address that is allowed
	err  error      // set if the rules could not be read
}

func (e *refusedHost) Error() string {
	return fmt.Sprintf("address %s is refused by the rules for hosts", e.addr)
}

// checkReach refuses a port or a host that no message of the tenant may go to, and leaves the
// tenant's rules with the request.
func (t *Transport) checkReach(ctx context.Context, r *outgoing) error {
	_, port, _ := net.SplitHostPort(r.to.addr)
	var allowed []uint16
	if t.egress != nil {
		allowed = t.egress.Ports
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 || !egress.Port(uint16(n), allowed) {
		return &refusedPort{port}
	}
	if t.egress != nil {
		own, err := t.egress.Tenant(ctx, r.to.tenant)
		if err != nil {
			return &refusedHost{err: err}
		}
		r.rules[0] = own
	}
	for _, rules := range r.rules {
		if rules.RefuseHost(r.name) {
			return &refusedHost{}
		}
	}
	return nil
}

// refuses reports whether the rules refuse an address of the request's host.
func (r *outgoing) refuses(ip netip.Addr) bool {
	return r.rules[0].Refuse(r.name, ip) || r.rules[1].Refuse(r.name, ip)
}
