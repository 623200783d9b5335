package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"gancho.example/client"
)

// An endpoint shows its client certificate to a receiver with a certificate of a private authority. Its private key is
// shown to nobody.
func TestCertificatesOfAnEndpoint(t *testing.T) { eachPlace(t, testCertificatesOfAnEndpoint) }

func testCertificatesOfAnEndpoint(t *testing.T, at place) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	// issue signs a certificate for the one key of this test.
	issue := func(name string, until time.Time) (text string, der []byte) {
		of := &x509.Certificate{
			SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: until,
			IsCA: true, BasicConstraintsValid: true, DNSNames: []string{"localhost"},
		}
		der, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), der
	}
	certificate, der := issue("Acme", time.Now().Add(time.Hour))
	expired, _ := issue("Acme", time.Now().Add(-time.Hour))
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	keyText := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
	secrets := []string{strings.Split(keyText, "\n")[1]}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "hello "+r.TLS.PeerCertificates[0].Subject.CommonName)
	}))
	srv.TLS = &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: pool,
	}
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	t.Cleanup(srv.Close)
	url := strings.Replace(srv.URL, "127.0.0.1", "localhost", 1)

	p := startAt(t, at)
	if _, err := p.PutTenant(t.Context(), "acme", client.TenantInput{}); err != nil {
		t.Fatal(err)
	}
	body := func(members map[string]any) string {
		b, err := json.Marshal(members)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	identity := map[string]any{"certificate": certificate, "key": keyText, "ca": certificate}
	for want, wrong := range map[string]map[string]any{
		"/tls/key":            {"certificate": certificate},
		"certificate_expired": {"certificate": expired, "key": keyText},
		"pem_has_key":         {"certificate": certificate + keyText, "key": keyText},
	} {
		status, answer := p.call(testKey, "POST", "/v1/tenants/acme/endpoints", body(map[string]any{"url": url, "tls": wrong}))
		if status != 422 || !strings.Contains(string(answer), want) {
			t.Errorf("%s: %d %s", want, status, answer)
		}
		none(t, want, answer, secrets)
	}
	status, answer := p.call(testKey, "POST", "/v1/tenants/acme/endpoints", body(map[string]any{"url": url, "tls": identity}))
	var e struct{ ID string }
	if err := json.Unmarshal(answer, &e); err != nil || status != 201 {
		t.Fatal(status, string(answer))
	}
	none(t, "create", answer, secrets)
	path := "/v1/tenants/acme/endpoints/" + e.ID
	identity["key"] = "********"
	for _, patch := range []map[string]any{{"name": "n", "tls": identity}, {"tls": map[string]any{}}, {"concurrency": 3}} {
		if status, answer = p.call(testKey, "PATCH", path, body(patch)); status != 200 {
			t.Errorf("%v: %d %s", patch, status, answer)
		}
		none(t, "patch", answer, secrets)
	}
	for _, want := range []string{`"use":"client","subject":"CN=Acme"`, `"use":"ca"`, `"key":"********"`} {
		if !strings.Contains(string(answer), want) {
			t.Errorf("%s does not say %s", answer, want)
		}
	}
	test := func() string {
		_, answer := p.call(testKey, "POST", path+"/test", `{}`)
		none(t, "test", answer, secrets)
		return string(answer)
	}
	if got := test(); !strings.Contains(got, "hello Acme") || !strings.Contains(got, "success_certificate_ends") {
		t.Errorf("the receiver does not know the endpoint: %s", got)
	}
	if status, answer = p.call(testKey, "PATCH", path, `{"tls":{"certificate":null,"key":null}}`); status != 200 || strings.Contains(string(answer), `"client"`) {
		t.Errorf("%d %s", status, answer)
	}
	if got := test(); !strings.Contains(got, "tls_client_certificate") {
		t.Errorf("without a certificate: %s", got)
	}
	if status, answer = p.call(testKey, "PATCH", path, `{"tls":null}`); status != 200 || !strings.Contains(string(answer), `"tls":null`) {
		t.Errorf("%d %s", status, answer)
	}
	if got := test(); !strings.Contains(got, "tls_untrusted") {
		t.Errorf("without the authority: %s", got)
	}
	none(t, "log", fmt.Append(nil, p.log), secrets)
}
