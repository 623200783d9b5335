package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// The keys only ever guard a server on 127.0.0.1 that lives as long as its
// scenario, and what it stored.
const (
	adminKey      = "bench-only-admin-key-0000"
	encryptionKey = "YmVuY2gtb25seS1lbmNyeXB0aW9uLWtleS0wMDAwMDA="
)

// server is a `gancho serve` process and a client of its API.
type server struct {
	*process
	dir    string // data directory
	tenant string
	more   []string // flags
	shared bool     // its database outlives it
	made   []string // endpoints
	addr   string   // host:port
	client http.Client
}

// startServer starts a server on an empty data directory, with one tenant.
func (b *bench) startServer(ctx context.Context, name string) (*server, error) {
	return b.startServerOn(ctx, name, b.o.Database)
}

// startServerOn is startServer for a PostgreSQL database, "" for SQLite.
func (b *bench) startServerOn(ctx context.Context, name, database string) (*server, error) {
	addr, err := freeAddress()
	if err != nil {
		return nil, err
	}
	s := &server{dir: b.serverDir(name), addr: addr, tenant: "bench"}
	if database != "" { // which may be of an earlier scenario, or run
		s.shared, s.tenant = true, fmt.Sprintf("bench-%s-%x", name, time.Now().UnixNano())
		s.more = []string{"--database", database, "--encryption-key", encryptionKey}
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		return nil, err
	}
	if err := s.call(ctx, http.MethodPut, "/v1/tenants/"+s.tenant, struct{}{}, nil); err != nil {
		s.stop()
		return nil, err
	}
	return s, nil
}

// freeAddress is an address on 127.0.0.1 that nothing listens on.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// start runs the process on the server's data directory and address, for the
// first time or again, and waits until it is ready.
func (s *server) start(ctx context.Context) (err error) {
	s.process, err = startProcess(filepath.Dir(s.dir), filepath.Base(s.dir), nil,
		append([]string{"serve", "--listen", s.addr, "--data", s.dir, "--admin-key", adminKey, "--allow-networks", "127.0.0.0/8"}, s.more...)...)
	if err != nil {
		return err
	}
	const limit = time.Minute
	err = waitFor(ctx, 5*time.Millisecond, limit, func() (int64, bool, error) {
		if err := s.ended(); err != nil {
			return 0, false, err
		}
		return 0, s.ready(ctx), nil
	})
	if err != nil {
		s.kill()
		if errors.Is(err, errStalled) {
			err = fmt.Errorf("the server was not ready within %s", limit)
		}
	}
	return err
}

// ready asks the server whether it takes requests.
func (s *server) ready(ctx context.Context) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+"/readyz", nil)
	if err != nil {
		return false
	}
	res, err := s.client.Do(req)
	if err != nil { // it does not listen yet
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// stop ends the server as an operator would, and by force if it takes long.
func (s *server) stop() {
	if s.shared && s.ended() == nil {
		s.retire()
	}
	s.client.CloseIdleConnections()
	s.process.stop(5 * time.Second)
}

// retire deletes the server's endpoints, so that they are nobody's work in the next
// scenario. If it cannot, that is measured with them.
func (s *server) retire() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, id := range s.made {
		_ = s.call(ctx, http.MethodDelete, "/v1/tenants/"+s.tenant+"/endpoints/"+id, nil, nil)
	}
}

// eventsURL is where events are published.
func (s *server) eventsURL() string {
	return "http://" + s.addr + "/v1/tenants/" + s.tenant + "/events"
}

// recordsURL is where records are changed.
func (s *server) recordsURL() string {
	return "http://" + s.addr + "/v1/tenants/" + s.tenant + "/records"
}

// load is a load of single events on this server; callers change what differs.
func (b *bench) load(s *server, types ...string) load {
	return load{
		url: s.eventsURL(), key: adminKey, want: http.StatusAccepted, enveloped: true,
		run: b.newRun(), types: types, payload: b.o.Payload,
		events: b.o.Events, batch: 1, concurrency: b.o.Concurrency,
	}
}

// addEndpoint makes an endpoint of the default contract, signed and with every
// default left alone, for one event type, and returns its id.
func (s *server) addEndpoint(ctx context.Context, name, url, eventType string) (string, error) {
	return s.addEndpointWith(ctx, name, url, eventType, 0)
}

// addEndpointWith is addEndpoint for so many requests at once; 0: the default. What
// is held against the raw loop has as many in flight as the raw loop.
func (s *server) addEndpointWith(ctx context.Context, name, url, eventType string, concurrency int) (string, error) {
	return s.makeEndpoint(ctx, map[string]any{"name": name, "url": url, "event_types": []string{eventType}}, concurrency)
}

// addEndpointOf is addEndpointWith for all events of another contract.
func (s *server) addEndpointOf(ctx context.Context, contract, url string, concurrency int) (string, error) {
	return s.makeEndpoint(ctx, map[string]any{"name": contract, "contract": contract, "url": url}, concurrency)
}

func (s *server) makeEndpoint(ctx context.Context, in map[string]any, concurrency int) (string, error) {
	var made struct {
		ID string `json:"id"`
	}
	if concurrency > 0 {
		in["concurrency"] = min(concurrency, 1000) // as many as an endpoint may have
	}
	err := s.call(ctx, http.MethodPost, "/v1/tenants/"+s.tenant+"/endpoints", in, &made)
	s.made = append(s.made, made.ID)
	return made.ID, err
}

// pause holds back the deliveries of an endpoint.
func (s *server) pause(ctx context.Context, endpoint string) error {
	return s.call(ctx, http.MethodPost, "/v1/tenants/"+s.tenant+"/endpoints/"+endpoint+"/pause", nil, nil)
}

// delivery is what the benchmark reads of one.
type delivery struct {
	ID       string `json:"id"`
	State    string `json:"state"`
	Reason   string `json:"reason"`
	Attempts []struct {
		Interrupted bool `json:"interrupted"`
	} `json:"attempt_list"`
}

// page is one page of a list.
type page struct {
	Items  []delivery `json:"items"`
	Cursor *string    `json:"next_cursor"`
}

// deliveries is one page of the list of deliveries.
func (s *server) deliveries(ctx context.Context, query url.Values) (page, error) {
	return s.list(ctx, "deliveries", query)
}

// list is one page of a list of the tenant's. Of what is not a delivery, only
// the ids are read.
func (s *server) list(ctx context.Context, of string, query url.Values) (p page, err error) {
	err = s.call(ctx, http.MethodGet, "/v1/tenants/"+s.tenant+"/"+of+"?"+query.Encode(), nil, &p)
	return p, err
}

// delivery is one delivery with its attempts.
func (s *server) delivery(ctx context.Context, id string) (d delivery, err error) {
	err = s.call(ctx, http.MethodGet, "/v1/tenants/"+s.tenant+"/deliveries/"+id, nil, &d)
	return d, err
}

// settle returns when the API shows no unfinished delivery of the endpoint (""
// for all of them) and fails if one finished in any way but delivered.
func (s *server) settle(ctx context.Context, endpoint string) error {
	inState := func(state string) (bool, error) {
		q := url.Values{"state": {state}, "limit": {"1"}}
		if endpoint != "" {
			q.Set("endpoint", endpoint)
		}
		p, err := s.deliveries(ctx, q)
		return len(p.Items) > 0, err
	}
	left := ""
	err := waitFor(ctx, 2*time.Millisecond, patience, func() (int64, bool, error) {
		for _, state := range []string{"pending", "sending", "retrying"} {
			if some, err := inState(state); err != nil || some {
				left = state
				return 0, false, err
			}
		}
		return 0, true, nil
	})
	if errors.Is(err, errStalled) {
		return fmt.Errorf("after %s some deliveries are still %s", patience, left)
	}
	if err != nil {
		return err
	}
	for _, state := range []string{"failed", "unknown", "cancelled"} {
		if some, err := inState(state); err != nil {
			return err
		} else if some {
			return fmt.Errorf("some deliveries are %s, where all should be delivered", state)
		}
	}
	return nil
}

// call makes one request to the API. in is sent as JSON unless it is nil; the
// answer is read into out unless that is nil. Any status but 2xx is an error.
// What the server pushes back (429, 503) is sent again.
func (s *server) call(ctx context.Context, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return err
		}
	}
	for tries := 0; ; tries++ {
		req, err := http.NewRequestWithContext(ctx, method, "http://"+s.addr+path, bytes.NewReader(body))
		if err != nil {
			return err
		}
		req.Header.Set("Authorization", "Bearer "+adminKey)
		if in != nil {
			req.Header.Set("Content-Type", "application/json")
		}
		res, err := s.client.Do(req)
		if err != nil {
			return errors.Join(err, s.ended())
		}
		answer, err := io.ReadAll(res.Body)
		res.Body.Close()
		switch {
		case err != nil:
			return err
		case (res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable) && tries < 100:
			after, _ := strconv.Atoi(res.Header.Get("Retry-After"))
			if err := pauseFor(ctx, min(max(20*time.Millisecond, time.Duration(after)*time.Second), maxPushback)); err != nil {
				return err
			}
			continue
		case res.StatusCode < 200 || res.StatusCode > 299:
			return fmt.Errorf("%s %s: %s: %s", method, path, res.Status, answer[:min(len(answer), 400)])
		case out != nil:
			return json.Unmarshal(answer, out)
		}
		return nil
	}
}

// commits is how many batches the server has written to its database.
func (s *server) commits(ctx context.Context) (float64, error) {
	const name = "\ngancho_commits_total "
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.addr+"/metrics", nil)
	if err != nil {
		return 0, err
	}
	req.Header.Set("Authorization", "Bearer "+adminKey)
	res, err := s.client.Do(req)
	if err != nil {
		return 0, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, err
	}
	_, after, ok := strings.Cut("\n"+string(text), name)
	if !ok {
		return 0, fmt.Errorf("GET /metrics: %s, without%s", res.Status, name)
	}
	value, _, _ := strings.Cut(after, "\n")
	return strconv.ParseFloat(value, 64)
}

// cpu is the CPU time the server has used, in seconds.
func (s *server) cpu() (float64, error) { return cpuSeconds(s.pid()) }

// peak is the most memory the server has held, in megabytes.
func (s *server) peak() (float64, error) { return peakMemory(s.pid()) }
