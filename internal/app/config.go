package app

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"gancho/internal/hook"
)

//go:generate go run gancho/cmd/gancho config doc --output ../../docs/config.md

// Config is everything that can be set about a Gancho server. The flags, the
// environment variables, the configuration file and docs/config.md are all made from
// this struct, so each option is declared and explained once, here.
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

	OperatorListen string `name:"operator-listen" env:"GANCHO_OPERATOR_LISTEN" placeholder:"HOST:PORT" help:"A second address, for the operator alone: the whole API, health, and /metrics without a key." doc:"It has connections of its own, so it answers when the first address is overrun. Reach it from inside only, such as 127.0.0.1:8481 or an address of your internal network. The first address serves /metrics to keys of role operator or read that are for all tenants. /debug/pprof always needs the admin key; if this address is given, it is served only here."`

	TrustedProxies Networks `name:"trusted-proxies" env:"GANCHO_TRUSTED_PROXIES" placeholder:"CIDR,…" help:"Addresses of your reverse proxies, whose word about a caller is taken." doc:"Separated by commas, such as 127.0.0.1/32,10.20.0.0/16. From these, X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Host (or Forwarded) say who the caller is and how it came; from all others they are ignored. The proxy has to set them itself and pass on none that a caller wrote. Without this option all callers behind a proxy look like one: the audit shows the proxy's address, they share the limits of one address, and requests that browsers sent with HTTPS are taken for HTTP: cookies are not marked as secure, and portal links begin with http unless public-url says otherwise."`

	MaxConnections int `name:"max-connections" env:"GANCHO_MAX_CONNECTIONS" default:"4096" placeholder:"N" help:"How many connections may be open at the same time." doc:"One more closes the one that has been idle longest, or else the one whose caller has kept the server waiting longest, 5 seconds or more. If there is none, it is answered with status 503. The limit is lowered if the system allows fewer than twice as many open files."`

	MaxConnectionsPerAddress int `name:"max-connections-per-address" env:"GANCHO_MAX_CONNECTIONS_PER_ADDRESS" default:"512" placeholder:"N" help:"How many of them may come from one address, 0 for any number." doc:"The addresses of one IPv6 network of 64 bits count as one. Loopback addresses and trusted proxies are exempt, because many callers come through them."`

	MaxBodies Bytes `name:"max-bodies" env:"GANCHO_MAX_BODIES" default:"256MiB" placeholder:"SIZE" help:"How many bytes of request bodies may be in memory at the same time." doc:"They are counted as they come. A request that finds no room waits for 5 seconds, and is then answered with status 503 and Retry-After. One tenant, or one key if a request is about no tenant, may have half of it (a single request may have the room that it needs). The first 16 KiB of each body are not counted."`

	Data string `name:"data" env:"GANCHO_DATA" default:"./gancho-data" placeholder:"DIR" help:"Directory of the database and the generated keys." doc:"It is created if it is absent, readable by its owner only. A backup of this directory is a backup of everything. Two servers cannot share one."`

	Database Secret `name:"database" env:"GANCHO_DATABASE" placeholder:"URL" help:"PostgreSQL database that nodes share, as postgres://user:password@host/name; without it, a SQLite file in the data directory." doc:"Any number of servers with the same URL share the work. They need the same encryption key and admin key: set both, or give servers on one machine the same data directory, which then has only the generated keys. See docs/postgresql.md, also for PgBouncer."`

	AdminKey Secret `name:"admin-key" env:"GANCHO_ADMIN_KEY" placeholder:"KEY" help:"API key of the operator, 16 characters or more." doc:"Without it a key is generated at the first start, stored in the data directory for its owner only, and printed once. Other programs on the machine can see flags, so prefer the environment variable or the file."`

	AllowNetworks Networks `name:"allow-networks" env:"GANCHO_ALLOW_NETWORKS" placeholder:"CIDR,…" help:"Private networks that deliveries may reach." doc:"Deliveries to private, loopback, link-local and metadata addresses are refused after the name was looked up, whatever the name says; an endpoint whose URL has such an address is refused when it is created. List here the ranges of your own that endpoints may live in, separated by commas, such as 10.20.0.0/16,fd00:20::/48, or 127.0.0.0/8 to try things on one machine."`

	AllowPorts Ports `name:"allow-ports" env:"GANCHO_ALLOW_PORTS" placeholder:"PORT,…" help:"Ports below 1024 that deliveries may go to, beside 80 and 443." doc:"Other services than web servers have these ports, such as mail. A URL with another port is refused when an endpoint is created, and nothing is sent to it. Separated by commas, such as 81,591."`

	EgressProxy Secret `name:"egress-proxy" env:"GANCHO_EGRESS_PROXY" placeholder:"URL" help:"Forward proxy that all deliveries go through." doc:"Write http://user:password@host:port for a proxy with HTTP CONNECT, which is used for http:// URLs also, or socks5://user:password@host:port; leave user:password@ out if the proxy wants none. Gancho looks up the names of receivers itself, refuses the same addresses as without a proxy, and gives the proxy the address. The proxy's own address may be a private one. If it fails, attempts have the error class proxy_failed. HTTP_PROXY and the like are not read. See docs/adr/0024."`

	SenderAddresses Addresses `name:"sender-addresses" env:"GANCHO_SENDER_ADDRESSES" placeholder:"ADDRESS,…" help:"Addresses that deliveries come from, as receivers see them." doc:"Addresses and ranges, separated by commas, such as 203.0.113.7,2001:db8:20::/48: those of your servers, or of the NAT or proxy before them. The documentation for customers names them, so that their firewalls can let them through. It changes nothing about what is sent."`

	ConnectionAge time.Duration `name:"connection-age" env:"GANCHO_CONNECTION_AGE" default:"60s" placeholder:"TIME" help:"How long a connection to a receiver may be used." doc:"Connections are kept open between deliveries. When this time is over, the next delivery makes a new one and looks the name up again, so that a receiver that moves to another address is followed also under steady traffic."`

	Contracts string    `name:"contracts" env:"GANCHO_CONTRACTS" placeholder:"DIR" help:"Directory of contract files (*.yaml) of your own." doc:"The server imports them when it starts and whenever a file, or an example that a file names, changes. A wrong file is refused: the log says line, column and what to write, and the version before stays in force. A contract stays in force when its file is deleted. A contract with the name of a shipped one replaces it."`
	PublicURL PublicURL `name:"public-url" env:"GANCHO_PUBLIC_URL" placeholder:"URL" help:"Address of this server for browsers, such as https://hooks.example.com or https://example.com/gancho." doc:"Portal links begin with it, and the documentation of contracts names it. Without it portal links begin with the address that the request for the link was sent to. It may have a path, if a proxy hands the server what is below it. Requests are then served with and without that path, so the proxy may pass it on or remove it (docs/proxy.md)."`

	PortalOrigins Origins `name:"portal-origins" env:"GANCHO_PORTAL_ORIGINS" placeholder:"URL,…" help:"Origins whose pages may show the portal in an iframe." doc:"Separated by commas, such as https://app.example.com,https://*.example.com. Without any, only pages of the server's own address may show it."`

	PortalLogo string `name:"portal-logo" env:"GANCHO_PORTAL_LOGO" placeholder:"FILE" help:"Picture that the portal shows at its top: your logo." doc:"SVG, PNG, JPEG, GIF or WebP, of 512 KiB at most, shown 28 pixels high. It is read at the start and served from here, so no other address has to be allowed."`

	PortalAccent Colour `name:"portal-accent" env:"GANCHO_PORTAL_ACCENT" placeholder:"#RRGGBB" help:"Colour of the portal and of the public documentation: yours." doc:"Six hexadecimal digits, such as #0b7285. A portal link that names a colour has that one."`

	Demo bool `name:"demo" env:"GANCHO_DEMO" negatable:"" help:"Start with a demo tenant, a built-in receiver and real deliveries to it." doc:"For a first look only: it allows deliveries to 127.0.0.0/8 and ::1."`

	MaxPayload Bytes `name:"max-payload" env:"GANCHO_MAX_PAYLOAD" default:"1MiB" placeholder:"SIZE" help:"Largest payload of one event." doc:"In bytes, or with a unit: 512KiB, 1MiB. A larger payload is refused with status 413 and nothing of it is stored."`

	MaxEndpoints int `name:"max-endpoints" env:"GANCHO_MAX_ENDPOINTS" default:"10000" placeholder:"N" help:"How many endpoints a tenant can have, 65535 at the most." doc:"One more is refused with status 409 and the code too_many_endpoints. The limit keeps one customer's events from becoming expensive: each endpoint can add a delivery to each event. Existing endpoints stay if you lower it."`

	EventWork int `name:"event-work" env:"GANCHO_EVENT_WORK" default:"500000" placeholder:"UNITS" help:"Work that the filters, conditions and schemas for one event may cost; a unit is about 0.1 µs." doc:"The default is about 50 ms. An endpoint whose filter would cost more gets a delivery that is cancelled with the reason over_budget, which can be retried or recovered. A batch may cost as much once, and a tenth of it for each further event. A run of a schedule may cost a thousand times as much. See docs/adr/0025."`

	TenantWork int `name:"tenant-work" env:"GANCHO_TENANT_WORK" default:"4000000" placeholder:"UNITS" help:"Work a second that the events of one tenant may cost before they wait; a unit is about 0.1 µs." doc:"The default is somewhat less than half of a core. A tenant that needs more is slowed down, and loses nothing: its evaluations take turns, so that they do not slow down other tenants."`

	TenantEventsPerSecond int `name:"tenant-events-per-second" env:"GANCHO_TENANT_EVENTS_PER_SECOND" placeholder:"N" help:"How many events a tenant may publish per second, on average; 0: any number." doc:"What accrues in 10 seconds can be published at once. More is refused with status 429, code rate_limited, and Retry-After. Each node counts by itself. A tenant's own limits (PUT /v1/tenants/{tenant}) come before this and the following options."`

	TenantEventsPerMonth int `name:"tenant-events-per-month" env:"GANCHO_TENANT_EVENTS_PER_MONTH" placeholder:"N" help:"How many events a tenant may publish in a calendar month (UTC); 0: any number." doc:"More is refused with status 429 and code quota_used_up. Nodes learn every 10 seconds what the others counted, so a few more can be accepted."`

	TenantBytesPerMonth Bytes `name:"tenant-bytes-per-month" env:"GANCHO_TENANT_BYTES_PER_MONTH" default:"0" placeholder:"SIZE" help:"How many bytes of payloads and records a tenant may send in a calendar month (UTC); 0: any number." doc:"In bytes, or with a unit: 512MiB, 10GiB. More is refused with status 429 and code quota_used_up."`

	TenantScriptTime time.Duration `name:"tenant-script-time" env:"GANCHO_TENANT_SCRIPT_TIME" default:"0s" placeholder:"TIME" help:"How long the transformations of a tenant may run per minute; 0s: any time." doc:"Beyond it, deliveries that need a transformation wait, and nothing is lost; a test is refused with status 429. Each node counts by itself."`

	DiskLow Bytes `name:"disk-low" env:"GANCHO_DISK_LOW" default:"1GiB" placeholder:"SIZE" help:"Free room on the disk with the database below which the server warns." doc:"The log says it once, the metric gancho_disk_low becomes 1, and the console shows it. On a full disk nothing is accepted and /readyz answers 503. It says nothing about the disk of a PostgreSQL server."`

	Retention time.Duration `name:"retention" env:"GANCHO_RETENTION" default:"720h" placeholder:"TIME" help:"How long finished deliveries, their attempts and their events are kept." doc:"Unfinished deliveries are never removed. Units: s, m, h and d, as in 90d."`

	Idempotency time.Duration `name:"idempotency" env:"GANCHO_IDEMPOTENCY" default:"24h" placeholder:"TIME" help:"How long an event id or Idempotency-Key is remembered." doc:"Within this time, a repeated request gets the answer of the first one, whatever its contract says by then, and no second event, endpoint or key is created."`

	DisableAfter time.Duration `name:"disable-after" env:"GANCHO_DISABLE_AFTER" default:"120h" placeholder:"TIME" help:"Disable an endpoint whose attempts have all failed for this long." doc:"One successful delivery starts the time again, and so does a correction of the endpoint, such as a new URL or secret, or a time without attempts (30 hours, or a quarter more than its longest delay between attempts). The endpoint shows when and why it was disabled, and its missed events can be recovered."`

	StopTimeout time.Duration `name:"stop-timeout" env:"GANCHO_STOP_TIMEOUT" default:"15s" placeholder:"TIME" help:"How long a stop waits for the deliveries in flight." doc:"On SIGTERM or an interrupt the server takes no new work, waits for the requests it is sending, and stops. Requests still open after this time are interrupted, and sent again at the next start. A second signal stops at once."`

	EncryptionKey Secret `name:"encryption-key" env:"GANCHO_ENCRYPTION_KEY" placeholder:"BASE64" help:"Key that encrypts stored secrets: base64 of 32 random bytes." doc:"Without it the key is in the file encryption.key of the data directory, which the first start makes. Set it to keep the key apart from the data; openssl rand -base64 32 makes one. The database knows the id of its key, and no server starts on it without that key, so keep a copy where the backups are not. gancho key rotate replaces it while the servers run; during that time the file has a line for the old and one for the new key, and this option both, separated by a comma."`

	LogLevel LogLevel `name:"log-level" env:"GANCHO_LOG_LEVEL" default:"info" placeholder:"LEVEL" help:"Least important messages to log: debug, info, warn or error."`

	LogFormat LogFormat `name:"log-format" env:"GANCHO_LOG_FORMAT" default:"text" placeholder:"FORMAT" help:"Format of the log on standard error: text for people, json for machines."`

	File string `name:"config" env:"GANCHO_CONFIG" file:"-" placeholder:"FILE" help:"Configuration file (YAML) with any of these options." doc:"No file is read unless this option names one. A key that is not an option is refused with its line, so that a misspelt one is noticed."`
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

// limits are the limits of a tenant that has none of its own.
func (c *Config) limits() hook.Limits {
	return hook.Limits{
		EventsPerSecond: c.TenantEventsPerSecond, EventsPerMonth: int64(c.TenantEventsPerMonth),
		BytesPerMonth: int64(c.TenantBytesPerMonth), Endpoints: c.MaxEndpoints,
		ScriptMSPerMinute: int(c.TenantScriptTime.Milliseconds()),
	}
}

// logger returns a logger with the level and format of c that writes to w.
func (c *Config) logger(w io.Writer) *slog.Logger {
	opts := &slog.HandlerOptions{Level: c.LogLevel.Level()}
	if c.LogFormat == LogJSON {
		opts.ReplaceAttr = asText
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// asText logs values that have a String method, such as ids, as that text. The JSON
// format would log their bytes instead.
func asText(_ []string, a slog.Attr) slog.Attr {
	if a.Value.Kind() == slog.KindAny {
		if v, ok := a.Value.Any().(fmt.Stringer); ok {
			a.Value = slog.StringValue(v.String())
		}
	}
	return a
}
