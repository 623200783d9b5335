package store

import (
	"context"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/rawjson"
)

// newer are the texts of rows as a later version of the program stores them.
type newer struct {
	t  *testing.T
	db *DB
}

// sealed changes a sealed column of a row: it adds members to its JSON text at a path, which this program does not know.
func (n newer) sealed(table, column string, id []byte, add func(text []byte) []byte) {
	n.t.Helper()
	err := n.db.change(n.t.Context(), func(t *tx) error {
		text := n.text(t.ctx, table, column, id)
		_, err := t.exec(`UPDATE `+table+` SET `+column+` = $2 WHERE id = $1`, id, n.db.seal.sealBytes(add(text), id))
		return err
	})
	if err != nil {
		n.t.Fatal(err)
	}
}

// text is the JSON text of a sealed column.
func (n newer) text(ctx context.Context, table, column string, id []byte) []byte {
	n.t.Helper()
	var sealed []byte
	if err := n.db.read.QueryRowContext(ctx, `SELECT `+column+` FROM `+table+` WHERE id = $1`, id).Scan(&sealed); err != nil {
		n.t.Fatal(err)
	}
	text, err := n.db.seal.openBytes(sealed, id)
	if err != nil {
		n.t.Fatal(err)
	}
	return text
}

// has checks the values at places of a text.
func (n newer) has(text []byte, want map[string]string) {
	n.t.Helper()
	for place, value := range want {
		path, err := rawjson.ParsePath(place)
		if err != nil {
			n.t.Fatal(err)
		}
		if got, _ := rawjson.Lookup(text, path...); string(got) != value {
			n.t.Errorf("%s is %s, want %s, in %s", place, got, value, text)
		}
	}
}

// with adds a member to the object at the end of a path.
func with(text []byte, member string, path ...string) []byte {
	if len(path) == 0 {
		return rawjson.Merge(text, []byte(`{"`+member+`":{"a":[1]}}`))
	}
	inner, _ := rawjson.Lookup(text, path...)
	return rawjson.Replace(text, with(inner, member), path...)
}

// During an upgrade, a program edits what a newer one stored. What it does not know stays.
func TestNewerEndpoint(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		n := newer{t, db}
		newTenant(t, db, "acme")
		e := &hook.Endpoint{ID: hook.NewEndpointID(), Tenant: "acme", Contract: "x", State: hook.EndpointActive}
		e.Config = hook.EndpointConfig{
			URL: "http://x/", Filter: "true", Headers: []hook.Header{{Name: "A", Value: "1"}, {Name: "B", Value: "2"}},
			Auth: &hook.Auth{Basic: &hook.BasicAuth{User: "ana", Password: "hunter2"}}, Settings: []byte(`{"one":1,"two":2}`),
		}
		e.Secrets = []hook.Secret{{Text: "whsec_first"}}
		if err := db.CreateEndpoint(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		n.sealed("endpoints", "config", e.ID[:], func(text []byte) []byte {
			return with(with(with(text, "later"), "later", "auth", "basic"), "later", "headers", "1")
		})
		n.sealed("endpoints", "secrets", e.ID[:], func(text []byte) []byte { return with(text, "later", "0") })

		edit := func(newConfig bool, change func(*hook.Endpoint)) {
			t.Helper()
			now, err := db.Endpoint(t.Context(), e.ID)
			if err != nil || now.Unreadable {
				t.Fatal(now, err)
			}
			change(now)
			if ok, err := db.UpdateEndpoint(t.Context(), now, newConfig); !ok || err != nil {
				t.Fatal(ok, err)
			}
		}
		later := `{"a":[1]}`
		kept := map[string]string{"later": later, "auth.basic.later": later}
		edit(true, func(e *hook.Endpoint) {
			e.Config.URL, e.Config.Filter, e.Config.Auth.Basic.Password, e.Config.Settings = "http://y/", "", "other", []byte(`{"two":2}`)
			e.Config.Headers = []hook.Header{{Name: "C", Value: "3"}, e.Config.Headers[1]}
		})
		text := n.text(t.Context(), "endpoints", "config", e.ID[:])
		n.has(text, kept)
		n.has(text, map[string]string{
			"url": `"http://y/"`, "filter": "", "settings": `{"two":2}`, "headers[0]": `{"n":"C","v":"3"}`, "headers[1].n": `"B"`, "headers[1].later": later,
		})

		// A new secret stands before the one that is stored. A new name or state writes the configuration again, too.
		edit(false, func(e *hook.Endpoint) {
			e.Secrets[0].ExpiresAt = time.Unix(1e9, 0).UTC()
			e.Secrets = append([]hook.Secret{{Text: "whsec_second"}}, e.Secrets...)
		})
		secrets := `[{"text":"whsec_second"},{"text":"whsec_first","expires_at":"2001-09-09T01:46:40Z","later":{"a":[1]}}]`
		if text := n.text(t.Context(), "endpoints", "secrets", e.ID[:]); string(text) != secrets {
			t.Errorf("%s, want %s", text, secrets)
		}
		edit(false, func(e *hook.Endpoint) { e.Name, e.State = "CRM", hook.EndpointPaused })
		n.has(n.text(t.Context(), "endpoints", "config", e.ID[:]), kept)

		// The versions from which earlier requests are made again have it, too.
		var sealed []byte
		if err := db.read.QueryRow(`SELECT config FROM endpoint_versions WHERE endpoint = $1 AND version = 2`, e.ID[:]).Scan(&sealed); err != nil {
			t.Fatal(err)
		}
		version, err := db.seal.openBytes(sealed, e.ID[:])
		if err != nil {
			t.Fatal(err)
		}
		n.has(version, kept)

		// What is removed takes along what was in it.
		edit(true, func(e *hook.Endpoint) { e.Config.Auth = nil })
		n.has(n.text(t.Context(), "endpoints", "config", e.ID[:]), map[string]string{"later": later, "auth": ""})
	})
}

func TestNewerCredential(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		n := newer{t, db}
		newTenant(t, db, "acme")
		c, e := newCredential("acme")
		if err := db.CreateCredential(t.Context(), c, e, 1); err != nil {
			t.Fatal(err)
		}
		n.sealed("credentials", "sealed", c.ID[:], func(text []byte) []byte { return with(text, "later") })
		n.sealed("endpoints", "config", e.ID[:], func(text []byte) []byte { return with(text, "later", "credential") })
		c.APIKey, c.TokenExpires = "another", time.Now().Add(time.Hour)
		e.Config.Credential.APIKey = "another"
		if ok, err := db.UpdateCredential(t.Context(), c, e, true); !ok || err != nil {
			t.Fatal(ok, err)
		}
		n.has(n.text(t.Context(), "credentials", "sealed", c.ID[:]), map[string]string{"api_key": `"another"`, "later": `{"a":[1]}`})
		n.has(n.text(t.Context(), "endpoints", "config", e.ID[:]), map[string]string{"credential.later": `{"a":[1]}`})
	})
}

func TestNewerTenant(t *testing.T) {
	each(t, func(t *testing.T, db *DB) {
		n := newer{t, db}
		newTenant(t, db, "acme")
		err := db.change(t.Context(), func(t *tx) error {
			_, err := t.exec(`UPDATE tenants SET limits = $2, egress = $3 WHERE id = $1`, "acme", `{"endpoints":5,"later":1}`, `{"later":["a"]}`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := db.PutTenant(t.Context(), "acme", hook.TenantChange{Limits: &hook.Limits{EventsPerMonth: 7}, Egress: new(hook.Hosts)}); err != nil {
			t.Fatal(err)
		}
		var limits, egress []byte
		if err := db.read.QueryRow(`SELECT limits, egress FROM tenants WHERE id = $1`, "acme").Scan(&limits, &egress); err != nil {
			t.Fatal(err)
		}
		n.has(limits, map[string]string{"later": "1", "endpoints": "", "events_per_month": "7"})
		n.has(egress, map[string]string{"later": `["a"]`})
	})
}
