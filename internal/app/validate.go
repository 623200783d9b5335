package app

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"gancho/internal/console"
	"gancho/internal/hook"
	sendhttp "gancho/internal/send/http"
)

// ConfigError lists everything that is wrong with a configuration. Each problem is a
// sentence that says what to change.
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

const (
	minAdminKey = 16
	minPayload  = 1 << 10
	maxPayload  = 64 << 20
	minWork     = 1_000         // units, see package work
	maxWork     = 1_000_000_000 // about 100 s

	minConnections = 16
	minBodies      = Bytes(64 << 20) // the largest batch has room
)

// Validate reports all that is wrong with the values of c at once, as a
// [*ConfigError], or nil.
func (c *Config) Validate() error {
	var found problems
	c.checkAddresses(&found)
	c.checkData(&found)
	c.checkNetworks(&found)
	c.checkRoom(&found)
	c.checkTenants(&found)
	c.checkTimes(&found)
	c.checkTexts(&found)
	return configError(found)
}

// problems are sentences for a [ConfigError].
type problems []string

// add adds a sentence. It begins with the name of the option.
func (p *problems) add(format string, args ...any) { *p = append(*p, fmt.Sprintf(format, args...)) }

// checkAddresses checks where the server listens.
func (c *Config) checkAddresses(found *problems) {
	checkAddress(found, "listen", c.Listen, "127.0.0.1:8480 or :8480")
	if c.OperatorListen != "" {
		checkAddress(found, "operator-listen", c.OperatorListen, "127.0.0.1:8481")
	}
}

func checkAddress(found *problems, name, address, example string) {
	if _, port, err := net.SplitHostPort(address); err != nil {
		found.add("%s: %q is not an address; write HOST:PORT, such as %s", name, address, example)
	} else if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		found.add("%s: %q has no port number from 0 to 65535; write HOST:PORT, such as %s", name, address, example)
	}
}

// checkData checks where the data is, and who may read it.
func (c *Config) checkData(found *problems) {
	if strings.TrimSpace(c.Data) == "" {
		found.add("data: the directory is missing; write one, such as ./gancho-data")
	}
	if key := string(c.AdminKey); key != "" {
		if n := len([]rune(key)); n < minAdminKey {
			found.add("admin-key: the key has %d characters; use %d or more, or leave it out to have one generated", n, minAdminKey)
		}
		if strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
			found.add("admin-key: the key has spaces or characters that cannot be sent in a header; use letters, digits and ASCII punctuation")
		}
	}
	if url := string(c.Database); url != "" && !isPostgres(url) {
		found.add("database: %v, or leave it out for a SQLite file in the data directory", errNotPostgres)
	}
}

// checkNetworks checks whom the server trusts and what it may reach.
func (c *Config) checkNetworks(found *problems) {
	for _, n := range []struct {
		name     string
		networks Networks
	}{{"allow-networks", c.AllowNetworks}, {"trusted-proxies", c.TrustedProxies}} {
		for _, p := range n.networks {
			if !p.IsValid() {
				found.add("%s: one of the networks is not valid; write them as 10.20.0.0/16", n.name)
			}
		}
	}
	if _, err := sendhttp.ParseProxy(string(c.EgressProxy)); err != nil {
		found.add("egress-proxy: %v", err)
	}
}

// checkRoom checks how much room connections, requests and data may take.
func (c *Config) checkRoom(found *problems) {
	if c.MaxConnections < minConnections {
		found.add("max-connections: %d is out of range; choose %d or more", c.MaxConnections, minConnections)
	}
	if c.MaxConnectionsPerAddress < 0 {
		found.add("max-connections-per-address: %d is out of range; choose 1 or more, or 0 for any number", c.MaxConnectionsPerAddress)
	}
	if c.DiskLow < 0 {
		found.add("disk-low: %s is out of range; choose 0 or more", c.DiskLow)
	}
	if least := max(minBodies, c.MaxPayload); c.MaxBodies < least {
		found.add("max-bodies: %s is out of range; choose %s or more", c.MaxBodies, least)
	}
	if c.MaxPayload < minPayload || c.MaxPayload > maxPayload {
		found.add("max-payload: %s is out of range; choose a size from %s to %s", c.MaxPayload, Bytes(minPayload), Bytes(maxPayload))
	}
	if c.MaxEndpoints < 1 || c.MaxEndpoints > hook.MaxFanout {
		found.add("max-endpoints: %d is out of range; choose a number from 1 to %d", c.MaxEndpoints, hook.MaxFanout)
	}
}

// checkTenants checks what a tenant may use.
func (c *Config) checkTenants(found *problems) {
	for _, w := range []struct {
		name string
		v    int
	}{{"event-work", c.EventWork}, {"tenant-work", c.TenantWork}} {
		if w.v < minWork || w.v > maxWork {
			found.add("%s: %d is out of range; choose a number of units from %d to %d", w.name, w.v, minWork, maxWork)
		}
	}
	for _, n := range []struct {
		name string
		v    int64
	}{
		{"tenant-events-per-second", int64(c.TenantEventsPerSecond)},
		{"tenant-events-per-month", int64(c.TenantEventsPerMonth)},
		{"tenant-bytes-per-month", int64(c.TenantBytesPerMonth)},
		{"tenant-script-time", int64(c.TenantScriptTime)},
	} {
		if n.v < 0 {
			found.add("%s: this is below zero; write what is allowed, or 0 for no limit", n.name)
		}
	}
}

// checkTimes checks the lengths of time.
func (c *Config) checkTimes(found *problems) {
	for _, d := range []struct {
		name string
		v    time.Duration
		def  string
	}{
		{"retention", c.Retention, "720h"},
		{"idempotency", c.Idempotency, "24h"},
		{"disable-after", c.DisableAfter, "120h"},
		{"stop-timeout", c.StopTimeout, "15s"},
		{"connection-age", c.ConnectionAge, "60s"},
	} {
		if d.v <= 0 {
			found.add("%s: %s is no length of time; write one above zero, such as %s", d.name, d.v, d.def)
		}
	}
}

// checkTexts checks what has a form of its own: a picture, keys and names.
func (c *Config) checkTexts(found *problems) {
	if _, err := console.ReadLogo(c.PortalLogo); err != nil {
		found.add("portal-logo: %v", err)
	}
	if _, err := parseKeys(string(c.EncryptionKey)); err != nil {
		found.add("encryption-key: %v", err)
	}
	if !slices.Contains(logLevels, c.LogLevel) {
		found.add("log-level: %q is not a level; choose debug, info, warn or error", string(c.LogLevel))
	}
	if !slices.Contains(logFormats, c.LogFormat) {
		found.add("log-format: %q is not a format; choose text or json", string(c.LogFormat))
	}
}
