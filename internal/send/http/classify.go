package http

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"gancho/internal/certs"
	"gancho/internal/hook"
	"gancho/internal/send"
)

// failure is a failed exchange, with all that is known about why it failed.
type failure struct {
	err         error
	stage       stage
	host        string // as in the URL, with the port if that has one
	limits      limits
	clock       send.Clock
	interrupted bool           // the context of Send ended
	timeUp      bool           // the time limit of the attempt is over
	dial        *dialing       // nil: no connection was asked for
	asked       *dialing       // dial, or that of an earlier request if the connection was kept
	response    *hook.Response // the part of the answer that arrived; nil: no complete headers
	identity    *certs.Identity
	reused      bool // the connection had served an earlier request
}

// failure collects what is known about why the exchange failed with err.
func (x *exchange) failure(r *outgoing, resp *hook.Response, err error) failure {
	f := failure{
		err: err, host: r.host, limits: x.limits, clock: x.clock, dial: x.dial, response: resp, reused: x.reused, identity: r.to.identity,
		interrupted: x.ctx.Err() != nil,
		timeUp:      x.conn != nil && isDeadline(err) || x.conn == nil && x.timeUp(),
	}
	f.asked = x.dial
	switch {
	case resp != nil:
		f.stage = stageBody
	case x.conn != nil:
		f.asked = x.conn.dialing
		x.mu.Lock()
		f.stage = x.stage
		x.mu.Unlock()
	case f.dial != nil:
		f.stage = stage(f.dial.stage.Load())
	}
	return f
}

// isRefused reports whether an address was refused before anything was sent to it.
func isRefused(err error) bool {
	_, byRules := errors.AsType[*refusedHost](err)
	return byRules || asRefused(err) != nil
}

func asRefused(err error) *Refused {
	r, _ := errors.AsType[*Refused](err)
	return r
}

// classify turns a failure into a stable class and one English sentence, which names
// the cause, and the limit if one was exceeded. It is pure.
func classify(f failure) (class, detail string) {
	proxy, byProxy := errors.AsType[*proxyError](f.err)
	switch {
	case f.interrupted:
		return hook.ClassInterrupted, "Gancho stopped during the attempt, so its end is not known."
	case byProxy:
		return hook.ClassProxyFailed, proxy.sentence + "."
	case f.timeUp:
		return f.classifyTimeUp()
	case f.stage <= stageTLS:
		return f.classifyDial()
	}
	return f.classifyExchange()
}

// classifyTimeUp is for exchanges that were ended by a time limit. The sentence says in which
// stage.
func (f failure) classifyTimeUp() (class, detail string) {
	whole := "the limit of " + dur(f.limits.timeout) + " for the whole attempt"
	if f.clock == send.ClockResponse {
		whole = "the limit of " + dur(f.limits.connect) + " for setting up the connection"
	}
	switch f.stage {
	case stageResolve:
		return hook.ClassDNSTimeout, fmt.Sprintf("No name server answered for the name %s within %s.", f.hostname(), whole)
	case stageConnect:
		return hook.ClassConnectTimeout, fmt.Sprintf("%s did not accept a connection within %s.", f.host, whole)
	case stageTLS:
		return hook.ClassTLSFailed, fmt.Sprintf(
			"The TLS handshake with %s was not finished within %s.", f.host, whole)
	case stageWrite, stageWait, stageAnswer, stageBody, stageEnded:
	}
	if f.clock == send.ClockTotal {
		switch f.stage {
		case stageAnswer:
			return hook.ClassTimeout, fmt.Sprintf(
				"%s began to answer but did not finish its headers within %s.", f.host, whole)
		case stageBody:
			return hook.ClassTimeout, fmt.Sprintf(
				"%s answered %d but did not finish its body within %s.", f.host, f.response.Status, whole)
		default:
			return hook.ClassTimeout, fmt.Sprintf("%s did not answer within %s.", f.host, whole)
		}
	}
	switch f.stage {
	case stageWrite:
		return hook.ClassTimeout, fmt.Sprintf(
			"%s did not take the request within the limit of %s for sending it.", f.host, dur(f.limits.connect))
	case stageAnswer:
		return hook.ClassTimeout, fmt.Sprintf(
			"%s began to answer but did not finish its headers within %s.", f.host, dur(f.limits.grace))
	default:
		return hook.ClassTimeout, fmt.Sprintf(
			"%s did not answer within the limit of %s after the request was sent.", f.host, dur(f.limits.timeout))
	}
}

// classifyDial is for failures to get a connection.
func (f failure) classifyDial() (class, detail string) {
	if f.dial != nil {
		if refused, tried := f.dial.addresses(); len(refused) > 0 && tried == 0 {
			return hook.ClassPrivateAddress, f.refusal(refused)
		}
	} else if r := asRefused(f.err); r != nil {
		return hook.ClassPrivateAddress, f.refusal([]*Refused{r})
	}
	if p, ok := errors.AsType[*refusedPort](f.err); ok {
		return hook.ClassPortNotAllowed, fmt.Sprintf("Port %s is not allowed: deliveries go to the ports 80, 443 and from 1024 on, "+
			"unless the operator allows more (--allow-ports).", p.port)
	}
	if h, ok := errors.AsType[*refusedHost](f.err); ok {
		switch {
		case h.err != nil:
			return hook.ClassHostNotAllowed, "It could not be read to which hosts the webhooks of this tenant may go, so nothing was sent."
		case h.addr.IsValid():
			return hook.ClassHostNotAllowed, fmt.Sprintf(
				"The name %s leads to %s, and the webhooks of this tenant or contract may not go there.", f.hostname(), h.addr)
		}
		return hook.ClassHostNotAllowed, fmt.Sprintf("The webhooks of this tenant or contract may not go to %s.", f.hostname())
	}
	limit := "the limit of " + dur(f.limits.connect) + " for setting up the connection"
	if f.dial != nil {
		limit = "the limit of " + dur(f.dial.limit) + " for setting up the connection"
	}
	if dns, ok := errors.AsType[*net.DNSError](f.err); ok {
		switch {
		case dns.IsNotFound:
			return hook.ClassDNSNotFound, fmt.Sprintf("The name %s does not exist in the DNS.", f.hostname())
		case dns.IsTimeout:
			if f.dial != nil && f.dial.lookup() < f.dial.limit*9/10 { // the resolver itself gave up
				return hook.ClassDNSTimeout, fmt.Sprintf("No name server answered for the name %s.", f.hostname())
			}
			return hook.ClassDNSTimeout, fmt.Sprintf("No name server answered for the name %s within %s.", f.hostname(), limit)
		}
		return hook.ClassDNSFailed, fmt.Sprintf(
			"The name %s could not be resolved: the name server failed (%s).", f.hostname(), dns.Err)
	}
	if addr, ok := errors.AsType[*net.AddrError](f.err); ok {
		return hook.ClassDNSNotFound, fmt.Sprintf(
			"%s is no name or address that can be reached (%s).", f.host, addr.Err)
	}
	if f.stage == stageTLS {
		return f.classifyTLS(limit)
	}
	switch {
	case errors.Is(f.err, syscall.ECONNREFUSED):
		return hook.ClassConnectRefused, fmt.Sprintf("%s refused the connection: nothing listens there.", f.host)
	case isTimeout(f.err):
		if f.stage == stageResolve {
			return hook.ClassDNSTimeout, fmt.Sprintf("No name server answered for the name %s within %s.", f.hostname(), limit)
		}
		return hook.ClassConnectTimeout, fmt.Sprintf("%s did not accept a connection within %s.", f.host, limit)
	case errors.Is(f.err, syscall.ECONNRESET):
		return hook.ClassReset, fmt.Sprintf("%s reset the connection while it was being set up.", f.host)
	case errors.Is(f.err, syscall.ENETUNREACH), errors.Is(f.err, syscall.EHOSTUNREACH):
		return hook.ClassConnectFailed, fmt.Sprintf("%s cannot be reached: there is no route to it.", f.host)
	}
	return hook.ClassConnectFailed, fmt.Sprintf("No connection to %s came about: %s.", f.host, plain(f.err))
}

// classifyTLS is for failures of the TLS handshake.
func (f failure) classifyTLS(limit string) (class, detail string) {
	if host, ok := errors.AsType[x509.HostnameError](f.err); ok {
		names := "no name at all"
		if host.Certificate != nil {
			all := host.Certificate.DNSNames
			for _, ip := range host.Certificate.IPAddresses {
				all = append(all, ip.String())
			}
			if len(all) > 5 {
				all = append(all[:5:5], "and others")
			}
			if len(all) > 0 {
				names = strings.Join(all, ", ")
			}
		}
		return hook.ClassTLSHostname, fmt.Sprintf("The certificate of %s is for another name (%s).", f.host, names)
	}
	if bad, ok := errors.AsType[x509.CertificateInvalidError](f.err); ok {
		if bad.Reason == x509.Expired {
			if c := bad.Cert; c != nil && time.Now().Before(c.NotBefore) {
				return hook.ClassTLSExpired, fmt.Sprintf(
					"The certificate of %s is not valid before %s.", f.host, c.NotBefore.UTC().Format(time.RFC3339))
			} else if c != nil {
				return hook.ClassTLSExpired, fmt.Sprintf(
					"The certificate of %s expired on %s.", f.host, c.NotAfter.UTC().Format(time.RFC3339))
			}
			return hook.ClassTLSExpired, fmt.Sprintf("The certificate of %s has expired or is not valid yet.", f.host)
		}
		return hook.ClassTLSInvalid, fmt.Sprintf("The certificate of %s is not valid (%s).", f.host, plain(bad))
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](f.err); ok {
		return hook.ClassTLSUntrusted, fmt.Sprintf(
			"The certificate of %s is signed by nobody we trust; "+
				"it may be self-signed, or an intermediate certificate is missing.", f.host)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](f.err); ok {
		return hook.ClassTLSInvalid, fmt.Sprintf("The certificate of %s is not valid (%s).", f.host, plain(f.err))
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](f.err); ok {
		return hook.ClassTLSFailed, fmt.Sprintf(
			"%s does not speak TLS on this port; should the URL begin with http://?", f.host)
	}
	switch {
	case f.certificateDemanded():
		return f.demanded()
	case isTimeout(f.err):
		return hook.ClassTLSFailed, fmt.Sprintf(
			"The TLS handshake with %s was not finished within %s.", f.host, limit)
	case isClosed(f.err):
		return hook.ClassTLSFailed, fmt.Sprintf("%s closed the connection during the TLS handshake.", f.host)
	}
	return hook.ClassTLSFailed, fmt.Sprintf("The TLS handshake with %s failed: %s.", f.host, plain(f.err))
}

// certificateDemanded reports whether the receiver broke the connection off because Gancho showed
// no certificate of its own, or one that the receiver does not accept. Before TLS 1.3 it says so with an alert that also means other things; then
// it counts that the receiver has asked for a certificate.
func (f failure) certificateDemanded() bool {
	op, ok := errors.AsType[*net.OpError](f.err)
	if !ok || op.Op != "remote error" || f.asked == nil || !f.asked.certAsked.Load() {
		return false
	}
	switch op.Err.Error() { // package tls has no type for alerts. A test notices if their texts change
	case "tls: certificate required", "tls: bad certificate", "tls: handshake failure", "tls: unknown certificate", "tls: access denied",
		"tls: unknown certificate authority", "tls: expired certificate", "tls: revoked certificate", "tls: unsupported certificate":
		return true
	}
	return false
}

func (f failure) demanded() (class, detail string) {
	if f.identity != nil && f.identity.Certificate != nil {
		ends := f.identity.Certificate.Leaf.NotAfter
		if time.Now().After(ends) {
			return hook.ClassTLSClientCert, fmt.Sprintf("%s refused the client certificate of this endpoint, which expired on %s.",
				f.host, ends.UTC().Format(time.RFC3339))
		}
		return hook.ClassTLSClientCert, fmt.Sprintf("%s refused the client certificate of this endpoint: it does not know who signed it, or does not accept whose it is.", f.host)
	}
	return hook.ClassTLSClientCert, fmt.Sprintf("%s demands a client certificate, and Gancho has none to show.", f.host)
}

// classifyExchange is for failures on a connection that was ready.
func (f failure) classifyExchange() (class, detail string) {
	if op, ok := errors.AsType[*net.OpError](f.err); ok && (op.Op == "remote error" || op.Op == "local error") {
		if f.certificateDemanded() {
			return f.demanded()
		}
		return hook.ClassTLSFailed, fmt.Sprintf("The TLS connection to %s failed: %s.", f.host, plain(op.Err))
	}
	if errors.Is(f.err, errUnasked) {
		return hook.ClassProtocol, fmt.Sprintf("%s sent something before it got the request.", f.host)
	}
	if errors.Is(f.err, errHeadersTooLarge) {
		return hook.ClassHeadersTooBig, fmt.Sprintf(
			"%s sent more than %d KiB of headers.", f.host, MaxResponseHeader>>10)
	}
	if errors.Is(f.err, errTooManyInformational) {
		return hook.ClassProtocol, fmt.Sprintf(
			"%s sent more than %d informational (1xx) answers and no real one.", f.host, maxInformational)
	}
	closed := isClosed(f.err)
	switch f.stage {
	case stageBody:
		if closed {
			return hook.ClassReset, fmt.Sprintf(
				"%s answered %d but broke the connection off in the middle of the body.", f.host, f.response.Status)
		}
		return hook.ClassProtocol, fmt.Sprintf(
			"%s answered %d but its body is not proper HTTP: %s.", f.host, f.response.Status, plain(f.err))
	case stageAnswer:
		if closed {
			return hook.ClassReset, fmt.Sprintf("%s broke the connection off in the middle of its headers.", f.host)
		}
		return hook.ClassProtocol, fmt.Sprintf(
			"%s sent something that is not an HTTP answer: %s.", f.host, plain(f.err))
	default: // no byte of an answer came
		if f.reused {
			return hook.ClassReset, fmt.Sprintf(
				"%s closed the kept-alive connection without answering this request.", f.host)
		}
		return hook.ClassReset, fmt.Sprintf("%s closed the connection without answering.", f.host)
	}
}

// hostname is the host without port.
func (f failure) hostname() string {
	if host, _, err := net.SplitHostPort(f.host); err == nil {
		return host
	}
	return f.host
}

// refusal says which address the guard refused, why, and who may allow it.
func (f failure) refusal(refused []*Refused) string {
	const hint = "deliveries go to public addresses only, unless the operator allows a network (--allow-networks)"
	r := refused[0]
	if _, err := netip.ParseAddr(strings.Trim(f.hostname(), "[]")); err == nil {
		return fmt.Sprintf("%s is %s: %s.", r.Addr, r.Kind, hint)
	}
	more := ""
	if n := len(refused) - 1; n > 0 {
		more = fmt.Sprintf(", and so are its %d other addresses of this sort", n)
	}
	return fmt.Sprintf("The name %s leads to %s, which is %s%s: %s.", f.hostname(), r.Addr, r.Kind, more, hint)
}

func isTimeout(err error) bool {
	if errors.Is(err, context.DeadlineExceeded) {
		return true
	}
	t, ok := errors.AsType[net.Error](err)
	return ok && t.Timeout()
}

// isClosed reports whether the other side ended the connection.
func isClosed(err error) bool {
	for _, e := range []error{
		io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED, net.ErrClosed,
	} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// plain returns an error's text without the names of Go packages before it.
func plain(err error) string {
	s := err.Error()
	for _, prefix := range []string{"net/http: ", "http: ", "x509: ", "tls: ", "HTTP/1.x transport connection broken: "} {
		s = strings.TrimPrefix(s, prefix)
	}
	return strings.TrimSuffix(s, ".")
}

// dur writes a duration as people do: 200 ms, 15 s, 2 min.
func dur(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d >= time.Minute && d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	case d%time.Second == 0:
		return fmt.Sprintf("%d s", d/time.Second)
	}
	return fmt.Sprintf("%.1f s", d.Seconds())
}
