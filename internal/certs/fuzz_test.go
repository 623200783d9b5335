package certs

import (
	"testing"
	"time"

	"gancho/internal/hook"
)

// Whatever people enter, what is found right can be used, and what is shown holds no private key.
func FuzzCheck(f *testing.F) {
	f.Add("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----", "-----BEGIN PRIVATE KEY-----\nMAA=\n-----END PRIVATE KEY-----", "")
	f.Add("", "", "-----BEGIN EC PRIVATE KEY-----\nMAA=\n-----END EC PRIVATE KEY-----")
	f.Fuzz(func(t *testing.T, certificate, key, ca string) {
		of := &hook.TLS{Certificate: certificate, Key: key, CA: ca}
		wrong := Check(of)
		if _, err := New(of); (err == nil) != (len(wrong) == 0) {
			t.Errorf("%v, %v", wrong, err)
		}
		List(of)
		Expired(of, time.Time{})
	})
}
