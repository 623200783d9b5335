package sign

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"gancho/internal/hook"
)

// Join makes one scheme of several, which all sign each request, one after the other, with the same secrets. Verifying
// demands that all of them verify, so that the weakest is no way in.
//
// The error names the scheme that does not fit the others, by its place from 1: two of them use the same header, one
// changes what another has signed, or no secret suits all of them.
func Join(schemes ...*Scheme) (*Scheme, error) {
	if len(schemes) == 1 {
		return schemes[0], nil
	}
	out := &Scheme{Parts: schemes}
	var names []string
	for i, s := range schemes {
		names = append(names, s.Name)
		for _, before := range schemes[:i] {
			for _, h := range s.Headers {
				if before.Carries(h) || before.Reserves(h) {
					return nil, fmt.Errorf("signature %d has the header %s, which belongs to another signature", i+1, h)
				}
			}
			for _, h := range before.Headers {
				if s.Reserves(h) {
					return nil, fmt.Errorf("signature %d keeps the header %s, which another signature has", i+1, h)
				}
			}
			if k := slices.IndexFunc(s.Headers, before.signsHeader); k >= 0 {
				return nil, fmt.Errorf("signature %d has the header %s, which an earlier one signs; put it first", i+1, s.Headers[k])
			}
			if s.changes(InBody) && before.signs(InBody) || s.changes(InQuery) && before.signs(InQuery) {
				return nil, fmt.Errorf("signature %d changes what an earlier one has signed; put it first", i+1)
			}
		}
		out.Headers = append(out.Headers, s.Headers...)
		out.Several = out.Several || s.Several
		out.Bare = out.Bare || s.Bare
		if out.Reserved == "" {
			out.Reserved = s.Reserved
		}
	}
	if published := slices.DeleteFunc(slices.Clone(schemes), func(s *Scheme) bool { return s.wanted == nil }); len(published) > 1 {
		return nil, errors.New("two of them have keys, and a receiver fetches one document for a request")
	}
	out.Name = strings.Join(names, " + ")
	out.Check = func(secret string) error {
		first := ""
		for i, s := range schemes {
			if err := s.Check(secret); err != nil {
				return err
			}
			key, err := s.VerifyKey(secret)
			switch {
			case err != nil:
				return err
			case i == 0:
				first = key
			case key != first: // the text of a private key is good for a MAC, too, but receivers have the public half only
				return refuse("one of the signatures needs a key pair, and another a secret that both sides know")
			}
		}
		return nil
	}
	// The secrets of one of them suit all. Which one does not depend on the random text.
	maker := slices.IndexFunc(schemes, func(s *Scheme) bool { return out.Check(s.sample()) == nil })
	if maker < 0 {
		return nil, fmt.Errorf("no secret suits %s: the kinds of their keys differ", strings.Join(names, " and "))
	}
	out.NewSecret, out.VerifyKey, out.publish = schemes[maker].NewSecret, schemes[maker].VerifyKey, schemes[maker].publish
	out.NewSigner = func(secrets []hook.Secret) (Signer, error) {
		var list signers
		for _, s := range schemes {
			one, err := s.NewSigner(secrets)
			if err != nil {
				return nil, err
			}
			list = append(list, one)
		}
		return list, nil
	}
	out.NewVerifier = func(tolerance time.Duration, keys ...string) (Verifier, error) {
		var list verifiers
		for _, s := range schemes {
			one, err := s.NewVerifier(tolerance, keys...)
			if err != nil {
				return nil, err
			}
			list = append(list, one)
		}
		return list, nil
	}
	return out, nil
}

// sample is a secret as the scheme makes them, for checks of its form. Keys of RSA take so long to make that all share one.
func (s *Scheme) sample() string {
	if s.Description != nil && strings.HasPrefix(s.Description.Algorithm, "rsa-") {
		return sampleRSA()
	}
	return s.NewSecret()
}

// changes reports whether the signature stands in a part of the request that others may have signed.
func (s *Scheme) changes(in Part) bool {
	return s.Description != nil && slices.ContainsFunc(s.Description.Places, func(p Place) bool { return p.In == in })
}

// InBody reports whether a signature changes the body.
func (s *Scheme) InBody() bool {
	return s.changes(InBody) || slices.ContainsFunc(s.Parts, (*Scheme).InBody)
}

// signs reports whether the scheme signs a part of the request as a whole.
func (s *Scheme) signs(in Part) bool {
	if s.Description == nil {
		return in == InBody
	}
	kinds := []kind{kindBody, kindBodySHA256, kindBodySHA256Base64, kindBodyCRC32, kindSortedForm}
	if in == InQuery {
		kinds = []kind{kindURL, kindURLDecoded, kindQueryText, kindQuerySorted, kindQueryGrouped}
	}
	return slices.ContainsFunc(s.Description.signed(), func(t text) bool { return t.has(kinds...) })
}

// signsHeader reports whether the scheme signs a header.
func (s *Scheme) signsHeader(name string) (found bool) {
	if s.Description == nil {
		return false
	}
	for _, t := range s.Description.signed() {
		t.each(func(x *source, _ bool) {
			found = found || x.kind == kindHeader && strings.EqualFold(x.arg, name) || s.Description.signedBy(x, name)
		})
	}
	return found
}

type signers []Signer

func (list signers) Sign(m Message) (Message, error) {
	for _, s := range list {
		var err error
		if m, err = s.Sign(m); err != nil {
			return m, err
		}
	}
	return m, nil
}

type verifiers []Verifier

func (list verifiers) Verify(m Message, now time.Time) error {
	for _, v := range list {
		if err := v.Verify(m, now); err != nil {
			return err
		}
	}
	return nil
}

// sampleRSA is a key that signs nothing. It is made when a list has the first scheme that needs one.
var sampleRSA = sync.OnceValue(func() string { return pemOf(rsa.GenerateKey(rand.Reader, minRSA)) })
