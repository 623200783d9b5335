package sign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"fmt"
	"hash"
	"math/big"
	"slices"
	"strings"
	"unicode/utf8"
)

// algorithm is a way to make a signature.
type algorithm struct {
	name string
	hash func() hash.Hash // of a MAC, and of a plain sum
	keys []string         // the kinds of keys that fit, the usual one first
	kind algorithmKind
}

type algorithmKind int

const (
	macKind   algorithmKind = iota // with a key that both sides know
	plainKind                      // the sum of a text with the secret in it
	tokenKind                      // the secret itself
	ed25519Kind
	rsaKind
	rsaPSSKind
	ecdsaKind    // ASN.1, as in X.509
	ecdsaRawKind // the two numbers side by side, as in JSON Web Signatures
)

// private reports whether a private key signs and a public one verifies.
func (a *algorithm) private() bool { return a.kind >= ed25519Kind }

// Kinds of keys: how the text of a secret becomes a key.
const (
	keyText   = "text"
	keyBase64 = "base64"
	keyHex    = "hex"
	keyWhsec  = "whsec"
	keySHA1   = "sha1" // the sum of the text
	keyPEM    = "pem"
)

var sharedKeys = []string{keyText, keyBase64, keyHex, keyWhsec, keySHA1}

var algorithms = []*algorithm{
	{name: "hmac-sha256", hash: sha256.New, keys: sharedKeys},
	{name: "hmac-sha1", hash: sha1.New, keys: sharedKeys},
	{name: "hmac-sha384", hash: sha512.New384, keys: sharedKeys},
	{name: "hmac-sha512", hash: sha512.New, keys: sharedKeys},
	{name: "sha256", hash: sha256.New, keys: []string{keyText}, kind: plainKind},
	{name: "sha512", hash: sha512.New, keys: []string{keyText}, kind: plainKind},
	{name: "token", keys: []string{keyText}, kind: tokenKind},
	{name: "ed25519", keys: []string{keyPEM, keyWhsec, keyHex, keyBase64}, kind: ed25519Kind},
	{name: "rsa-sha256", hash: sha256.New, keys: []string{keyPEM}, kind: rsaKind},
	{name: "rsa-pss-sha256", hash: sha256.New, keys: []string{keyPEM}, kind: rsaPSSKind},
	{name: "rsa-sha1", hash: sha1.New, keys: []string{keyPEM}, kind: rsaKind},
	{name: "ecdsa-sha256", hash: sha256.New, keys: []string{keyPEM}, kind: ecdsaKind},
	{name: "ecdsa-sha1", hash: sha1.New, keys: []string{keyPEM}, kind: ecdsaKind},
	{name: "ecdsa-sha256-raw", hash: sha256.New, keys: []string{keyPEM}, kind: ecdsaRawKind},
}

// Algorithms lists their names, the usual one first.
func Algorithms() (names []string) {
	for _, a := range algorithms {
		names = append(names, a.name)
	}
	return names
}

// Keys lists the kinds of keys, see [Description].
func Keys() []string { return append(slices.Clone(sharedKeys), keyPEM) }

// encoding is how the bytes of a signature become text.
type encoding struct {
	name   string
	class  string // a regular expression for one character
	encode func([]byte) string
	decode func(string) ([]byte, error)
}

var encodings = []*encoding{
	{"hex", "[0-9A-Fa-f]", hex.EncodeToString, hex.DecodeString},
	{"base64", "[0-9A-Za-z+/]", base64.StdEncoding.EncodeToString, func(s string) ([]byte, error) {
		return base64.RawStdEncoding.DecodeString(strings.TrimRight(s, "="))
	}},
	{"base64url", "[0-9A-Za-z_-]", base64.URLEncoding.EncodeToString, func(s string) ([]byte, error) {
		return base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	}},
	{"base64url_unpadded", "[0-9A-Za-z_-]", base64.RawURLEncoding.EncodeToString, func(s string) ([]byte, error) {
		return base64.RawURLEncoding.DecodeString(strings.TrimRight(s, "="))
	}},
	{"text", `[^\n]`, func(b []byte) string { return string(b) }, func(s string) ([]byte, error) { return []byte(s), nil }},
}

// Encodings lists their names.
func Encodings() (names []string) {
	for _, e := range encodings {
		names = append(names, e.name)
	}
	return names
}

// material is what a secret is good for.
type material struct {
	text    string
	shared  []byte        // of a MAC
	private crypto.Signer // nil: it only verifies
	public  crypto.PublicKey
	id      string // of the public key, if the description names it
}

// Lengths of secrets in text form, in bytes.
const (
	minSecret = 8
	maxSecret = 512
	maxPEM    = 16 << 10
	minRSA    = 2048 // bits
	maxRSA    = 8192
)

func refuse(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrSecret, fmt.Sprintf(format, args...))
}

// parseSecret makes a key of the text of a secret. verify says that the text comes from a receiver, who may have the
// public key only. The errors wrap ErrSecret and do not repeat the text.
func (c *compiled) parseSecret(text string, verify bool) (material, error) {
	longest := maxSecret
	if c.key == keyPEM {
		longest = maxPEM
	}
	if len(text) < minSecret || len(text) > longest {
		return material{}, refuse("it has %d bytes; it must have %d to %d", len(text), minSecret, longest)
	}
	if !utf8.ValidString(text) {
		return material{}, refuse("it is not text in UTF-8")
	}
	m := material{text: text}
	var err error
	switch c.key {
	case keyText:
		m.shared = []byte(text)
		if c.algorithm.kind == tokenKind && c.encoding.name == "text" && strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return m, refuse("it stands in the request as it is, so it has to be visible characters without spaces")
		}
		return m, nil
	case keySHA1:
		sum := sha1.Sum([]byte(text))
		m.shared = sum[:]
		return m, nil
	case keyPEM:
		err = m.parsePEM(text)
	default:
		var raw []byte
		if raw, err = c.decodeSecret(text); err == nil {
			m.shared = raw
			if c.algorithm.kind == ed25519Kind {
				err = m.parseEd25519(raw, strings.HasPrefix(text, prefixPublic), verify)
			}
		}
	}
	if err == nil && c.algorithm.private() {
		err = c.checkKey(&m, verify)
	}
	return m, err
}

// decodeSecret decodes a key that is written in hexadecimal digits or base64, with or without the prefix of the secret.
func (c *compiled) decodeSecret(text string) ([]byte, error) {
	rest := text
	prefixes := []string{c.form.Prefix}
	if c.key == keyWhsec {
		prefixes = []string{prefixSymmetric}
		if c.algorithm.private() {
			prefixes = []string{prefixPrivate, prefixPublic}
		}
	}
	for _, prefix := range prefixes {
		if after, ok := strings.CutPrefix(text, prefix); ok {
			rest = after
			break
		}
	}
	if c.key == keyWhsec && !c.algorithm.private() && (strings.HasPrefix(text, prefixPrivate) || strings.HasPrefix(text, prefixPublic)) {
		return nil, refuse("it is half of a key pair; %s needs a secret that both sides know (whsec_…)", c.algorithm.name)
	}
	var raw []byte
	var err error
	if c.key == keyHex {
		if raw, err = hex.DecodeString(rest); err != nil {
			return nil, refuse("it has to be hexadecimal digits (0-9 a-f), two for each byte")
		}
	} else {
		std := strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(rest, "="))
		if raw, err = base64.RawStdEncoding.DecodeString(std); err != nil || strings.ContainsAny(rest, "\r\n") {
			return nil, refuse("it has to be base64 (A-Z a-z 0-9 + / and = at the end)")
		}
	}
	if len(raw) == 0 {
		return nil, refuse("there is no key in it")
	}
	return raw, nil
}

// parseEd25519 reads the bytes of a key: 64 are a private key with its public half. 32 are a seed, or, if the receiver
// gives them or the text says so, a public key.
func (m *material) parseEd25519(raw []byte, public, verify bool) error {
	m.shared = nil
	switch {
	case len(raw) == ed25519.PrivateKeySize && !public:
		if !bytes.Equal(ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize]), raw) {
			return refuse("the private and the public half of the key do not belong together")
		}
		m.private = ed25519.PrivateKey(raw)
	case len(raw) != ed25519.SeedSize:
		return refuse("the key has %d bytes; an ed25519 private key has 32, or 64 with its public key, and a public key 32", len(raw))
	case public || verify && !strings.HasPrefix(m.text, prefixPrivate):
		m.public = ed25519.PublicKey(raw)
	default:
		m.private = ed25519.NewKeyFromSeed(raw)
	}
	return nil
}

// parsePEM reads a key in PEM, or its base64 alone.
func (m *material) parsePEM(text string) error {
	der := []byte(nil)
	if block, rest := pem.Decode([]byte(text)); block != nil {
		if len(bytes.TrimSpace(rest)) > 0 {
			return refuse("something follows the key; give one key in PEM")
		}
		der = block.Bytes
	} else {
		raw, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil {
			return refuse("it has to be a key in PEM (-----BEGIN PRIVATE KEY----- …)")
		}
		der = raw
	}
	if key, err := x509.ParsePKCS8PrivateKey(der); err == nil {
		if s, ok := key.(crypto.Signer); ok {
			m.private = s
			return nil
		}
	}
	if key, err := x509.ParsePKCS1PrivateKey(der); err == nil {
		m.private = key
		return nil
	}
	if key, err := x509.ParseECPrivateKey(der); err == nil {
		m.private = key
		return nil
	}
	if key, err := x509.ParsePKIXPublicKey(der); err == nil {
		m.public = key
		return nil
	}
	if key, err := x509.ParsePKCS1PublicKey(der); err == nil {
		m.public = key
		return nil
	}
	return refuse("the key cannot be read; give a private key as PKCS #8, without a password")
}

// checkKey checks that a key fits the algorithm, and fills in the public half.
func (c *compiled) checkKey(m *material, verify bool) error {
	if m.private == nil && !verify {
		return refuse("this is a public key, which can only verify; give the private key")
	}
	if m.private != nil {
		m.public = m.private.Public()
	}
	switch k := m.public.(type) {
	case ed25519.PublicKey:
		if c.algorithm.kind == ed25519Kind {
			return nil
		}
	case *rsa.PublicKey:
		if c.algorithm.kind == rsaKind || c.algorithm.kind == rsaPSSKind {
			if n := k.N.BitLen(); n < minRSA || n > maxRSA {
				return refuse("the RSA key has %d bits; it must have %d to %d", n, minRSA, maxRSA)
			}
			return nil
		}
	case *ecdsa.PublicKey:
		if c.algorithm.kind == ecdsaKind || c.algorithm.kind == ecdsaRawKind {
			if c.jwt != nil && k.Curve != elliptic.P256() {
				return refuse("a token that is signed with ES256 needs a key of the curve P-256")
			}
			return nil
		}
	}
	return refuse("the key is of another kind; %s needs %s", c.algorithm.name, map[algorithmKind]string{
		ed25519Kind: "an ed25519 key", rsaKind: "an RSA key", rsaPSSKind: "an RSA key",
		ecdsaKind: "a key of an elliptic curve (P-256 or P-384)", ecdsaRawKind: "a key of an elliptic curve (P-256 or P-384)",
	}[c.algorithm.kind])
}

// digest is the sum of a message that a key pair signs, and what it was made with.
func (a *algorithm) digest(message []byte) ([]byte, crypto.Hash) {
	if strings.HasSuffix(a.name, "-sha1") { // of systems that have nothing better
		sum := sha1.Sum(message)
		return sum[:], crypto.SHA1
	}
	sum := sha256.Sum256(message)
	return sum[:], crypto.SHA256
}

// sign signs a message with a private key.
func (a *algorithm) sign(m *material, message []byte) ([]byte, error) {
	sum, with := a.digest(message)
	switch a.kind {
	case ed25519Kind:
		return m.private.Sign(nil, message, crypto.Hash(0))
	case rsaPSSKind:
		return m.private.Sign(rand.Reader, sum, &rsa.PSSOptions{SaltLength: rsa.PSSSaltLengthEqualsHash, Hash: crypto.SHA256})
	case ecdsaRawKind:
		k, ok := m.private.(*ecdsa.PrivateKey)
		if !ok {
			return nil, refuse("the key is of another kind")
		}
		r, s, err := ecdsa.Sign(rand.Reader, k, sum)
		if err != nil {
			return nil, err
		}
		size := (k.Curve.Params().BitSize + 7) / 8
		return append(r.FillBytes(make([]byte, size)), s.FillBytes(make([]byte, size))...), nil
	default:
		return m.private.Sign(rand.Reader, sum, with)
	}
}

// verify reports whether a signature was made with the private key that belongs to a public one.
func (a *algorithm) verify(m *material, message, signature []byte) bool {
	sum, with := a.digest(message)
	switch k := m.public.(type) {
	case ed25519.PublicKey:
		return len(signature) == ed25519.SignatureSize && ed25519.Verify(k, message, signature)
	case *rsa.PublicKey:
		if a.kind == rsaPSSKind {
			return rsa.VerifyPSS(k, crypto.SHA256, sum, signature, nil) == nil
		}
		return rsa.VerifyPKCS1v15(k, with, sum, signature) == nil
	case *ecdsa.PublicKey:
		if a.kind == ecdsaKind {
			return ecdsa.VerifyASN1(k, sum, signature)
		}
		size := (k.Curve.Params().BitSize + 7) / 8
		return len(signature) == 2*size &&
			ecdsa.Verify(k, sum, new(big.Int).SetBytes(signature[:size]), new(big.Int).SetBytes(signature[size:]))
	}
	return false
}

// sum is the MAC of a message, or its plain sum, or the secret itself.
func (a *algorithm) sum(m *material, message []byte) []byte {
	if a.kind == tokenKind {
		return m.shared
	}
	h := a.newHash(m)
	h.Write(message)
	return h.Sum(nil)
}

func (a *algorithm) newHash(m *material) hash.Hash {
	if a.kind == plainKind {
		return a.hash()
	}
	return hmac.New(a.hash, m.shared)
}

// newSecret creates a secret.
func (c *compiled) newSecret() string {
	if c.key == keyText || c.key == keySHA1 {
		return c.form.Prefix + pick(c.form.Length, c.form.Alphabet)
	}
	raw := make([]byte, c.form.Length)
	rand.Read(raw) // never fails
	prefix := c.form.Prefix
	switch c.algorithm.kind {
	case ed25519Kind:
		_, private, err := ed25519.GenerateKey(rand.Reader)
		raw = private
		if c.key == keyPEM {
			return pemOf(private, err)
		}
		if c.key == keyWhsec {
			prefix = prefixPrivate
		}
	case rsaKind, rsaPSSKind:
		return pemOf(rsa.GenerateKey(rand.Reader, minRSA))
	case ecdsaKind, ecdsaRawKind:
		return pemOf(ecdsa.GenerateKey(elliptic.P256(), rand.Reader))
	case macKind, plainKind, tokenKind:
		if c.key == keyWhsec {
			prefix = prefixSymmetric
		}
	}
	if c.key == keyHex {
		return prefix + hex.EncodeToString(raw)
	}
	return prefix + base64.StdEncoding.EncodeToString(raw)
}

func pemOf[K crypto.Signer](key K, err error) string {
	if err != nil { // the system's random numbers never fail
		panic(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		panic(err) // cannot happen: these are its kinds of keys
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// verifyKey is the secret itself if both sides know it, or else the public key, in the form of the secret.
func (c *compiled) verifyKey(text string) (string, error) {
	m, err := c.parseSecret(text, false)
	if err != nil && c.algorithm.private() {
		m, err = c.parseSecret(text, true)
	}
	if err != nil || !c.algorithm.private() {
		return text, err
	}
	if public, ok := m.public.(ed25519.PublicKey); ok && c.key != keyPEM {
		switch c.key {
		case keyHex:
			return hex.EncodeToString(public), nil
		case keyWhsec:
			return prefixPublic + base64.StdEncoding.EncodeToString(public), nil
		}
		return base64.StdEncoding.EncodeToString(public), nil
	}
	der, err := x509.MarshalPKIXPublicKey(m.public)
	if err != nil {
		return "", refuse("its public key cannot be written")
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})), nil
}

// pick is a text of n random characters, all of them equally likely.
func pick(n int, characters string) string {
	limit := 256 - 256%len(characters) // larger bytes would make the first characters likelier
	out, buf := make([]byte, 0, n), make([]byte, n)
	for len(out) < n {
		rand.Read(buf) // never fails
		for _, b := range buf {
			if int(b) < limit && len(out) < n {
				out = append(out, characters[int(b)%len(characters)])
			}
		}
	}
	return string(out)
}
