package app

import (
	"encoding"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"gancho/internal/console"
	"gancho/internal/hook"
	"gancho/internal/nearest"
)

//go:generate go run gancho/cmd/gancho config doc --output ../../docs/config.md

// Config is everything that can be set about a Gancho server, and its manual:
// the flags, the environment variables, the configuration file and
// docs/config.md are all read off this struct, so an option is explained here
// or nowhere.
//
// A value is taken from the first of these that has it: the flag, the
// environment variable, the configuration file, the default.
//
// Tags: name, env and default as kong reads them; help is the one line shown by
// --help; doc is what the manual adds to it; file:"-" keeps an option out of
// the configuration file. The zero Config is not usable: start from
// [DefaultConfig].
type Config struct {
	Listen string `name:"listen" env:"GANCHO_LISTEN" default:"127.0.0.1:8480" placeholder:"HOST:PORT" help:"Address the API listens on." doc:"Write :8480 to listen on every interface and 127.0.0.1:0 to let the system choose a free port. Put a reverse proxy with TLS in front of it before the internet can reach it."`

	Data string `name:"data" env:"GANCHO_DATA" default:"./gancho-data" placeholder:"DIR" help:"Directory of the database and the generated keys." doc:"It is made if it is absent, readable by its owner only. A backup of this directory is a backup of everything. Two servers cannot share one."`

	Database Secret `name:"database" env:"GANCHO_DATABASE" placeholder:"URL" help:"PostgreSQL database that nodes share, as postgres://user:password@host/name; without it, a SQLite file in the data directory." doc:"Any number of servers with the same URL share the work. They need the same encryption key and admin key: set both, or give servers on one machine the same data directory, which then has only the generated keys. See docs/postgresql.md, also for PgBouncer."`

	AdminKey Secret `name:"admin-key" env:"GANCHO_ADMIN_KEY" placeholder:"KEY" help:"API key of the operator, 16 characters or more." doc:"Without it a key is generated at the first start, stored in the data directory for its owner only, and printed once. Other programs on the machine can see flags, so prefer the environment variable or the file."`

	AllowNetworks Networks `name:"allow-networks" env:"GANCHO_ALLOW_NETWORKS" placeholder:"CIDR,…" help:"Private networks that deliveries may reach all the same." doc:"Deliveries to private, loopback, link-local and metadata addresses are refused after the name was looked up, whatever the name says. List here the ranges of your own that endpoints may live in, separated by commas, such as 10.20.0.0/16,fd00:20::/48, or 127.0.0.0/8 to try things on one machine."`

	Contracts string `name:"contracts" env:"GANCHO_CONTRACTS" placeholder:"DIR" help:"Directory of contract files (*.yaml) of your own." doc:"They are taken in at the start and whenever a file or an example that it names changes, without a restart. A wrong file is refused with line, column and the fix in the log, and what was in force stays, also at the start. A contract stays when its file goes. A file named like a shipped contract takes its place."`
	PublicURL Origin `name:"public-url" env:"GANCHO_PUBLIC_URL" placeholder:"URL" help:"Where browsers find this server, such as https://hooks.example.com." doc:"Portal links begin with it. Without it they begin with the address that the link was asked for at."`

	PortalOrigins Origins `name:"portal-origins" env:"GANCHO_PORTAL_ORIGINS" placeholder:"URL,…" help:"Origins whose pages may show the portal in an iframe." doc:"Separated by commas, such as https://app.example.com,https://*.example.com. Without any, only pages of the server's own address may."`

	PortalLogo string `name:"portal-logo" env:"GANCHO_PORTAL_LOGO" placeholder:"FILE" help:"Picture that the portal shows at its top: your logo." doc:"SVG, PNG, JPEG, GIF or WebP, of 512 KiB at most, shown 28 pixels high. It is read at the start and served from here, so no other address has to be allowed."`

	Demo bool `name:"demo" env:"GANCHO_DEMO" negatable:"" help:"Start with a demo tenant, a built-in receiver and real deliveries to it." doc:"For a first look only: it allows deliveries to 127.0.0.0/8 and ::1."`

	MaxPayload Bytes `name:"max-payload" env:"GANCHO_MAX_PAYLOAD" default:"1MiB" placeholder:"SIZE" help:"Largest payload of one event." doc:"In bytes, or with a unit: 512KiB, 1MiB. A larger payload is refused with status 413 and nothing of it is stored."`

	MaxEndpoints int `name:"max-endpoints" env:"GANCHO_MAX_ENDPOINTS" default:"10000" placeholder:"N" help:"How many endpoints a tenant can have, 65535 at the most." doc:"One more is refused with status 409 and the code too_many_endpoints. It keeps one customer from making every event of theirs dear; endpoints that are there already stay if you lower it."`

	Retention time.Duration `name:"retention" env:"GANCHO_RETENTION" default:"720h" placeholder:"TIME" help:"How long finished deliveries, their attempts and their events are kept." doc:"What is not finished yet is never removed. Units: s, m, h and d, as in 90d."`

	Idempotency time.Duration `name:"idempotency" env:"GANCHO_IDEMPOTENCY" default:"24h" placeholder:"TIME" help:"How long an event id or Idempotency-Key is remembered." doc:"Within this time the same request gets the first answer again instead of making the event twice."`

	DisableAfter time.Duration `name:"disable-after" env:"GANCHO_DISABLE_AFTER" default:"120h" placeholder:"TIME" help:"Disable an endpoint that only failed for this long." doc:"One delivery that succeeds starts the time anew. The endpoint shows when and why it was disabled, and its missed events can be recovered."`

	StopTimeout time.Duration `name:"stop-timeout" env:"GANCHO_STOP_TIMEOUT" default:"15s" placeholder:"TIME" help:"How long a stop waits for the deliveries in flight." doc:"On SIGTERM or an interrupt the server takes no new work, finishes what it is sending, and stops; requests still open after this time are cut off and sent again at the next start. A second signal stops at once."`

	EncryptionKey Secret `name:"encryption-key" env:"GANCHO_ENCRYPTION_KEY" placeholder:"BASE64" help:"Key that encrypts stored secrets: base64 of 32 random bytes." doc:"Without it a key file is generated in the data directory. Set it to keep the key apart from the data; openssl rand -base64 32 makes one. Secrets stored under one key cannot be read with another."`

	LogLevel LogLevel `name:"log-level" env:"GANCHO_LOG_LEVEL" default:"info" placeholder:"LEVEL" help:"Least important messages to log: debug, info, warn or error."`

	LogFormat LogFormat `name:"log-format" env:"GANCHO_LOG_FORMAT" default:"text" placeholder:"FORMAT" help:"Form of the log on standard error: text for people, json for machines."`

	File string `name:"config" env:"GANCHO_CONFIG" file:"-" placeholder:"FILE" help:"Configuration file (YAML) with any of these options." doc:"None is read unless it is named. A key that is no option is refused with its line, so a misspelt one cannot pass in silence."`
}

// DefaultConfig is a Config in which every option has its default.
func DefaultConfig() Config {
	var c Config
	for _, o := range options() {
		if err := o.set(&c, o.Default); o.Default != "" && err != nil {
			panic("app: the default of " + o.Name + ": " + err.Error()) // unreachable unless a tag of Config is wrong
		}
	}
	return c
}

// ConfigError is everything that is wrong with a configuration, each problem a
// sentence that says how to put it right.
type ConfigError struct {
	Problems []string
}

func (e *ConfigError) Error() string {
	if len(e.Problems) == 1 {
		return e.Problems[0]
	}
	return fmt.Sprintf("the configuration has %d problems:\n  %s", len(e.Problems), strings.Join(e.Problems, "\n  "))
}

// configError is nil when there are no problems.
func configError(problems []string) error {
	if len(problems) == 0 {
		return nil
	}
	return &ConfigError{Problems: problems}
}

// Validate reports all that is wrong with the values of c at once, as a
// [*ConfigError], or nil.
func (c *Config) Validate() error {
	var problems []string
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }

	if _, port, err := net.SplitHostPort(c.Listen); err != nil {
		wrong("listen: %q is not an address; write HOST:PORT, such as 127.0.0.1:8480 or :8480", c.Listen)
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		wrong("listen: %q has no port number from 0 to 65535; write HOST:PORT, such as 127.0.0.1:8480", c.Listen)
	}
	if strings.TrimSpace(c.Data) == "" {
		wrong("data: the directory is missing; write one, such as ./gancho-data")
	}
	if key := string(c.AdminKey); key != "" {
		if n := len([]rune(key)); n < minAdminKey {
			wrong("admin-key: the key has %d characters; use %d or more, or leave it out to have one generated", n, minAdminKey)
		}
		if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
			wrong("admin-key: the key has spaces or characters that cannot be sent in a header; use letters, digits and ASCII punctuation")
		}
	}
	if url := string(c.Database); url != "" && !isPostgres(url) {
		wrong("database: %v, or leave it out for a SQLite file in the data directory", errNotPostgres)
	}
	for _, p := range c.AllowNetworks {
		if !p.IsValid() {
			wrong("allow-networks: one of the networks is not valid; write them as 10.20.0.0/16")
		}
	}
	if c.MaxPayload < minPayload || c.MaxPayload > maxPayload {
		wrong("max-payload: %s is out of range; choose a size from %s to %s", c.MaxPayload, Bytes(minPayload), Bytes(maxPayload))
	}
	if c.MaxEndpoints < 1 || c.MaxEndpoints > hook.MaxFanout {
		wrong("max-endpoints: %d is out of range; choose a number from 1 to %d", c.MaxEndpoints, hook.MaxFanout)
	}
	for _, d := range []struct {
		name string
		v    time.Duration
		def  string
	}{
		{"retention", c.Retention, "720h"},
		{"idempotency", c.Idempotency, "24h"},
		{"disable-after", c.DisableAfter, "120h"},
		{"stop-timeout", c.StopTimeout, "15s"},
	} {
		if d.v <= 0 {
			wrong("%s: %s is no length of time; write one above zero, such as %s", d.name, d.v, d.def)
		}
	}
	if _, err := console.ReadLogo(c.PortalLogo); err != nil {
		wrong("portal-logo: %v", err)
	}
	if _, err := c.EncryptionKeyBytes(); err != nil {
		wrong("encryption-key: %v", err)
	}
	if !slices.Contains(logLevels, c.LogLevel) {
		wrong("log-level: %q is not a level; choose debug, info, warn or error", string(c.LogLevel))
	}
	if !slices.Contains(logFormats, c.LogFormat) {
		wrong("log-format: %q is not a format; choose text or json", string(c.LogFormat))
	}
	return configError(problems)
}

const (
	minAdminKey = 16
	minPayload  = 1 << 10
	maxPayload  = 64 << 20
)

// EncryptionKeyBytes is the key of option encryption-key as its 32 bytes, or
// nil if the option is not set.
func (c *Config) EncryptionKeyBytes() ([]byte, error) {
	text := strings.TrimSpace(string(c.EncryptionKey))
	if text == "" {
		return nil, nil
	}
	text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(text, "="))
	key, err := base64.RawStdEncoding.DecodeString(text)
	if err != nil {
		return nil, errors.New("the key is not base64; openssl rand -base64 32 makes a right one")
	}
	if len(key) != 32 {
		return nil, fmt.Errorf("the key has %d bytes and must have 32; openssl rand -base64 32 makes a right one", len(key))
	}
	return key, nil
}

// logger is a logger of the level and form that c asks for, writing to w.
func (c *Config) logger(w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: c.LogLevel.Level()}
	if c.LogFormat == LogJSON {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// LoadFile reads the configuration file at path into c, leaving alone the
// options for which isSet reports true (those that a flag or an environment
// variable gave), and tells which options it took from the file. It is strict:
// unknown keys, keys given twice and values that cannot be read are all
// reported, with their lines, in one [*ConfigError], and c is then unchanged.
func (c *Config) LoadFile(path string, isSet func(name string) bool) (taken []string, err error) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, &ConfigError{Problems: []string{fmt.Sprintf("config: the file cannot be read (%v); check the path given with --config or GANCHO_CONFIG", err)}}
	}
	return c.loadYAML(path, raw, isSet)
}

// loadYAML is [Config.LoadFile] for text that is already read.
func (c *Config) loadYAML(path string, raw []byte, isSet func(name string) bool) (taken []string, err error) {
	var problems []string
	wrong := func(at *token.Token, format string, args ...any) {
		where := path
		if at != nil {
			where = fmt.Sprintf("%s:%d", path, at.Position.Line)
		}
		problems = append(problems, where+": "+fmt.Sprintf(format, args...))
	}

	// Duplicate keys are let through here to be reported below, in our words and all at once.
	file, err := parser.ParseBytes(raw, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		if syntax, ok := errors.AsType[*yaml.SyntaxError](err); ok {
			wrong(syntax.Token, "this is not YAML: %s", syntax.Message)
		} else {
			wrong(nil, "this is not YAML: %v", err)
		}
		return nil, configError(problems)
	}

	next := *c
	seen := map[string]int{}
	for i, doc := range file.Docs {
		if doc.Body == nil || doc.Body.Type() == ast.NullType || doc.Body.Type() == ast.CommentType {
			continue // an empty file sets nothing
		}
		if i > 0 {
			wrong(doc.Body.GetToken(), "the file has a second document; keep one")
			break
		}
		body, ok := doc.Body.(*ast.MappingNode)
		if !ok {
			wrong(doc.Body.GetToken(), "the file must be a list of options, each on a line as name: value, such as listen: 127.0.0.1:8480")
			break
		}
		for _, kv := range body.Values {
			at := kv.Key.GetToken()
			name := at.Value
			o, ok := findOption(name)
			if !ok {
				wrong(at, "there is no option %q%s", name, didYouMean(name))
				continue
			}
			if !o.InFile {
				wrong(at, "%q cannot be set in the file; use --%s or %s", name, o.Name, o.Env)
				continue
			}
			if first, ok := seen[name]; ok {
				wrong(at, "%q is set a second time, first on line %d; keep one", name, first)
				continue
			}
			seen[name] = at.Position.Line
			text, err := scalarText(kv.Value)
			if err != nil {
				wrong(at, "%s: %v", name, err)
				continue
			}
			into := &next
			if isSet != nil && isSet(name) {
				into = new(Config) // checked all the same, though another value wins
			} else {
				taken = append(taken, name)
			}
			if err := o.set(into, text); err != nil {
				wrong(at, "%s: %v", name, err)
			}
		}
	}
	if len(problems) > 0 {
		return nil, configError(problems)
	}
	*c = next
	return taken, nil
}

// scalarText is the text of a value in the configuration file: a scalar as it
// is written, or a list of scalars joined by commas.
func scalarText(n ast.Node) (string, error) {
	switch n := n.(type) {
	case *ast.SequenceNode:
		var parts []string
		for _, v := range n.Values {
			if _, ok := v.(*ast.SequenceNode); ok {
				return "", errors.New("a list in a list cannot be read; write one list")
			}
			s, err := scalarText(v)
			if err != nil {
				return "", err
			}
			parts = append(parts, s)
		}
		return strings.Join(parts, ","), nil
	case *ast.StringNode:
		return n.Value, nil
	case *ast.LiteralNode:
		return strings.TrimRight(n.Value.Value, "\n"), nil
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, nil
	case *ast.NullNode, nil:
		return "", errors.New("the value is missing; write one after the colon or remove the line")
	default:
		return "", errors.New("write a plain value after the colon")
	}
}

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
	return "********"
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

// url is the origin as it is used, nil if there is none.
func (o Origin) url() *url.URL {
	u, err := url.Parse(string(o))
	if err != nil || o == "" {
		return nil
	}
	return u
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
			return fmt.Errorf("%q is an IPv4 network in IPv6 clothing; write it as an IPv4 network, such as 10.20.0.0/16", part)
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

// Level is l for package slog; what is no level is info.
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

// ConfigDoc is the manual of all options, in Markdown: the text of
// docs/config.md, which a test keeps equal to it.
func ConfigDoc() string {
	var b strings.Builder
	b.WriteString(`# Configuration

<!-- Made by "gancho config doc" from the struct Config in internal/app/config.go. Change it there, then run "make docs". -->

Every option can be given as a flag, as an environment variable, or in a configuration file. The first
of these that has a value wins, in this order: flag, environment variable, file, default. An
environment variable that is set but empty counts as not set.

The file is YAML with the names below as keys, and it is named with --config or GANCHO_CONFIG:

` + "```yaml" + `
# gancho.yaml
listen: 0.0.0.0:8480
data: /var/lib/gancho
allow-networks: [10.20.0.0/16]
retention: 90d
` + "```" + `

` + "`gancho config check --config gancho.yaml`" + ` reads it, reports everything that is wrong with it at
once, and prints the values that a server would use and where each comes from.

| option | environment variable | default | what it is |
|---|---|---|---|
`)
	cell := func(s string) string {
		if s == "" {
			return ""
		}
		return "`" + s + "`"
	}
	for _, o := range options() {
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s | %s |\n", o.Name, o.Name, cell(o.Env), cell(o.Default), o.Help)
	}
	for _, o := range options() {
		flag := "--" + o.Name
		if o.Form != "" {
			flag += " " + o.Form
		}
		fmt.Fprintf(&b, "\n## %s\n\n`%s`\n\n%s\n", o.Name, flag, strings.TrimSpace(o.Help+" "+o.Doc))
	}
	return b.String()
}
