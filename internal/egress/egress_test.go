package egress

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"gancho/internal/hook"
)

func TestRules(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		allow, deny []string
		host, ip    string
		door, dial  bool // refused
	}{
		{nil, nil, "a.example", "203.0.113.7", false, false},
		{[]string{"example.com"}, nil, "example.com", "203.0.113.7", false, false},
		{[]string{"example.com"}, nil, "EXAMPLE.com.", "203.0.113.7", false, false},
		{[]string{"example.com"}, nil, "a.example.com", "203.0.113.7", true, true},
		{[]string{"*.example.com"}, nil, "a.b.example.com", "203.0.113.7", false, false},
		{[]string{"*.example.com"}, nil, "example.com", "203.0.113.7", true, true},
		{[]string{"*.example.com"}, nil, "badexample.com", "203.0.113.7", true, true},
		{[]string{"münchen.example"}, nil, "xn--mnchen-3ya.example", "203.0.113.7", false, false},
		{[]string{"203.0.113.0/24"}, nil, "a.example", "203.0.113.7", false, false}, // the address decides
		{[]string{"203.0.113.0/24"}, nil, "a.example", "198.51.100.1", false, true},
		{[]string{"203.0.113.0/24"}, nil, "198.51.100.1", "198.51.100.1", true, true},
		{[]string{"203.0.113.7"}, nil, "203.0.113.7", "203.0.113.7", false, false},
		{[]string{"203.0.113.7"}, nil, "203.0.113.8", "::ffff:203.0.113.8", true, true},
		{[]string{"203.0.113.7"}, nil, "a.example", "::ffff:203.0.113.7", false, false},
		{[]string{"2001:db8::/32"}, nil, "2001:db8::1", "2001:db8::1", false, false},
		{nil, []string{"evil.example", "*.evil.example"}, "evil.example", "203.0.113.7", true, true},
		{nil, []string{"evil.example", "*.evil.example"}, "a.evil.example.", "203.0.113.7", true, true},
		{nil, []string{"203.0.113.0/24"}, "a.example", "203.0.113.7", false, true},
		{nil, []string{"203.0.113.0/24"}, "203.0.113.7", "203.0.113.7", true, true},
		{nil, []string{"::ffff:203.0.113.0/120"}, "a.example", "203.0.113.7", false, true}, // the same range
		{nil, []string{"::ffff:203.0.113.0/120"}, "a.example", "::ffff:203.0.114.7", false, false},
		{[]string{"*.example.com"}, []string{"a.example.com"}, "a.example.com", "203.0.113.7", true, true},
		{[]string{"*.example.com"}, []string{"203.0.113.7"}, "b.example.com", "203.0.113.7", false, true},
	} {
		r, err := Compile(hook.Hosts{Allow: tt.allow, Deny: tt.deny})
		if err != nil {
			t.Fatal(err)
		}
		if got := r.RefuseHost(tt.host); got != tt.door {
			t.Errorf("allow %v, deny %v: %s refused at the door: %v", tt.allow, tt.deny, tt.host, got)
		}
		if got := r.Refuse(tt.host, netip.MustParseAddr(tt.ip)); got != tt.dial {
			t.Errorf("allow %v, deny %v: %s at %s refused: %v", tt.allow, tt.deny, tt.host, tt.ip, got)
		}
	}
	for _, entry := range []string{"", "*", "*.", "a.*.example", "http://a.example", "a.example:80", "203.0.113.0/33", "a b", ".a.example", "*..a.example", "a..example"} {
		_, err := Compile(hook.Hosts{Deny: []string{"a.example", entry}})
		if w, ok := errors.AsType[*Wrong](err); !ok || w.List != "deny" || w.Index != 1 {
			t.Errorf("%q: %v", entry, err)
		}
	}
}

func TestPort(t *testing.T) {
	t.Parallel()
	for port, want := range map[uint16]bool{80: true, 443: true, 1024: true, 65535: true, 25: false, 22: false, 81: false, 1023: false, 8: true, 1: false} {
		if Port(port, []uint16{8}) != want {
			t.Errorf("port %d allowed: %v", port, !want)
		}
	}
}

// FuzzRules: an entry either means nothing and is named in the error, or decides the same for each way to write a host.
func FuzzRules(f *testing.F) {
	for _, s := range [][2]string{
		{"example.com", "EXAMPLE.com."},
		{"*.example.com", "a.example.com"},
		{"203.0.113.0/24", "203.0.113.7"},
		{"[::1]", "::ffff:127.0.0.1"},
		{"*.", "."},
		{"münchen.example", "xn--mnchen-3ya.example"},
		{"fe80::1%x/64", "fe80::1%x"},
	} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, entry, host string) {
		deny, err := Compile(hook.Hosts{Deny: []string{entry}})
		if err != nil {
			if w, ok := errors.AsType[*Wrong](err); !ok || w.List != "deny" || w.Index != 0 || w.Entry != entry || w.Error() == "" {
				t.Fatalf("%q: %v", entry, err)
			}
			return
		}
		allow, err := Compile(hook.Hosts{Allow: []string{entry}})
		if err != nil {
			t.Fatalf("%q is good to deny, and not to allow: %v", entry, err)
		}
		ip := netip.MustParseAddr("192.0.2.1")
		if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
			ip = a
		}
		if deny.Refuse(host, ip) != !allow.Refuse(host, ip) {
			t.Fatalf("%q does not decide about %q: denied and allowed at once, or neither", entry, host)
		}
		for what, rules := range map[string]*Rules{"denied": deny, "allowed": allow} {
			if rules.RefuseHost(host) && !rules.Refuse(host, ip) {
				t.Fatalf("%q is refused as a host, but not where it leads, if %q is %s", host, entry, what)
			}
		}
		if up := strings.ToUpper(host); isASCII(host) && deny.Refuse(up, ip) != deny.Refuse(host, ip) {
			t.Fatalf("%q decides otherwise for %q and %q", entry, host, up)
		}
	})
}

func isASCII(s string) bool { return !strings.ContainsFunc(s, func(r rune) bool { return r > 0x7e }) }

// An address in a URL, and the name of this machine, are refused at the door if the guard refuses them.
func TestAddressAtTheDoor(t *testing.T) {
	t.Parallel()
	k := NewKeeper(anyTenant{}, nil)
	k.Guard = func(ip netip.Addr) error {
		if ip.Unmap().IsPrivate() || ip.IsLoopback() {
			return errors.New("refused")
		}
		return nil
	}
	for url, want := range map[string]string{
		"http://10.0.0.1/x":         "10.0.0.1/32",
		"http://10.0.0.1:8080/x":    "10.0.0.1/32",
		"http://127.0.0.5/x":        "127.0.0.0/8",
		"http://localhost:9000/x":   "127.0.0.0/8",
		"http://LOCALHOST./x":       "127.0.0.0/8",
		"http://a.localhost/x":      "127.0.0.0/8",
		"http://[::1]/x":            "::1/128",
		"http://[::ffff:10.0.0.1]/": "10.0.0.1/32",
		"http://203.0.113.7/x":      "",
		"http://a.example/x":        "",
		"http://localhost.example/": "",
		"http:///x":                 "",
	} {
		wrong, err := k.CheckURL(t.Context(), "acme", nil, url)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if len(wrong) > 0 {
			got = wrong[0].Params["network"]
		}
		if got != want {
			t.Errorf("%s: refused with network %q, want %q", url, got, want)
		}
	}
	k.Guard = nil
	if wrong, err := k.CheckURL(t.Context(), "acme", nil, "http://10.0.0.1/"); err != nil || wrong != nil {
		t.Errorf("without a guard: %v, %v", wrong, err)
	}
}

type anyTenant struct{}

func (anyTenant) Tenant(context.Context, string) (hook.Tenant, error) { return hook.Tenant{}, nil }
