package contract

import (
	"fmt"
	"strings"

	"gancho/internal/sign"
	"gancho/internal/yamlfile"
)

// testReceived reads a request that somebody sent.
func (l *loader) testReceived(c *Contract, t *Test, n *yamlfile.Node) {
	o := l.Object(n, "received", keysOf["tests.*.received"])
	m := &sign.Message{Method: "POST", URL: testURL}
	for key, into := range map[string]*string{"method": &m.Method, "url": &m.URL} {
		if v := o.Get(key); v != nil {
			*into = l.Str(v)
		}
	}
	if v := o.Get("headers"); v != nil {
		for _, h := range l.testHeaders(v) {
			m.Headers = append(m.Headers, h.Header)
		}
	}
	if v := o.Get("body"); v != nil {
		m.Body = l.exact(v)
	}
	if t.received = m; c.endpoint.scheme == nil {
		l.ProblemAt(n, "This contract does not sign, so a request that is received has no signature to verify.", "Describe the signature under endpoint: sign, or remove the test.")
	}
}

// receivedAlone reports what does nothing beside a request that was received, or what is missing.
func (l *loader) receivedAlone(t *Test) {
	for _, key := range []string{
		"on", "event", "credential", "method", "endpoint", "id", "attempt", "nonce", "fires", "url", "headers", "body", "answer",
	} {
		if at, ok := t.keys[key]; ok {
			l.Problem(at.line, at.column, key+" does nothing in this test: a request that is received is only verified.", "Remove the line.")
		}
	}
	if at := t.keys["received"]; t.facts.secrets == nil && t.facts.keys == nil {
		l.Problem(at.line, at.column, "Nothing verifies this request.", "Add the secret or the public key (secret: …), or the document at the address of sign.keys (keys: …).")
	}
}

// testKeys reads the document with the public key, and what becomes of the request.
func (l *loader) testKeys(c *Contract, t *Test, o yamlfile.Object) {
	scheme := c.endpoint.scheme
	if v := o.Get("keys"); v != nil {
		t.facts.keys = l.exact(v)
		switch {
		case scheme == nil || !scheme.FetchesKeys():
			l.ProblemAt(v, "keys does nothing in this test: the signature of this contract has no keys that are fetched.", "Add keys to endpoint: sign, or write secret: … here.")
		case t.received == nil && o.Get("secret") == nil:
			l.ProblemAt(v, "The request is not signed, so no key verifies it.", "Add the private key that signs: secret: …")
		case t.received != nil && o.Get("secret") != nil:
			l.ProblemAt(v, "Both secret and keys say what verifies the request.", "Keep one of them.")
		}
		t.give("keys", func(t *Test) { t.facts.keys = nil })
	}
	if v := o.Get("verified"); v != nil {
		if t.unverified = !l.Bool(v); t.received == nil {
			l.ProblemAt(v, "verified does nothing in this test: no request is received.", "Give the request that is verified: received: {headers: …, body: …}")
		}
	}
}

// verify verifies a request as a receiver would: "" stands for one that nobody verifies, and verifiedText for a right
// signature. Otherwise it says what is wrong.
func (t *Test) verify(c *Contract, m sign.Message) string {
	scheme := c.endpoint.scheme
	if scheme == nil || t.received == nil && t.facts.keys == nil {
		return ""
	}
	m.Settings = t.cfg.Settings
	var keys []string
	if t.facts.keys != nil {
		w, err := scheme.Wanted(m)
		if err != nil {
			return err.Error()
		}
		if m.Keys, err = w.Source.Read(t.facts.keys); err != nil {
			return err.Error()
		}
		if w.Source.CA == "" {
			m.Keys.TrustLast()
		}
	} else {
		for _, s := range t.facts.secrets {
			key, err := scheme.VerifyKey(s.Text)
			if err != nil {
				return err.Error()
			}
			keys = append(keys, key)
		}
	}
	v, err := scheme.NewVerifier(0, keys...)
	if err == nil {
		err = v.Verify(m, t.facts.time)
	}
	if err != nil {
		return err.Error()
	}
	return verifiedText
}

const verifiedText = "verified"

// verdict says how the verified request differs from what the test expects, "" if it does not.
func (t *Test) verdict(out *outcome) string {
	switch right := out.verified == verifiedText; {
	case out.verified == "" || right == !t.unverified:
		return ""
	case right:
		return "The signature is right, and the test expects that it is refused."
	}
	return fmt.Sprintf("The signature is refused: %s.", strings.TrimSuffix(out.verified, "."))
}
