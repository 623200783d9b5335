package egress

import (
	"errors"
	"net/netip"
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
	for _, entry := range []string{"", "*", "*.", "a.*.example", "http://a.example", "a.example:80", "203.0.113.0/33", "a b"} {
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
