package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// standInFault, in the environment, makes the stand-in misbehave, to prove that
// the benchmark notices: "forget" puts a tenth of the deliveries off and keeps
// nothing over a restart, "twice" delivers everything twice, "busy" answers every third request with 503,
// "drop" never delivers.
const standInFault = "BENCH_STAND_IN_FAULT"

// standIn answers like a Gancho server, for the scenarios' own tests. It keeps
// a file of what it accepted and delivered, which survives kill -9 of it.
type standIn struct {
	fault  string
	client http.Client

	mu         sync.Mutex
	requests   int
	lines      int // written to the file
	log        *os.File
	endpoints  []standInEndpoint
	deliveries []*standInDelivery
}

type standInEndpoint struct {
	ID       string   `json:"id"`
	URL      string   `json:"url"`
	Types    []string `json:"event_types"`
	Contract string   `json:"contract"`
	Paused   bool     `json:"paused"`
}

type standInDelivery struct {
	ID       string          `json:"id"`
	Event    string          `json:"event"`
	Endpoint string          `json:"endpoint"`
	Type     string          `json:"type"`
	State    string          `json:"state"`
	Attempts []standInTry    `json:"attempt_list"`
	Payload  json.RawMessage `json:"-"`
	url      string
}

type standInTry struct {
	Interrupted bool `json:"interrupted"`
}

// standInEntry is one line of the file.
type standInEntry struct {
	Endpoint *standInEndpoint `json:"endpoint,omitempty"`
	Type     string           `json:"type,omitempty"`
	Contract string           `json:"contract,omitempty"` // of a record that changed
	Payload  json.RawMessage  `json:"payload,omitempty"`
	Done     string           `json:"done,omitempty"`
}

func runStandIn(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("serve", flag.ContinueOnError)
	listen := flags.String("listen", "", "")
	data := flags.String("data", "", "")
	flags.String("admin-key", "", "")
	flags.String("allow-networks", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s := &standIn{fault: os.Getenv(standInFault)}
	if err := s.open(filepath.Join(*data, "log")); err != nil {
		return err
	}
	srv := &http.Server{Addr: *listen, Handler: s.mux()}
	go func() {
		<-ctx.Done()
		_ = srv.Close()
	}()
	if err := srv.ListenAndServe(); ctx.Err() == nil {
		return err
	}
	return nil
}

// open takes up what an earlier life left, and goes on with what waits.
func (s *standIn) open(path string) error {
	old, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	// The log is open before the first delivery goes on: it ends with a line in it.
	if s.log, err = os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err != nil {
		return err
	}
	for line := range bytes.Lines(old) {
		var e standInEntry
		if json.Unmarshal(line, &e) != nil {
			continue // a line cut off by the kill was never acknowledged
		}
		if s.fault != "forget" || e.Endpoint != nil {
			s.apply(e)
		}
	}
	var waits []*standInDelivery
	for _, d := range s.deliveries {
		if d.State == "pending" {
			d.Attempts = append(d.Attempts, standInTry{Interrupted: true})
			waits = append(waits, d)
		}
	}
	for _, d := range waits {
		go s.deliver(d)
	}
	return nil
}

// apply changes the state by one entry and returns the deliveries it made.
func (s *standIn) apply(e standInEntry) (made []*standInDelivery) {
	switch {
	case e.Endpoint != nil:
		s.endpoints = append(s.endpoints, *e.Endpoint)
	case e.Done != "":
		for _, d := range s.deliveries {
			if d.ID == e.Done {
				d.State = "delivered"
			}
		}
	default:
		event := fmt.Sprintf("evt_%06d", len(s.deliveries))
		for _, ep := range s.endpoints {
			if slices.Contains(ep.Types, e.Type) || e.Contract != "" && e.Contract == ep.Contract {
				made = append(made, &standInDelivery{
					ID: fmt.Sprintf("dlv_%06d", len(s.deliveries)+len(made)), Event: event, Endpoint: ep.ID,
					Type: e.Type, State: "pending", Payload: e.Payload, url: ep.URL,
				})
			}
		}
		s.deliveries = append(s.deliveries, made...)
	}
	return made
}

// store is apply, and a line in the file.
func (s *standIn) store(e standInEntry) []*standInDelivery {
	line, err := json.Marshal(e)
	if err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, err := s.log.Write(append(line, '\n')); err != nil {
		panic(err)
	}
	s.lines++
	made := s.apply(e)
	for _, d := range made {
		if !slices.ContainsFunc(s.endpoints, func(ep standInEndpoint) bool { return ep.ID == d.Endpoint && ep.Paused }) {
			go s.deliver(d)
		}
	}
	return made
}

func (s *standIn) deliver(d *standInDelivery) {
	if s.fault == "drop" {
		return
	}
	if s.fault == "forget" && strings.HasSuffix(d.ID, "3") {
		return // later, it thinks; a kill always finds some that wait
	}
	times := 1
	if s.fault == "twice" {
		times = 2
	}
	for range times {
		for {
			req, err := http.NewRequest(http.MethodPost, d.url, bytes.NewReader(d.Payload))
			if err != nil {
				panic(err)
			}
			req.Header.Set("webhook-id", d.Event)
			res, err := s.client.Do(req)
			if err == nil {
				res.Body.Close()
				break
			}
			sleep(10 * time.Millisecond)
		}
	}
	s.store(standInEntry{Done: d.ID})
}

func (s *standIn) mux() http.Handler {
	mux := http.NewServeMux()
	answer := func(w http.ResponseWriter, status int, v any) {
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	const base = "/v1/tenants/bench"
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("PUT "+base, func(w http.ResponseWriter, _ *http.Request) { answer(w, 200, struct{}{}) })
	records := 0
	mux.HandleFunc("POST "+base+"/schedules/bench-snapshot/metrics/run", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, scheduled{State: "sent", Examined: records, Records: (records + scheduleShare - 1) / scheduleShare, Bytes: 1, Took: 1})
	})
	mux.HandleFunc("POST "+base+"/endpoints", func(w http.ResponseWriter, r *http.Request) {
		var ep standInEndpoint
		_ = json.NewDecoder(r.Body).Decode(&ep)
		s.mu.Lock()
		ep.ID = fmt.Sprintf("ep_%d", len(s.endpoints))
		s.mu.Unlock()
		s.store(standInEntry{Endpoint: &ep})
		answer(w, 201, ep)
	})
	mux.HandleFunc("POST "+base+"/endpoints/{id}/pause", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for i := range s.endpoints {
			if s.endpoints[i].ID == r.PathValue("id") {
				s.endpoints[i].Paused = true
			}
		}
	})
	mux.HandleFunc("POST "+base+"/endpoints/{id}/resume", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for i := range s.endpoints {
			if s.endpoints[i].ID == r.PathValue("id") {
				s.endpoints[i].Paused = false
			}
		}
		for _, d := range s.deliveries {
			if d.Endpoint == r.PathValue("id") && d.State == "pending" {
				go s.deliver(d)
			}
		}
	})
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		fmt.Fprintf(w, "# TYPE gancho_commits_total counter\ngancho_commits_total %d\n", s.lines)
	})
	mux.HandleFunc("POST "+base+"/events", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests++
		busy := s.fault == "busy" && s.requests%3 == 0
		s.mu.Unlock()
		body, _ := io.ReadAll(r.Body)
		if busy {
			w.WriteHeader(503)
			return
		}
		if r.Header.Get("Authorization") != "Bearer "+adminKey {
			w.WriteHeader(401)
			return
		}
		events := []standInEntry{{}}
		into := any(&events[0])
		if strings.HasPrefix(string(body), "[") {
			into = &events
		}
		if err := json.Unmarshal(body, into); err != nil {
			answer(w, 400, err.Error())
			return
		}
		for _, e := range events {
			s.store(e)
		}
		answer(w, 202, struct{}{})
	})
	mux.HandleFunc("POST /v1/contracts", func(w http.ResponseWriter, r *http.Request) {
		var in struct{ Source string }
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil || !strings.Contains(in.Source, "contract: "+recordContract) && in.Source != scheduleContract {
			answer(w, 422, "no contract")
			return
		}
		answer(w, 201, struct{}{})
	})
	// Whatever is said of a record is a change of it here, but its name has to be right.
	change := func(contract, kind, key string, doc json.RawMessage) error {
		var d struct{ ID json.RawMessage }
		if err := json.Unmarshal(doc, &d); err != nil || contract != recordContract || kind != recordKind || key != "" && key != string(d.ID) {
			return fmt.Errorf("%s %s %s: %s: %w", contract, kind, key, doc, err)
		}
		s.store(standInEntry{Contract: contract, Payload: doc})
		return nil
	}
	mux.HandleFunc("PUT "+base+"/records/{contract}/{kind}/{key}", func(w http.ResponseWriter, r *http.Request) {
		doc, _ := io.ReadAll(r.Body)
		if err := change(r.PathValue("contract"), r.PathValue("kind"), r.PathValue("key"), doc); err != nil {
			answer(w, 422, err.Error())
			return
		}
		answer(w, 201, struct{}{})
	})
	mux.HandleFunc("POST "+base+"/records", func(w http.ResponseWriter, r *http.Request) {
		var changes []struct {
			Contract, Kind string
			Document       json.RawMessage
		}
		if err := json.NewDecoder(r.Body).Decode(&changes); err != nil {
			answer(w, 400, err.Error())
			return
		}
		for _, c := range changes {
			if c.Contract == "bench-snapshot" {
				records++
				continue
			}
			if err := change(c.Contract, c.Kind, "", c.Document); err != nil {
				answer(w, 422, err.Error())
				return
			}
		}
		answer(w, 200, struct{}{})
	})
	mux.HandleFunc("GET "+base+"/deliveries", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		items := []standInDelivery{}
		s.mu.Lock()
		for _, d := range s.deliveries {
			if match(q.Get("state"), d.State) && match(q.Get("endpoint"), d.Endpoint) && match(q.Get("event"), d.Event) && match(q.Get("type"), d.Type) {
				items = append(items, *d)
			}
		}
		s.mu.Unlock()
		answer(w, 200, map[string]any{"items": items, "next_cursor": nil})
	})
	mux.HandleFunc("GET "+base+"/events", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, map[string]any{"items": []any{}, "next_cursor": nil})
	})
	mux.HandleFunc("GET "+base+"/deliveries/{id}", func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for _, d := range s.deliveries {
			if d.ID == r.PathValue("id") {
				answer(w, 200, d)
			}
		}
	})
	return mux
}

func match(want, have string) bool { return want == "" || want == have }
