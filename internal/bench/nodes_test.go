package bench

import (
	"context"
	"errors"
	"flag"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"gancho/internal/app"
	"gancho/internal/hook"
	"gancho/internal/pgtest"
	"gancho/internal/refused"
	"gancho/internal/store"
	"gancho/internal/storetest"
)

// runServer is `gancho serve`, as far as the benchmark uses it.
func runServer(ctx context.Context, args []string) error {
	cfg := app.DefaultConfig()
	cfg.StopTimeout = time.Second
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	flags.StringVar(&cfg.Listen, "listen", "", "")
	flags.StringVar(&cfg.Data, "data", "", "")
	for name, into := range map[string]*app.Secret{"admin-key": &cfg.AdminKey, "database": &cfg.Database, "encryption-key": &cfg.EncryptionKey} {
		flags.Func(name, "", func(text string) error { *into = app.Secret(text); return nil })
	}
	flags.Func("allow-networks", "", func(text string) error { return cfg.AllowNetworks.UnmarshalText([]byte(text)) })
	if err := flags.Parse(args); err != nil {
		return err
	}
	return app.Run(ctx, cfg, os.Stdout, os.Stderr)
}

// What is about several nodes is measured on real ones.
func TestNodesMeasure(t *testing.T) {
	t.Parallel()
	for name, rows := range map[string][]string{
		"engines":  {"events delivered and recorded, SQLite", "events delivered and recorded, one node on PostgreSQL", "CPU of the database per 1000 events"},
		"nodes":    {"events delivered and recorded, 1 node", "CPU of all nodes per 1000 events, 2 nodes", "CPU of the database per 1000 events, 2 nodes"},
		"idle":     {"transactions of each idle node over 200ms, notified"},
		"failover": {"last arrival after a pause was answered", "events acknowledged while a node was killed", "longest publish to arrival: the take-over"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := small(name)
			o.Duration, o.Idle = 2*time.Second, 200*time.Millisecond
			o.Database = pgtest.Database(t, store.Migrate)
			r, err := measure(t, o)
			if err != nil {
				t.Fatal(err)
			}
			for _, what := range rows {
				if w := find(t, r, what); w.Scenario != name || w.Result < 0 {
					t.Errorf("%+v", w)
				}
			}
		})
	}
}

func TestNodesNeedADatabase(t *testing.T) {
	err := Run(t.Context(), small("nodes"), io.Discard, io.Discard)
	if err == nil || !strings.Contains(err.Error(), "--database") {
		t.Errorf("without a database: %v", err)
	}
}

// What is idle behind a pooler polls, and is held to another target.
func TestIdlePolls(t *testing.T) {
	t.Parallel()
	o := small("idle")
	o.Database = pgtest.Pooler(t, pgtest.Database(t, store.Migrate), 5)
	r, err := measure(t, o)
	if err != nil {
		t.Fatal(err)
	}
	if w := find(t, r, "transactions of each idle node over 20ms, polling"); w.OK == nil {
		t.Errorf("no target: %+v", w)
	}
}

// Endpoints whose numbers put them into one slot have one node, and no node waits
// for them to part.
func TestSpreadKeepsSlotsTogether(t *testing.T) {
	t.Parallel()
	url := pgtest.Database(t, store.Migrate)
	db := storetest.OpenURL(t, url)
	for n := range 2 {
		epoch, err := db.Cluster().Join(t.Context(), "", time.Hour, false)
		if err != nil {
			t.Fatal(err)
		}
		var slots []int
		for s := n * hook.Slots / 2; s < (n+1)*hook.Slots/2; s++ {
			slots = append(slots, s)
		}
		if got, err := db.Cluster().Take(t.Context(), epoch, slots); err != nil || len(got) != len(slots) {
			t.Fatal(got, err)
		}
	}
	if _, _, err := db.PutTenant(t.Context(), "acme", hook.TenantChange{}); err != nil {
		t.Fatal(err)
	}
	add := func(slot byte) {
		t.Helper()
		id := hook.NewEndpointID()
		id[9] = slot
		e := &hook.Endpoint{ID: id, Tenant: "acme", Contract: "standard", State: hook.EndpointActive, Version: 1, Config: hook.EndpointConfig{URL: refused.URL() + "/"}}
		if err := db.CreateEndpoint(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	b := &bench{o: Options{Database: url}}
	d, err := b.openDatabase(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer d.close()
	add(7)
	add(7)
	if err := d.spread(t.Context(), 2); err != nil {
		t.Errorf("two in one slot: %v", err)
	}
	add(8)
	//policy:allow time: it is expected to go on until then
	uneven, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := d.spread(uneven, 2); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("three on one node, none on the other: %v", err)
	}
}
