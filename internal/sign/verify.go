package sign

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Tolerance is how far a timestamp may be from now, as the official libraries
// have it; the specification names no number.
const Tolerance = 5 * time.Minute

// maxSignatures bounds the work that a stranger's webhook-signature can cause.
const maxSignatures = 16

// Why [Verifier.Verify] refused a request; its errors wrap one of these.
var (
	ErrMissingHeader = errors.New("a signature header is missing")
	ErrBadTimestamp  = errors.New("the timestamp is not a number of seconds")
	ErrTooOld        = errors.New("the timestamp is too old")
	ErrTooNew        = errors.New("the timestamp is too far in the future")
	ErrNoMatch       = errors.New("no signature matches")
)

// Verifier checks the signatures of incoming requests against one or several
// secrets. It is safe for concurrent use.
type Verifier struct {
	keys      []key
	tolerance time.Duration
}

// NewVerifier decodes the secrets: whsec_, whpk_, or whsk_ (of which the public
// half is used). Each of them is accepted. The
// tolerance counts in whole seconds; 0 means [Tolerance].
func NewVerifier(tolerance time.Duration, secrets ...string) (*Verifier, error) {
	if len(secrets) == 0 {
		return nil, fmt.Errorf("%w: there is none", ErrSecret)
	}
	if tolerance <= 0 {
		tolerance = Tolerance
	}
	v := &Verifier{tolerance: tolerance}
	for i, text := range secrets {
		k, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		v.keys = append(v.keys, k)
	}
	return v, nil
}

// Verify checks one request, of which header returns the value of a header, or
// "", whatever the case of its name ([net/http.Header.Get] does). It returns nil
// if one of the signatures was made with one of the secrets over exactly this
// body, and the time is within the tolerance; else an error that wraps one of
// the kinds above and says in plain words what was found. The time is looked at
// first, so an old request tells nothing about its signature. Signatures are
// compared in constant time, unknown versions are passed over.
func (v *Verifier) Verify(header func(name string) string, body []byte, now time.Time) error {
	id, stamp, list := header(HeaderID), header(HeaderTimestamp), header(HeaderSignature)
	for _, h := range []struct{ name, value string }{{HeaderID, id}, {HeaderTimestamp, stamp}, {HeaderSignature, list}} {
		if h.value == "" {
			return fmt.Errorf("%w: %s", ErrMissingHeader, h.name)
		}
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || strconv.FormatInt(seconds, 10) != stamp { // one spelling only, for it is signed as text
		return fmt.Errorf("%w: %s is %q", ErrBadTimestamp, HeaderTimestamp, clip(stamp))
	}
	at, limit := time.Unix(seconds, 0), int64(v.tolerance/time.Second)
	switch { // in whole seconds, and so that no stranger's number overflows
	case seconds < now.Unix()-limit:
		return fmt.Errorf("%w: it is from %s, more than %s before now (%s)", ErrTooOld, at.UTC().Format(time.RFC3339), v.tolerance, now.UTC().Format(time.RFC3339))
	case seconds > now.Unix()+limit:
		return fmt.Errorf("%w: it is from %s, more than %s after now (%s)", ErrTooNew, at.UTC().Format(time.RFC3339), v.tolerance, now.UTC().Format(time.RFC3339))
	}

	prefix := id + "." + stamp + "."
	var message []byte                  // made once, if there is a v1a
	macs := make([][]byte, len(v.keys)) // likewise, per shared key
	known := 0
	for n := 0; list != "" && n < maxSignatures; n++ {
		var one string
		one, list, _ = strings.Cut(list, " ")
		version, text, _ := strings.Cut(one, ",")
		if version != "v1" && version != "v1a" {
			continue
		}
		known++
		got, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			continue
		}
		for i, k := range v.keys {
			switch {
			case version == "v1" && k.shared != nil:
				if macs[i] == nil {
					mac := hmac.New(sha256.New, k.shared)
					mac.Write([]byte(prefix))
					mac.Write(body)
					macs[i] = mac.Sum(nil)
				}
				if hmac.Equal(got, macs[i]) {
					return nil
				}
			case version == "v1a" && k.public != nil:
				if message == nil {
					message = append([]byte(prefix), body...)
				}
				if len(got) == ed25519.SignatureSize && ed25519.Verify(k.public, message, got) {
					return nil
				}
			}
		}
	}
	if known == 0 {
		return fmt.Errorf("%w: %s holds no signature of a known version (v1, v1a)", ErrNoMatch, HeaderSignature)
	}
	return fmt.Errorf("%w: the secret is another one, or the body was changed on the way", ErrNoMatch)
}

// clip shortens a stranger's text for an error message.
func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}
