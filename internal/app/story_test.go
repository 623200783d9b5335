package app

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"gancho/contracts"
)

// TestStories tells each file of testdata/story to a real server: what a person
// types, what the receiver gets, byte for byte, and what happens when it
// misbehaves. The commands, beside those of testscript:
//
//	server start|kill|stop            the server; kill is kill -9, start goes on with the same data
//	receiver NAME [status N] [delay D] [body TEXT] [type T]
//	                                  a receiver, $NAME its URL; again: another answer from now on
//	api [-bearer KEY] STATUS METHOD PATH [FILE]
//	                                  a request to the API that must be answered so; stdout is the answer
//	get VAR /pointer                  keeps a value of the last answer as $VAR
//	until /pointer VALUE PATH         asks PATH until it answers VALUE there
//	received NAME N                   waits for the N-th request; stdout is its head as it was
//	                                  sent, the file "body" its body, "body.txt" that and a newline
//	count NAME N                      the receiver has got N requests, no more and no fewer
//	unseen TEXT…                      none of the texts is in the server's log or in a list
func TestStories(t *testing.T) {
	files, err := filepath.Glob("testdata/story/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no stories: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			s := &story{t: t, receivers: map[string]*wire{}}
			t.Cleanup(s.end)
			testscript.Run(t, testscript.Params{
				Files: []string{file}, RequireUniqueNames: true, Setup: s.setup,
				Cmds: map[string]func(*testscript.TestScript, bool, []string){
					"server": s.server, "receiver": s.receiver, "api": s.api, "get": s.get, "until": s.until,
					"received": s.received, "count": s.count, "unseen": s.unseen,
				},
			})
		})
	}
}

// story is one file being told.
type story struct {
	t         *testing.T
	dir       string
	process   *process
	logs      []*tail // of each life of the server
	receivers map[string]*wire
	answer    []byte
}

// setup lays the shipped examples into the story's directory.
func (s *story) setup(env *testscript.Env) error {
	s.dir = filepath.Join(env.WorkDir, "data")
	examples := filepath.Join(env.WorkDir, "examples")
	if err := os.MkdirAll(examples, 0o700); err != nil {
		return err
	}
	return fs.WalkDir(contracts.Files, "examples", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(contracts.Files, path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(env.WorkDir, path), data, 0o600)
	})
}

func (s *story) end() {
	for _, w := range s.receivers {
		w.close()
	}
}

func (s *story) server(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: server start|kill|stop")
	}
	switch args[0] {
	case "start":
		s.process = start(s.t, s.dir)
		s.logs = append(s.logs, s.process.log)
	case "kill":
		s.process.kill()
	case "stop":
		s.process.stop()
	default:
		ts.Fatalf("server %s?", args[0])
	}
}

func (s *story) receiver(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args)%2 != 1 {
		ts.Fatalf("usage: receiver NAME [status N] [delay D] [body TEXT] [type T]")
	}
	a := wireAnswer{status: http.StatusOK}
	for i := 1; i < len(args); i += 2 {
		var err error
		switch value := args[i+1]; args[i] {
		case "status":
			a.status, err = strconv.Atoi(value)
		case "delay":
			a.delay, err = time.ParseDuration(value)
		case "body":
			a.body = value
		case "type":
			a.contentType = value
		default:
			ts.Fatalf("receiver: %s?", args[i])
		}
		ts.Check(err)
	}
	w := s.receivers[args[0]]
	if w == nil {
		w = newWire(s.t)
		s.receivers[args[0]] = w
		ts.Setenv(args[0], w.url())
		ts.Setenv(args[0]+"_host", w.host())
	}
	w.answers(a)
}

func (s *story) api(ts *testscript.TestScript, neg bool, args []string) {
	key := testKey
	if len(args) > 2 && args[0] == "-bearer" {
		key, args = args[1], args[2:]
	}
	if neg || len(args) < 3 || len(args) > 4 {
		ts.Fatalf("usage: api [-bearer KEY] STATUS METHOD PATH [FILE]")
	}
	var body io.Reader
	if len(args) == 4 {
		body = strings.NewReader(os.Expand(ts.ReadFile(args[3]), ts.Getenv))
	}
	status := s.ask(ts, key, args[1], args[2], body)
	fmt.Fprintf(ts.Stdout(), "%s\n", s.answer)
	if strconv.Itoa(status) != args[0] {
		ts.Fatalf("%s %s answered %d, want %s: %s", args[1], args[2], status, args[0], s.answer)
	}
}

// asking is what talks to the API.
var asking = &http.Client{Timeout: time.Minute}

func (s *story) ask(ts *testscript.TestScript, key, method, path string, body io.Reader) int {
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.process.url+path, body)
	ts.Check(err)
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := asking.Do(req)
	ts.Check(err)
	defer res.Body.Close()
	s.answer, err = io.ReadAll(res.Body)
	ts.Check(err)
	s.answer = bytes.TrimRight(s.answer, "\n")
	return res.StatusCode
}

func (s *story) get(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: get VAR /pointer")
	}
	value, ok := at(s.answer, args[1])
	if !ok {
		ts.Fatalf("there is no %s in %s", args[1], s.answer)
	}
	ts.Setenv(args[0], value)
}

func (s *story) until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: until /pointer VALUE PATH")
	}
	eventually(s.t, strings.Join(args, " "), func() bool {
		s.ask(ts, testKey, http.MethodGet, args[2], nil)
		value, ok := at(s.answer, args[0])
		return ok && value == args[1]
	})
	fmt.Fprintf(ts.Stdout(), "%s\n", s.answer)
}

func (s *story) received(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: received NAME N")
	}
	n, err := strconv.Atoi(args[1])
	ts.Check(err)
	w := s.receivers[args[0]]
	eventually(s.t, "request "+args[1]+" at "+args[0], func() bool { return len(w.requests()) >= n })
	r := w.requests()[n-1]
	fmt.Fprint(ts.Stdout(), strings.ReplaceAll(r.head, "\r\n", "\n"))
	ts.Check(os.WriteFile(ts.MkAbs("body"), r.body, 0o600))
	ts.Check(os.WriteFile(ts.MkAbs("body.txt"), append(r.body[:len(r.body):len(r.body)], '\n'), 0o600))
}

func (s *story) count(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: count NAME N")
	}
	if got := len(s.receivers[args[0]].requests()); strconv.Itoa(got) != args[1] {
		ts.Fatalf("%s has got %d requests, want %s", args[0], got, args[1])
	}
}

// lists are what many may read, so no secret may be there.
var lists = []string{
	"/v1/tenants", "/v1/keys", "/v1/contracts", "/v1/tenants/acme/endpoints", "/v1/tenants/acme/events", "/v1/tenants/acme/deliveries",
	"/v1/tenants/acme/credentials", "/v1/tenants/acme/schedules", "/metrics",
}

func (s *story) unseen(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 {
		ts.Fatalf("usage: unseen TEXT…")
	}
	for _, text := range args {
		if len(text) < 8 {
			ts.Fatalf("%q is too short to be looked for", text)
		}
		for _, log := range s.logs {
			if strings.Contains(log.String(), text) {
				ts.Fatalf("the log shows %q", text)
			}
		}
		for _, path := range lists {
			if status := s.ask(ts, testKey, http.MethodGet, path, nil); status != http.StatusOK {
				ts.Fatalf("GET %s answered %d", path, status)
			}
			if bytes.Contains(s.answer, []byte(text)) {
				ts.Fatalf("GET %s shows %q: %s", path, text, s.answer)
			}
		}
	}
}

// at is the value a JSON pointer leads to, a text as it is, anything else as JSON.
func at(doc []byte, pointer string) (string, bool) {
	var v any
	d := json.NewDecoder(bytes.NewReader(doc))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return "", false
	}
	for step := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		switch in := v.(type) {
		case map[string]any:
			next, ok := in[step]
			if !ok {
				return "", false
			}
			v = next
		case []any:
			n, err := strconv.Atoi(step)
			if err != nil || n >= len(in) {
				return "", false
			}
			v = in[n]
		default:
			return "", false
		}
	}
	if text, ok := v.(string); ok {
		return text, true
	}
	b, err := json.Marshal(v)
	return string(b), err == nil
}
