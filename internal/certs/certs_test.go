package certs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
)

// pair is a new certificate that signs itself, and its key, in PEM.
func pair(t *testing.T, name string, until time.Time) (certificate, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: until.AddDate(-1, 0, 0), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, of, of, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}))
}

func codes(wrong []hook.FieldError) string {
	var out []string
	for _, f := range wrong {
		out = append(out, f.Pointer+" "+f.Code)
	}
	return strings.Join(out, ", ")
}

func TestCheck(t *testing.T) {
	t.Parallel()
	later := time.Now().AddDate(0, 6, 0)
	c, k := pair(t, "a", later)
	other, otherKey := pair(t, "b", later)
	for name, tc := range map[string]struct {
		t    hook.TLS
		want string
	}{
		"both":             {hook.TLS{Certificate: c, Key: k}, ""},
		"chain":            {hook.TLS{Certificate: c + other, Key: k, CA: other + c}, ""},
		"authority":        {hook.TLS{CA: c}, ""},
		"text around":      {hook.TLS{CA: "subject=a\n" + c + "\n"}, ""},
		"no key":           {hook.TLS{Certificate: c}, "/tls/key tls_pair"},
		"no certificate":   {hook.TLS{Key: k}, "/tls/certificate tls_pair"},
		"other key":        {hook.TLS{Certificate: c, Key: otherKey}, "/tls/key pem_other_key"},
		"no text of a key": {hook.TLS{Certificate: c, Key: "hunter2"}, "/tls/key pem_key"},
		"a mask":           {hook.TLS{Certificate: c, Key: "********"}, "/tls/key pem_key"},
		"key among them":   {hook.TLS{Certificate: c + k, Key: k, CA: k}, "/tls/certificate pem_has_key, /tls/ca pem_has_key"},
		"damaged key":      {hook.TLS{Certificate: strings.Replace(k, "-----END", "----END", 1) + c, Key: k}, "/tls/certificate pem_has_key"},
		"long key":         {hook.TLS{Certificate: c, Key: k + strings.Repeat("\n", MaxText)}, "/tls/key too_many_bytes"},
		"no certificates":  {hook.TLS{Certificate: k[:20], Key: k, CA: "x"}, "/tls/certificate pem_certificate, /tls/ca pem_certificate"},
		"broken":           {hook.TLS{CA: strings.Replace(c, "MII", "MIJ", 1)}, "/tls/ca pem_certificate"},
		"long":             {hook.TLS{CA: c + strings.Repeat("\n", MaxText)}, "/tls/ca too_many_bytes"},
	} {
		if got := codes(Check(&tc.t)); got != tc.want {
			t.Errorf("%s: %q, want %q", name, got, tc.want)
		}
		i, err := New(&tc.t)
		if (err == nil) != (tc.want == "") || err == nil && i == nil {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && (strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "BEGIN CERTIFICATE-----\nM")) {
			t.Errorf("%s: the error shows what was entered: %v", name, err)
		}
	}
}

func TestExpired(t *testing.T) {
	t.Parallel()
	until := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	c, k := pair(t, "a", until)
	own, authority := &hook.TLS{Certificate: c, Key: k}, &hook.TLS{CA: c}
	for _, tc := range []struct {
		t    *hook.TLS
		at   time.Time
		want string
	}{
		{own, until, ""},
		{own, until.Add(time.Second), "/tls/certificate certificate_expired"},
		{authority, until.Add(time.Second), "/tls/ca certificate_expired"},
		{authority, until.AddDate(-1, 0, -1), "/tls/ca certificate_early"},
		{nil, until, ""},
	} {
		if got := codes(Expired(tc.t, tc.at)); got != tc.want {
			t.Errorf("%v: %q, want %q", tc.at, got, tc.want)
		}
	}
	list := List(&hook.TLS{Certificate: c, Key: k, CA: c})
	if len(list) != 2 || list[0].Use != hook.UseClient || list[1].Use != hook.UseAuthority || list[0].Subject != "CN=a" || !list[0].NotAfter.Equal(until) {
		t.Errorf("%+v", list)
	}
}
