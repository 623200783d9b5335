package deliver

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"gancho/internal/hook"
	"gancho/internal/mask"
	"gancho/internal/send"
)

// Several events in one request, of which each says which attempt it is.

// countingItems is a contract whose items say which attempt they are of.
const countingItems = standard + `endpoint:
  item: {n: "${payload}", try: {$expr: attempt.number - 1}, at: "${attempt.unix}", last: "${attempt.last_status}"}
  sign: {over: "${timestamp}.${body}", headers: {X-Sum: "${signature}", X-At: "${timestamp}"}}
delivery: {batch: {max: 3, wait: 1s, failed: response.json.failed}}
`

// tried are the requests so far, without the time of sending, which is checked.
func (x *world) tried() (list []string) {
	x.t.Helper()
	for _, r := range x.rc.requests() {
		body, at := string(r.message.Body), fmt.Sprintf(`,"at":%d`, r.at.Unix())
		if header(&r.message, "X-At") != fmt.Sprint(r.at.Unix()) || strings.Count(body, at) != strings.Count(body, `"at"`) {
			x.t.Errorf("sent at %d: %s, signed at %s", r.at.Unix(), body, header(&r.message, "X-At"))
		}
		list = append(list, strings.ReplaceAll(body, at, ""))
	}
	return list
}

// Items that name their attempt are made anew for each, by the versions that made them. The request keeps its members, their
// order and its id, and the history has the item that each attempt had.
func TestBatchItemsPerAttempt(t *testing.T) {
	for _, ordered := range []bool{false, true} {
		t.Run(fmt.Sprint("ordered ", ordered), func(t *testing.T) {
			cfg := hook.EndpointConfig{Ordered: ordered, Retry: []time.Duration{0, time.Minute, time.Hour}}
			answer := func(n int, _ *send.Message) *send.Reply {
				return []*send.Reply{status(503), jsonStatus(200, `{"failed":[1]}`), jsonStatus(200, `{}`)}[min(n, 3)-1]
			}
			batched(t, cfg, answer, func(t *testing.T, x *world) {
				x.setContract(countingItems)
				x.secret()
				ids := x.publishMany(x.endpoint, 2, number)
				pass(2 * time.Second)
				x.setContractVersion(strings.Replace(countingItems, "{n: ", "{m: ", 1), 2)
				pass(3 * time.Hour)
				items := []string{`{"n":0,"try":0,"last":null}`, `{"n":1,"try":0,"last":null}`, `{"n":0,"try":1,"last":503}`, `{"n":1,"try":1,"last":503}`, `{"n":1,"try":2,"last":200}`}
				same(t, "sent", x.tried(), []string{
					"[" + items[0] + "," + items[1] + "]", "[" + items[2] + "," + items[3] + "]", "[" + items[4] + "]",
				})
				x.are(ids, "delivered", "delivered")
				list := x.attempts(ids[1])
				if len(list) != 3 || list[0].Extras().Batch != list[1].Extras().Batch || list[1].Extras().Batch.ID == list[2].Extras().Batch.ID || list[1].Extras().Batch.Place != 1 {
					t.Fatalf("attempts: %+v", list)
				}
				for i, a := range list {
					if want := []string{items[1], items[3], items[4]}[i]; !strings.HasPrefix(string(a.Request.Body), want[:14]) {
						t.Errorf("attempt %d shows %s, want %s", a.Number, a.Request.Body, want)
					}
				}
				x.retry(ids[1])
				pass(time.Minute)
				if got := x.tried(); len(got) != 4 || got[3] != `[`+items[1]+`]` {
					t.Errorf("after a person's retry: %q", got)
				}
			})
		})
	}
}

// A crash between sending and result uses up no place in the schedule: the items come again as the attempt that they were.
func TestBatchItemsAfterACrash(t *testing.T) {
	var gate chan struct{}
	answer := func(n int, _ *send.Message) *send.Reply {
		if n == 2 {
			<-gate
		}
		return status(500 - 300*(n/2))
	}
	batched(t, hook.EndpointConfig{Timeout: time.Hour, Retry: []time.Duration{0, time.Minute, time.Hour}}, answer, func(t *testing.T, x *world) {
		gate = make(chan struct{})
		defer close(gate)
		x.setContract(countingItems)
		x.secret()
		x.rejoin(1)
		ids := x.publishMany(x.endpoint, 2, number)
		pass(2 * time.Minute)
		was := x.delivery(ids[0])
		if was.State != hook.Sending || was.Slot != 1 {
			t.Fatalf("in flight: %+v", was)
		}
		x.rejoin(2)
		pass(time.Minute)
		second := `[{"n":0,"try":1,"last":500},{"n":1,"try":1,"last":500}]`
		same(t, "sent", x.tried(), []string{`[{"n":0,"try":0,"last":null},{"n":1,"try":0,"last":null}]`, second, second})
		list := x.attempts(ids[1])
		if len(list) != 3 || !list[1].Interrupted || list[2].Extras().Batch != (hook.Batch{ID: was.Batch.ID, Place: 1, Of: 2}) {
			t.Fatalf("attempts: %+v", list)
		}
		if got := string(list[1].Request.Body); got != mask.Text { // and not the payload, which was never sent
			t.Errorf("the interrupted attempt shows %s", got)
		}
	})
}

// What a script makes of items that name their attempt is made anew, too, by the present script; without one it stays.
func TestBatchItemsOfScriptsPerAttempt(t *testing.T) {
	for _, removed := range []bool{false, true} {
		t.Run(fmt.Sprint("removed ", removed), func(t *testing.T) {
			cfg := scripted(`webhook.payload = webhook.payload + 10`)
			batched(t, cfg, func(n int, _ *send.Message) *send.Reply { return status(500 - 300*(n-1)) }, func(t *testing.T, x *world) {
				x.setContract(countingItems)
				x.secret()
				x.publishMany(x.endpoint, 2, number)
				pass(2 * time.Second)
				e := *x.endpoint
				e.Config.Transformation = strings.Replace(e.Config.Transformation, "10", "20", 1)
				want := `[{"n":20,"try":1,"last":500},{"n":21,"try":1,"last":500}]`
				if removed {
					e.Config.Transformation = ""
					want = x.tried()[0]
				}
				if ok, err := x.db.UpdateEndpoint(t.Context(), &e, true); err != nil || !ok {
					t.Fatal(ok, err)
				}
				pass(2 * time.Hour)
				got := x.bodies()
				if len(got) != 2 || removed && got[0] != got[1] || !removed && !slices.Equal(x.tried(), []string{x.tried()[0], want}) {
					t.Errorf("sent %q, want at last %s", got, want)
				}
			})
		})
	}
}

// secret gives the endpoint a secret to sign with.
func (x *world) secret() {
	x.t.Helper()
	e, err := x.db.Endpoint(x.t.Context(), x.endpoint.ID)
	if err != nil {
		x.t.Fatal(err)
	}
	e.Secrets = []hook.Secret{{Text: "a-secret-of-tests"}}
	if ok, err := x.db.UpdateEndpoint(x.t.Context(), e, false); err != nil || !ok {
		x.t.Fatal(ok, err)
	}
	x.endpoint = e
	settle()
}
