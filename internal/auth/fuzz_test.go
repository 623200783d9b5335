package auth_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"gancho/internal/auth"
	"gancho/internal/hook"
	"gancho/internal/store"
	"gancho/internal/storetest"
)

// FuzzSession sends made-up sessions, as a cookie of the console and as a token of the portal. Nobody gets in with one that
// Gancho did not seal, and signing out with it does no harm.
func FuzzSession(f *testing.F) {
	db := storetest.OpenAt(f, filepath.Join(f.TempDir(), "gancho.db"), store.NewKey())
	a := auth.New(db, operatorKey, store.NewKey()) // another one in each process of go test -fuzz, so seeds of the others are made up, too
	r, err := http.NewRequestWithContext(f.Context(), http.MethodPost, "http://gancho.example/v1/session", nil)
	if err != nil {
		f.Fatal(err)
	}
	_, good, _, err := a.SignIn(f.Context(), r, operatorKey)
	if err != nil {
		f.Fatal(err)
	}
	for _, seed := range []string{good.Value, good.Value[1:], strings.ToUpper(good.Value), "", "x", "gp_x", "AAAA", strings.Repeat("A", 5000)} {
		f.Add(seed)
	}
	alike := func(text string) bool {
		return strings.TrimRight(text, "=") == good.Value || len(text) == len(good.Value) && text[:len(text)-1] == good.Value[:len(text)-1]
	}
	f.Fuzz(func(t *testing.T, text string) {
		if alike(text) { // the last character of base64 has bits that do not count
			return
		}
		for name, value := range map[string]string{"Cookie": good.Name + "=" + text, "Authorization": "Bearer gp_" + text} {
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://gancho.example/v1/tenants", nil)
			if err != nil {
				t.Fatal(err)
			}
			r.Header[name] = []string{value}
			if k, err := a.Authenticate(r); err == nil || k != nil {
				t.Fatalf("%s %q lets in %+v, %v", name, value, k, err)
			}
			if _, err := a.SignOut(r); err != nil && !hook.IsKind(err, hook.KindUnauthorized) {
				t.Fatalf("%s %q signs out: %v", name, value, err)
			}
		}
	})
}
