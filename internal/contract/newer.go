package contract

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"gancho/internal/yamlfile"
)

// Newer lists what the file says in a way for which the language has a better one by now, and tokens that prove nothing, each
// with its place. What stands there works as it did. Of a contract that was read from the database it is empty.
func (c *Contract) Newer() []Problem { return c.newer }

var (
	asksType   = regexp.MustCompile(`(?:^|[^.\w])(?:event\.)?type\s*==\s*["']`)
	bearerText = regexp.MustCompile(`^Bearer (\$\{(?:settings|credential)\.[^{}]+\})$`)
)

// newerSpellings looks for older ways in the requests of a contract.
func (l *loader) newerSpellings() (out []Problem) {
	e := l.root.Get("endpoint")
	say := func(line, column int, message, fix string) {
		out = append(out, Problem{File: l.Name, Line: line, Column: column, Message: message, Fix: fix})
	}
	for _, where := range []string{"headers", "query"} {
		for _, p := range e.Get(where).Each() {
			computed, chosen := p.Value.Get("$expr"), p.Value.Get("$when")
			text := p.Value.Text
			if computed != nil {
				text = computed.Text
			}
			value := p.Value.Get("$value")
			switch bearer := bearerText.FindStringSubmatch(text); {
			case where == "headers" && p.Key == "Authorization" && bearer != nil:
				say(p.Line, p.Column, "Authorization is written by hand.", fmt.Sprintf("Write it under endpoint: auth: {bearer: %q}", bearer[1]))
			case where == "headers" && p.Key == "Authorization" && computed != nil && strings.Contains(text, "Basic ") && strings.Contains(text, "base64("):
				say(p.Line, p.Column, "Authorization is computed.",
					`Write the parts under endpoint: auth: {basic: {user: "${settings.user}", password: "${settings.password}"}}`)
			case computed != nil && strings.Contains(text, "hmac_sha256"):
				say(p.Line, p.Column, p.Key+" is a signature that is computed.",
					"Describe it under endpoint: sign, which signs each attempt, and by which receivers can verify.")
			case chosen != nil && value != nil && p.Value.Get("$else") == nil && value.Text == "${"+strings.TrimSuffix(chosen.Text, " != null")+"}":
				say(p.Line, p.Column, p.Key+" asks whether its value is there.", fmt.Sprintf("Write %s: %q; it is left out if the value is absent.", p.Key, value.Text))
			}
		}
	}
	signs := []*yamlfile.Node{e.Get("sign")}
	if signs[0] != nil && len(signs[0].Items) > 0 {
		signs = signs[0].Items
	}
	for _, sign := range signs {
		if n := sign.Get("jwt"); n != nil && endlessToken(n) {
			say(n.Line, n.Column, "The token is the same in every request and never expires: whoever sees it once can send requests with it for ever.",
				`Add lifetime: 5m, or name something of the request: claims: {sha256: "${body.sha256}", iat: "${timestamp}"}`)
		}
	}
	var asked []*yamlfile.Node
	for _, where := range []string{"content_type", "headers", "query", "body", "item"} {
		asked = append(asked, askingType(e.Get(where))...)
	}
	if len(asked) > 1 {
		say(asked[0].Line, asked[0].Column, fmt.Sprintf("Requests ask %d times for the type of the event.", len(asked)),
			"What is different for one type can stand with the type: events: {order.paid: {headers: {X-Topic: paid}, set: {topic: paid}}}, and ${set.topic} names it.")
	}
	return out
}

// endlessToken reports whether nothing in the tokens of a section jwt differs from one request to the next.
func endlessToken(jwt *yamlfile.Node) bool {
	for _, holdsBody := range []string{"detached", "enclosed"} {
		if n := jwt.Get(holdsBody); n != nil && n.Text == "true" {
			return false
		}
	}
	if jwt.Get("lifetime") != nil {
		return false
	}
	for _, x := range slices.Concat(jwt.Get("claims").Each(), jwt.Get("header").Each()) {
		if strings.Contains(x.Value.Text, "${") {
			return false
		}
	}
	return true
}

// askingType lists the conditions and expressions at a node that compare the type of the event.
func askingType(n *yamlfile.Node) (out []*yamlfile.Node) {
	if n == nil {
		return nil
	}
	for _, p := range n.Pairs {
		if (p.Key == "$when" || p.Key == "$expr") && asksType.MatchString(p.Value.Text) {
			out = append(out, p.Value)
			continue
		}
		out = append(out, askingType(p.Value)...)
	}
	for _, item := range n.Items {
		out = append(out, askingType(item)...)
	}
	return out
}
