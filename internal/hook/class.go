package hook

// Error classes of an attempt: stable words that the API, the console and the diagnosis
// use. They name the cause as the receiver can see it, not the Go error.
const (
	ClassDNSNotFound    = "dns_not_found"
	ClassDNSFailed      = "dns_failed"  // the resolver itself failed
	ClassDNSTimeout     = "dns_timeout" // no name server answered in time
	ClassPrivateAddress = "private_address"
	ClassHostNotAllowed = "host_not_allowed" // the rules of the tenant or of the contract refuse the host
	ClassPortNotAllowed = "port_not_allowed"
	ClassToken          = "token_failed" // the token that the receiver wants could not be fetched: never sent
	ClassProxyFailed    = "proxy_failed" // the operator's forward proxy failed, or could not reach the receiver
	ClassConnectRefused = "connect_refused"
	ClassConnectTimeout = "connect_timeout"
	ClassConnectFailed  = "connect_failed" // unreachable network or host
	ClassTLSUntrusted   = "tls_untrusted"  // self-signed, or an intermediate certificate is missing
	ClassTLSInvalid     = "tls_invalid"
	ClassTLSExpired     = "tls_expired"
	ClassTLSHostname    = "tls_hostname"
	ClassTLSClientCert  = "tls_client_certificate" // the receiver demands a certificate of ours
	ClassTLSFailed      = "tls_failed"
	ClassTimeout        = "timeout"
	ClassReset          = "reset"
	ClassProtocol       = "protocol_error" // not an HTTP answer
	ClassHeadersTooBig  = "headers_too_large"
	ClassRedirect       = "redirect"
	ClassStatus4xx      = "status_4xx"
	ClassStatus5xx      = "status_5xx"
	ClassGone           = "gone"              // 410
	ClassRateLimited    = "rate_limited"      // 429
	ClassStatusOther    = "status_unexpected" // 1xx, or a 2xx that the contract does not accept
	ClassBodyRule       = "body_rule"         // right status, but the body breaks the success rule
	ClassAnswerRule     = "answer_rule"       // a success, but the contract's rule retry_if holds
	ClassTooSlow        = "too_slow"          // right answer, but later than the contract allows
	ClassRender         = "render_failed"     // never sent: no request could be made
	ClassInterrupted    = "interrupted"       // the process ended during the attempt
	ClassScript         = "script_error"      // the endpoint's transformation failed: never sent
	ClassScriptTimeout  = "script_timeout"    // the transformation took too long: never sent
	ClassScriptCancel   = "script_cancelled"  // the transformation cancelled the delivery: never sent
	ClassShadow         = "shadow"            // a trial without sending: never sent
)

// NeverSent reports whether an attempt of this class ended before a request was sent. Such
// an attempt says nothing about the receiver.
func NeverSent(class string) bool {
	switch class {
	case ClassRender, ClassScript, ClassScriptTimeout, ClassScriptCancel, ClassShadow:
		return true
	}
	return false
}

// ReceiverTrouble reports whether the class says that the receiver as a whole has a
// problem, and not only with one delivery. The circuit breaker counts only these classes.
func ReceiverTrouble(class string) bool {
	switch class {
	case ClassDNSNotFound, ClassDNSFailed, ClassDNSTimeout, ClassPrivateAddress, ClassHostNotAllowed, ClassPortNotAllowed,
		ClassToken, ClassProxyFailed, ClassConnectRefused, ClassConnectTimeout, ClassConnectFailed,
		ClassTLSUntrusted, ClassTLSInvalid, ClassTLSExpired, ClassTLSHostname, ClassTLSClientCert, ClassTLSFailed,
		ClassTimeout, ClassReset, ClassProtocol, ClassHeadersTooBig, ClassStatus5xx, ClassRateLimited:
		return true
	}
	return false
}
