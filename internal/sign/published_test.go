package sign

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/hook"
)

var publishedAt = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// authority signs certificates for tests.
type authority struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  string
}

func newAuthority(t *testing.T, name string, above *authority) *authority {
	t.Helper()
	a := &authority{}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: publishedAt.Add(-time.Hour), NotAfter: publishedAt.AddDate(5, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	parent, signer := template, a.key
	if above != nil {
		parent, signer = above.cert, above.key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &a.key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pem = string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return a
}

func ecdsaSecret() string { return pemOf(ecdsa.GenerateKey(elliptic.P256(), rand.Reader)) }

// leaf is a certificate for the public half of a secret.
func (a *authority) leaf(t *testing.T, secret, name string) string {
	t.Helper()
	var m material
	if err := m.parsePEM(secret); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: publishedAt.Add(-time.Hour), NotAfter: publishedAt.Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, m.private.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

func mustCompile(t *testing.T, d Description) *Scheme {
	t.Helper()
	s, problems := Compile(d)
	if problems != nil {
		t.Fatal(problems)
	}
	return s
}

// signedBy signs a message.
func signedBy(t *testing.T, s *Scheme, secret string, m Message) Message {
	t.Helper()
	signer, err := s.NewSigner([]hook.Secret{{Text: secret}})
	if err != nil {
		t.Fatal(err)
	}
	m.Time = publishedAt
	if m, err = signer.Sign(m); err != nil {
		t.Fatal(err)
	}
	return m
}

// verify verifies a message with the keys of a document, as whoever fetches it would.
func verify(s *Scheme, m Message, doc string, now time.Time) error {
	w, err := s.Wanted(m)
	if err != nil {
		return err
	}
	if m.Keys, err = w.Source.Read([]byte(doc)); err != nil {
		return err
	}
	v, err := s.NewVerifier(0)
	if err != nil {
		return err
	}
	return v.Verify(m, now)
}

// PayPal's recipe: a certificate at an address that the request names, and a sum of the body.
func certificateScheme(t *testing.T, ca string) *Scheme {
	return mustCompile(t, Description{
		Algorithm: "rsa-sha256", Encoding: "base64", Timestamp: "rfc3339",
		Over: "${header.transmission-id}|${timestamp}|${settings.webhook_id}|${body.crc32}",
		Places: []Place{
			{InHeader, []string{"Transmission-Sig"}, "${signature}"},
			{InHeader, []string{"Transmission-Time"}, "${timestamp}"},
		},
		Keys: &KeySource{URL: "${header.cert-url}", Hosts: []string{"api.shop.example/certs/"}, Form: FormCertificate, Name: "messages.shop.example", CA: ca},
	})
}

func TestCertificateAtAnAddressOfTheRequest(t *testing.T) {
	root := newAuthority(t, "root", nil)
	between := newAuthority(t, "between", root)
	s := certificateScheme(t, root.pem)
	secret := sampleRSA()
	m := signedBy(t, s, secret, Message{
		Method: "POST", URL: "https://me.example/in", Body: []byte(`{"n":1}`), Settings: []byte(`{"webhook_id":"WH-1"}`),
		Headers: []hook.Header{{Name: "Transmission-Id", Value: "tr-1"}, {Name: "Cert-Url", Value: "https://api.shop.example/certs/1"}},
	})
	doc := between.leaf(t, secret, "messages.shop.example") + between.pem
	if err := verify(s, m, doc, publishedAt); err != nil {
		t.Fatal(err)
	}
	header := func(name, value string) Message {
		c := m
		c.Headers = nil
		for _, h := range m.Headers {
			if strings.EqualFold(h.Name, name) {
				h.Value = value
			}
			c.Headers = append(c.Headers, h)
		}
		return c
	}
	body := m
	body.Body = []byte(`{"n":2}`)
	app := m
	app.Settings = []byte(`{"webhook_id":"WH-2"}`)
	none := m
	none.Settings = nil
	for name, tt := range map[string]struct {
		m    Message
		doc  string
		now  time.Time
		want error
	}{
		"another host":                {header("Cert-Url", "https://api.shop.example.evil.example/certs/1"), doc, publishedAt, ErrKey},
		"another path":                {header("Cert-Url", "https://api.shop.example/files/1"), doc, publishedAt, ErrKey},
		"a path with dots":            {header("Cert-Url", "https://api.shop.example/certs/../files/1"), doc, publishedAt, ErrKey},
		"a path with hidden dots":     {header("Cert-Url", "https://api.shop.example/certs/%2e%2e/files/1"), doc, publishedAt, ErrKey},
		"http":                        {header("Cert-Url", "http://api.shop.example/certs/1"), doc, publishedAt, ErrKey},
		"a query":                     {header("Cert-Url", "https://api.shop.example/certs/1?Action=GetText"), doc, publishedAt, ErrKey},
		"an empty query":              {header("Cert-Url", "https://api.shop.example/certs/1?"), doc, publishedAt, ErrKey},
		"a user":                      {header("Cert-Url", "https://api.shop.example@evil.example/certs/1"), doc, publishedAt, ErrKey},
		"another port":                {header("Cert-Url", "https://api.shop.example:8443/certs/1"), doc, publishedAt, ErrKey},
		"a backslash":                 {header("Cert-Url", `https://evil.example\@api.shop.example/certs/1`), doc, publishedAt, ErrKey},
		"no address":                  {header("Cert-Url", ""), doc, publishedAt, ErrKey},
		"another body":                {body, doc, publishedAt, ErrNoMatch},
		"another setting":             {app, doc, publishedAt, ErrNoMatch},
		"no setting":                  {none, doc, publishedAt, ErrMissing},
		"another name":                {m, between.leaf(t, secret, "other.shop.example") + between.pem, publishedAt, ErrKey},
		"no chain":                    {m, between.leaf(t, secret, "messages.shop.example"), publishedAt, ErrKey},
		"another authority":           {m, newAuthority(t, "other", nil).leaf(t, secret, "messages.shop.example"), publishedAt, ErrKey},
		"another key":                 {m, root.leaf(t, ecdsaSecret(), "messages.shop.example"), publishedAt, ErrKey},
		"no certificate":              {m, "<html>", publishedAt, ErrKey},
		"a document that is too long": {m, doc + strings.Repeat("\n", MaxKeyDocument), publishedAt, ErrKey},
	} {
		if err := verify(s, tt.m, tt.doc, tt.now); !errors.Is(err, tt.want) {
			t.Errorf("%s: %v, want %v", name, err, tt.want)
		}
	}
	// It counts when the request is verified, not when the certificate was fetched.
	w, err := s.Wanted(m)
	if err != nil {
		t.Fatal(err)
	}
	if m.Keys, err = w.Source.Read([]byte(doc)); err != nil {
		t.Fatal(err)
	}
	v, err := s.NewVerifier(1000 * time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, days := range []int{-2, 0, 2} {
		err := v.Verify(m, publishedAt.AddDate(0, 0, days))
		if right := days == 0; right != (err == nil) || !right && !errors.Is(err, ErrKey) {
			t.Errorf("%d days later: %v", days, err)
		}
	}
	m.Keys = nil
	if err := v.Verify(m, publishedAt); !errors.Is(err, ErrKey) {
		t.Errorf("without the document: %v", err)
	}
}

// Amazon SNS: several algorithms, fields of the body, some of them only in some requests, a host with a region.
func TestFieldsOfTheBody(t *testing.T) {
	s := mustCompile(t, Description{
		Algorithm: "rsa-sha256", Also: []string{"rsa-sha1"}, Encoding: "base64", Timestamp: "rfc3339",
		Over:   "Message\n${json.Message}\n[Subject\n${json.Subject}\n]Timestamp\n${timestamp}\n",
		Places: []Place{{InBody, []string{"Signature"}, "${signature}"}, {InBody, []string{"Timestamp"}, "${timestamp}"}},
		Keys:   &KeySource{URL: "${json.SigningCertURL}", Hosts: []string{"sns.*.amazonaws.example"}, Form: FormCertificate, HostIsTrust: true},
	})
	root := newAuthority(t, "root", nil)
	secret := sampleRSA()
	doc := root.leaf(t, secret, "sns.amazonaws.example")
	old := mustCompile(t, Description{
		Algorithm: "rsa-sha1", Encoding: "base64", Timestamp: "rfc3339", Over: s.Description.Over, Places: s.Description.Places,
	})
	for _, signer := range []*Scheme{s, old} {
		for _, body := range []string{`{"Message":"a\nb","Subject":"s","SigningCertURL":%q}`, `{"Message":"a","SigningCertURL":%q}`} {
			m := signedBy(t, signer, secret, Message{Body: fmt.Appendf(nil, body, "https://sns.sa-east-1.amazonaws.example/x.pem")})
			if err := verify(s, m, doc, publishedAt); err != nil {
				t.Errorf("%s: %v", m.Body, err)
			}
			more := m
			more.Body = bytes.Replace(m.Body, []byte(`{"Message"`), []byte(`{"Subject2":"","Subjec":"t","Message"`), 1)
			if err := verify(s, more, doc, publishedAt); err != nil {
				t.Errorf("what is not signed counts: %v", err)
			}
			more.Body = bytes.Replace(m.Body, []byte(`"Message":"a`), []byte(`"Message":"b`), 1)
			if err := verify(s, more, doc, publishedAt); !errors.Is(err, ErrNoMatch) {
				t.Errorf("another message: %v", err)
			}
			for _, host := range []string{"sns.evil.example", "sns.a.b.amazonaws.example", "sns..amazonaws.example", "sns.amazonaws.example"} {
				more.Body = bytes.Replace(m.Body, []byte("sns.sa-east-1.amazonaws.example"), []byte(host), 1)
				if err := verify(s, more, doc, publishedAt); !errors.Is(err, ErrKey) {
					t.Errorf("%s: %v", host, err)
				}
			}
		}
	}
}

// Kinde: the body is a token, and the host of the key set is a setting.
func TestBodyIsAToken(t *testing.T) {
	s := mustCompile(t, Description{
		Algorithm: "rsa-sha256", JWT: &JWT{Enclosed: true, Header: []Claim{{"kid", "${key.id}"}}},
		Keys: &KeySource{URL: "https://${settings.domain}.id.example/.well-known/jwks.json"},
	})
	if s.Name != "rsa-sha256 (body)" {
		t.Errorf("its name is %q", s.Name)
	}
	secret := sampleRSA()
	if _, err := s.PublishKeys(ecdsaSecret(), secret); !errors.Is(err, ErrSecret) {
		t.Fatalf("a key of another kind is published: %v", err)
	}
	doc, err := s.PublishKeys(secret)
	if err != nil {
		t.Fatal(err)
	}
	m := signedBy(t, s, secret, Message{Body: []byte(`{"type":"user.created","data":{"id":"` + strings.Repeat("x", 20_000) + `"}}`), Settings: []byte(`{"domain":"shop"}`)})
	if strings.Count(string(m.Body), ".") != 2 {
		t.Fatalf("the body is %.100s", m.Body)
	}
	w, err := s.Wanted(m)
	if err != nil {
		t.Fatal(err)
	}
	if w.URL != "https://shop.id.example/.well-known/jwks.json" || !strings.Contains(string(doc), `"kid":"`+w.KeyID+`"`) || w.KeyID == "" {
		t.Errorf("wanted is %+v, the document %s", w, doc)
	}
	if err := verify(s, m, string(doc), publishedAt); err != nil {
		t.Fatal(err)
	}
	for name, doc := range map[string]string{
		"another id":        strings.Replace(string(doc), `"kid":"`, `"kid":"x`, 1),
		"another algorithm": strings.Replace(string(doc), `RS256`, `PS256`, 1),
		"another use":       strings.Replace(string(doc), `"use":"sig"`, `"use":"enc"`, 1),
		"other operations":  strings.Replace(string(doc), `"use":"sig"`, `"key_ops":["sign"]`, 1),
		"no keys":           `{"keys":[]}`,
		"no key set":        `[]`,
		"a shared secret":   `{"keys":[{"kty":"oct","k":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"}]}`,
	} {
		if err := verify(s, m, doc, publishedAt); !errors.Is(err, ErrKey) {
			t.Errorf("%s: %v", name, err)
		}
	}
	other, err := s.PublishKeys(pemOf(rsa.GenerateKey(rand.Reader, minRSA)))
	if err != nil {
		t.Fatal(err)
	}
	named := strings.Replace(string(other), `"kid":"`, `"xid":"`, 1) // a key without an id is tried
	if err := verify(s, m, named, publishedAt); !errors.Is(err, ErrNoMatch) {
		t.Errorf("another key: %v", err)
	}
	for _, domain := range []string{`"a/b"`, `"evil.example/x?"`, `"a@b"`, `""`, `null`, `"a b"`} {
		w := m
		w.Settings = []byte(`{"domain":` + domain + `}`)
		if got, err := s.Wanted(w); err == nil && !strings.HasSuffix(must(url.Parse(got.URL)).Hostname(), ".id.example") {
			t.Errorf("the setting %s leads to %s", domain, got.URL)
		}
	}
	signer, err := s.NewSigner([]hook.Secret{{Text: secret}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signer.Sign(Message{Body: []byte("[1]")}); !errors.Is(err, ErrUnsignable) {
		t.Errorf("a list as the claims: %v", err)
	}
}

// eBay: the signature in a JSON object in Base64 in a header, its key at an address that is made of the key's id.
func TestSignatureInAHeaderWithMembers(t *testing.T) {
	s := mustCompile(t, Description{
		Algorithm: "ecdsa-sha1", Encoding: "base64",
		Places: []Place{
			{InHeader, []string{"X-Signature", "alg"}, "ecdsa"},
			{InHeader, []string{"X-Signature", "kid"}, "${key.id}"},
			{InHeader, []string{"X-Signature", "signature"}, "${signature}"},
		},
		Keys: &KeySource{
			URL: "https://api.shop.example/public_key/${key.id}", Form: FormPEM, Member: "key",
			Auth: &KeyAuth{TokenURL: "https://api.shop.example/token", ClientID: "${settings.client_id}", ClientSecret: "${settings.client_secret}", Scope: "api"},
		},
	})
	if d := cmp.Diff([]string{"X-Signature"}, s.Headers); d != "" || s.Name != "ecdsa-sha1 (X-Signature)" {
		t.Error(s.Name, d)
	}
	secret := ecdsaSecret()
	m := signedBy(t, s, secret, Message{Body: []byte(`{"n":1}`), Settings: []byte(`{"client_id":"me","client_secret":"s3cret"}`)})
	if len(m.Headers) != 1 {
		t.Fatalf("headers %v", m.Headers)
	}
	var in struct{ Alg, Kid, Signature string }
	raw, err := base64.StdEncoding.DecodeString(m.Headers[0].Value)
	if err != nil || json.Unmarshal(raw, &in) != nil || in.Alg != "ecdsa" || in.Kid == "" || in.Signature == "" {
		t.Fatalf("the header is %s", raw)
	}
	w, err := s.Wanted(m)
	if err != nil {
		t.Fatal(err)
	}
	want := &hook.OAuth2{TokenURL: "https://api.shop.example/token", ClientID: "me", ClientSecret: "s3cret", Scope: "api"}
	if d := cmp.Diff(want, w.OAuth2); d != "" || w.URL != "https://api.shop.example/public_key/"+in.Kid || w.KeyID != in.Kid {
		t.Error(w, d)
	}
	public, err := s.VerifyKey(secret)
	if err != nil {
		t.Fatal(err)
	}
	line := strings.ReplaceAll(public, "\n", "")
	if err := verify(s, m, fmt.Sprintf(`{"key":%q,"algorithm":"ECDSA","digest":"SHA1"}`, line), publishedAt); err != nil {
		t.Error(err)
	}
	header := func(doc string) Message {
		c := m
		c.Headers = []hook.Header{{Name: "X-Signature", Value: base64.StdEncoding.EncodeToString([]byte(doc))}}
		return c
	}
	for doc, want := range map[string]error{
		`{"kid":"../../oauth","signature":"` + in.Signature + `"}`:                      ErrKey,
		`{"kid":"a?b#c","signature":"` + in.Signature + `"}`:                            nil, // escaped
		`{"kid":"..","signature":"` + in.Signature + `"}`:                               ErrKey,
		`{"kid":"` + strings.Repeat("k", 300) + `","signature":"` + in.Signature + `"}`: ErrKey,
		`{"signature":"` + in.Signature + `"}`:                                          ErrMissing,
		`{"kid":"a","kid":"b"}`:                                                         ErrMissing,
		`[]`:                                                                            ErrMissing,
		`"`:                                                                             ErrMissing,
	} {
		w, err := s.Wanted(header(doc))
		if !errors.Is(err, want) {
			t.Errorf("%s: %v, want %v", doc, err, want)
		}
		if w != nil && strings.Count(w.URL, "/") != 4 {
			t.Errorf("%s leads to %s", doc, w.URL)
		}
	}
	two := m
	two.Headers = append(two.Headers, header(`{"kid":"another","signature":"`+in.Signature+`"}`).Headers...)
	if _, err := s.Wanted(two); !errors.Is(err, ErrNoMatch) {
		t.Errorf("two headers that name two keys: %v", err)
	}
	// Whoever has the key needs no document.
	v, err := s.NewVerifier(0, public)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Verify(m, publishedAt); err != nil {
		t.Error(err)
	}
}

// What is published is what others read, and its ids are thumbprints (the example of RFC 7638, section 3.1, and of RFC 8037, A.3).
func TestThumbprint(t *testing.T) {
	for doc, want := range map[string]string{
		`{"kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw","e":"AQAB","alg":"RS256","kid":"2011-04-29"}`: "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs",
		`{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}`: "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
	} {
		key := readJWK([]byte(doc))
		if key == nil {
			t.Fatalf("%s is not read", doc)
		}
		if got := keyID(key); got != want {
			t.Errorf("the thumbprint is %s, want %s", got, want)
		}
	}
	for _, algorithm := range []string{"rsa-sha256", "ecdsa-sha256", "ed25519"} {
		s := mustCompile(t, Description{Algorithm: algorithm, Places: []Place{{InHeader, []string{"X-S"}, "${signature}"}}})
		secret := s.sample()
		doc, err := s.PublishKeys(secret)
		if err != nil {
			t.Fatal(err)
		}
		keys, err := (&KeySource{}).Read(doc)
		if err != nil || keys.Len() != 1 || !keys.Has("") || keys.Has("other") {
			t.Errorf("%s: %s is read as %v, %v", algorithm, doc, keys, err)
		}
	}
	if _, err := StandardWebhooks.PublishKeys("x"); !errors.Is(err, ErrSecret) {
		t.Errorf("a scheme without public keys: %v", err)
	}
}

func TestKeysThatAreRefused(t *testing.T) {
	place := []Place{{InHeader, []string{"X-S"}, "${signature}"}}
	for name, tt := range map[string]struct {
		d    Description
		want string
	}{
		"a shared secret":      {Description{Keys: &KeySource{URL: "https://a.example/k"}}, "keys"},
		"no address":           {Description{Algorithm: "rsa-sha256", Keys: &KeySource{}}, "keys"},
		"http":                 {Description{Algorithm: "rsa-sha256", Keys: &KeySource{URL: "http://a.example/k"}}, "keys.url"},
		"any host":             {Description{Algorithm: "rsa-sha256", Keys: &KeySource{URL: "${header.x-url}"}}, "keys.url"},
		"any host in a text":   {Description{Algorithm: "rsa-sha256", Keys: &KeySource{URL: "https://${header.x-host}/k"}}, "keys.url"},
		"a part of a host":     {Description{Algorithm: "rsa-sha256", Keys: &KeySource{URL: "https://a.example${header.x-host}/k"}}, "keys.url"},
		"a whole zone":         {Description{Algorithm: "rsa-sha256", Keys: &KeySource{URL: "${header.x-url}", Hosts: []string{"*.com"}}}, "keys.hosts"},
		"a pattern":            {Description{Algorithm: "rsa-sha256", Keys: &KeySource{URL: "${header.x-url}", Hosts: []string{"a*.example.com"}}}, "keys.hosts"},
		"the secret":           {Description{Algorithm: "rsa-sha256", Keys: &KeySource{URL: "https://a.example/${secret}"}}, "keys.url"},
		"a form":               {Description{Algorithm: "rsa-sha256", Keys: &KeySource{URL: "https://a.example/k", Form: "xml"}}, "keys.form"},
		"a name of a key set":  {Description{Algorithm: "rsa-sha256", Keys: &KeySource{URL: "https://a.example/k", Name: "a.example"}}, "keys.name"},
		"no authority":         {Description{Algorithm: "rsa-sha256", Keys: &KeySource{URL: "https://a.example/k", Form: FormCertificate, CA: "x"}}, "keys.ca"},
		"a member of a set":    {Description{Algorithm: "rsa-sha256", Keys: &KeySource{URL: "https://a.example/k", Member: "key"}}, "keys.member"},
		"a stranger's secret":  {Description{Algorithm: "rsa-sha256", Keys: &KeySource{URL: "https://a.example/k", Auth: &KeyAuth{"https://a.example/t", "${header.x}", "s", ""}}}, "keys.auth.oauth2.client_id"},
		"tokens by http":       {Description{Algorithm: "rsa-sha256", Keys: &KeySource{URL: "https://a.example/k", Auth: &KeyAuth{"http://a.example/t", "i", "s", ""}}}, "keys.auth.oauth2.token_url"},
		"other kinds of keys":  {Description{Algorithm: "rsa-sha256", Also: []string{"ecdsa-sha256"}}, "algorithm"},
		"two shared secrets":   {Description{Algorithm: "hmac-sha256", Also: []string{"hmac-sha1"}}, "algorithm"},
		"an id of a secret":    {Description{Places: append(place, Place{InHeader, []string{"X-K"}, "${key.id}"})}, "headers.X-K"},
		"a token with claims":  {Description{Algorithm: "rsa-sha256", JWT: &JWT{Enclosed: true, Lifetime: time.Minute}}, "jwt.enclosed"},
		"what the token holds": {Description{Algorithm: "rsa-sha256", JWT: &JWT{Enclosed: true, Header: []Claim{{"a", "${json.a}"}}}}, "jwt.header.a"},
	} {
		if tt.d.Places == nil && tt.d.JWT == nil {
			tt.d.Places = place
		}
		_, problems := Compile(tt.d)
		found := []string{}
		for _, p := range problems {
			found = append(found, strings.Join(p.At, "."))
		}
		if d := cmp.Diff([]string{tt.want}, found); d != "" {
			t.Errorf("%s: %s\n%v", name, d, problems)
		}
	}
}

// FuzzKeyDocument reads documents of strangers. It never panics, and what it takes are keys that can be used.
func FuzzKeyDocument(f *testing.F) {
	for i, doc := range []string{
		`{"keys":[{"kty":"RSA","n":"0vx7","e":"AQAB","kid":"a"}]}`, `{"keys":[{"kty":"EC","crv":"P-256","x":"","y":""},{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`,
		`{"key":"-----BEGIN PUBLIC KEY-----MFkw-----END PUBLIC KEY-----"}`, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", "-----BEGIN PUBLIC KEY-----", "{", "",
	} {
		f.Add([]byte(doc), byte(i))
	}
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(append(append([]byte(`{"keys":[`), appendJWK(nil, public)...), "]}"...), byte(0))
	f.Fuzz(func(t *testing.T, doc []byte, form byte) {
		s := &KeySource{Form: Forms()[int(form)%len(Forms())]}
		if form >= 128 && s.Form != FormJWKS {
			s.Member = "key"
		}
		keys, err := s.Read(doc)
		if err != nil {
			if !errors.Is(err, ErrKey) {
				t.Errorf("%v wraps no ErrKey", err)
			}
			return
		}
		if keys.Len() == 0 || keys.Len() > maxPublished {
			t.Errorf("%d keys", keys.Len())
		}
		_ = s.trust(keys, publishedAt)
		for _, a := range algorithms {
			for _, k := range keys.list {
				a.verify(&material{public: k.key}, doc, doc[:min(len(doc), 64)])
			}
		}
	})
}

// FuzzKeyURL looks for an address that a request could lead to, and that is at no host of the contract.
func FuzzKeyURL(f *testing.F) {
	for _, s := range []string{"https://a.shop.example/keys/1", "https://a.shop.example@evil/keys/", "https://evil/keys/#a.shop.example", "//a.shop.example/keys/", "https://a.shop.example/keys/..%2f"} {
		f.Add(s)
	}
	s := KeySource{Hosts: []string{"*.shop.example/keys/"}}
	f.Fuzz(func(t *testing.T, address string) {
		if s.pinned(address) == "" {
			return
		}
		u, err := url.Parse(address)
		if err != nil || u.Scheme != "https" || u.User != nil || !strings.HasSuffix(strings.ToLower(u.Hostname()), ".shop.example") || u.Port() != "" && u.Port() != "443" ||
			!strings.HasPrefix(u.Path, "/keys/") || strings.HasPrefix(u.JoinPath(".").Path, "/..") || !strings.HasPrefix(must(url.Parse("https://x"+u.Path)).JoinPath(".").Path, "/keys") {
			t.Errorf("%q is taken", address)
		}
	})
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// What a request says about its key stays in its parameter of the address: it cannot add or replace another one.
func TestAddressWithAQuery(t *testing.T) {
	s := mustCompile(t, Description{
		Algorithm: "ecdsa-sha256", Encoding: "base64",
		Places: []Place{{In: InHeader, Path: []string{"X-Sig"}, Value: "${signature}"}, {In: InHeader, Path: []string{"X-Kid"}, Value: "${key.id}"}},
		Keys:   &KeySource{URL: "https://api.example/keys[?app=${header.x-app}&kid=${key.id}]&v=1"},
	})
	for _, id := range []string{"k1", "k1&app=theirs", "k+1", "a=b", "k#x", "k%26app=theirs", "k/../x", "k;app=theirs"} {
		w, err := s.Wanted(Message{Headers: []hook.Header{{Name: "X-Sig", Value: "AAAA"}, {Name: "X-Kid", Value: id}, {Name: "X-App", Value: "ours"}}})
		if err != nil {
			t.Errorf("%s: %v", id, err)
			continue
		}
		u, err := url.Parse(w.URL)
		if err != nil {
			t.Fatal(err)
		}
		query, err := url.ParseQuery(u.RawQuery)
		if diff := cmp.Diff(url.Values{"app": {"ours"}, "kid": {id}, "v": {"1"}}, query); err != nil || diff != "" {
			t.Errorf("%s: the address is %s: %v\n%s", id, w.URL, err, diff)
		}
	}
}

// The client's secret goes to an address by https only, also if that address is a setting.
func TestTokenAddressOfASetting(t *testing.T) {
	s := mustCompile(t, Description{
		Algorithm: "ed25519", Places: []Place{{In: InHeader, Path: []string{"X-Sig"}, Value: "${signature}"}},
		Keys: &KeySource{URL: "https://api.example/jwks", Auth: &KeyAuth{TokenURL: "${settings.token_url}", ClientID: "me", ClientSecret: "${settings.secret}"}},
	})
	for address, want := range map[string]error{"https://api.example/token": nil, "http://api.example/token": ErrKey} {
		_, err := s.Wanted(Message{Settings: fmt.Appendf(nil, `{"token_url":%q,"secret":"s3cret"}`, address)})
		if !errors.Is(err, want) || err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v, want %v", address, err, want)
		}
	}
}
