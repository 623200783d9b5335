package app

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"gancho.example/client"
)

// shortDelays are those between attempts.
var shortDelays = "[0s" + strings.Repeat(", 100ms", 40) + "]"

// meansContracts are contracts with one means each. Their endpoints have the path and the event type of the same name.
var meansContracts = map[string]string{
	"strict":     `{ordered: strict, retry: [0s, 0s, 0s]}`,
	"attempts":   `{retry: ` + shortDelays + `, concurrency: 1, give_up: {after: 6, of: attempts, do: pause}}`,
	"crowd":      `{retry: ` + shortDelays + `, concurrency: 3, give_up: {after: 9, of: attempts, do: pause}}`,
	"deliveries": `{retry: none, concurrency: 1, give_up: {after: 4, of: deliveries, do: disable}}`,
	"time":       `{retry: ` + shortDelays + `, concurrency: 1, give_up: {after: 1s, of: time, do: pause}}`,
	"batch":      `{retry: ` + shortDelays + `, concurrency: 2, batch: {max: 8, wait: 20ms}}`,
	"inline":     `{retry: ` + shortDelays + `, ordered: true, batch: {max: 8, wait: 20ms}}`,
	"calm":       `{retry: ` + shortDelays + `, debounce: {key: "${payload.k}", wait: 300ms, max: 1s}}`,
	"late":       `{retry: ` + shortDelays + `, delay: 700ms}`,
	"moved":      `{retry: ` + shortDelays + `, redirects: 2}`,
	"once":       `{mode: at_most_once, redirects: 2}`,
	"token":      `{retry: ` + shortDelays + `, concurrency: 2}`,
}

const tokenUses = 15 // after so many requests the receiver knows a token no more

// means is what the receiver and the publishers know, and what must hold:
//
//   - Everything that was accepted arrives, or the history says why not.
//   - A strict lane never gets an event while an earlier one has neither succeeded nor been skipped. What holds it is not sent
//     again until somebody asks.
//   - An endpoint is given up after as many failures as its contract says, and once for each row of failures.
//   - A batch that comes again under its id has the same bytes. An event is in no more requests than it has attempts.
//   - What waits for a newer event (debounce) ends as superseded or delivered, and the newest of a key arrives. A delay is kept.
//   - An address gets no event before it has answered its handshake, and one handshake for each time that somebody asks.
//   - A token is fetched anew when the receiver refuses it, not for each request. At-most-once arrives once at most behind redirects.
type means struct {
	*pair
	url, elsewhere string // of the receiver, and of another host that it redirects to

	mu        sync.Mutex
	well      bool // the receivers answer everything with success
	requests  int
	paths     map[string]string                    // by id of an endpoint
	published map[string]map[string]sent           // by type and id
	numbers   map[string]map[string]int            // by path and id: how often the event arrived
	newest    map[string]string                    // by key: the id of its newest event
	settled   map[int]bool                         // numbers that the strict lane may pass: they succeeded, or somebody asks to skip them
	allowed   map[int]bool                         // numbers that somebody asks to send again
	tried     map[int]int                          // how often numbers came before that
	low       int                                  // the strict lane may pass all numbers below
	bodies    map[string][]byte                    // by path and id of a request with several events
	ids       map[string][]string                  // by path: of these requests, as they came
	first     map[string]time.Time                 // by id: when a delayed event arrived first
	asked     map[string]int                       // by path: how often somebody asked for a handshake
	shaken    map[string]int                       // by path: handshakes
	knows     map[string]bool                      // paths that answered rightly
	tokens    map[string]int                       // how often each was used
	counts    struct{ held, skipped, retried int } // of the strict lane
	rows      []*row
}

// sent is an event that was accepted.
type sent struct {
	n     int
	began time.Time // publishing it
}

func newMeans(t *testing.T, p *pair) *means {
	m := &means{
		pair: p, paths: map[string]string{}, published: map[string]map[string]sent{}, numbers: map[string]map[string]int{},
		newest: map[string]string{}, settled: map[int]bool{}, allowed: map[int]bool{}, tried: map[int]int{}, low: 1, bodies: map[string][]byte{}, ids: map[string][]string{},
		first: map[string]time.Time{}, asked: map[string]int{}, shaken: map[string]int{}, knows: map[string]bool{}, tokens: map[string]int{},
	}
	m.url, m.elsewhere = listening(t, m.receive), listening(t, m.receive)
	return m
}

// receive is the receiver. Every eleventh request fails, and some take a while.
func (m *means) receive(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the node was killed while it sent this
	}
	m.mu.Lock()
	m.requests++
	wait := time.Duration(0)
	if m.requests%4 == 0 {
		wait = rand.N(20 * time.Millisecond)
	}
	status := m.judge(w, r, body)
	spared := r.URL.Path == "/tokens" || r.URL.Path == "/strict" || w.Header().Get("X-Challenge") != ""
	if m.requests%11 == 0 && status == http.StatusOK && !m.well && !spared {
		status = http.StatusInternalServerError
	}
	m.mu.Unlock()
	time.Sleep(wait) //policy:allow time.Sleep: the receiver takes its time, so that requests are under way when a node is killed
	w.WriteHeader(status)
	if r.URL.Path == "/tokens" {
		fmt.Fprintf(w, `{"access_token":%q,"expires_in":3600}`, w.Header().Get("X-Token"))
	}
	if answer := w.Header().Get("X-Challenge"); answer != "" {
		fmt.Fprintf(w, `{"challenge":%q}`, answer)
	}
}

// judge notes a request and says how to answer it; with mu held.
func (m *means) judge(w http.ResponseWriter, r *http.Request, body []byte) (status int) {
	path, id := r.URL.Path, r.Header.Get("webhook-id")
	switch path {
	case "/tokens":
		token := fmt.Sprintf("token-%d", len(m.tokens))
		m.tokens[token] = 0
		w.Header().Set("X-Token", token)
		w.Header().Set("Content-Type", "application/json")
		return http.StatusOK
	case "/token":
		token := strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
		if m.tokens[token]++; m.tokens[token] > tokenUses {
			return http.StatusUnauthorized
		}
	case "/moved", "/once":
		if r.Host == strings.TrimPrefix(m.url, "http://") {
			w.Header().Set("Location", m.elsewhere+path)
			return http.StatusTemporaryRedirect
		}
	case "/batch", "/inline":
		return m.bundle(path, id, body)
	}
	var of struct {
		N         int
		Challenge string
	}
	if err := json.Unmarshal(body, &of); err != nil {
		m.t.Errorf("%s got %s: %v", path, body, err)
	}
	if strings.HasPrefix(path, "/shaking") {
		if of.Challenge != "" {
			if m.shaken[path]++; m.knows[path] {
				w.Header().Set("X-Challenge", of.Challenge)
				w.Header().Set("Content-Type", "application/json")
			}
			return http.StatusOK
		}
		if !m.knows[path] {
			m.t.Errorf("%s got an event before it answered the handshake", path)
		}
	}
	m.arrived(path, id)
	if _, known := m.first[id]; !known {
		m.first[id] = time.Now()
	}
	switch path {
	case "/attempts", "/crowd", "/deliveries", "/time":
		if !m.well {
			return http.StatusUnprocessableEntity // a mistake of the sender's does not open the breaker
		}
	case "/strict":
		return m.inOrder(of.N)
	}
	return http.StatusOK
}

func (m *means) arrived(path, id string) {
	if m.numbers[path] == nil {
		m.numbers[path] = map[string]int{}
	}
	m.numbers[path][id]++
}

// inOrder notes a request of the strict lane. Every seventh event fails until somebody asks to send it again.
func (m *means) inOrder(n int) (status int) {
	for m.settled[m.low] {
		m.low++
	}
	if n > m.low {
		m.t.Errorf("the strict lane got %d, although %d has neither succeeded nor been skipped", n, m.low)
	}
	if n > 0 && n%7 == 0 && !m.allowed[n] && !m.well {
		if m.tried[n]++; m.tried[n] > 3*(1+int(m.kills.Load())) { // a killed node may not have stored what it sent
			m.t.Errorf("the strict lane got %d again, %d times in all, although it holds the lane", n, m.tried[n])
		}
		return http.StatusUnprocessableEntity
	}
	m.settled[n] = true
	return http.StatusOK
}

// bundle notes a request with several events.
func (m *means) bundle(path, id string, body []byte) (status int) {
	was, again := m.bodies[path+" "+id]
	if again && !bytes.Equal(was, body) {
		m.t.Errorf("%s got %s again with other bytes:\n%s\n%s", path, id, was, body)
	}
	m.bodies[path+" "+id] = body
	m.ids[path] = append(m.ids[path], id)
	var events []bundled
	if err := json.Unmarshal(body, &events); err != nil {
		m.t.Errorf("%s got %s: %v", path, body, err)
	}
	in := map[string]bool{}
	for _, e := range events {
		if m.arrived(path, e.ID); in[e.ID] {
			m.t.Errorf("%s is twice in the request %s", e.ID, id)
		}
		in[e.ID] = true
	}
	return http.StatusOK
}

// publish is a publisher of events of one type. It publishes burst of them at once.
func (m *means) publish(kind string, burst int, pause time.Duration) {
	m.mu.Lock()
	list := map[string]sent{}
	m.published[kind] = list
	m.mu.Unlock()
	m.keep(pause, func(n int) {
		began := time.Now()
		var events []client.NewEvent
		for i := range burst {
			number := (n-1)*burst + i + 1
			events = append(events, client.NewEvent{
				Type: kind, Contract: kind, ID: fmt.Sprintf("%s-%d", kind, number), Payload: fmt.Appendf(nil, `{"n":%d,"k":"%d"}`, number, number%3),
			})
		}
		m.call("publish "+kind, func(ctx context.Context, c *client.Client) error {
			answers, err := c.PublishEvents(ctx, "acme", events)
			if err != nil {
				return err
			}
			m.mu.Lock()
			defer m.mu.Unlock()
			for i, a := range answers.Items {
				if a.Error != nil {
					return a.Error
				}
				number := (n-1)*burst + i + 1
				list[a.ID] = sent{number, began}
				if kind == "calm" {
					m.newest[strconv.Itoa(number%3)] = a.ID
				}
			}
			return nil
		})
	})
}

// release is a person who sees to the strict lane: what holds it is sent again or skipped.
func (m *means) release(endpoint string) {
	var e *client.Endpoint
	m.call("read the strict endpoint", func(ctx context.Context, c *client.Client) (err error) {
		e, err = c.Endpoint(ctx, "acme", endpoint)
		return err
	})
	if e == nil || e.HeldBy == "" {
		return
	}
	m.call("let the strict lane go on", func(ctx context.Context, c *client.Client) error {
		d, err := c.Delivery(ctx, "acme", e.HeldBy)
		if err != nil {
			return err
		}
		m.mu.Lock()
		n, skip := m.published["strict"][d.Event].n, false
		switch {
		case n == 0: // whoever published it does not know yet
		case n%2 == 0:
			m.settled[n], skip = true, true
			m.counts.skipped++
		default:
			m.allowed[n] = true
			m.counts.retried++
		}
		m.counts.held++
		m.mu.Unlock()
		if skip {
			_, err = c.SkipDelivery(ctx, "acme", d.ID)
		} else if n != 0 {
			_, err = c.RetryDelivery(ctx, "acme", d.ID)
		}
		if wrong, ok := errors.AsType[*client.Problem](err); ok && wrong.Status == http.StatusConflict {
			return nil // a node that was killed did it, and did not say so
		}
		return err
	})
}

// shake makes an endpoint whose address first does not know the answer, and then does.
func (m *means) shake(n int) {
	var e *client.Endpoint
	try, path := 0, ""
	m.call("make an endpoint with a handshake", func(ctx context.Context, c *client.Client) (err error) {
		try++ // a node that was killed may have made the one before
		path = fmt.Sprintf("/shaking-%d-%d", n, try)
		m.mu.Lock()
		m.asked[path]++
		m.knows[path] = n%2 == 0
		m.mu.Unlock()
		e, err = c.CreateEndpoint(ctx, "acme", client.EndpointInput{Name: path, Contract: "shaking", URL: m.url + path})
		return err
	})
	if e == nil {
		return
	}
	m.mu.Lock()
	m.paths[e.ID], m.knows[path] = path, true
	m.mu.Unlock()
	if n%2 != 0 {
		m.call("verify", func(ctx context.Context, c *client.Client) error {
			m.mu.Lock()
			m.asked[path]++
			m.mu.Unlock()
			_, err := c.VerifyEndpoint(ctx, "acme", e.ID, "")
			return err
		})
	}
	m.call("read the endpoint", func(ctx context.Context, c *client.Client) (err error) {
		e, err = c.Endpoint(ctx, "acme", e.ID)
		return err
	})
	if e.State != "active" {
		m.mu.Lock()
		doubtful := m.asked[path] > 1+n%2
		m.mu.Unlock()
		if !doubtful {
			m.t.Errorf("%s gave the right answer and is %s because of %q", path, e.State, e.StateReason)
		}
	}
	if n > 3 { // so that they do not get ever more
		m.call("disable", func(ctx context.Context, c *client.Client) error {
			_, err := c.DisableEndpoint(ctx, "acme", e.ID)
			return err
		})
	}
}

// endpoint makes the endpoint of a contract, and waits until both nodes know it.
func (m *means) endpoint(kind string, in client.EndpointInput) (id string) {
	in.Name, in.Contract, in.URL = kind, kind, m.url+"/"+kind
	m.call("make an endpoint", func(ctx context.Context, c *client.Client) error {
		e, err := c.CreateEndpoint(ctx, "acme", in)
		if err == nil {
			id = e.ID
		}
		return err
	})
	if m.t.Failed() {
		m.t.FailNow()
	}
	m.paths[id] = "/" + kind
	m.everywhere("the endpoint "+kind+" is known", func(ctx context.Context, c *client.Client) bool {
		a, err := c.PublishEvent(ctx, "acme", client.NewEvent{Type: kind, Contract: kind, Payload: json.RawMessage(`{"n":0,"k":"first"}`)})
		return err == nil && a.Deliveries == 1
	})
	return id
}

func (m *means) begin() {
	m.call("make a tenant", func(ctx context.Context, c *client.Client) error {
		_, err := c.PutTenant(ctx, "acme", client.TenantInput{})
		return err
	})
	shaking := strings.NewReplacer(`"${settings.token}"`, "t", "required: [token], ", "").Replace(shakingContract)
	sources := []string{shaking + "delivery: {retry: " + shortDelays + "}\n"}
	for kind, delivery := range meansContracts {
		item := ""
		if strings.Contains(delivery, "batch:") {
			item = `, item: {id: "${event.id}", n: "${payload.n}"}`
		}
		sources = append(sources, fmt.Sprintf("contract: %s\ntitle: {en: T}\nevents: {%q: {title: {en: Any}}}\nendpoint: {sign: standard-webhooks%s}\ndelivery: %s\n",
			kind, "*", item, delivery))
	}
	for _, source := range sources {
		m.call("put a contract", func(ctx context.Context, c *client.Client) error {
			_, err := c.PutContract(ctx, source)
			return err
		})
	}
	for _, name := range append(slices.Collect(maps.Keys(meansContracts)), "shaking") {
		m.everywhere("the contract "+name+" is known", func(ctx context.Context, c *client.Client) bool {
			_, err := c.Contract(ctx, name, "", 0)
			return err == nil
		})
	}
	for _, kind := range []string{"batch", "inline", "calm", "late", "moved", "once"} {
		m.endpoint(kind, client.EndpointInput{})
		m.publish(kind, 2, 120*time.Millisecond)
	}
	m.endpoint("token", client.EndpointInput{Auth: &client.Auth{OAuth2: &client.OAuth2{TokenURL: m.url + "/tokens", ClientID: "me", ClientSecret: "s3cret-of-mine"}}})
	m.publish("token", 2, 80*time.Millisecond)
	strict := m.endpoint("strict", client.EndpointInput{})
	m.publish("strict", 3, 120*time.Millisecond)
	m.keep(50*time.Millisecond, func(int) { m.release(strict) })
	m.publish("shaking", 1, 200*time.Millisecond)
	m.keep(300*time.Millisecond, m.shake)
	for _, r := range []*row{
		{path: "/attempts", after: 6, width: 1, counts: failedAttempts, state: "paused"},
		{path: "/crowd", after: 9, width: 3, counts: failedAttempts, state: "paused"},
		{path: "/deliveries", after: 4, width: 1, counts: failedDeliveries, state: "disabled"},
		{path: "/time", after: 1, width: 1, state: "paused"},
	} {
		r.endpoint = m.endpoint(r.path[1:], client.EndpointInput{})
		m.rows = append(m.rows, r)
		m.publish(r.path[1:], 1, 150*time.Millisecond)
		m.keep(100*time.Millisecond, func(int) { m.look(r) })
	}
}

func (m *means) run(kills int) {
	m.begin()
	m.t.Cleanup(func() { m.ended.Store(true) }) // also if the test gives up
	count := func() (n int) {
		m.mu.Lock()
		defer m.mu.Unlock()
		return len(m.numbers["/late"])
	}
	for i := range kills {
		time.Sleep(rand.N(time.Second)) //policy:allow time.Sleep: the moment of the kill is drawn
		m.kill(i % 2)
		if i%4 != 1 { // else it is started again before its lease ends
			before := count()
			eventually(m.t, "the other node goes on", func() bool { return count() >= before+20 || m.t.Failed() })
		}
		m.start(i % 2)
		before := count()
		eventually(m.t, "events arrive after a kill", func() bool { return count() >= before+20 || m.t.Failed() })
	}
	eventually(m.t, "every part of the load has done something", func() bool { return m.worked() || m.t.Failed() })
	m.endLoad()
	m.mu.Lock()
	m.well = true
	m.mu.Unlock()
	defer func() {
		if m.t.Failed() {
			for _, d := range m.unfinished() {
				m.t.Logf("not at its end: %s %+v", m.paths[d.Endpoint], d)
			}
		}
	}()
	eventually(m.t, "every delivery has come to its end", func() bool {
		for _, r := range m.rows { // one that was given up at last
			m.call("resume", func(ctx context.Context, c *client.Client) error {
				_, err := c.ResumeEndpoint(ctx, "acme", r.endpoint)
				return err
			})
		}
		for id, path := range m.paths {
			if path == "/strict" {
				m.release(id)
			}
		}
		return len(m.unfinished()) == 0 || m.t.Failed()
	})
	if !m.t.Failed() {
		m.check()
	}
	m.stop()
}

// worked reports whether every part of the load has met what it is there for, as check wants it.
func (m *means) worked() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	again, ids := false, m.ids["/inline"]
	for i := 1; i < len(ids); i++ {
		again = again || ids[i] == ids[i-1]
	}
	givenUp := !slices.ContainsFunc(m.rows, func(r *row) bool { return r.rows.Load() == 0 })
	return again && givenUp && m.counts.skipped > 0 && m.counts.retried > 0 && len(m.tokens) >= 3 && len(m.shaken) > 0
}

// unfinished lists some deliveries that have not come to their end.
func (m *means) unfinished() (list []client.Delivery) {
	for _, state := range []string{"pending", "sending", "retrying"} {
		page, err := m.next().Deliveries(context.Background(), "acme", client.DeliveryFilter{State: state, Paging: client.Paging{Limit: 20}})
		if err != nil {
			return []client.Delivery{{Reason: err.Error()}}
		}
		list = append(list, page.Items...)
	}
	return orUnfinished(m.t, list, m.next().Client)
}

func (m *means) check() {
	deliveries := all(m.t, func(p client.Paging) (*client.List[client.Delivery], error) {
		return m.next().Deliveries(m.t.Context(), "acme", client.DeliveryFilter{Paging: p})
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	of, states := map[string]client.Delivery{}, map[string]int{}
	for _, d := range deliveries {
		path := m.paths[d.Endpoint]
		of[path+" "+d.Event] = d
		kind, _, _ := strings.Cut(path, "-")
		states[kind+" "+d.State+" "+d.Reason]++
		times := m.numbers[path][d.Event]
		switch {
		case path == "" || d.Test || strings.HasPrefix(path, "/shaking"): // whose requests do not name the event
		case d.State == "delivered" && times == 0:
			m.t.Errorf("%s at %s is shown as delivered, and never arrived", d.Event, path)
		case path == "/once" && (times > 1 || times == 0 && d.State != "unknown" && d.State != "failed"):
			m.t.Errorf("at-most-once %s is %s, and arrived %d times", d.Event, d.State, times)
		case path == "/calm" && d.State == "cancelled" && d.Reason != "superseded":
			m.t.Errorf("%s at %s was cancelled because of %q", d.Event, path, d.Reason)
		case (path == "/batch" || path == "/inline") && times > d.Attempts:
			m.t.Errorf("%s is in %d requests to %s, and has %d attempts", d.Event, times, path, d.Attempts)
		}
	}
	for kind, list := range m.published {
		for id, s := range list {
			d, made := of["/"+kind+" "+id]
			fails := kind == "attempts" || kind == "crowd" || kind == "deliveries" || kind == "time"
			switch {
			case kind == "shaking":
			case !made && kind != "deliveries": // while it is disabled, none are made
				m.t.Errorf("%s %d (%s) was accepted, and has no delivery", kind, s.n, id)
			case fails, kind == "once", kind == "calm", kind == "strict" && d.Reason == "skipped":
			case d.State != "delivered":
				m.t.Errorf("%s %d (%s) was accepted, and is %s because of %q", kind, s.n, id, d.State, d.Reason)
			}
			if kind == "late" && m.first[id].Sub(s.began) < 700*time.Millisecond {
				m.t.Errorf("%s was delayed by %v", id, m.first[id].Sub(s.began))
			}
		}
	}
	for key, id := range m.newest {
		if d := of["/calm "+id]; d.State != "delivered" {
			m.t.Errorf("the newest event of %s is %s because of %q", key, d.State, d.Reason)
		}
	}
	for path, n := range m.shaken {
		if n > m.asked[path] {
			m.t.Errorf("%s got %d handshakes, and was asked for %d", path, n, m.asked[path])
		}
	}
	used := 0
	for _, n := range m.tokens {
		used += min(n, tokenUses)
	}
	if most := used/tokenUses + 2*int(m.kills.Load()+2); len(m.tokens) > most {
		m.t.Errorf("%d tokens were fetched for %d requests, want %d at most", len(m.tokens), used, most)
	}
	again := m.checkBundles()
	m.t.Logf("%d requests; %d tokens for %d requests; %d handshakes; strict: %+v; %d requests with several events came again; rows: %v; %v",
		m.requests, len(m.tokens), used, len(m.shaken), m.counts, again, m.rows, states)
	for _, r := range m.rows {
		if r.rows.Load() == 0 {
			m.t.Errorf("%s was never given up, so it shows nothing", r.path)
		}
	}
	if m.counts.skipped == 0 || m.counts.retried == 0 || again == 0 || len(m.tokens) < 3 || len(m.shaken) == 0 || states["/calm cancelled superseded"] == 0 {
		m.t.Error("a part of the load did nothing, so it shows nothing")
	}
}

// checkBundles: an ordered endpoint gets the events in their order, and only a whole request comes again, right behind itself.
func (m *means) checkBundles() (again int) {
	last, before := 0, ""
	for _, id := range m.ids["/inline"] {
		if id == before {
			again++
			continue
		}
		var events []bundled
		if err := json.Unmarshal(m.bodies["/inline "+id], &events); err != nil {
			m.t.Fatal(err)
		}
		for _, e := range events {
			if e.N != last+1 && e.N != 0 {
				m.t.Errorf("%d came behind %d", e.N, last)
			}
			last = e.N
		}
		before = id
	}
	return again
}
