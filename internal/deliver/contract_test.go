package deliver

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/send"
)

// A new version of the contract holds for what was not attempted yet; what was, keeps its own, so that each request is
// wholly of one version, even if the two differ in whether they sign.
func TestContractChanges(t *testing.T) {
	t.Parallel()
	for name, more := range map[string]string{"plain": "", "now it signs": "  sign: standard-webhooks\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := hook.EndpointConfig{Retry: []time.Duration{0, time.Hour}}
			bubble(t, time.Minute, cfg, func(n int, _ *send.Message) *send.Reply { return status(map[bool]int{true: 500, false: 200}[n == 1]) }, func(t *testing.T, x *world) {
				e := x.addEndpoint("http://b", cfg)
				e.Secrets = []hook.Secret{{Text: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}}
				if ok, err := x.db.UpdateEndpoint(t.Context(), e, false); !ok || err != nil {
					t.Fatal(ok, err)
				}
				put := func(version int, more string) {
					c, err := contract.Parse("standard.yaml", []byte(standard+"endpoint:\n  headers: {x-version: \""+strconv.Itoa(version)+"\"}\n  body: {v: "+strconv.Itoa(version)+", p: \"${payload}\"}\n"+more))
					if err != nil {
						t.Fatal(err)
					}
					x.w.Contracts.Add(c.WithVersion(int64(version)))
					x.w.Refresh(hook.Change{Contract: "standard"})
					synctest.Wait()
				}
				put(1, "")
				x.publish(e, `"first"`)
				synctest.Wait()
				put(2, more)
				x.publish(e, `"second"`)
				time.Sleep(2 * time.Hour)
				synctest.Wait()
				var got []string
				for _, s := range x.rc.requests() {
					var text strings.Builder
					text.WriteString(string(s.message.Body))
					for _, h := range s.message.Headers {
						switch h.Name {
						case "x-version":
							text.WriteString(" " + h.Value)
						case "webhook-signature":
							text.WriteString(" signed")
						}
					}
					got = append(got, text.String())
				}
				signed := ""
				if more != "" {
					signed = " signed"
				}
				want := []string{`{"v":1,"p":"first"} 1`, `{"v":2,"p":"second"} 2` + signed, `{"v":1,"p":"first"} 1`}
				if len(got) != 3 || got[0] != want[0] || got[1] != want[1] || got[2] != want[2] {
					t.Errorf("sent %q, want %q", got, want)
				}
			})
		})
	}
}

// An event of which a version of the contract can make no request was never sent. When the contract is corrected and
// somebody asks for another attempt, the correction makes the whole request.
func TestContractThatMadeNoRequest(t *testing.T) {
	t.Parallel()
	cfg := hook.EndpointConfig{Retry: []time.Duration{0, time.Hour}}
	bubble(t, time.Minute, cfg, func(int, *send.Message) *send.Reply { return status(200) }, func(t *testing.T, x *world) {
		put := func(version int64, endpoint string) {
			c, err := contract.Parse("standard.yaml", []byte(standard+endpoint))
			if err != nil {
				t.Fatal(err)
			}
			x.w.Contracts.Add(c.WithVersion(version))
			x.w.Refresh(hook.Change{Contract: "standard"})
			settle()
		}
		put(1, "endpoint:\n  headers: {x-name: \"${payload.name}\"}\n  body: {v: 1}\n")
		e := x.addEndpoint("http://b", cfg)
		id := x.publish(e, `{"name":"two\nlines"}`)
		settle()
		if d := x.delivery(id); d.State != hook.Failed || d.Reason != hook.ClassRender {
			t.Fatalf("%+v", d)
		}
		put(2, "endpoint:\n  body: {v: 2}\n")
		if _, err := x.db.Retry(t.Context(), "acme", id, false); err != nil {
			t.Fatal(err)
		}
		x.w.Wake(e.ID)
		settle()
		all := x.rc.requests()
		if d := x.delivery(id); d.State != hook.Delivered || d.ContractVersion != 2 || len(all) != 1 || string(all[0].message.Body) != `{"v":2}` {
			t.Errorf("%+v after %d requests", d, len(all))
		}
	})
}
