package sign

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// standardTolerance is how far a timestamp may be from now. The official libraries
// use this number; the specification has none.
const standardTolerance = 5 * time.Minute

// maxSignatures bounds the work that the webhook-signature of a stranger can cause.
const maxSignatures = 16

// standardVerifier has the decoded keys of one receiver.
type standardVerifier struct {
	keys      []key
	tolerance time.Duration
}

// newStandardVerifier decodes the keys: whsec_, whpk_, or whsk_, of which the public
// half is used.
func newStandardVerifier(tolerance time.Duration, secrets ...string) (Verifier, error) {
	if len(secrets) == 0 {
		return nil, fmt.Errorf("%w: there is none", ErrSecret)
	}
	if tolerance <= 0 {
		tolerance = standardTolerance
	}
	v := &standardVerifier{tolerance: tolerance}
	for i, text := range secrets {
		k, err := parse(text)
		if err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		v.keys = append(v.keys, k)
	}
	return v, nil
}

// Verify looks at the time first, so an old request learns nothing about its
// signature. It passes over signatures of unknown versions.
func (v *standardVerifier) Verify(m Message, now time.Time) error {
	id, _ := m.Header(headerID)
	stamp, _ := m.Header(headerTimestamp)
	list, _ := m.Header(headerSignature)
	for _, h := range []struct{ name, value string }{{headerID, id}, {headerTimestamp, stamp}, {headerSignature, list}} {
		if h.value == "" {
			return fmt.Errorf("%w: %s", ErrMissing, h.name)
		}
	}
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || strconv.FormatInt(seconds, 10) != stamp { // one spelling only, for it is signed as text
		return fmt.Errorf("%w: %s is %q", ErrBadTimestamp, headerTimestamp, clip(stamp))
	}
	if err := near(seconds, v.tolerance, now); err != nil {
		return err
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
					mac.Write(m.Body)
					macs[i] = mac.Sum(nil)
				}
				if hmac.Equal(got, macs[i]) {
					return nil
				}
			case version == "v1a" && k.public != nil:
				if message == nil {
					message = append([]byte(prefix), m.Body...)
				}
				if len(got) == ed25519.SignatureSize && ed25519.Verify(k.public, message, got) {
					return nil
				}
			}
		}
	}
	if known == 0 {
		return fmt.Errorf("%w: %s holds no signature of a known version (v1, v1a)", ErrNoMatch, headerSignature)
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

// near checks that a time, in seconds since 1970, is within the tolerance of now. It compares whole seconds, with the
// limit on our side, so that no number of a stranger overflows.
func near(seconds int64, tolerance time.Duration, now time.Time) error {
	at, limit := time.Unix(seconds, 0), int64(tolerance/time.Second)
	switch {
	case seconds < now.Unix()-limit:
		return fmt.Errorf("%w: it is from %s, more than %s before now (%s)", ErrTooOld, at.UTC().Format(time.RFC3339), tolerance, now.UTC().Format(time.RFC3339))
	case seconds > now.Unix()+limit:
		return fmt.Errorf("%w: it is from %s, more than %s after now (%s)", ErrTooNew, at.UTC().Format(time.RFC3339), tolerance, now.UTC().Format(time.RFC3339))
	}
	return nil
}
