package deliver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"gancho/internal/hook"
)

var errTooManyInformational = fmt.Errorf("more than %d informational answers", maxInformational)

// fault is a failed attempt, with all that is needed to say why it failed.
type fault struct {
	err         error
	stage       stage
	host        string // as in the URL, with port if it has one
	limits      limits
	clock       Clock
	interrupted bool // Send's own context ended
	timeUp      bool // the clock ran out
	dial        *dialing
	response    *hook.Response // what came of the answer, or nil
	reused      bool
}

// fault collects what is known about a failure of the flight.
func (f *flight) fault(ctx context.Context, req *http.Request, resp *hook.Response, err error) fault {
	x := fault{
		err: err, host: req.URL.Host, limits: f.limits, clock: f.clock, dial: f.dial.Load(), response: resp, reused: f.reused,
		interrupted: ctx.Err() != nil,
		timeUp:      f.Err() != nil && errors.Is(context.Cause(f.Context), errDeadline),
	}
	if f.conn != nil && f.conn.alert.Load() != nil {
		x.err = f.conn.alert.Load()
	}
	switch {
	case resp != nil:
		x.stage = stageBody
	case f.firstByte.Load() != 0:
		x.stage = stageAnswer
	case f.conn != nil:
		x.stage = stageWait
		f.mu.Lock()
		if !f.wrote.Load() || f.timer != nil && f.waitEnds.IsZero() {
			x.stage = stageWrite
		}
		f.mu.Unlock()
	case x.dial != nil:
		x.stage = stage(x.dial.stage.Load())
	}
	if f.mu.Lock(); f.over && f.overAt >= stageWrite { // informational answers are no answer
		x.stage = f.overAt
	}
	f.mu.Unlock()
	return x
}

func asRefused(err error) *Refused {
	r, _ := errors.AsType[*Refused](err)
	return r
}

// classify turns a failure into a stable class and one English sentence that
// names the cause, and the limit if there was one. Pure.
func classify(x fault) (class, detail string) {
	switch {
	case x.interrupted:
		return hook.ClassInterrupted, "Gancho stopped during the attempt, so its end is not known."
	case x.timeUp:
		return x.classifyTimeUp()
	case x.stage <= stageTLS:
		return x.classifyDial()
	}
	return x.classifyExchange()
}

// classifyTimeUp says which part of the attempt used up the time.
func (x fault) classifyTimeUp() (class, detail string) {
	whole := "the limit of " + dur(x.limits.timeout) + " for the whole attempt"
	if x.clock == ClockResponse {
		whole = "the limit of " + dur(x.limits.connect) + " for setting up the connection"
	}
	switch x.stage {
	case stageResolve:
		return hook.ClassDNSFailed, fmt.Sprintf("The name %s was not resolved within %s.", x.hostname(), whole)
	case stageConnect:
		return hook.ClassConnectTimeout, fmt.Sprintf("%s did not accept a connection within %s.", x.host, whole)
	case stageTLS:
		return hook.ClassTLSFailed, fmt.Sprintf("The TLS handshake with %s was not finished within %s.", x.host, whole)
	case stageWrite, stageWait, stageAnswer, stageBody:
	}
	if x.clock == ClockTotal {
		switch x.stage {
		case stageAnswer:
			return hook.ClassTimeout, fmt.Sprintf("%s began to answer but did not finish its headers within %s.", x.host, whole)
		case stageBody:
			return hook.ClassTimeout, fmt.Sprintf("%s answered %d but did not finish its body within %s.", x.host, x.response.Status, whole)
		default:
			return hook.ClassTimeout, fmt.Sprintf("%s did not answer within %s.", x.host, whole)
		}
	}
	switch x.stage {
	case stageWrite:
		return hook.ClassTimeout, fmt.Sprintf("%s did not take the request within the limit of %s for sending it.", x.host, dur(x.limits.connect))
	case stageAnswer:
		return hook.ClassTimeout, fmt.Sprintf("%s began to answer but did not finish its headers within %s.", x.host, dur(x.limits.grace))
	default:
		return hook.ClassTimeout, fmt.Sprintf("%s did not answer within the limit of %s after the request was sent.", x.host, dur(x.limits.timeout))
	}
}

// classifyDial is for failures before there was a connection.
func (x fault) classifyDial() (class, detail string) {
	if x.dial != nil {
		if refused, tried := x.dial.verdict(); len(refused) > 0 && tried == 0 {
			return hook.ClassPrivateAddress, x.refusal(refused)
		}
	} else if r := asRefused(x.err); r != nil {
		return hook.ClassPrivateAddress, x.refusal([]*Refused{r})
	}
	limit := "the limit of " + dur(x.limits.connect) + " for setting up the connection"
	if x.dial != nil {
		limit = "the limit of " + dur(x.dial.limit) + " for setting up the connection"
	}
	if dns, ok := errors.AsType[*net.DNSError](x.err); ok {
		switch {
		case dns.IsNotFound:
			return hook.ClassDNSNotFound, fmt.Sprintf("The name %s does not exist in the DNS.", x.hostname())
		case dns.IsTimeout:
			return hook.ClassDNSFailed, fmt.Sprintf("The name %s was not resolved within %s.", x.hostname(), limit)
		}
		return hook.ClassDNSFailed, fmt.Sprintf("The name %s could not be resolved: the name server failed (%s).", x.hostname(), dns.Err)
	}
	if addr, ok := errors.AsType[*net.AddrError](x.err); ok {
		return hook.ClassDNSNotFound, fmt.Sprintf("%s is no name or address that can be reached (%s).", x.host, addr.Err)
	}
	if x.stage == stageTLS {
		return x.classifyTLS(limit)
	}
	switch {
	case errors.Is(x.err, syscall.ECONNREFUSED):
		return hook.ClassConnectRefused, fmt.Sprintf("%s refused the connection: nothing listens there.", x.host)
	case isTimeout(x.err):
		if x.stage == stageResolve {
			return hook.ClassDNSFailed, fmt.Sprintf("The name %s was not resolved within %s.", x.hostname(), limit)
		}
		return hook.ClassConnectTimeout, fmt.Sprintf("%s did not accept a connection within %s.", x.host, limit)
	case errors.Is(x.err, syscall.ECONNRESET):
		return hook.ClassReset, fmt.Sprintf("%s reset the connection while it was being set up.", x.host)
	case errors.Is(x.err, syscall.ENETUNREACH), errors.Is(x.err, syscall.EHOSTUNREACH):
		return hook.ClassConnectFailed, fmt.Sprintf("%s cannot be reached: there is no route to it.", x.host)
	}
	return hook.ClassConnectFailed, fmt.Sprintf("No connection to %s came about: %s.", x.host, plain(x.err))
}

// classifyTLS is for failures of the handshake.
func (x fault) classifyTLS(limit string) (class, detail string) {
	if host, ok := errors.AsType[x509.HostnameError](x.err); ok {
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
		return hook.ClassTLSHostname, fmt.Sprintf("The certificate of %s is for another name (%s).", x.host, names)
	}
	if bad, ok := errors.AsType[x509.CertificateInvalidError](x.err); ok {
		if bad.Reason == x509.Expired {
			if c := bad.Cert; c != nil && time.Now().Before(c.NotBefore) {
				return hook.ClassTLSExpired, fmt.Sprintf("The certificate of %s is not valid before %s.", x.host, c.NotBefore.UTC().Format(time.RFC3339))
			} else if c != nil {
				return hook.ClassTLSExpired, fmt.Sprintf("The certificate of %s expired on %s.", x.host, c.NotAfter.UTC().Format(time.RFC3339))
			}
			return hook.ClassTLSExpired, fmt.Sprintf("The certificate of %s has expired or is not valid yet.", x.host)
		}
		return hook.ClassTLSInvalid, fmt.Sprintf("The certificate of %s is not valid (%s).", x.host, plain(bad))
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](x.err); ok {
		return hook.ClassTLSUntrusted, fmt.Sprintf("The certificate of %s is signed by nobody we trust; it may be self-signed, or an intermediate certificate is missing.", x.host)
	}
	if _, ok := errors.AsType[*tls.CertificateVerificationError](x.err); ok {
		return hook.ClassTLSInvalid, fmt.Sprintf("The certificate of %s is not valid (%s).", x.host, plain(x.err))
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](x.err); ok {
		return hook.ClassTLSFailed, fmt.Sprintf("%s does not speak TLS on this port; should the URL begin with http://?", x.host)
	}
	switch {
	case isTimeout(x.err):
		return hook.ClassTLSFailed, fmt.Sprintf("The TLS handshake with %s was not finished within %s.", x.host, limit)
	case isClosed(x.err):
		return hook.ClassTLSFailed, fmt.Sprintf("%s closed the connection during the TLS handshake.", x.host)
	}
	return hook.ClassTLSFailed, fmt.Sprintf("The TLS handshake with %s failed: %s.", x.host, plain(x.err))
}

// classifyExchange is for failures on a connection.
func (x fault) classifyExchange() (class, detail string) {
	text := x.err.Error()
	if op, ok := errors.AsType[*net.OpError](x.err); ok && (op.Op == "remote error" || op.Op == "local error") {
		return hook.ClassTLSFailed, fmt.Sprintf("The TLS connection to %s failed: %s.", x.host, plain(op.Err))
	}
	// net/http has no type for this one; a test watches the text.
	if strings.Contains(text, "server response headers exceeded") {
		return hook.ClassHeadersTooBig, fmt.Sprintf("%s sent more than %d KiB of headers.", x.host, MaxResponseHeader>>10)
	}
	if errors.Is(x.err, errTooManyInformational) {
		return hook.ClassProtocol, fmt.Sprintf("%s sent more than %d informational (1xx) answers and no real one.", x.host, maxInformational)
	}
	closed := isClosed(x.err)
	switch x.stage {
	case stageBody:
		if closed {
			return hook.ClassReset, fmt.Sprintf("%s answered %d but broke the connection off in the middle of the body.", x.host, x.response.Status)
		}
		return hook.ClassProtocol, fmt.Sprintf("%s answered %d but its body is not proper HTTP: %s.", x.host, x.response.Status, plain(x.err))
	case stageAnswer:
		if closed {
			return hook.ClassReset, fmt.Sprintf("%s broke the connection off in the middle of its headers.", x.host)
		}
		return hook.ClassProtocol, fmt.Sprintf("%s sent something that is not an HTTP answer: %s.", x.host, plain(x.err))
	default: // not a byte of an answer
		if x.reused {
			return hook.ClassReset, fmt.Sprintf("%s closed the kept-alive connection without answering this request.", x.host)
		}
		return hook.ClassReset, fmt.Sprintf("%s closed the connection without answering.", x.host)
	}
}

// hostname is the host without port.
func (x fault) hostname() string {
	if host, _, err := net.SplitHostPort(x.host); err == nil {
		return host
	}
	return x.host
}

// refusal says which address was not dialed and why, and who could allow it.
func (x fault) refusal(refused []*Refused) string {
	const hint = "deliveries go to public addresses only, unless the operator allows a network (--allow-networks)"
	r := refused[0]
	if _, err := netip.ParseAddr(strings.Trim(x.hostname(), "[]")); err == nil {
		return fmt.Sprintf("%s is %s: %s.", r.Addr, r.Kind, hint)
	}
	more := ""
	if n := len(refused) - 1; n > 0 {
		more = fmt.Sprintf(", and so are its %d other addresses of this sort", n)
	}
	return fmt.Sprintf("The name %s leads to %s, which is %s%s: %s.", x.hostname(), r.Addr, r.Kind, more, hint)
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
	for _, e := range []error{io.EOF, io.ErrUnexpectedEOF, syscall.ECONNRESET, syscall.EPIPE, syscall.ECONNABORTED, net.ErrClosed} {
		if errors.Is(err, e) {
			return true
		}
	}
	// net/http names this one but does not export it.
	return strings.Contains(err.Error(), "server closed idle connection")
}

// plain is an error's text without the prefixes of Go packages.
func plain(err error) string {
	s := err.Error()
	for _, prefix := range []string{"net/http: ", "http: ", "x509: ", "tls: ", "HTTP/1.x transport connection broken: "} {
		s = strings.TrimPrefix(s, prefix)
	}
	return strings.TrimSuffix(s, ".")
}

// dur writes a limit as people do: 200 ms, 15 s, 2 min.
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
