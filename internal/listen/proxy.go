package listen

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// A proxy says for whom it asks: in the headers X-Forwarded-For, -Proto and -Host, or in Forwarded (RFC 7239). Anybody
// can write these headers. So all of them are believed from a trusted proxy, and none from others.

var forwardedHeaders = []string{"Forwarded", "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host"}

func (d *Door) trusts(a netip.Addr) bool {
	for _, p := range d.o.Trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// name returns a copy of a request that says who the caller is and how it reached us: RemoteAddr is the caller's
// address, Host the name that it used, and the scheme of URL https or http. The headers that proxies write are gone, and
// so is the path of the public address.
func (d *Door) name(r *http.Request) *http.Request {
	r = r.WithContext(r.Context())
	u := *r.URL
	r.URL, u.Scheme, u.Host = &u, "http", ""
	if r.TLS != nil {
		u.Scheme = "https"
	}
	d.inside(&u)
	said := false
	for _, name := range forwardedHeaders {
		if _, ok := r.Header[name]; ok {
			said = true
		}
	}
	if !said {
		return r
	}
	if !d.trusts(addressOf(r.RemoteAddr)) {
		if !d.hinted.Swap(true) {
			d.o.Log.Warn("a caller that is no trusted proxy sent headers of a proxy, such as X-Forwarded-For, and they were "+
				"ignored; if it is your proxy, name its address in --trusted-proxies", "caller", r.RemoteAddr)
		}
	} else if client, scheme, host := d.forwarded(r.Header); client.IsValid() {
		r.RemoteAddr = net.JoinHostPort(client.String(), "0")
		if scheme != "" {
			u.Scheme = scheme
		}
		if host != "" {
			r.Host = host
		}
	}
	header := r.Header.Clone()
	for _, name := range forwardedHeaders {
		header.Del(name)
	}
	r.Header = header
	return r
}

// inside removes the path of the public address from a URL: /gancho/v1 becomes /v1, and /gancho becomes /.
func (d *Door) inside(u *url.URL) {
	if d.o.Path == "" {
		return
	}
	cut := func(path string) (rest string, ok bool) {
		rest, ok = strings.CutPrefix(path, d.o.Path)
		if rest == "" {
			rest = "/"
		}
		return rest, ok && rest[0] == '/'
	}
	path, ok := cut(u.Path)
	raw, rawOK := "", true
	if u.RawPath != "" {
		raw, rawOK = cut(u.RawPath)
	}
	if ok && rawOK {
		u.Path, u.RawPath = path, raw
	}
}

// forwarded reads what a trusted proxy says. client is not valid if nothing can be learned, also if the two ways to say
// it name two callers: then one of them is what a caller wrote, and the proxy passed on.
func (d *Door) forwarded(h http.Header) (client netip.Addr, scheme, host string) {
	var old hops
	for text := range strings.SplitSeq(strings.Join(h["X-Forwarded-For"], ","), ",") {
		if text = strings.TrimSpace(text); text != "" {
			old = append(old, hop{by: text})
		}
	}
	client = d.caller(old)
	scheme, host = strings.ToLower(last(h["X-Forwarded-Proto"])), last(h["X-Forwarded-Host"])
	if len(h["Forwarded"]) > 0 {
		list := parseForwarded(strings.Join(h["Forwarded"], ","))
		named := d.caller(list)
		if len(old) > 0 && named != client {
			return netip.Addr{}, "", ""
		}
		client = named
		if n := len(list); n > 0 {
			scheme, host = strings.ToLower(list[n-1].scheme), list[n-1].host
		}
	}
	if scheme != "https" && scheme != "http" {
		scheme = ""
	}
	if strings.ContainsAny(host, " /\\@?#\"") {
		host = ""
	}
	return client, scheme, host
}

// last is the last entry of a list in headers, the one that the nearest proxy wrote.
func last(lines []string) string {
	if len(lines) == 0 {
		return ""
	}
	line := lines[len(lines)-1]
	return strings.TrimSpace(line[strings.LastIndexByte(line, ',')+1:])
}

// hop is one step of a request on its way to us, as a proxy tells it.
type hop struct{ by, scheme, host string }

type hops []hop

// caller is the address farthest away that a trusted proxy vouches for: read from the end, the first that is no trusted
// proxy. It is not valid if that is no address.
func (d *Door) caller(list hops) (a netip.Addr) {
	for i := len(list) - 1; i >= 0; i-- {
		if a = parseHop(list[i].by); !a.IsValid() || !d.trusts(a) {
			return a
		}
	}
	return a
}

// parseHop reads 192.0.2.1, 192.0.2.1:443, 2001:db8::1 or [2001:db8::1]:443.
func parseHop(s string) netip.Addr {
	if a := addressOf(s); a.IsValid() {
		return a
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

// parseForwarded reads the header Forwarded. What cannot be read is left out.
func parseForwarded(s string) (list hops) {
	for element := range strings.SplitSeq(s, ",") {
		var h hop
		for pair := range strings.SplitSeq(element, ";") {
			name, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
			value = strings.Trim(value, `"`)
			switch strings.ToLower(name) {
			case "for":
				h.by = value
			case "proto":
				h.scheme = value
			case "host":
				h.host = value
			}
		}
		list = append(list, h)
	}
	return list
}
