package contract

import (
	"io/fs"
	"strings"
	"testing"

	"gancho/contracts"
)

// What has a newer spelling is said with its place, and loads as before. What only looks like it is left alone.
func TestNewer(t *testing.T) {
	t.Parallel()
	const settings = "  settings: {properties: {token: {type: string, secret: true, title: T}, user: {type: string, title: U}}}\n"
	for endpoint, want := range map[string]string{
		`  headers: {Authorization: "Bearer ${settings.token}"}`:                                                            `Write it under endpoint: auth: {bearer: "${settings.token}"}`,
		`  headers: {authorization: "Bearer ${settings.token}"}`:                                                            "", // auth would spell it differently
		`  headers: {Authorization: "Token ${settings.token}"}`:                                                             "",
		`  headers: {Authorization: {$expr: '"Basic " + base64(settings.user + ":" + settings.token)'}}`:                    "auth: {basic: ",
		`  headers: {X-Sum: {$expr: 'hmac_sha256(string(payload.id), settings.token)'}}`:                                    "Describe it under endpoint: sign",
		`  headers: {X-User: {$when: settings.user != null, $value: "${settings.user}"}}`:                                   `Write X-User: "${settings.user}"`,
		`  headers: {X-User: {$when: settings.user != null, $value: "${settings.user}", $else: nobody}}`:                    "",
		`  body: {a: {$when: event.type == "x", $value: 1}, b: [{$expr: 'type == "y" ? 1 : 2'}]}`:                           "Requests ask 2 times for the type",
		`  body: {a: {$when: payload.type == "x", $value: 1}, b: {$when: payload.kind_type == "y", $value: 2}}`:             "",
		`  body: {a: {$when: event.type == "x", $value: 1}}`:                                                                "",
		`  sign: {jwt: {claims: {iss: shop}, header: {kid: "1"}}, headers: {X-Token: "${signature}"}}`:                      "never expires",
		`  sign: [{headers: {X-Sum: "${signature}"}}, {jwt: {}, headers: {X-Token: "${signature}"}}]`:                       "never expires",
		`  sign: {jwt: {claims: {iss: shop}, lifetime: 5m}, headers: {X-Token: "${signature}"}}`:                            "",
		`  sign: {jwt: {claims: {iss: shop, jti: "${event.id}"}}, headers: {X-Token: "${signature}", X-Id: "${event.id}"}}`: "",
		`  sign: {jwt: {header: {ts: "${timestamp}"}}, headers: {X-Token: "${signature}"}}`:                                 "",
		`  sign: {jwt: {detached: true}, headers: {X-Token: "${signature}"}}`:                                               "",
		`  sign: {jwt: {enclosed: true}, headers: {X-Token: "${signature}"}}`:                                               "",
		`  auth: {bearer: "${settings.token}"}`:                                                                             "",
	} {
		c := parseContract(t, "contract: c\ntitle: C\nevents: {\"*\": {title: E}}\nendpoint:\n"+settings+endpoint+"\n")
		var said []string
		for _, p := range c.Newer() {
			said = append(said, p.String())
		}
		got := strings.Join(said, "\n")
		if want == "" && got != "" || !strings.Contains(got, want) || want != "" && (len(said) != 1 || !strings.Contains(got, ":6:")) {
			t.Errorf("%s\nsays %q, want %q", endpoint, got, want)
		}
	}
}

// The contracts that ship are written in the newest way.
func TestShippedAreNewest(t *testing.T) {
	t.Parallel()
	for _, dir := range []fs.FS{contracts.Files, contracts.Library()} {
		files, err := fs.Glob(dir, "*.yaml")
		if err != nil || len(files) < 5 {
			t.Fatalf("%d files, %v", len(files), err)
		}
		for _, file := range files {
			c, err := Load(dir, file)
			if err != nil {
				t.Fatal(err)
			}
			for _, p := range c.Newer() {
				t.Error(p)
			}
		}
	}
}
