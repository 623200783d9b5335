package sign

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"gancho/internal/rawjson"
)

// Forms of the document that has public keys.
const (
	FormJWKS        = "jwks"        // a JSON Web Key Set, RFC 7517
	FormCertificate = "certificate" // X.509 in PEM: the signer's, then those that it depends on
	FormPEM         = "pem"         // one public key
)

// Forms lists them, the usual one first.
func Forms() []string { return []string{FormJWKS, FormCertificate, FormPEM} }

// Limits of what a stranger's document can cost.
const (
	MaxKeyDocument = 64 << 10 // bytes
	maxPublished   = 64       // keys of one document; the rest is passed over
	maxTried       = 16       // keys that one signature is compared with
	maxChain       = 8        // certificates of one document
)

// ErrKey is wrapped by errors about published keys: the document cannot be had or read, or has no key that fits.
var ErrKey = errors.New("the public key is not known")

func noKey(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrKey, fmt.Sprintf(format, args...))
}

// PublicKeys are the keys of one document. They do not change.
type PublicKeys struct {
	list  []publishedKey
	chain []*x509.Certificate // the document is a certificate: the signer's first
	roots *x509.CertPool      // who is trusted, if not those of the source
}

// publishedKey is one key of a document.
type publishedKey struct {
	id  string // "" if the document has none
	alg string // as tokens name it; "": any that fits the key
	key crypto.PublicKey
}

// Has reports whether there is a key of an id, or of none; "" stands for any key.
func (k *PublicKeys) Has(id string) bool {
	return slices.ContainsFunc(k.list, func(p publishedKey) bool { return id == "" || p.id == "" || p.id == id })
}

// TrustLast makes the last certificate of the document the authority that is trusted, for tests of a contract.
func (k *PublicKeys) TrustLast() {
	if n := len(k.chain); n > 0 {
		k.roots = x509.NewCertPool()
		k.roots.AddCert(k.chain[n-1])
	}
}

// Len is how many keys there are.
func (k *PublicKeys) Len() int { return len(k.list) }

// Read reads a document in the form that the source names. The errors wrap [ErrKey].
func (s *KeySource) Read(doc []byte) (*PublicKeys, error) {
	if len(doc) > MaxKeyDocument {
		return nil, noKey("its document has %d bytes; at most %d are read", len(doc), MaxKeyDocument)
	}
	if s.Member != "" {
		path, err := rawjson.ParsePath(s.Member)
		text, ok := "", false
		if err == nil {
			text, ok = jsonText(doc, path)
		}
		if !ok {
			return nil, noKey("its document is no JSON with a member %s", s.Member)
		}
		doc = []byte(text)
	}
	switch s.Form {
	case FormCertificate:
		return readChain(doc)
	case FormPEM:
		var m material
		if err := m.parsePEM(unfolded(string(doc))); err != nil || m.public == nil {
			return nil, noKey("its document is no public key in PEM")
		}
		return &PublicKeys{list: []publishedKey{{key: m.public}}}, nil
	}
	return readKeySet(doc)
}

// unfolded puts the line breaks into a key in PEM that is written in one line.
func unfolded(text string) string {
	text = strings.TrimSpace(text)
	if strings.Contains(text, "\n") || !strings.HasPrefix(text, "-----BEGIN ") {
		return text
	}
	head, rest, ok := strings.Cut(text[len("-----BEGIN "):], "-----")
	inner, _, closed := strings.Cut(rest, "-----END ")
	if !ok || !closed {
		return text
	}
	return "-----BEGIN " + head + "-----\n" + inner + "\n-----END " + head + "-----\n"
}

// readKeySet reads a JSON Web Key Set. Keys of a kind that is not known, for another use, or malformed are passed over,
// so that a system can add new ones.
func readKeySet(doc []byte) (*PublicKeys, error) {
	if rawjson.Check(doc, rawjson.MaxDepth) != nil {
		return nil, noKey("its document is no JSON")
	}
	list, ok := rawjson.Lookup(doc, "keys")
	if !ok || rawjson.KindOf(list) != '[' {
		return nil, noKey("its document is no JSON Web Key Set: it has no list keys")
	}
	out := &PublicKeys{}
	for _, one := range rawjson.Elements(list) {
		if len(out.list) == maxPublished {
			break
		}
		if rawjson.KindOf(one) != '{' {
			continue
		}
		if use := member(one, "use"); use != "" && use != "sig" {
			continue
		}
		if ops, ok := rawjson.Lookup(one, "key_ops"); ok && !slices.ContainsFunc(rawjson.Elements(ops), func(op []byte) bool {
			return rawjson.Text(op) == "verify"
		}) {
			continue
		}
		if key := readJWK(one); key != nil {
			out.list = append(out.list, publishedKey{member(one, "kid"), member(one, "alg"), key})
		}
	}
	if len(out.list) == 0 {
		return nil, noKey("its document has no key that verifies")
	}
	return out, nil
}

// curves are those of JSON Web Keys that our algorithms use.
var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384()}

// readJWK reads one JSON Web Key (RFC 7517, 7518, 8037), nil if it is none that can be used.
func readJWK(doc []byte) crypto.PublicKey {
	bytesOf := func(name string) []byte {
		b, err := encodings[2].decode(member(doc, name))
		if err != nil {
			return nil
		}
		return b
	}
	switch member(doc, "kty") {
	case "RSA":
		n, e := new(big.Int).SetBytes(bytesOf("n")), new(big.Int).SetBytes(bytesOf("e"))
		if n.BitLen() < minRSA || n.BitLen() > maxRSA || e.BitLen() < 2 || e.BitLen() > 31 || e.Bit(0) == 0 {
			return nil
		}
		return &rsa.PublicKey{N: n, E: int(e.Int64())}
	case "EC":
		curve := curves[member(doc, "crv")]
		if curve == nil {
			return nil
		}
		size := (curve.Params().BitSize + 7) / 8
		x, y := bytesOf("x"), bytesOf("y")
		if len(x) != size || len(y) != size {
			return nil
		}
		key, err := ecdsa.ParseUncompressedPublicKey(curve, slices.Concat([]byte{4}, x, y))
		if err != nil {
			return nil
		}
		return key
	case "OKP":
		if x := bytesOf("x"); member(doc, "crv") == "Ed25519" && len(x) == ed25519.PublicKeySize {
			return ed25519.PublicKey(x)
		}
	}
	return nil
}

// readChain reads certificates in PEM.
func readChain(doc []byte) (*PublicKeys, error) {
	out := &PublicKeys{}
	for rest := doc; ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		if len(out.chain) == maxChain {
			return nil, noKey("its document has more than %d certificates", maxChain)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, noKey("its document has a certificate that cannot be read")
		}
		out.chain = append(out.chain, c)
	}
	if len(out.chain) == 0 {
		return nil, noKey("its document is no certificate in PEM")
	}
	out.list = []publishedKey{{key: out.chain[0].PublicKey}}
	return out, nil
}

// trust checks certificates at a time: that they are in force, have the name that the source demands, and lead to an
// authority that is trusted, unless the source leaves that out.
func (s *KeySource) trust(k *PublicKeys, now time.Time) error {
	if len(k.chain) == 0 {
		return nil
	}
	first := k.chain[0]
	if s.Name != "" {
		if err := first.VerifyHostname(s.Name); err != nil {
			return noKey("its certificate is not one of %s", s.Name)
		}
	}
	if now.Before(first.NotBefore) || now.After(first.NotAfter) {
		return noKey("its certificate is in force from %s to %s only", first.NotBefore.UTC().Format(time.RFC3339), first.NotAfter.UTC().Format(time.RFC3339))
	}
	if s.HostIsTrust {
		return nil
	}
	o := x509.VerifyOptions{CurrentTime: now, Intermediates: x509.NewCertPool(), KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}}
	for _, c := range k.chain[1:] {
		o.Intermediates.AddCert(c)
	}
	if k.roots != nil {
		o.Roots = k.roots
	} else if s.CA != "" { // nil stands for those that the system trusts
		o.Roots = x509.NewCertPool()
		o.Roots.AppendCertsFromPEM([]byte(s.CA))
	}
	if _, err := first.Verify(o); err != nil {
		return noKey("its certificate is not trusted: %v", err)
	}
	return nil
}

// publishedKeys are the published keys that a signature can be of. id is that of the key, if the request names one.
func (c *compiled) publishedKeys(k *PublicKeys, id string, now time.Time) (out []material, err error) {
	if c.Description.Keys == nil || k == nil {
		return nil, nil
	}
	if err := c.Description.Keys.trust(k, now); err != nil {
		return nil, err
	}
	for _, p := range k.list {
		name := jwtNames[c.Algorithm]
		if p.alg != "" && name != "" && p.alg != name || id != "" && p.id != "" && p.id != id {
			continue
		}
		m := material{public: p.key}
		if c.checkKey(&m, true) == nil && len(out) < maxTried {
			out = append(out, m)
		}
	}
	switch {
	case len(out) > 0:
		return out, nil
	case id != "":
		return nil, noKey("the document has no key %q for %s", clip(id), c.Algorithm)
	}
	return nil, noKey("the document has no key for %s", c.Algorithm)
}

// KeyID is the id of a public key: its thumbprint, RFC 7638.
func keyID(key crypto.PublicKey) string {
	sum := sha256.Sum256(appendJWK(nil, key))
	return base64url(sum[:])
}

// appendJWK appends a public key as a JSON Web Key, with the members that its thumbprint is made of, in their order.
func appendJWK(b []byte, key crypto.PublicKey) []byte {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return fmt.Appendf(b, `{"e":"%s","kty":"RSA","n":"%s"}`, base64url(big.NewInt(int64(k.E)).Bytes()), base64url(k.N.Bytes()))
	case *ecdsa.PublicKey:
		point, err := k.Bytes()
		if err != nil {
			return b
		}
		size := (len(point) - 1) / 2
		return fmt.Appendf(b, `{"crv":"%s","kty":"EC","x":"%s","y":"%s"}`, k.Curve.Params().Name, base64url(point[1:1+size]), base64url(point[1+size:]))
	case ed25519.PublicKey:
		return fmt.Appendf(b, `{"crv":"Ed25519","kty":"OKP","x":"%s"}`, base64url(k))
	}
	return b
}

// PublishKeys writes the public halves of secrets as a JSON Web Key Set, for receivers who fetch it. The id of each key is
// its thumbprint, as in ${key.id}. A public key can be given as well. The errors wrap [ErrSecret].
func (s *Scheme) PublishKeys(secrets ...string) ([]byte, error) {
	if s.publish == nil {
		return nil, refuse("%s does not sign with private keys, so there is nothing to publish", s.Name)
	}
	return s.publish(secrets)
}

func (c *compiled) publishKeys(secrets []string) ([]byte, error) {
	b := []byte(`{"keys":[`)
	for i, text := range secrets {
		m, err := c.parseSecret(text, true)
		if err != nil {
			return nil, fmt.Errorf("secret %d: %w", i+1, err)
		}
		if i > 0 {
			b = append(b, ',')
		}
		b = append(bytes.TrimSuffix(appendJWK(b, m.public), []byte("}")), `,"use":"sig"`...)
		if name := jwtNames[c.Algorithm]; name != "" {
			b = fmt.Appendf(b, `,"alg":"%s"`, name)
		}
		b = fmt.Appendf(b, `,"kid":"%s"}`, keyID(m.public))
	}
	return append(b, "]}\n"...), nil
}
