package deliver

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"gancho/internal/contract"
	"gancho/internal/hook"
	"gancho/internal/send"
)

// batches is a contract that sends up to three events in one request.
const batches = standard + "delivery: {batch: {max: 3, wait: 1s, bytes: 1KiB, failed: response.json.failed}}\n"

// batched is bubble with that contract.
func batched(t *testing.T, cfg hook.EndpointConfig, answer func(n int, m *send.Message) *send.Reply, test func(*testing.T, *world)) {
	t.Helper()
	t.Parallel()
	if answer == nil {
		answer = func(int, *send.Message) *send.Reply { return status(200) }
	}
	bubble(t, tickEvery, cfg, answer, func(t *testing.T, x *world) {
		x.setContract(batches)
		test(t, x)
	})
}

// bodies are the bodies that were sent.
func (x *world) bodies() (list []string) {
	for _, r := range x.rc.requests() {
		list = append(list, string(r.message.Body))
	}
	return list
}

func (x *world) sent(want ...string) {
	x.t.Helper()
	if d := cmp.Diff(want, x.bodies()); d != "" {
		x.t.Fatalf("sent (-want +got):\n%s", d)
	}
}

// attempts are all attempts of a delivery.
func (x *world) attempts(id hook.DeliveryID) []*hook.Attempt {
	x.t.Helper()
	list, err := x.db.Attempts(x.t.Context(), id, 100)
	if err != nil {
		x.t.Fatal(err)
	}
	return list
}

func (x *world) states(ids []hook.DeliveryID) (list []string) {
	x.t.Helper()
	for _, id := range ids {
		d := x.delivery(id)
		list = append(list, strings.TrimSuffix(fmt.Sprintf("%s %s", d.State, d.Reason), " "))
	}
	return list
}

func (x *world) are(ids []hook.DeliveryID, want ...string) {
	x.t.Helper()
	if d := cmp.Diff(want, x.states(ids)); d != "" {
		x.t.Fatalf("states (-want +got):\n%s", d)
	}
}

// changeContract puts another version of the contract in force.
func (x *world) changeContract(source string, version int64) {
	x.t.Helper()
	c, err := contract.Parse("standard.yaml", []byte(source))
	if err != nil {
		x.t.Fatal(err)
	}
	x.w.Contracts.Add(c.WithVersion(version))
	x.w.Refresh(hook.Change{Contract: "standard"})
	settle()
}

func jsonStatus(code int, body string) *send.Reply {
	return &send.Reply{Response: &hook.Response{Status: code, Body: []byte(body)}}
}

// A request goes when it is full, or when its first event has waited for the others. Each event has a delivery, and an attempt
// that says which request it was and at which place.
func TestBatchIsCollected(t *testing.T) {
	batched(t, hook.EndpointConfig{}, nil, func(t *testing.T, x *world) {
		start := time.Now()
		ids := x.publishMany(x.endpoint, 4, number)
		settle()
		x.sent("[0,1,2]")
		x.are(ids, "delivered", "delivered", "delivered", "pending")
		pass(900 * time.Millisecond)
		ids = append(ids, x.publish(x.endpoint, "4"))
		pass(time.Second)
		x.sent("[0,1,2]", "[3,4]")
		if at := x.rc.requests()[1].at.Sub(start); at != time.Second {
			t.Errorf("the second request left after %v", at)
		}
		x.are(ids, slices.Repeat([]string{"delivered"}, 5)...)
		of := map[hook.BatchID]int{}
		for i, id := range ids {
			list := x.attempts(id)
			if len(list) != 1 || list[0].Extras().Batch.Place != i%3 || list[0].Extras().Batch.Of != 3-i/3 || list[0].Response.Status != 200 ||
				list[0].Request.URL != "http://a" || list[0].Number != 1 {
				t.Fatalf("attempts of %d: %+v", i, list[0])
			}
			of[list[0].Extras().Batch.ID]++
		}
		if len(of) != 2 {
			t.Errorf("batches: %v", of)
		}
		if got := x.observed.attempted[hook.Delivered]; got != 5 {
			t.Errorf("%d attempts were counted", got)
		}
	})
}

// A batch that fails is sent again as it was, and nothing joins it. In an ordered lane nothing overtakes it.
func TestBatchIsRetriedTogether(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		t.Run(fmt.Sprint("ordered ", ordered), func(t *testing.T) {
			cfg := hook.EndpointConfig{Ordered: ordered, Retry: []time.Duration{0, time.Minute, time.Minute}}
			answer := func(n int, m *send.Message) *send.Reply {
				if strings.HasPrefix(string(m.Body), "[0") && n < 4 {
					return status(500)
				}
				return status(200)
			}
			batched(t, cfg, answer, func(t *testing.T, x *world) {
				ids := x.publishMany(x.endpoint, 2, number)
				pass(2 * time.Second)
				x.sent("[0,1]")
				x.are(ids, "retrying status_5xx", "retrying status_5xx")
				if a, b := x.delivery(ids[0]), x.delivery(ids[1]); !a.NextAttemptAt.Equal(b.NextAttemptAt) || a.InBatch().ID != b.InBatch().ID {
					t.Errorf("%+v and %+v", a, b)
				}
				ids = append(ids, x.publishMany(x.endpoint, 2, func(i int) string { return number(i + 2) })...)
				pass(5 * time.Minute)
				if ordered {
					x.sent("[0,1]", "[0,1]", "[0,1]", "[2,3]")
				} else {
					x.sent("[0,1]", "[2,3]", "[0,1]", "[0,1]")
				}
				first := x.attempts(ids[1])[0].Extras().Batch
				for _, a := range x.attempts(ids[1]) {
					if a.Extras().Batch != first {
						t.Errorf("attempt %d was in %+v, the first in %+v", a.Number, a.Extras().Batch, first)
					}
				}
				if ordered {
					x.are(ids, "failed status_5xx", "failed status_5xx", "delivered", "delivered")
				} else {
					x.are(ids, slices.Repeat([]string{"delivered"}, 4)...)
				}
			})
		})
	}
}

// The answer names what the receiver did not take: that alone is sent again, as another batch. An answer that makes no sense
// sends all again.
func TestBatchIsTakenInPart(t *testing.T) {
	answers := []string{`{"failed":[0,2]}`, `{"failed":[7]}`, `{"failed":[1]}`, `{}`}
	answer := func(n int, _ *send.Message) *send.Reply { return jsonStatus(200, answers[n-1]) }
	cfg := hook.EndpointConfig{Retry: []time.Duration{0, time.Minute, time.Minute, time.Minute}}
	batched(t, cfg, answer, func(t *testing.T, x *world) {
		ids := x.publishMany(x.endpoint, 3, number)
		settle()
		x.are(ids, "retrying body_rule", "delivered", "retrying body_rule")
		pass(time.Hour)
		x.sent("[0,1,2]", "[0,2]", "[0,2]", "[2]")
		x.are(ids, "delivered", "delivered", "delivered")
		a := x.attempts(ids[2])
		if len(a) != 4 || a[0].Extras().Batch.ID == a[1].Extras().Batch.ID || a[1].Extras().Batch.ID != a[2].Extras().Batch.ID || a[2].Extras().Batch.ID == a[3].Extras().Batch.ID ||
			!strings.Contains(a[0].Detail, "named this event") || !strings.Contains(a[1].Detail, "it named 7") || a[3].Class != "" {
			t.Errorf("attempts: %+v", a)
		}
		if e, err := x.db.Endpoint(t.Context(), x.endpoint.ID); err != nil || e.Health.LastStatus != "delivered" {
			t.Errorf("the endpoint: %+v, %v", e.Health, err)
		}
	})
}

// What a crash interrupts is sent again with the same events, under the same id, after it was found.
func TestBatchIsInterrupted(t *testing.T) {
	for _, mode := range []hook.Mode{hook.AtLeastOnce, hook.AtMostOnce} {
		t.Run(string(mode), func(t *testing.T) {
			batched(t, hook.EndpointConfig{Mode: mode}, nil, func(t *testing.T, x *world) {
				x.owner.none.Store(true) // so that nothing is sent before the crash is found
				jobs := x.store(x.endpoint, 4, number)
				id := hook.NewBatchID()
				var r hook.Result
				var ids []hook.DeliveryID
				for i := range jobs[:3] { // a process stored that, and ended
					d := jobs[i].Delivery
					d.State, d.Batch, d.EndpointVersion, d.ContractVersion = hook.Sending, &hook.Batch{ID: id, Place: i, Of: 3}, 1, 1
					ids = append(ids, d.ID)
					if i == 0 {
						r.Delivery = d
					} else {
						r.Others = append(r.Others, hook.Result{Delivery: d})
					}
				}
				if err := x.db.Intend(r); err != nil {
					t.Fatal(err)
				}
				x.takeOver()
				settle()
				if mode == hook.AtMostOnce {
					x.are(ids, "unknown interrupted", "unknown interrupted", "unknown interrupted")
					pass(2 * time.Second)
					x.sent("[3]")
					return
				}
				x.sent("[0,1,2]")
				x.are(ids, "delivered", "delivered", "delivered")
				for i, id := range ids {
					a := x.attempts(id)
					if len(a) != 2 || !a[0].Interrupted || a[0].Extras().Batch != a[1].Extras().Batch || a[1].Extras().Batch != (hook.Batch{ID: r.Delivery.Batch.ID, Place: i, Of: 3}) {
						t.Errorf("attempts of %d: %+v, %+v", i, a[0], a[1])
					}
				}
				pass(2 * time.Second)
				x.sent("[0,1,2]", "[3]")
			})
		})
	}
}

// When the request arrives, the store has all its deliveries as being sent, with their places.
func TestBatchIsDurableFirst(t *testing.T) {
	for _, cfg := range []hook.EndpointConfig{{}, {Mode: hook.AtMostOnce}, {Ordered: true}} {
		t.Run(fmt.Sprintf("%s ordered %v", cfg.Mode, cfg.Ordered), func(t *testing.T) {
			var x *world
			var ids []hook.DeliveryID
			answer := func(int, *send.Message) *send.Reply {
				for i, id := range ids {
					d, err := x.db.Delivery(context.Background(), "acme", id)
					if err != nil || d.State != hook.Sending || d.Batch.Place != i || d.Batch.Of != 2 || d.EndpointVersion != 1 {
						t.Errorf("stored: %+v, %v", d, err)
					}
				}
				return status(200)
			}
			batched(t, cfg, answer, func(t *testing.T, world *world) {
				x = world
				jobs := newJobs(x.endpoint, 2, number)
				ids = []hook.DeliveryID{jobs[0].Delivery.ID, jobs[1].Delivery.ID}
				x.commit(jobs)
				x.w.Wake(x.endpoint.ID)
				pass(2 * time.Second)
				x.sent("[0,1]")
				x.are(ids, "delivered", "delivered")
			})
		})
	}
}

// What does not fit goes in the next request, at once and in order. What is too large by itself goes alone.
func TestBatchBytes(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		t.Run(fmt.Sprint("ordered ", ordered), func(t *testing.T) {
			batched(t, hook.EndpointConfig{Ordered: ordered, Concurrency: 1}, nil, func(t *testing.T, x *world) {
				src := batches + "endpoint: {item: {n: \"${payload}\", pad: \"" + strings.Repeat("p", 400) + "\"}}\n" // larger than the payloads say
				x.setContract(src)
				x.publishMany(x.endpoint, 3, func(i int) string {
					if i == 2 {
						return `"` + strings.Repeat("x", 2000) + `"`
					}
					return number(i)
				})
				pass(5 * time.Second)
				x.publishMany(x.endpoint, 3, number)
				pass(5 * time.Second)
				var got []string
				for _, body := range x.bodies() {
					var items []struct{ N json.RawMessage }
					if err := json.Unmarshal([]byte(body), &items); err != nil {
						t.Fatal(err)
					}
					var line strings.Builder
					for _, item := range items {
						line.WriteByte(item.N[0])
					}
					got = append(got, line.String())
				}
				if d := cmp.Diff([]string{"01", `"`, "01", "2"}, got); d != "" {
					t.Error(d)
				}
			})
		})
	}
}

// An event of which no part can be made fails alone, and so does one whose script fails or cancels; the others go.
func TestBatchMemberFailsAlone(t *testing.T) {
	script := `
		if (webhook.payload === 1) { webhook.cancel = "not this one" }
		if (webhook.payload === 3) { throw new Error("no") }
		if (webhook.payload === 4) { webhook.headers["X-A"] = "b" }
		webhook.payload = {n: webhook.payload}`
	for _, ordered := range []bool{false, true} {
		t.Run(fmt.Sprint("ordered ", ordered), func(t *testing.T) {
			cfg := scripted(script)
			cfg.Ordered, cfg.Retry, cfg.Concurrency = ordered, []time.Duration{0}, 1
			batched(t, cfg, nil, func(t *testing.T, x *world) {
				ids := x.publishMany(x.endpoint, 7, number)
				pass(time.Minute)
				x.sent(`[{"n":0}]`, `[{"n":2}]`, `[{"n":5},{"n":6}]`)
				x.are(ids, "delivered", "cancelled script", "delivered", "failed script_error", "failed script_error", "delivered", "delivered")
				if a := x.attempts(ids[4]); !strings.Contains(a[0].Detail, "several events in one request") {
					t.Errorf("%+v", a[0])
				}
				if body, err := x.db.Body(t.Context(), ids[6]); err != nil || string(body) != `{"n":6}` {
					t.Errorf("frozen: %s, %v", body, err)
				}
			})
		})
	}
	t.Run("rendering", func(t *testing.T) {
		batched(t, hook.EndpointConfig{}, nil, func(t *testing.T, x *world) {
			jobs := newJobs(x.endpoint, 3, number)
			jobs[1].Event.ContentType = "text/plain"
			x.commit(jobs)
			x.w.Wake(x.endpoint.ID)
			pass(5 * time.Second)
			x.sent("[0]", "[2]")
			x.are([]hook.DeliveryID{jobs[0].Delivery.ID, jobs[1].Delivery.ID, jobs[2].Delivery.ID}, "delivered", "failed render_failed", "delivered")
		})
	})
}

// What a script made of an event is sent again, also together with the same others.
func TestBatchOfScriptsIsFrozen(t *testing.T) {
	answer := func(n int, _ *send.Message) *send.Reply { return status(500 - 300*(n/3)) }
	cfg := scripted(`webhook.payload = {n: webhook.payload, r: Math.random()}`)
	batched(t, cfg, answer, func(t *testing.T, x *world) {
		ids := x.publishMany(x.endpoint, 2, number)
		pass(12 * time.Hour)
		got := x.bodies()
		if len(got) != 3 || got[0] != got[1] || got[1] != got[2] || !strings.Contains(got[0], `{"n":1,`) {
			t.Errorf("sent %q", got)
		}
		x.are(ids, "delivered", "delivered")
	})
}

// Whoever is cancelled, superseded or retried by a person leaves the batch. The others go without it, as another batch.
func TestBatchLosesAMember(t *testing.T) {
	for name, do := range map[string]func(x *world, id hook.DeliveryID){
		"retried": func(x *world, id hook.DeliveryID) {
			if _, err := x.db.Retry(x.t.Context(), "acme", id, false); err != nil {
				x.t.Fatal(err)
			}
			x.w.Wake(x.endpoint.ID)
		},
		"cancelled": func(x *world, id hook.DeliveryID) {
			d := x.delivery(id)
			d.State, d.Reason, d.FinishedAt = hook.Cancelled, hook.ReasonSuperseded, time.Now()
			saved := make(chan error, 1)
			x.db.SaveResult(hook.Result{Delivery: d}, func(err error) { saved <- err })
			if err := <-saved; err != nil {
				x.t.Fatal(err)
			}
			x.w.Supersede([]hook.Delivery{d})
		},
	} {
		t.Run(name, func(t *testing.T) {
			answer := func(n int, _ *send.Message) *send.Reply { return status(500 - 300*min(n/2, 1)) }
			cfg := hook.EndpointConfig{Retry: []time.Duration{0, time.Minute}}
			batched(t, cfg, answer, func(t *testing.T, x *world) {
				ids := x.publishMany(x.endpoint, 3, number)
				settle()
				first := x.batch(ids[0])
				do(x, ids[1])
				pass(5 * time.Minute)
				if name == "retried" {
					x.sent("[0,1,2]", "[1]", "[0,2]")
				} else {
					x.sent("[0,1,2]", "[0,2]")
				}
				if last := x.batch(ids[0]); last.ID == first.ID || last.Of != 2 {
					t.Errorf("in the end it is in %+v, at first in %+v", last, first)
				}
			})
		})
	}
}

// A pause holds what waits for others, and disabling cancels it.
func TestBatchOfAnEndpointThatStops(t *testing.T) {
	batched(t, hook.EndpointConfig{}, nil, func(t *testing.T, x *world) {
		set := func(s hook.EndpointState) {
			if err := x.db.SetEndpointState(t.Context(), x.endpoint.ID, s, "", time.Now()); err != nil {
				t.Fatal(err)
			}
			settle()
		}
		ids := x.publishMany(x.endpoint, 2, number)
		set(hook.EndpointPaused)
		pass(10 * time.Second)
		x.sent()
		set(hook.EndpointActive)
		x.sent("[0,1]")
		ids = append(ids, x.publish(x.endpoint, "2"))
		set(hook.EndpointDisabled)
		pass(5 * time.Second)
		x.are(ids, "delivered", "delivered", "cancelled endpoint_disabled")
		x.sent("[0,1]")
	})
}

// Concurrency and rate count requests.
func TestBatchesAreCountedAsRequests(t *testing.T) {
	batched(t, hook.EndpointConfig{Concurrency: 2, PerSecond: 1}, nil, func(t *testing.T, x *world) {
		start := time.Now()
		x.publishMany(x.endpoint, 12, number)
		pass(10 * time.Second)
		x.sent("[0,1,2]", "[3,4,5]", "[6,7,8]", "[9,10,11]")
		for i, r := range x.rc.requests() {
			if at := r.at.Sub(start).Round(100 * time.Millisecond); at != time.Duration(i)*time.Second {
				t.Errorf("request %d left after %v", i, at)
			}
		}
	})
}

// The answer 410 ends all deliveries of the request, and disables the endpoint.
func TestBatchIsGone(t *testing.T) {
	batched(t, hook.EndpointConfig{}, func(int, *send.Message) *send.Reply { return status(410) }, func(t *testing.T, x *world) {
		ids := x.publishMany(x.endpoint, 4, number)
		settle()
		x.are(ids, "failed gone", "failed gone", "failed gone", "cancelled endpoint_disabled")
	})
}

// A test and a preview have a request with one event, as does what was accepted before the contract began or ended to send
// several.
func TestBatchOfOne(t *testing.T) {
	answer := func(n int, _ *send.Message) *send.Reply { return status(500 - 300*min(n/3, 1)) }
	batched(t, hook.EndpointConfig{Retry: []time.Duration{0, time.Hour}}, answer, func(t *testing.T, x *world) {
		ev := newJobs(x.endpoint, 1, number)[0].Event
		r, err := x.w.Test(t.Context(), x.endpoint.ID, ev)
		if err != nil || string(r.Attempt.Request.Body) != "[0]" {
			t.Errorf("the test: %+v, %v", r, err)
		}
		preview, err := x.w.Preview(t.Context(), x.endpoint.ID, ev, nil)
		if err != nil || string(preview.Request.Body) != "[0]" {
			t.Errorf("the preview: %+v, %v", preview, err)
		}
		ids := x.publishMany(x.endpoint, 2, func(i int) string { return number(i + 1) })
		pass(2 * time.Second)
		x.changeContract(standard, 2)
		ids = append(ids, x.publish(x.endpoint, "3"))
		pass(3 * time.Hour)
		got := x.bodies()
		slices.Sort(got[min(3, len(got)):])
		if d := cmp.Diff([]string{"[0]", "[1,2]", "3", "[1]", "[2]"}, got); d != "" {
			t.Error(d)
		}
		x.are(ids, "delivered", "delivered", "delivered")
	})
	t.Run("begins", func(t *testing.T) {
		answer := func(n int, _ *send.Message) *send.Reply { return status(500 - 300*min(n/3, 1)) }
		cfg := hook.EndpointConfig{Retry: []time.Duration{0, time.Hour}}
		bubble(t, tickEvery, cfg, answer, func(t *testing.T, x *world) {
			x.setContract(standard)
			ids := x.publishMany(x.endpoint, 2, number)
			settle()
			x.changeContract(batches, 2)
			ids = append(ids, x.publish(x.endpoint, "2"))
			pass(3 * time.Hour)
			got := x.bodies()
			slices.Sort(got[:2])
			slices.Sort(got[3:])
			if d := cmp.Diff([]string{"0", "1", "[2]", "0", "1"}, got); d != "" {
				t.Error(d)
			}
			x.are(ids, "delivered", "delivered", "delivered")
		})
	})
}

// A correction reaches a batch that failed: its address is the present one, its body and id are as they were.
func TestBatchAfterACorrection(t *testing.T) {
	answer := func(n int, _ *send.Message) *send.Reply { return status(500 - 300*(n-1)) }
	batched(t, hook.EndpointConfig{Retry: []time.Duration{0, time.Hour}}, answer, func(t *testing.T, x *world) {
		ids := x.publishMany(x.endpoint, 2, number)
		pass(2 * time.Second)
		e := *x.endpoint
		e.Config.URL = "http://b"
		if _, err := x.db.UpdateEndpoint(t.Context(), &e, true); err != nil {
			t.Fatal(err)
		}
		pass(3 * time.Hour)
		x.sent("[0,1]", "[0,1]")
		if got := x.rc.requests()[1].message.Target; got != "http://b" {
			t.Errorf("sent to %s", got)
		}
		a := x.attempts(ids[0])
		if len(a) != 2 || a[0].Extras().Batch != a[1].Extras().Batch {
			t.Errorf("%+v", a)
		}
		x.are(ids, "delivered", "delivered")
	})
}
