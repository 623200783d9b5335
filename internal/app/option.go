package app

import (
	"encoding"
	"fmt"
	"log/slog"
	"math"
	"net/netip"
	"net/url"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"gancho/internal/mask"
	"gancho/internal/nearest"
)

// Option is one field of [Config] as its tags describe it.
type Option struct {
	Name    string // of the flag and of the key in the file
	Env     string
	Default string
	Help    string // one line
	Doc     string // what the manual adds
	Form    string // placeholder of the value; "" for a switch
	InFile  bool   // whether the configuration file may have it

	field int
}

// Options are the options of [Config], in the order of the manual.
func Options() []Option { return options() }

func options() []Option {
	t := reflect.TypeFor[Config]()
	out := make([]Option, 0, t.NumField())
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		out = append(out, Option{
			Name: tag.Get("name"), Env: tag.Get("env"), Default: tag.Get("default"),
			Help: tag.Get("help"), Doc: tag.Get("doc"), Form: tag.Get("placeholder"),
			InFile: tag.Get("file") != "-", field: i,
		})
	}
	return out
}

func findOption(name string) (Option, bool) {
	for _, o := range options() {
		if o.Name == name {
			return o, true
		}
	}
	return Option{}, false
}

// didYouMean is the tail of a sentence that proposes the option nearest to a
// misspelt name, or else points to the manual.
func didYouMean(name string) string {
	var names []string
	for _, o := range options() {
		if o.InFile {
			names = append(names, o.Name)
		}
	}
	if best, ok := nearest.Word(name, names); ok {
		return fmt.Sprintf("; did you mean %q?", best)
	}
	return "; gancho serve --help lists them all"
}

// Text is the value that c has for o, for people: a secret is masked.
func (o Option) Text(c *Config) string {
	return fmt.Sprint(reflect.ValueOf(c).Elem().Field(o.field).Interface())
}

// set reads text into the field of c that o describes.
func (o Option) set(c *Config, text string) error {
	switch p := reflect.ValueOf(c).Elem().Field(o.field).Addr().Interface().(type) {
	case encoding.TextUnmarshaler:
		return p.UnmarshalText([]byte(text))
	case *time.Duration:
		d, err := ParseDuration(text)
		if err != nil {
			return err
		}
		*p = d
		return nil
	case *bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q is neither true nor false", text)
		}
		*p = b
		return nil
	case *int:
		n, err := strconv.Atoi(text)
		if err != nil {
			return fmt.Errorf("%q is not a whole number", text)
		}
		*p = n
		return nil
	case *string:
		*p = text
		return nil
	case *Secret:
		*p = Secret(text)
		return nil
	case *LogLevel:
		*p = LogLevel(text)
		return nil
	case *LogFormat:
		*p = LogFormat(text)
		return nil
	default:
		panic(fmt.Sprintf("app: option %s has a type that set does not know: %T", o.Name, p)) // unreachable unless a field is added
	}
}

// Secret is an option that must not be shown: printing or logging it gives a
// mask. Convert it to a string to use it.
type Secret string

// String is a mask, or "" for no secret.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return mask.Text
}

// GoString keeps %#v from showing the secret.
func (s Secret) GoString() string { return strconv.Quote(s.String()) }

// LogValue keeps slog from showing the secret.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Origin is the address of a website: scheme, host, and port if it has one.
type Origin string

// UnmarshalText replaces o by the origin in text.
func (o *Origin) UnmarshalText(text []byte) error {
	s := strings.TrimRight(strings.TrimSpace(string(text)), "/")
	if u, err := url.Parse(s); err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil ||
		u.Path != "" || u.RawQuery != "" || u.Fragment != "" || strings.ContainsAny(s, " ;'\",") {
		return fmt.Errorf("%q is not the address of a website; write it as https://app.example.com", text)
	}
	*o = Origin(s)
	return nil
}

// PublicURL is the address at which browsers reach the server: that of a website, and perhaps a path of it, such as
// https://example.com/gancho.
type PublicURL string

// segments of the path of a PublicURL need no escaping in a page, a cookie or a header.
var publicPath = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$`)

// UnmarshalText replaces p by the address in text.
func (p *PublicURL) UnmarshalText(text []byte) error {
	s := strings.TrimRight(strings.TrimSpace(string(text)), "/")
	u, err := url.Parse(s)
	if err != nil {
		return fmt.Errorf("%q is not the address of a website; write it as https://example.com or https://example.com/gancho",
			text)
	}
	path := u.EscapedPath()
	var site Origin
	if err := site.UnmarshalText([]byte(strings.TrimSuffix(s, path))); err != nil {
		return fmt.Errorf("%q is not the address of a website; write it as https://example.com or https://example.com/gancho",
			text)
	}
	if !publicPath.MatchString(path) {
		return fmt.Errorf("the path %s has to be of letters, digits and . _ ~ -, such as /gancho or /tools/gancho", path)
	}
	if first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/"); slices.Contains(ownPaths, first) {
		return fmt.Errorf("the path cannot begin with /%s, which is a path of Gancho itself; choose another, such as /gancho",
			first)
	}
	*p = PublicURL(s)
	return nil
}

// ownPaths are the first segments of the paths that the API and the console have.
var ownPaths = []string{
	"v1", "assets", "portal", "t", "tenants", "contracts", "library", "new-contract", "audit", "encryption", "keys", "in", "debug",
	"healthz", "readyz", "metrics", "openapi.json", "openapi-3.0.json", "docs", "documentation",
}

// url is the parsed address, nil if there is none.
func (p PublicURL) url() *url.URL {
	u, err := url.Parse(string(p))
	if err != nil || p == "" {
		return nil
	}
	return u
}

// path is what stands before the paths of the server in the addresses that browsers use, such as /gancho; "": nothing.
func (p PublicURL) path() string {
	if u := p.url(); u != nil {
		return u.Path
	}
	return ""
}

// Origins is a list of them, separated by commas.
type Origins []Origin

// UnmarshalText replaces o by the origins in text.
func (o *Origins) UnmarshalText(text []byte) error {
	var out Origins
	for part := range strings.SplitSeq(string(text), ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		var one Origin
		if err := one.UnmarshalText([]byte(part)); err != nil {
			return err
		}
		out = append(out, one)
	}
	*o = out
	return nil
}

// String is the origins as they are written.
func (o Origins) String() string { return strings.Join(o.strings(), ",") }

func (o Origins) strings() []string {
	parts := make([]string, len(o))
	for i, p := range o {
		parts[i] = string(p)
	}
	return parts
}

// Colour is a colour of web pages: # and six hexadecimal digits.
type Colour string

var colour = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)

// UnmarshalText sets c to the colour in text.
func (c *Colour) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	if s != "" && !colour.MatchString(s) {
		return fmt.Errorf("%q is not a colour; write # and six hexadecimal digits, such as #0b7285", text)
	}
	*c = Colour(s)
	return nil
}

// Networks is a list of address ranges, written as CIDRs separated by commas.
type Networks []netip.Prefix

// UnmarshalText replaces n by the networks in text.
func (n *Networks) UnmarshalText(text []byte) error {
	var out Networks
	for part := range strings.SplitSeq(string(text), ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		p, err := netip.ParsePrefix(part)
		if err != nil {
			if a, err := netip.ParseAddr(part); err == nil && a.Zone() == "" {
				return fmt.Errorf("%q is one address, not a network; write %s/%d", part, a, a.BitLen())
			}
			return fmt.Errorf("%q is not a network; write it as 10.20.0.0/16 or fd00:20::/48", part)
		}
		if p.Addr().Is4In6() {
			return fmt.Errorf("%q is an IPv4 network written as IPv6; write it as an IPv4 network, such as 10.20.0.0/16", part)
		}
		if m := p.Masked(); m != p {
			return fmt.Errorf("%q has bits set after its /%d; write %s", part, p.Bits(), m)
		}
		out = append(out, p)
	}
	*n = out
	return nil
}

// String is the networks as they are written.
func (n Networks) String() string {
	parts := make([]string, len(n))
	for i, p := range n {
		parts[i] = p.String()
	}
	return strings.Join(parts, ",")
}

// Addresses is a list of single addresses and of ranges, separated by commas.
type Addresses []netip.Prefix

// UnmarshalText replaces a by the addresses in text.
func (a *Addresses) UnmarshalText(text []byte) error {
	var out Addresses
	for part := range strings.SplitSeq(string(text), ",") {
		part = strings.TrimSpace(part)
		if ip, err := netip.ParseAddr(part); err == nil && ip.Zone() == "" && !ip.Is4In6() {
			out = append(out, netip.PrefixFrom(ip, ip.BitLen()))
			continue
		}
		if _, err := netip.ParsePrefix(part); err != nil && part != "" {
			return fmt.Errorf("%q is neither an address nor a range; write it as 203.0.113.7 or 203.0.113.0/28", part)
		}
		var ranges Networks
		if err := ranges.UnmarshalText([]byte(part)); err != nil {
			return err
		}
		out = append(out, ranges...)
	}
	*a = out
	return nil
}

// List has each address or range as it is written.
func (a Addresses) List() []string {
	out := make([]string, len(a))
	for i, p := range a {
		if out[i] = p.String(); p.IsSingleIP() {
			out[i] = p.Addr().String()
		}
	}
	return out
}

// String is the addresses as they are written.
func (a Addresses) String() string { return strings.Join(a.List(), ",") }

// Ports is a list of ports, separated by commas.
type Ports []uint16

// UnmarshalText replaces p by the ports in text.
func (p *Ports) UnmarshalText(text []byte) error {
	var out Ports
	for part := range strings.SplitSeq(string(text), ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		n, err := strconv.ParseUint(part, 10, 16)
		if err != nil || n == 0 {
			return fmt.Errorf("%q is not a port; write numbers from 1 to 65535, such as 81,591", part)
		}
		out = append(out, uint16(n))
	}
	*p = out
	return nil
}

// String is the ports as they are written.
func (p Ports) String() string {
	parts := make([]string, len(p))
	for i, n := range p {
		parts[i] = strconv.Itoa(int(n))
	}
	return strings.Join(parts, ",")
}

// Bytes is a size, written as a number of bytes or with a unit: 512KiB, 1MiB.
type Bytes int64

var byteUnits = []struct {
	suffix string
	size   int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"GB", 1e9}, {"MB", 1e6}, {"kB", 1e3}, {"KB", 1e3}, {"B", 1}}

// UnmarshalText sets b to the size in text.
func (b *Bytes) UnmarshalText(text []byte) error {
	s := strings.TrimSpace(string(text))
	number, unit := s, int64(1)
	for _, u := range byteUnits {
		if rest, ok := strings.CutSuffix(s, u.suffix); ok {
			number, unit = strings.TrimSpace(rest), u.size
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64/unit {
		return fmt.Errorf("%q is not a size; write a number of bytes, or with a unit such as 512KiB or 1MiB", s)
	}
	*b = Bytes(n * unit)
	return nil
}

// String is the size in the largest binary unit that divides it.
func (b Bytes) String() string {
	for _, u := range byteUnits[:3] {
		if n := int64(b); n >= u.size && n%u.size == 0 {
			return strconv.FormatInt(n/u.size, 10) + u.suffix
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// LogLevel is the least important level that is logged.
type LogLevel string

var logLevels = []LogLevel{"debug", "info", "warn", "error"}

// Level returns l as a level of package slog. An unknown text gives info.
func (l LogLevel) Level() slog.Level {
	var out slog.Level
	if err := out.UnmarshalText([]byte(l)); err != nil {
		return slog.LevelInfo
	}
	return out
}

// LogFormat is the form of the log.
type LogFormat string

// The forms of the log.
const (
	LogText LogFormat = "text"
	LogJSON LogFormat = "json"
)

var logFormats = []LogFormat{LogText, LogJSON}

// ParseDuration is [time.ParseDuration] with days (30d) and an error for people.
func ParseDuration(text string) (time.Duration, error) {
	s := strings.TrimSpace(text)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.ParseUint(days, 10, 16)
		if err == nil {
			return time.Duration(n) * 24 * time.Hour, nil
		}
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, fmt.Errorf("%q is not a length of time; write a number with a unit, such as 15s, 5m, 720h or 30d", text)
	}
	return d, nil
}
