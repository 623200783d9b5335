package http

import (
	"bufio"
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	nethttp "net/http"
	"net/http/httptrace"
	"net/netip"
	"net/url"
	"strconv"
	"syscall"
	"time"

	socks "golang.org/x/net/proxy"
)

// Proxy is the operator's forward proxy, through which all requests go. It gets the receiver's
// address from Gancho, which has looked the name up and checked the address, so the proxy decides
// nothing about where a request goes.
//
// Its String has no user name and no password.
type Proxy struct {
	addr           string // host and port
	socks          bool   // SOCKS5 (RFC 1928); otherwise HTTP CONNECT (RFC 9110 section 9.3.6)
	user, password string // user "": the proxy asks for none
}

// ParseProxy reads http://user:password@host:port or socks5://user:password@host:port; the user
// and the password may be left out. The text "" is no proxy, nil. An error says what to write, and
// repeats nothing of the text, which may hold a password.
func ParseProxy(text string) (*Proxy, error) {
	if text == "" {
		return nil, nil
	}
	const write = "write http://host:port or socks5://host:port, with user:password@ before the host if the proxy wants them"
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("this is not a URL; " + write + "; in the password, write % as %25, / as %2F and @ as %40")
	case u.Scheme == "socks5h":
		return nil, errors.New("with socks5h:// the proxy would look names up, and Gancho does that itself; write socks5:// in its place")
	case u.Scheme != "http" && u.Scheme != "socks5":
		return nil, errors.New("this is no URL of a proxy that Gancho can use; " + write)
	case u.Hostname() == "":
		return nil, errors.New("the host is missing; " + write)
	case u.Path != "" && u.Path != "/" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("something follows the port; " + write)
	}
	if n, err := strconv.ParseUint(u.Port(), 10, 16); err != nil || n == 0 {
		return nil, errors.New("the port is missing or not from 1 to 65535; " + write)
	}
	p := &Proxy{addr: net.JoinHostPort(u.Hostname(), u.Port()), socks: u.Scheme == "socks5", user: u.User.Username()}
	p.password, _ = u.User.Password()
	switch {
	case p.user == "" && p.password != "":
		return nil, errors.New("there is a password without a user name; " + write)
	case p.socks && p.user != "" && (p.password == "" || len(p.user) > 255 || len(p.password) > 255):
		return nil, errors.New("SOCKS5 wants a user name and a password of 1 to 255 bytes each; " + write)
	}
	return p, nil
}

func (p *Proxy) String() string {
	if p.socks {
		return "socks5://" + p.addr
	}
	return "http://" + p.addr
}

// GoString keeps %#v from showing the password.
func (p *Proxy) GoString() string { return strconv.Quote(p.String()) }

// proxyError says that the proxy could not be used, or did not reach the receiver. Customers read
// it, so it does not say which proxy.
type proxyError struct {
	sentence string // ends without a dot
	err      error  // nil: the proxy answered properly, but no
	own      bool   // the fault is the proxy's, so it would meet every address of the receiver
}

func (e *proxyError) Error() string { return e.sentence }
func (e *proxyError) Unwrap() error { return e.err }

// openByProxy looks the receiver's name up, checks each address as a direct connection would, and
// asks the proxy for those that are allowed, one after the other.
func (t *Transport) openByProxy(ctx context.Context, d *dialing, r *outgoing) (net.Conn, netip.Addr, error) {
	host, port, err := net.SplitHostPort(r.to.addr)
	if err != nil {
		return nil, netip.Addr{}, err
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return nil, netip.Addr{}, &net.AddrError{Err: "invalid port", Addr: r.to.addr}
	}
	resolver := t.resolver
	if resolver == nil {
		resolver = net.DefaultResolver
	}
	addrs, err := resolver.LookupNetIP(httptrace.WithClientTrace(ctx, d.trace()), "ip", host)
	if err != nil {
		return nil, netip.Addr{}, err
	}
	d.stage.Store(int32(stageConnect))

	var refusal, failed error
	for i, ip := range addrs {
		to := netip.AddrPortFrom(ip.Unmap(), uint16(n))
		network := "tcp6"
		if to.Addr().Is4() {
			network = "tcp4"
		}
		if err := d.check(t.guard, r, network, to.String()); err != nil {
			refusal = cmp.Or(refusal, err)
			continue
		}
		raw, err := t.askProxy(ctx, d, r, to, len(addrs)-i)
		if err == nil {
			return raw, to.Addr(), nil
		}
		failed = cmp.Or(failed, err)
		if e, ok := errors.AsType[*proxyError](err); ctx.Err() != nil || ok && e.own {
			break
		}
	}
	return nil, netip.Addr{}, cmp.Or(failed, refusal) // why an allowed address failed says more
}

// askProxy makes one connection to the proxy and lets the proxy connect it to an address. left is
// how many addresses share the time that is left.
func (t *Transport) askProxy(ctx context.Context, d *dialing, r *outgoing, to netip.AddrPort, left int) (net.Conn, error) {
	began := time.Now()
	defer func() {
		d.mu.Lock()
		d.connect = time.Since(began)
		d.mu.Unlock()
	}()
	if until, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(until)/time.Duration(left))
		defer cancel()
	}
	limit := "the limit of " + dur(d.limit) + " for setting up the connection"
	dialer := net.Dialer{Resolver: t.resolver, KeepAlive: 15 * time.Second} // without the guard: the operator chose it
	raw, err := dialer.DialContext(ctx, "tcp", t.proxy.addr)
	if err != nil {
		why := "no connection to it came about"
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			why = "nothing listens there"
		case isTimeout(err):
			why = "it did not accept a connection within " + limit
		}
		return nil, &proxyError{"The operator's forward proxy cannot be reached: " + why, err, true}
	}
	stop := context.AfterFunc(ctx, func() { _ = raw.SetDeadline(longAgo) })
	shake := t.proxy.tunnel
	if t.proxy.socks {
		shake = t.proxy.socksTunnel
	}
	err = shake(ctx, raw, to, r.host)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err == nil {
		return raw, nil
	}
	raw.Close()
	if _, ok := errors.AsType[*proxyError](err); ok && ctx.Err() == nil {
		return nil, err
	}
	why := "did not answer properly"
	switch {
	case ctx.Err() != nil || isTimeout(err):
		why = "did not connect to " + r.host + " within " + limit
	case isClosed(err):
		why = "closed the connection without connecting to " + r.host
	}
	return nil, &proxyError{"The operator's forward proxy " + why, err, false}
}

// maxProxyHead is how many bytes the answer of a proxy to CONNECT may have.
const maxProxyHead = 16 << 10

// tunnel asks an HTTP proxy for a tunnel to an address.
func (p *Proxy) tunnel(_ context.Context, raw net.Conn, to netip.AddrPort, host string) error {
	head := "CONNECT " + to.String() + " HTTP/1.1\r\nHost: " + to.String() + "\r\n"
	if p.user != "" {
		basic := base64.StdEncoding.EncodeToString([]byte(p.user + ":" + p.password))
		head += "Proxy-Authorization: Basic " + basic + "\r\n"
	}
	if _, err := io.WriteString(raw, head+"\r\n"); err != nil {
		return err
	}
	br := bufio.NewReader(io.LimitReader(raw, maxProxyHead))
	//lint:ignore bodyclose Close could read from the tunnel; on failure the connection is closed instead
	resp, err := nethttp.ReadResponse(br, &nethttp.Request{Method: nethttp.MethodConnect})
	if err != nil {
		return err
	}
	switch {
	case resp.StatusCode == nethttp.StatusProxyAuthRequired:
		return &proxyError{"The operator's forward proxy refused Gancho's user name and password (status 407)", nil, true}
	case resp.StatusCode < 200 || resp.StatusCode > 299:
		return &proxyError{fmt.Sprintf("The operator's forward proxy did not connect to %s (status %d)", host, resp.StatusCode), nil, false}
	case br.Buffered() > 0: // it would be taken for the receiver's
		return &proxyError{"The operator's forward proxy sent something after its answer", nil, true}
	}
	return nil
}

// opened is a dialer for a connection that is there already.
type opened struct{ net.Conn }

func (o opened) Dial(_, _ string) (net.Conn, error) { return o.Conn, nil }

func (o opened) DialContext(context.Context, string, string) (net.Conn, error) { return o.Conn, nil }

// socksTunnel asks a SOCKS5 proxy for a connection to an address.
func (p *Proxy) socksTunnel(ctx context.Context, raw net.Conn, to netip.AddrPort, host string) error {
	var auth *socks.Auth
	if p.user != "" {
		auth = &socks.Auth{User: p.user, Password: p.password}
	}
	d, err := socks.SOCKS5("tcp", p.addr, auth, opened{raw})
	if err != nil {
		return err
	}
	// The connection that it returns only wraps raw, which the rest of the package has to see.
	_, err = d.(socks.ContextDialer).DialContext(ctx, "tcp", to.String())
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || isTimeout(err) || isClosed(err) {
		return err
	}
	switch text := op.Err.Error(); text { // the package has no type for them. A test notices if their texts change
	case "username/password authentication failed", "no acceptable authentication methods":
		return &proxyError{"The operator's forward proxy refused Gancho's user name and password (" + text + ")", err, true}
	default:
		return &proxyError{fmt.Sprintf("The operator's forward proxy did not connect to %s (%s)", host, text), err, false}
	}
}
