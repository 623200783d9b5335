// Package sign signs outgoing requests and verifies incoming ones.
//
// A [Scheme] is one way to do both, as a value: which headers carry the signature, what a secret looks like, how to
// sign and how to verify. A contract names its scheme or describes it, and everything that has to do with the secrets
// and signatures of its endpoints asks that scheme, so that a scheme is complete with one value. [StandardWebhooks] is
// built in. [Compile] makes a scheme of a [Description], and [Join] one of several.
//
// The package promises that bodies are signed as they are, byte for byte, that signatures are compared in constant
// time, that the work which a stranger's request can cause is bounded, and that no error repeats a secret. It is pure:
// no I/O except the system's random numbers for new secrets and its list of authorities that certificates can come from,
// and no clock; callers pass the time, and documents with public keys.
package sign

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"gancho/internal/hook"
)

// Scheme is a signature scheme. All its functions must be safe for concurrent use.
type Scheme struct {
	// Name is what a contract calls the scheme, or says in a few words what a described one does.
	Name string
	// Headers are the names of the headers that a signature consists of, spelled as they are sent.
	Headers []string
	// Reserved is how the names of headers begin that the scheme keeps for later use, in lower case; "" for none.
	Reserved string
	// Several says that signatures of older secrets can stand beside that of the newest, so that a receiver has time to
	// change. Otherwise the newest secret signs alone.
	Several bool
	// Bare says that the secret itself stands in requests, so it has to be hidden where requests are shown.
	Bare bool
	// Description is what the scheme was compiled from; nil if it was not.
	Description *Description
	// Parts are the schemes that [Join] made this one from; nil if it is one scheme.
	Parts []*Scheme

	wanted  func(Message) (*Wanted, error)         // nil: keys are not published
	publish func(secrets []string) ([]byte, error) // nil: there is no public half

	// NewSecret creates a random secret to sign with.
	NewSecret func() string
	// Check returns an error, which wraps [ErrSecret], if a text cannot be used as a secret to sign with.
	Check func(secret string) error
	// VerifyKey is what a receiver verifies with if requests are signed with a secret: the secret itself, or the public
	// key if the secret is a private one. The error wraps [ErrSecret].
	VerifyKey func(secret string) (string, error)
	// NewSigner creates a signer for the secrets of an endpoint, newest first. Without any, or with one that Check
	// refuses, it returns an error that wraps [ErrSecret].
	NewSigner func(secrets []hook.Secret) (Signer, error)
	// NewVerifier creates a verifier that accepts what any of the keys verifies; see VerifyKey. A key that signs is
	// taken as well. A time may differ from the receiver's by the tolerance, in whole seconds; 0 means what the scheme
	// recommends. It has no effect on a scheme without a time. A time that is not signed is compared, too, but proves
	// nothing. Without keys, it verifies with those of [Message.Keys], if the scheme has a [KeySource]. The error wraps
	// [ErrSecret].
	NewVerifier func(tolerance time.Duration, keys ...string) (Verifier, error)
}

// Message is a request as a signature sees it.
type Message struct {
	// ID is that of the event, the same in every attempt of a delivery, and Time is that of this attempt. Only a signer
	// reads them; a verifier finds them in the request.
	ID   string
	Time time.Time
	// Nonce is the random text that a signer puts into the request if the scheme has one; "" for a new one.
	Nonce string

	Method  string
	URL     string // as the sender writes it: scheme, host, path and query
	Headers []hook.Header
	Body    []byte // as it is sent

	// Settings is a JSON object of what both sides were told beforehand: the settings of the endpoint. nil: nothing.
	Settings []byte
	// Keys are the public keys of the sender, for a verifier whose scheme has a [KeySource]; see [Scheme.Wanted].
	Keys *PublicKeys
}

// Header is the value of the first header of a name, whatever its case, and false if there is none.
func (m *Message) Header(name string) (string, bool) {
	for i := range m.Headers {
		if strings.EqualFold(m.Headers[i].Name, name) {
			return m.Headers[i].Value, true
		}
	}
	return "", false
}

// Signer signs the requests of one endpoint. It is safe for concurrent use.
type Signer interface {
	// Sign returns the message with the signature in it: it appends headers, and may replace URL and Body, if the scheme
	// puts the signature there. It signs with the newest secret and, if signatures can stand side by side in the scheme,
	// with each older one that has not expired at the time of the message. The error says what the request lacks; it wraps
	// [ErrUnsignable].
	Sign(m Message) (Message, error)
}

// Verifier checks the signatures of incoming requests. It is safe for concurrent use.
type Verifier interface {
	// Verify checks one request. It returns nil if a signature was made over exactly what the scheme signs and, if the
	// scheme signs the time, that time is within the tolerance of now. Otherwise it returns an error that wraps
	// [ErrMissing], [ErrBadTimestamp], [ErrTooOld], [ErrTooNew], [ErrNoMatch] or [ErrKey] and says in plain words what it
	// found.
	Verify(m Message, now time.Time) error
}

// ErrSecret is wrapped by every error about the text of a secret. The errors say what to change and never repeat the
// secret.
var ErrSecret = errors.New("not a usable signing secret")

// ErrUnsignable is wrapped by the errors of [Signer.Sign].
var ErrUnsignable = errors.New("the request cannot be signed")

// Why [Verifier.Verify] refused a request.
var (
	ErrMissing      = errors.New("a part of the signature is missing")
	ErrBadTimestamp = errors.New("the timestamp cannot be read")
	ErrTooOld       = errors.New("the timestamp is too old")
	ErrTooNew       = errors.New("the timestamp is too far in the future")
	ErrNoMatch      = errors.New("no signature matches")
)

// schemes are the schemes that contracts can name, in the order in which they are listed to people.
var schemes = struct {
	sync.RWMutex
	list []*Scheme
}{list: []*Scheme{StandardWebhooks}}

// Register adds a scheme that contracts can name. Call it before contracts are loaded. It panics if the name is taken.
func Register(s *Scheme) {
	schemes.Lock()
	defer schemes.Unlock()
	if slices.ContainsFunc(schemes.list, func(x *Scheme) bool { return x.Name == s.Name }) {
		panic(fmt.Sprintf("sign: there is a scheme %q already", s.Name))
	}
	schemes.list = append(schemes.list, s)
}

// Lookup returns the scheme of a name, nil if there is none.
func Lookup(name string) *Scheme {
	schemes.RLock()
	defer schemes.RUnlock()
	for _, s := range schemes.list {
		if s.Name == name {
			return s
		}
	}
	return nil
}

// Names lists the names of all schemes.
func Names() []string {
	schemes.RLock()
	defer schemes.RUnlock()
	names := make([]string, len(schemes.list))
	for i, s := range schemes.list {
		names[i] = s.Name
	}
	return names
}

// Carries reports whether a header is part of a signature of the scheme, whatever the case of its name.
func (s *Scheme) Carries(header string) bool {
	return slices.ContainsFunc(s.Headers, func(name string) bool { return strings.EqualFold(name, header) })
}

// Proves reports whether a header is part of a signature that proves who sends a request without giving the secret away.
func (s *Scheme) Proves(header string) bool {
	if len(s.Parts) > 0 {
		return slices.ContainsFunc(s.Parts, func(part *Scheme) bool { return part.Proves(header) })
	}
	return !s.Bare && s.Carries(header)
}

// CarriesParameter reports whether a parameter of the query is part of a signature of the scheme.
func (s *Scheme) CarriesParameter(name string) bool {
	for _, part := range append([]*Scheme{s}, s.Parts...) {
		if d := part.Description; d != nil && slices.ContainsFunc(d.Places, func(p Place) bool {
			return p.In == InQuery && p.Path[0] == name
		}) {
			return true
		}
	}
	return false
}

// Reserves reports whether the name of a header is one that the scheme keeps for later use.
func (s *Scheme) Reserves(header string) bool {
	return s.Reserved != "" && strings.HasPrefix(strings.ToLower(header), s.Reserved)
}
