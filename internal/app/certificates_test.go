package app

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"strings"
	"testing"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/metrics"
	"gancho/internal/store"
	"gancho/internal/storetest"
)

// The log and the metric say which certificates of endpoints expire, before they do.
func TestCertificatesThatExpire(t *testing.T) {
	t.Parallel()
	storetest.Each(t, testCertificatesThatExpire)
}

func testCertificatesThatExpire(t *testing.T, db *store.DB) {
	known := new(contract.Set)
	c, err := contract.Parse("shop.yaml", []byte("contract: shop\ntitle: {en: Shop}\nevents: {paid: {title: {en: Paid}}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	known.Add(c.WithVersion(1))
	if _, _, err := db.PutTenant(t.Context(), "acme", hook.TenantChange{}); err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().Truncate(time.Second)
	create := func(state hook.EndpointState, days int) *hook.Endpoint {
		e := &hook.Endpoint{
			ID: hook.NewEndpointID(), Tenant: "acme", Contract: "shop", State: state, Config: hook.EndpointConfig{URL: "https://x.example/"},
		}
		if days > 0 {
			of := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a"}, NotAfter: now.AddDate(0, 0, days)}
			der, err := x509.CreateCertificate(rand.Reader, of, of, key.Public(), key)
			if err != nil {
				t.Fatal(err)
			}
			e.Config.TLS = &hook.TLS{CA: string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))}
		}
		if err := db.CreateEndpoint(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		return e
	}
	var lines bytes.Buffer
	x := &certificates{store: db, known: known, log: slog.New(slog.NewTextHandler(&lines, nil))}
	numbers := metrics.New(func() int64 { return 0 }, func() int64 { return 0 })
	numbers.Certificates(x.soonest)
	look := func(at time.Time, want time.Time, warned ...*hook.Endpoint) {
		t.Helper()
		lines.Reset()
		if err := x.look(t.Context(), at); err != nil {
			t.Fatal(err)
		}
		if !x.soonest().Equal(want) {
			t.Errorf("the first one expires at %v, want %v", x.soonest(), want)
		}
		if got := strings.Count(lines.String(), "level=WARN"); got != len(warned) {
			t.Errorf("%d warnings, want %d:\n%s", got, len(warned), lines.String())
		}
		for _, e := range warned {
			if !strings.Contains(lines.String(), e.ID.String()) {
				t.Errorf("nothing is said of %s:\n%s", e.ID, lines.String())
			}
		}
	}
	create(hook.EndpointActive, 0)
	look(now, time.Time{})
	later := create(hook.EndpointActive, 300)
	look(now, now.AddDate(0, 0, 300))
	create(hook.EndpointDisabled, 5)
	soon := create(hook.EndpointPaused, 40)
	look(now, now.AddDate(0, 0, 40))
	look(now.AddDate(0, 0, 11), now.AddDate(0, 0, 40), soon)
	look(now.AddDate(0, 0, 301), now.AddDate(0, 0, 40), soon, later)
}
