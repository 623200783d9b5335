// Package certs reads the certificates and keys that people enter for an endpoint, in PEM: a client certificate with its
// key, and authorities that may sign the receiver's certificate.
//
// It promises that what [Check] finds no mistake in can be used, that a text that is shown holds no private key, and that
// no error repeats anything of a key.
package certs

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"strings"
	"sync"
	"time"

	"gancho/internal/hook"
)

// MaxText is how many bytes each of the texts may have.
const MaxText = 64 << 10

// Identity is what an endpoint shows to its receiver, and whom it trusts. It does not change.
type Identity struct {
	// ID is the same for the same texts.
	ID [sha256.Size]byte
	// Certificate is the client certificate with its key; nil: there is none.
	Certificate *tls.Certificate

	authorities []*x509.Certificate
	once        sync.Once
	roots       *x509.CertPool
}

// New reads an identity; nil if t is nil.
func New(t *hook.TLS) (*Identity, error) {
	if t == nil {
		return nil, nil
	}
	if wrong := Check(t); len(wrong) > 0 {
		return nil, errors.New(wrong[0].Detail)
	}
	i := &Identity{ID: sha256.Sum256([]byte(t.Certificate + "\x00" + t.Key + "\x00" + t.CA))}
	if t.Certificate != "" {
		pair, err := tls.X509KeyPair([]byte(t.Certificate), []byte(t.Key))
		if err != nil { // never: Check tried it
			return nil, errors.New("the client certificate cannot be used")
		}
		i.Certificate = &pair
	}
	i.authorities, _ = read(t.CA)
	return i, nil
}

// Roots are those who may sign the receiver's certificate: those of the system, or base if that is not nil, and the
// authorities of the endpoint. Each call has to give the same base.
func (i *Identity) Roots(base *x509.CertPool) *x509.CertPool {
	if len(i.authorities) == 0 {
		return base
	}
	i.once.Do(func() {
		if base != nil {
			i.roots = base.Clone()
		} else if pool, err := x509.SystemCertPool(); err == nil {
			i.roots = pool
		} else {
			i.roots = x509.NewCertPool()
		}
		for _, c := range i.authorities {
			i.roots.AddCert(c)
		}
	})
	return i.roots
}

// Check lists what is wrong with the texts, with pointers into the endpoint object of the API. What has expired is not
// wrong; see [Expired].
func Check(t *hook.TLS) (wrong []hook.FieldError) {
	if t == nil {
		return nil
	}
	if (t.Certificate == "") != (t.Key == "") {
		missing := "/tls/key"
		if t.Certificate == "" {
			missing = "/tls/certificate"
		}
		wrong = append(wrong, hook.Field(missing, "tls_pair",
			"A client certificate needs its private key, and the key its certificate. Give both, or neither."))
	}
	for _, x := range []struct{ at, text string }{{"/tls/certificate", t.Certificate}, {"/tls/key", t.Key}, {"/tls/ca", t.CA}} {
		if len(x.text) > MaxText {
			wrong = append(wrong, hook.Field(x.at, "too_many_bytes", "This has at most {max}.", "max", "64 KiB"))
			continue
		}
		if x.at == "/tls/key" { // it is read together with its certificate
			continue
		}
		switch _, err := read(x.text); {
		case errors.Is(err, errKey):
			wrong = append(wrong, hook.Field(x.at, "pem_has_key", "There is a private key in this. It belongs into key, which is never shown."))
		case err != nil:
			wrong = append(wrong, hook.Field(x.at, "pem_certificate",
				"This is no certificate in PEM. It begins with -----BEGIN CERTIFICATE----- and ends with -----END CERTIFICATE-----."))
		}
	}
	if len(wrong) > 0 || t.Certificate == "" {
		return wrong
	}
	if _, err := tls.X509KeyPair([]byte(t.Certificate), []byte(t.Key)); err != nil {
		if strings.Contains(err.Error(), "does not match") {
			return append(wrong, hook.Field("/tls/key", "pem_other_key", "This key does not belong to the certificate."))
		}
		return append(wrong, hook.Field("/tls/key", "pem_key",
			"This is no private key in PEM that can be read. It begins with -----BEGIN PRIVATE KEY----- or the like; decrypt one that has a passphrase first."))
	}
	return nil
}

// Expired lists the certificates that are not valid at a time, as mistakes.
func Expired(t *hook.TLS, now time.Time) (wrong []hook.FieldError) {
	for _, c := range List(t) {
		at := "/tls/certificate"
		if c.Use == hook.UseAuthority {
			at = "/tls/ca"
		}
		switch {
		case now.After(c.NotAfter):
			wrong = append(wrong, hook.Field(at, "certificate_expired", "The certificate of {subject} expired on {date}. Get a new one.",
				"subject", c.Subject, "date", c.NotAfter.UTC().Format(time.DateOnly)))
		case now.Before(c.NotBefore):
			wrong = append(wrong, hook.Field(at, "certificate_early", "The certificate of {subject} is not valid before {date}.",
				"subject", c.Subject, "date", c.NotBefore.UTC().Format(time.DateOnly)))
		}
	}
	return wrong
}

// List says what the certificates are that an endpoint has: its own first, without the rest of its chain.
func List(t *hook.TLS) (list []hook.Certificate) {
	if t == nil {
		return nil
	}
	own, _ := read(t.Certificate)
	authorities, _ := read(t.CA)
	if len(own) > 0 {
		list = append(list, info(hook.UseClient, own[0]))
	}
	for _, c := range authorities {
		list = append(list, info(hook.UseAuthority, c))
	}
	return list
}

// Soonest is the certificate of a list that ends first, nil if there is none.
func Soonest(list []hook.Certificate) (first *hook.Certificate) {
	for i := range list {
		if first == nil || list[i].NotAfter.Before(first.NotAfter) {
			first = &list[i]
		}
	}
	return first
}

func info(use string, c *x509.Certificate) hook.Certificate {
	return hook.Certificate{
		Use: use, Subject: c.Subject.String(), Issuer: c.Issuer.String(), NotBefore: c.NotBefore.UTC(), NotAfter: c.NotAfter.UTC(),
	}
}

var (
	errKey  = errors.New("there is a private key among the certificates")
	errText = errors.New("this is no certificate in PEM")
)

// read reads certificates, one after the other; none of an empty text. pem.Decode skips a block that is damaged, so a
// private key is looked for in the text.
func read(text string) (list []*x509.Certificate, err error) {
	if strings.Contains(text, "PRIVATE KEY") {
		return nil, errKey
	}
	for rest := []byte(text); ; {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			break
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if block.Type != "CERTIFICATE" || err != nil {
			return nil, errText
		}
		list = append(list, c)
	}
	if text != "" && len(list) == 0 {
		return nil, errText
	}
	return list, nil
}
