package app

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"gancho/internal/hook"
)

var comparePrefixes = cmp.Options{cmpopts.EquateComparable(netip.Prefix{}), cmpopts.EquateEmpty()}

func TestDefaultsAreValid(t *testing.T) {
	c := DefaultConfig()
	if err := c.Validate(); err != nil {
		t.Errorf("the defaults are refused: %v", err)
	}
	want := Config{
		Listen: "127.0.0.1:8480", Data: "./gancho-data", MaxPayload: 1 << 20,
		MaxEndpoints: 10_000, Retention: 720 * time.Hour, Idempotency: 24 * time.Hour, DisableAfter: 120 * time.Hour,
		StopTimeout: 15 * time.Second, ConnectionAge: time.Minute, LogLevel: "info", LogFormat: LogText,
		MaxConnections: 4096, MaxConnectionsPerAddress: 512, MaxBodies: 256 << 20, DiskLow: 1 << 30,
		EventWork: 500_000, TenantWork: 4_000_000,
	}
	if d := cmp.Diff(want, c, comparePrefixes); d != "" {
		t.Errorf("defaults (-want +got):\n%s", d)
	}
}

// TestOptionsAreDescribed holds each field of Config to the tags that the
// flags, the file and the manual are made of.
func TestOptionsAreDescribed(t *testing.T) {
	seen := map[string]bool{}
	for i, o := range Options() {
		field := reflect.TypeFor[Config]().Field(i).Name
		if o.Name == "" || o.Env == "" || o.Help == "" {
			t.Errorf("%s lacks a name, env or help tag", field)
		}
		if want := "GANCHO_" + strings.ToUpper(strings.ReplaceAll(o.Name, "-", "_")); o.Env != want {
			t.Errorf("%s: env is %s, want %s", field, o.Env, want)
		}
		if !strings.HasSuffix(o.Help, ".") || (o.Doc != "" && !strings.HasSuffix(o.Doc, ".")) {
			t.Errorf("%s: help and doc must be sentences", field)
		}
		if seen[o.Name] || seen[o.Env] {
			t.Errorf("%s: its name or env is taken", field)
		}
		seen[o.Name], seen[o.Env] = true, true
	}
}

func TestConfigDocIsCommitted(t *testing.T) {
	committed, err := os.ReadFile(filepath.Join("..", "..", "docs", "config.md"))
	if err != nil {
		t.Fatalf("%v; run make docs", err)
	}
	if d := cmp.Diff(string(committed), ConfigDoc()); d != "" {
		t.Errorf("docs/config.md is not what Config says; run make docs (-committed +now):\n%s", d)
	}
}

func TestValidateListsEverything(t *testing.T) {
	c := Config{
		Listen: "8480", AdminKey: "short", MaxPayload: 3, Retention: -1, EncryptionKey: "AAAA",
		LogLevel: "loud", LogFormat: "xml", AllowNetworks: Networks{{}},
	}
	err, ok := errors.AsType[*ConfigError](c.Validate())
	if !ok {
		t.Fatal("no *ConfigError")
	}
	want := []string{
		`listen: "8480" is not an address; write HOST:PORT, such as 127.0.0.1:8480 or :8480`,
		`data: the directory is missing; write one, such as ./gancho-data`,
		`admin-key: the key has 5 characters; use 16 or more, or leave it out to have one generated`,
		`allow-networks: one of the networks is not valid; write them as 10.20.0.0/16`,
		`max-connections: 0 is out of range; choose 16 or more`,
		`max-bodies: 0 is out of range; choose 64MiB or more`,
		`max-payload: 3 is out of range; choose a size from 1KiB to 64MiB`,
		`max-endpoints: 0 is out of range; choose a number from 1 to 65535`,
		`event-work: 0 is out of range; choose a number of units from 1000 to 1000000000`,
		`tenant-work: 0 is out of range; choose a number of units from 1000 to 1000000000`,
		`retention: -1ns is no length of time; write one above zero, such as 720h`,
		`idempotency: 0s is no length of time; write one above zero, such as 24h`,
		`disable-after: 0s is no length of time; write one above zero, such as 120h`,
		`stop-timeout: 0s is no length of time; write one above zero, such as 15s`,
		`connection-age: 0s is no length of time; write one above zero, such as 60s`,
		`encryption-key: the key has 3 bytes and must have 32; openssl rand -base64 32 makes a right one`,
		`log-level: "loud" is not a level; choose debug, info, warn or error`,
		`log-format: "xml" is not a format; choose text or json`,
	}
	if d := cmp.Diff(want, err.Problems); d != "" {
		t.Errorf("problems (-want +got):\n%s", d)
	}
}

func TestValidateOne(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(*Config)
		want   string // part of the problem; "" if it is right
	}{
		{"every interface", func(c *Config) { c.Listen = ":8480" }, ""},
		{"free port", func(c *Config) { c.Listen = "[::1]:0" }, ""},
		{"port too large", func(c *Config) { c.Listen = ":65536" }, "no port number"},
		{"named port", func(c *Config) { c.Listen = ":http" }, "no port number"},
		{"16 characters", func(c *Config) { c.AdminKey = "0123456789abcdef" }, ""},
		{"15 characters", func(c *Config) { c.AdminKey = "0123456789abcde" }, "15 characters"},
		{"key with a space", func(c *Config) { c.AdminKey = "0123456789 abcdef" }, "spaces"},
		{"key with a letter that headers cannot carry", func(c *Config) { c.AdminKey = "0123456789abcdefã" }, "cannot be sent"},
		{"HTTP proxy", func(c *Config) { c.EgressProxy = "http://gancho:pa%40ss@10.0.0.1:3128" }, ""},
		{"SOCKS5 proxy", func(c *Config) { c.EgressProxy = "socks5://[::1]:1080" }, ""},
		{"proxy without port", func(c *Config) { c.EgressProxy = "http://gancho:hidden@proxy" }, "egress-proxy: the port is missing or not from 1 to 65535; write http://host:port or socks5://host:port"},
		{"proxy by TLS", func(c *Config) { c.EgressProxy = "https://gancho:hidden@proxy:443" }, "egress-proxy: this is no URL of a proxy that Gancho can use; write http://host:port"},
		{"proxy that looks names up", func(c *Config) { c.EgressProxy = "socks5h://gancho:hidden@proxy:1080" }, "write socks5:// in its place"},
		{"bare host", func(c *Config) { c.EgressProxy = "proxy:3128" }, "write http://host:port"},
		{"proxy without host", func(c *Config) { c.EgressProxy = "http://:3128" }, "the host is missing"},
		{"proxy with a path", func(c *Config) { c.EgressProxy = "http://proxy:3128/hidden" }, "something follows the port"},
		{"proxy with a sign in its password", func(c *Config) { c.EgressProxy = "http://gancho:hidden%@proxy:3128" }, "write % as %25"},
		{"SOCKS5 without a password", func(c *Config) { c.EgressProxy = "socks5://gancho@proxy:1080" }, "SOCKS5 wants a user name and a password"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := DefaultConfig()
			tc.change(&c)
			switch err := c.Validate(); {
			case tc.want == "" && err != nil:
				t.Errorf("refused: %v", err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("got %v, want %q in it", err, tc.want)
			case err != nil && strings.Contains(err.Error(), "hidden"):
				t.Errorf("the error shows a password: %v", err)
			}
		})
	}
}

func TestParseKeys(t *testing.T) {
	key := []byte("\xff\xfe0123456789abcdefghijklmnopqr\xfd\xfc")[:32]
	std := base64.StdEncoding.EncodeToString(key)
	for text, n := range map[string]int{
		std: 1, base64.RawStdEncoding.EncodeToString(key): 1, base64.URLEncoding.EncodeToString(key): 1,
		base64.RawURLEncoding.EncodeToString(key) + "\n": 1, "": 0, "\n# none\n": 0,
		std + "," + std: 2, "# the old one\n" + std + "\r\n\n" + std + "\n": 2,
	} {
		got, err := parseKeys(text)
		if err != nil || len(got) != n {
			t.Errorf("%q: got %x, %v, want %d keys", text, got, err, n)
		}
		for _, k := range got {
			if string(k) != string(key) {
				t.Errorf("%q: got %x", text, k)
			}
		}
	}
	if _, err := parseKeys("no base64!"); err == nil || strings.Contains(err.Error(), "no base64!") {
		t.Errorf("got %v, want an error that does not show the key", err)
	}
}

func TestSecretsAreMasked(t *testing.T) {
	c := DefaultConfig()
	c.AdminKey, c.EncryptionKey = "admin-key-admin-key", "encryption-key"
	var log strings.Builder
	c.logger(&log).Info("start", "config", c, "key", c.AdminKey)
	c.LogFormat = LogJSON
	c.logger(&log).Info("start", "key", c.AdminKey)
	for _, text := range []string{fmt.Sprint(c), fmt.Sprintf("%+v", c), fmt.Sprintf("%#v", c), fmt.Sprintf("%q", c.AdminKey), log.String()} {
		if strings.Contains(text, "admin-key-admin-key") || strings.Contains(text, "encryption-key\"") {
			t.Errorf("a secret is shown in %s", text)
		}
	}
}

// Whoever reads the log finds ids as the API writes them, in either form.
func TestIDsInTheLog(t *testing.T) {
	id := hook.NewEndpointID()
	for _, format := range logFormats {
		c := Config{LogFormat: format}
		var log strings.Builder
		c.logger(&log).Info("attempt", "endpoint", id)
		if !strings.Contains(log.String(), id.String()) {
			t.Errorf("%s: %s", format, log.String())
		}
	}
}

func TestNetworks(t *testing.T) {
	for _, tc := range []struct{ in, want, problem string }{
		{in: "", want: ""},
		{in: "127.0.0.0/8", want: "127.0.0.0/8"},
		{in: " 10.0.0.0/8, ,fd00::/8 ", want: "10.0.0.0/8,fd00::/8"},
		{in: "10.0.0.1", problem: "write 10.0.0.1/32"},
		{in: "::1", problem: "write ::1/128"},
		{in: "10.0.0.1/8", problem: "write 10.0.0.0/8"},
		{in: "10.0.0.0/33", problem: "not a network"},
		{in: "localhost", problem: "not a network"},
		{in: "::ffff:10.0.0.0/104", problem: "IPv4"},
	} {
		var n Networks
		err := n.UnmarshalText([]byte(tc.in))
		if tc.problem != "" {
			if err == nil || !strings.Contains(err.Error(), tc.problem) {
				t.Errorf("%q: got %v, want %q in it", tc.in, err, tc.problem)
			}
			continue
		}
		if err != nil || n.String() != tc.want {
			t.Errorf("%q: got %q, %v, want %q", tc.in, n, err, tc.want)
		}
	}
}

func TestBytes(t *testing.T) {
	for _, tc := range []struct {
		in   string
		want Bytes
		text string
	}{
		{"0", 0, "0"},
		{"1048576", 1 << 20, "1MiB"},
		{"1MiB", 1 << 20, "1MiB"},
		{"512 KiB", 512 << 10, "512KiB"},
		{"1500B", 1500, "1500"},
		{"1MB", 1e6, "1000000"},
		{"2GiB", 2 << 30, "2GiB"},
	} {
		var b Bytes
		if err := b.UnmarshalText([]byte(tc.in)); err != nil || b != tc.want || b.String() != tc.text {
			t.Errorf("%q: got %d (%s), %v, want %d (%s)", tc.in, int64(b), b, err, int64(tc.want), tc.text)
		}
	}
	for _, in := range []string{"", "MiB", "-1", "1.5MiB", "five", "1TiB", "9223372036854775807KiB"} {
		var b Bytes
		if err := b.UnmarshalText([]byte(in)); err == nil {
			t.Errorf("%q is taken as %s", in, b)
		}
	}
}

func TestParseDuration(t *testing.T) {
	for in, want := range map[string]time.Duration{"15s": 15 * time.Second, "30d": 720 * time.Hour, "1h30m": 90 * time.Minute, "0": 0} {
		if got, err := ParseDuration(in); err != nil || got != want {
			t.Errorf("%q: got %s, %v, want %s", in, got, err, want)
		}
	}
	for _, in := range []string{"", "5", "d", "-1d", "1.5d", "soon", "99999999d"} {
		if got, err := ParseDuration(in); err == nil {
			t.Errorf("%q is taken as %s", in, got)
		}
	}
}

func TestAddresses(t *testing.T) {
	for in, want := range map[string]string{
		"": "", "203.0.113.7": "203.0.113.7", "203.0.113.0/28, 2001:db8::7,": "203.0.113.0/28,2001:db8::7", "203.0.113.7/32": "203.0.113.7",
	} {
		var a Addresses
		if err := a.UnmarshalText([]byte(in)); err != nil || a.String() != want {
			t.Errorf("%q: %s, %v", in, a, err)
		}
	}
	for in, want := range map[string]string{
		"hooks.example.com": "write it as 203.0.113.7 or 203.0.113.0/28", "fe80::1%eth0": "neither an address nor a range",
		"203.0.113.7/28": "write 203.0.113.0/28", "203.0.113.7 203.0.113.8": "neither",
	} {
		var a Addresses
		if err := a.UnmarshalText([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", in, err)
		}
	}
}

func TestLoadFile(t *testing.T) {
	for _, tc := range []struct {
		name, in string
		set      string // an option that a flag has
		taken    []string
		want     func(*Config)
		problems []string
	}{
		{name: "empty", in: ""},
		{name: "only a comment", in: "# nothing yet\n"},
		{name: "null", in: "---\n"},
		{
			name: "all forms", in: "# ours\nlisten: :80\ndemo: true\nretention: 30d # long\nmax-payload: 65536\nallow-networks:\n  - 10.0.0.0/8\n  - fd00::/8\nadmin-key: \"0123456789abcdef\"\n",
			taken: []string{"listen", "demo", "retention", "max-payload", "allow-networks", "admin-key"},
			want: func(c *Config) {
				c.Listen, c.Demo, c.Retention, c.MaxPayload, c.AdminKey = ":80", true, 720*time.Hour, 64<<10, "0123456789abcdef"
				c.AllowNetworks = Networks{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
			},
		},
		{name: "one line", in: "demo: yes", problems: []string{`f.yaml:1: demo: "yes" is neither true nor false`}},
		{name: "list on one line", in: "allow-networks: [127.0.0.0/8]", taken: []string{"allow-networks"}, want: func(c *Config) {
			c.AllowNetworks = Networks{netip.MustParsePrefix("127.0.0.0/8")}
		}},
		{name: "numbers keep their text", in: "admin-key: 0012345678901234567890\n", taken: []string{"admin-key"}, want: func(c *Config) {
			c.AdminKey = "0012345678901234567890"
		}},
		{name: "a flag wins", in: "listen: :80\ndata: d\n", set: "listen", taken: []string{"data"}, want: func(c *Config) { c.Data = "d" }},
		{name: "a flag wins, and the file is still checked", in: "retention: soon\n", set: "retention", problems: []string{
			`f.yaml:1: retention: "soon" is not a length of time; write a number with a unit, such as 15s, 5m, 720h or 30d`,
		}},
		{
			name: "everything wrong at once",
			in:   "listn: 1\nadmin_key: k\nzebra: 1\nlisten: :1\nlisten: :2\nconfig: other.yaml\nmax-payload: {a: b}\ndata:\nallow-networks: 10.0.0.1/8\n",
			problems: []string{
				`f.yaml:1: there is no option "listn"; did you mean "listen"?`,
				`f.yaml:2: there is no option "admin_key"; did you mean "admin-key"?`,
				`f.yaml:3: there is no option "zebra"; gancho serve --help lists them all`,
				`f.yaml:5: "listen" is set a second time, first on line 4; keep one`,
				`f.yaml:6: "config" cannot be set in the file; use --config or GANCHO_CONFIG`,
				`f.yaml:7: max-payload: write a plain value after the colon`,
				`f.yaml:8: data: the value is missing; write one after the colon or remove the line`,
				`f.yaml:9: allow-networks: "10.0.0.1/8" has bits set after its /8; write 10.0.0.0/8`,
			},
		},
		{name: "no mapping", in: "- listen\n", problems: []string{`f.yaml:1: the file must be a list of options, each on a line as name: value, such as listen: 127.0.0.1:8480`}},
		{name: "two documents", in: "demo: true\n---\ndemo: false\n", problems: []string{`f.yaml:3: the file has a second document; keep one`}},
		{name: "anchors", in: "data: &d x\nlisten: *d\n", problems: []string{
			`f.yaml:1: data: write a plain value after the colon`, `f.yaml:2: listen: write a plain value after the colon`,
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, want := DefaultConfig(), DefaultConfig()
			if tc.want != nil {
				tc.want(&want)
			}
			taken, err := c.loadYAML("f.yaml", []byte(tc.in), func(name string) bool { return name == tc.set })
			var problems []string
			if e, ok := errors.AsType[*ConfigError](err); ok {
				problems = e.Problems
			} else if err != nil {
				t.Fatalf("an error of another type: %v", err)
			}
			if d := cmp.Diff(tc.problems, problems); d != "" {
				t.Errorf("problems (-want +got):\n%s", d)
			}
			if d := cmp.Diff(tc.taken, taken); d != "" {
				t.Errorf("taken (-want +got):\n%s", d)
			}
			if d := cmp.Diff(want, c, comparePrefixes); d != "" {
				t.Errorf("config (-want +got):\n%s", d)
			}
		})
	}
}

func TestLoadFileBroken(t *testing.T) {
	c := DefaultConfig()
	if _, err := c.LoadFile(filepath.Join(t.TempDir(), "none.yaml"), nil); err == nil || !strings.Contains(err.Error(), "check the path") {
		t.Errorf("no such file: got %v", err)
	}
	if _, err := c.loadYAML("f.yaml", []byte("a: 1\nb: [\n"), nil); err == nil || !strings.Contains(err.Error(), "f.yaml:2: this is not YAML") {
		t.Errorf("broken YAML: got %v", err)
	}
}

func FuzzLoadFile(f *testing.F) {
	f.Add([]byte("listen: :80\nallow-networks: [10.0.0.0/8]\n"))
	f.Add([]byte("a: [\n"))
	f.Add([]byte("? {a: b}\n: c\n"))
	f.Add([]byte("*x: 1\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		c := DefaultConfig()
		if _, err := c.loadYAML("f.yaml", in, nil); err != nil {
			if _, ok := errors.AsType[*ConfigError](err); !ok {
				t.Errorf("an error of another type: %v", err)
			}
			if d := cmp.Diff(DefaultConfig(), c, comparePrefixes); d != "" {
				t.Errorf("changed in spite of the error:\n%s", d)
			}
		}
	})
}
