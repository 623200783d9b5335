package contracts_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"gancho/contracts"
	"gancho/internal/contract"
	"gancho/internal/sign"
)

var rewrite = flag.Bool("rewrite", false, "write testdata/signatures.txt as the contracts are now")

// The signature of each contract of the library is what testdata/signatures.txt says. The file was compared with public
// recipes; a change of it changes what receivers and senders of a system agree on.
func TestLibrarySignatures(t *testing.T) {
	t.Parallel()
	const file = "testdata/signatures.txt"
	library := contract.NewLibrary(contracts.Library())
	list, err := library.List()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, e := range list {
		c, _, err := library.Find(e.Name)
		if err != nil {
			t.Fatal(err)
		}
		s := c.Scheme()
		if s == nil {
			fmt.Fprintf(&b, "%s: none\n", e.Name)
			continue
		}
		parts := s.Parts
		if parts == nil {
			parts = []*sign.Scheme{s}
		}
		for _, p := range parts {
			fmt.Fprintf(&b, "%s: %s\n", e.Name, signatureOf(p))
		}
	}
	want, err := os.ReadFile(file)
	if err != nil && !*rewrite {
		t.Fatal(err)
	}
	if *rewrite {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); diff != "" {
		t.Errorf("go test ./contracts -rewrite writes what they sign now (-file +contracts):\n%s", diff)
	}
}

// signatureOf is all that both sides have to agree on, in one line.
func signatureOf(s *sign.Scheme) string {
	d := s.Description
	if d == nil {
		return s.Name
	}
	words := append([]string{d.Algorithm}, d.Also...)
	words = append(words, "key "+d.Key)
	if j := d.JWT; j != nil {
		words = append(words, fmt.Sprintf("token of %s, detached %t, enclosed %t, header %v, claims %v", j.Lifetime, j.Detached, j.Enclosed, j.Header, j.Claims))
	} else {
		words = append(words, fmt.Sprintf("over %q", d.Over), d.Encoding)
	}
	if slices.ContainsFunc(d.Places, func(p sign.Place) bool { return strings.Contains(p.Value, "${timestamp}") }) {
		words = append(words, d.Timestamp)
	}
	if d.Tolerance > 0 {
		words = append(words, "within "+d.Tolerance.String())
	}
	for _, p := range d.Places {
		words = append(words, fmt.Sprintf("%s %s %q", p.In, strings.Join(p.Path, "."), p.Value))
	}
	if d.Join != nil {
		words = append(words, fmt.Sprintf("several %q", *d.Join))
	}
	if d.Signed != nil {
		words = append(words, fmt.Sprintf("signed %v %q %q %q", d.Signed.Names, d.Signed.Between, d.Signed.Pair, d.Signed.Join))
	}
	if d.Keys != nil {
		words = append(words, "keys "+d.Keys.Form+" at "+d.Keys.URL)
	}
	return strings.Join(words, ", ")
}
