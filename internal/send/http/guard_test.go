package http

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestGuard(t *testing.T) {
	t.Parallel()
	prefixes := func(list ...string) (p []netip.Prefix) {
		for _, s := range list {
			p = append(p, netip.MustParsePrefix(s))
		}
		return p
	}
	for _, tt := range []struct {
		name  string
		addr  string
		allow []netip.Prefix
		kind  string // part of the refusal; "": let through
	}{
		{"public v4", "93.184.215.14", nil, ""},
		{"public v6", "2606:4700::6810:84e5", nil, ""},
		{"public v4 mapped into v6", "::ffff:93.184.215.14", nil, ""},

		{"loopback", "127.0.0.1", nil, "loopback"},
		{"loopback, other", "127.255.255.254", nil, "loopback"},
		{"loopback v6", "::1", nil, "loopback"},
		{"unspecified", "0.0.0.0", nil, "unspecified"},
		{"this network", "0.1.2.3", nil, "unspecified"},
		{"unspecified v6", "::", nil, "unspecified"},
		{"private 10", "10.0.0.1", nil, "private"},
		{"private 172.16", "172.16.0.1", nil, "private"},
		{"private 172.31", "172.31.255.255", nil, "private"},
		{"just beyond 172.31", "172.32.0.1", nil, ""},
		{"private 192.168", "192.168.1.1", nil, "private"},
		{"unique local v6", "fd12:3456::1", nil, "private"},
		{"link-local", "169.254.1.1", nil, "link-local"},
		{"link-local v6", "fe80::1", nil, "link-local"},
		{"link-local v6 with zone", "fe80::1%eth0", nil, "link-local"},
		{"site-local v6", "fec0::1", nil, "reserved"},
		{"metadata", "169.254.169.254", nil, "metadata"},
		{"metadata v6", "fd00:ec2::254", nil, "metadata"},
		{"metadata of Alibaba", "100.100.100.200", nil, "metadata"},
		{"metadata of Azure", "168.63.129.16", nil, "metadata"},
		{"beside that of Azure", "168.63.129.17", nil, ""},
		{"shared provider space", "100.64.0.1", nil, "shared provider"},
		{"end of it", "100.127.255.255", nil, "shared provider"},
		{"just beyond", "100.128.0.1", nil, ""},
		{"multicast", "224.0.0.1", nil, "multicast"},
		{"multicast v6", "ff02::1", nil, "multicast"},
		{"broadcast", "255.255.255.255", nil, "reserved"},
		{"reserved", "240.0.0.1", nil, "reserved"},
		{"benchmarking", "198.18.0.1", nil, "reserved"},
		{"documentation", "192.0.2.1", nil, "reserved"},
		{"documentation v6", "2001:db8::1", nil, "reserved"},
		{"loopback mapped into v6", "::ffff:127.0.0.1", nil, "loopback"},
		{"metadata mapped into v6", "::ffff:169.254.169.254", nil, "metadata"},
		{"v4-compatible v6", "::127.0.0.1", nil, "reserved"},
		{"NAT64 of loopback", "64:ff9b::7f00:1", nil, "NAT64"},
		{"NAT64 of a public one", "64:ff9b::5db8:d70e", nil, "NAT64"},
		{"NAT64, local", "64:ff9b:1::1", nil, "NAT64"},
		{"6to4 of a private one", "2002:a00:1::1", nil, "6to4"},
		{"6to4 of a public one", "2002:5db8:d70e::1", nil, "6to4"},
		{"Teredo", "2001:0:4136:e378::1", nil, "Teredo"},
		{"discard", "100::1", nil, "reserved"},

		{"allowed v4", "10.1.2.3", prefixes("10.1.0.0/16"), ""},
		{"beside the allowed", "10.2.2.3", prefixes("10.1.0.0/16"), "private"},
		{"allowed, second of two", "127.0.0.1", prefixes("10.0.0.0/8", "127.0.0.0/8"), ""},
		{"allowed v4, mapped address", "::ffff:127.0.0.1", prefixes("127.0.0.0/8"), ""},
		{"allowed as mapped prefix", "127.0.0.1", prefixes("::ffff:127.0.0.0/104"), ""},
		{"v4 allowed says nothing about v6", "::1", prefixes("0.0.0.0/0"), "loopback"},
		{"v6 allowed says nothing about v4", "127.0.0.1", prefixes("::/0"), "loopback"},
		{"allowed v6", "fd00::1", prefixes("fd00::/8"), ""},
		{"allowed v6, address with zone", "fe80::1%eth0", prefixes("fe80::/10"), ""},
		{"allowed prefix with host bits", "10.1.2.3", prefixes("10.9.9.9/8"), ""},
		{"Azure's allowed explicitly", "168.63.129.16", prefixes("168.63.129.16/32"), ""},
		{"NAT64 allowed, public inside", "64:ff9b::5db8:d70e", prefixes("64:ff9b::/96"), ""},
		{"NAT64 allowed, loopback inside", "64:ff9b::7f00:1", prefixes("64:ff9b::/96"), "translation address for 127.0.0.1"},
		{"NAT64 and what is inside allowed", "64:ff9b::a00:1", prefixes("64:ff9b::/96", "10.0.0.0/8"), ""},
		{"6to4 allowed, private inside", "2002:a00:1::1", prefixes("2002::/16"), "translation address for 10.0.0.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			err := NewGuard(tt.allow).Check(netip.MustParseAddr(tt.addr))
			if tt.kind == "" {
				if err != nil {
					t.Fatalf("%s is refused: %v", tt.addr, err)
				}
				return
			}
			r, ok := errors.AsType[*Refused](err)
			if !ok {
				t.Fatalf("%s is let through (%v)", tt.addr, err)
			}
			if !strings.Contains(r.Kind, tt.kind) {
				t.Errorf("%s is called %q, want %q", tt.addr, r.Kind, tt.kind)
			}
		})
	}
	if err := NewGuard(nil).Check(netip.Addr{}); err == nil {
		t.Error("no address at all is let through")
	}
}

func TestGuardAtTheDialer(t *testing.T) {
	t.Parallel()
	g := NewGuard([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	for _, tt := range []struct {
		network, address string
		ok               bool
	}{
		{"tcp4", "127.0.0.1:1", true},
		{"tcp4", "127.0.0.1:65535", true},
		{"tcp6", "[2606:4700::1]:22", true},
		{"tcp4", "10.0.0.1:80", false},
		{"tcp6", "[fe80::1%eth0]:80", false},
		{"udp4", "127.0.0.1:53", false},
		{"unix", "/run/docker.sock", false},
		{"tcp4", "localhost:80", false},
	} {
		if err := g.checkDial(tt.network, tt.address); (err == nil) != tt.ok {
			t.Errorf("%s %s: %v", tt.network, tt.address, err)
		}
	}
}
