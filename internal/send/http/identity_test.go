package http

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log"
	"math/big"
	nethttp "net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gancho/internal/certs"
	"gancho/internal/hook"
)

// privateCA is a private certificate authority.
type privateCA struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newPrivateCA(t *testing.T) *privateCA {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Private CA"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &privateCA{t, cert, key, string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
}

// issue makes a certificate and its key, in PEM.
func (a *privateCA) issue(name string, until time.Time) (certificate, key string) {
	a.t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, of, a.cert, k.Public(), a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

// identity is that of an endpoint with a client certificate and the authority.
func (a *privateCA) identity(name string, until time.Time) *certs.Identity {
	a.t.Helper()
	c, k := a.issue(name, until)
	i, err := certs.New(&hook.TLS{Certificate: c, Key: k, CA: a.pem})
	if err != nil {
		a.t.Fatal(err)
	}
	return i
}

// demanding is a server with a certificate of the authority that answers with the name of its client.
func (a *privateCA) demanding(auth tls.ClientAuthType, version uint16) (url string) {
	c, k := a.issue("receiver", time.Now().Add(time.Hour))
	own, err := tls.X509KeyPair([]byte(c), []byte(k))
	if err != nil {
		a.t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(a.cert)
	srv := httptest.NewUnstartedServer(nethttp.HandlerFunc(func(w nethttp.ResponseWriter, r *nethttp.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		name := "nobody"
		if list := r.TLS.PeerCertificates; len(list) > 0 {
			name = list[0].Subject.CommonName
		}
		_, _ = io.WriteString(w, name)
	}))
	srv.TLS = &tls.Config{Certificates: []tls.Certificate{own}, ClientAuth: auth, ClientCAs: pool, MaxVersion: version}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	a.t.Cleanup(srv.Close)
	return strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)
}

// Each endpoint speaks with its own certificate: neither a kept connection nor a resumed session carries the name of one
// to the requests of another.
func TestIdentitiesAreKeptApart(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		a := newPrivateCA(t)
		url := a.demanding(tls.VerifyClientCertIfGiven, version)
		later := time.Now().Add(time.Hour)
		ana, bruno := a.identity("ana", later), a.identity("bruno", later)
		trusting, err := certs.New(&hook.TLS{CA: a.pem})
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AddCert(a.cert)
		connections := 0
		tr := newTransport(t, func(o *Options) { o.RootCAs = pool })
		tr.connected = func() { connections++ }
		for round := range 3 {
			for _, who := range []struct {
				name string
				*certs.Identity
			}{{"ana", ana}, {"bruno", bruno}, {"nobody", trusting}, {"nobody", nil}} {
				m := post(url, "x")
				m.Identity = who.Identity
				r := tr.Send(t.Context(), m)
				if r.Class != "" || string(r.Response.Body) != who.name {
					t.Fatalf("round %d, %s: %+v", round, who.name, r)
				}
			}
			if round == 0 {
				if connections != 4 {
					t.Errorf("%d connections for four identities", connections)
				}
			} else if round == 1 {
				if connections != 4 {
					t.Errorf("%d connections: those that were kept are not used again", connections)
				}
				tr.pool.close()
				tr.pool = newPool(time.Minute)
			}
		}
		if connections != 8 {
			t.Errorf("%d connections", connections)
		}
	}
}

// A receiver whose certificate a private authority signed is trusted by the endpoint that has that authority, and by no other.
func TestPrivateAuthority(t *testing.T) {
	a, other := newPrivateCA(t), newPrivateCA(t)
	url := a.demanding(tls.NoClientCert, 0)
	tr := newTransport(t)
	for _, tc := range []struct{ ca, class string }{{a.pem, ""}, {"", hook.ClassTLSUntrusted}, {other.pem, hook.ClassTLSUntrusted}, {other.pem + a.pem, ""}} {
		m := post(url, "x")
		if tc.ca != "" {
			var err error
			if m.Identity, err = certs.New(&hook.TLS{CA: tc.ca}); err != nil {
				t.Fatal(err)
			}
		}
		if r := tr.Send(t.Context(), m); r.Class != tc.class {
			t.Errorf("got %q, want %q: %s", r.Class, tc.class, r.Detail)
		}
	}
}

// A receiver that demands a certificate refuses one that it does not know, or that has expired, and the detail says which.
func TestRefusedIdentity(t *testing.T) {
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		a, other := newPrivateCA(t), newPrivateCA(t)
		url := a.demanding(tls.RequireAndVerifyClientCert, version)
		tr := newTransport(t)
		later := time.Now().Add(time.Hour)
		foreign, key := other.issue("ana", later)
		unknown, err := certs.New(&hook.TLS{Certificate: foreign, Key: key, CA: a.pem})
		if err != nil {
			t.Fatal(err)
		}
		none, err := certs.New(&hook.TLS{CA: a.pem})
		if err != nil {
			t.Fatal(err)
		}
		for want, i := range map[string]*certs.Identity{
			"refused the client certificate of this endpoint: it does not know who signed it": unknown,
			"refused the client certificate of this endpoint, which expired on ":              a.identity("ana", time.Now().Add(-time.Minute)),
			"demands a client certificate, and Gancho has none to show":                       none,
		} {
			m := post(url, "x")
			m.Identity = i
			r := tr.Send(t.Context(), m)
			if r.Class != hook.ClassTLSClientCert || !strings.Contains(r.Detail, want) {
				t.Errorf("%s: %s %s", want, r.Class, r.Detail)
			}
		}
		m := post(url, "x")
		m.Identity = a.identity("ana", later)
		if r := tr.Send(t.Context(), m); r.Class != "" {
			t.Errorf("%+v", r)
		}
	}
}
