package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gancho.example/client"
)

// fetch asks a server without a key. The caller closes the body.
func (p *process) fetch(path string) *http.Response {
	p.t.Helper()
	req, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, p.url+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := new(http.Client).Do(req)
	if err != nil {
		p.t.Fatal(err)
	}
	return res
}

// ready asks a server whether it is ready, and returns the status and the parts that are not.
func (p *process) ready() (status int, wrong []string) {
	p.t.Helper()
	res := p.fetch("/readyz")
	defer res.Body.Close()
	var answer struct{ Errors []client.ProblemError }
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		p.t.Fatal(err)
	}
	for _, e := range answer.Errors {
		wrong = append(wrong, *e.Pointer)
	}
	return res.StatusCode, wrong
}

// TestFullDisk lets the files of a server not get larger than a few megabytes, which fails as a full disk does. While
// events are refused the server is not ready, and it says why; it is alive all the time.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	p := startWith(t, place{dir: t.TempDir()}, func(c *testConfig) { c.FileLimit = 4 << 20 })
	if status, wrong := p.ready(); status != http.StatusOK || wrong != nil {
		t.Fatalf("at first: %d %v", status, wrong)
	}
	if _, err := p.PutTenant(t.Context(), "acme", client.TenantInput{}); err != nil {
		t.Fatal(err)
	}
	payload := json.RawMessage(`"` + strings.Repeat("x", 30<<10) + `"`)
	refused := 0
	eventually(t, "events are refused", func() bool {
		_, err := p.PublishEvent(t.Context(), "acme", client.NewEvent{Type: "a", Payload: payload})
		if e, ok := errors.AsType[*client.Problem](err); ok && e.Status == http.StatusServiceUnavailable {
			refused++
		}
		return refused > 3
	})
	eventually(t, "the server is not ready", func() bool {
		status, wrong := p.ready()
		return status == http.StatusServiceUnavailable && slices.Equal(wrong, []string{"/database"})
	})
	res := p.fetch("/healthz")
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Errorf("it is not alive: %s", res.Status)
	}
}

// TestDiskNearlyFull: the log says it once, the metric shows it, and the API, too.
func TestDiskNearlyFull(t *testing.T) {
	t.Parallel()
	p := startWith(t, place{dir: t.TempDir()}, func(c *testConfig) { c.DiskLow = 1 << 60 })
	eventually(t, "the metric shows it", func() bool { return p.metric("gancho_disk_low") == 1 })
	if p.metric("gancho_disk_free_bytes") <= 0 {
		t.Error("no free room is shown")
	}
	got, err := p.System(t.Context())
	if err != nil || !got.Ready || got.Disk == nil || !got.Disk.Low || got.Disk.FreeBytes <= 0 {
		t.Errorf("system: %+v, %v", got, err)
	}
	if n := strings.Count(p.log.String(), "the disk is nearly full"); n != 1 {
		t.Errorf("the log says it %d times", n)
	}

	var log tail
	d := &disk{lowBelow: 1000, log: slog.New(slog.NewTextHandler(&log, nil))}
	for _, c := range []struct {
		free int64
		low  bool
	}{{1000, false}, {999, true}, {500, true}, {1050, true}, {1100, false}, {999, true}} {
		d.look(func(string) (int64, error) { return c.free, nil })
		if got := d.now(); got.Low != c.low || got.Free != c.free {
			t.Errorf("with %d bytes: %+v", c.free, got)
		}
	}
	d.look(func(string) (int64, error) { return 0, errors.New("gone") })
	if got := d.now(); !got.Low || got.Free != 999 {
		t.Errorf("when it could not be measured: %+v", got)
	}
	if full, room := strings.Count(log.String(), "nearly full"), strings.Count(log.String(), "room again"); full != 2 || room != 1 {
		t.Errorf("the log says nearly full %d times, and room again %d times", full, room)
	}
}

// counting is a database that counts how often it is asked.
type counting struct {
	asked int
	err   error
}

func (c *counting) Ready(context.Context) error { c.asked++; return c.err }

func (c *counting) KeyAtHand(context.Context) error { return c.err }

// TestHealth: each part is named when it is not well, and asking often asks the database every now and then.
func TestHealth(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		db := &counting{}
		leased, beat := true, time.Now()
		h := &health{database: db, leased: func() bool { return leased }, beat: func() time.Time { return beat }}
		wrong := func() (parts []string) {
			for range 100 {
				parts = nil
				for _, c := range h.Check(t.Context()) {
					if c.Wrong.Code != "" {
						parts = append(parts, c.Part)
					}
				}
			}
			return parts
		}
		for _, c := range []struct {
			change func()
			want   []string
		}{
			{func() {}, nil},
			{func() { db.err = errors.New("disk full") }, []string{"database", "encryption_key"}},
			{func() { db.err, leased = nil, false }, []string{"lease"}},
			{func() { leased, beat = true, beat.Add(-time.Hour) }, []string{"worker"}},
			{func() { beat = time.Now() }, nil},
		} {
			db.asked = 0
			c.change()
			time.Sleep(2 * time.Second)
			if got := wrong(); !slices.Equal(got, c.want) {
				t.Errorf("not well: %v, want %v", got, c.want)
			}
			if db.asked != 1 {
				t.Errorf("the database was asked %d times", db.asked)
			}
		}
	})
}
