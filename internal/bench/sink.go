package bench

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"
)

// sink is the receiver's process ([RunSink]) as seen from this one.
type sink struct {
	*process
	url    string // http://127.0.0.1:port
	client http.Client
}

// startSink starts the receiver and waits until it listens.
func startSink(ctx context.Context, dir string) (*sink, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = reader.Close() }() // nothing more is read
	p, err := startProcess(dir, "bench-sink", writer, "bench-sink", "--listen", "127.0.0.1:0")
	_ = writer.Close() // the child has its own
	if err != nil {
		return nil, err
	}
	giveUp := context.AfterFunc(ctx, func() { _ = reader.Close() }) // ends the wait below
	defer giveUp()
	line, err := bufio.NewReader(reader).ReadString('\n')
	if err != nil {
		p.stop(time.Second)
		return nil, errors.Join(context.Cause(ctx), fmt.Errorf("the sink did not start: %w", errors.Join(err, p.ended())))
	}
	return &sink{process: p, url: "http://" + strings.TrimSpace(line)}, nil
}

func (s *sink) stop() {
	s.client.CloseIdleConnections()
	s.process.stop(3 * time.Second)
}

// endpoint is the URL that takes payloads for endpoint e.
func (s *sink) endpoint(e int) string { return fmt.Sprintf("%s/e/%d", s.url, e) }

// hang is the URL that never answers.
func (s *sink) hang() string { return s.url + "/hang" }

// begin makes room for the arrivals of a run.
func (s *sink) begin(ctx context.Context, run int, size runSize) error {
	body, err := json.Marshal(size)
	if err != nil {
		return err
	}
	_, err = s.call(ctx, http.MethodPut, run, "", body)
	return err
}

// forget frees what begin took.
func (s *sink) forget(ctx context.Context, run int) error {
	_, err := s.call(ctx, http.MethodDelete, run, "", nil)
	return err
}

func (s *sink) stats(ctx context.Context, run int) (st runStats, err error) {
	body, err := s.call(ctx, http.MethodGet, run, "", nil)
	if err != nil {
		return st, err
	}
	return st, json.Unmarshal(body, &st)
}

func (s *sink) arrivals(ctx context.Context, run int) ([]arrival, error) {
	body, err := s.call(ctx, http.MethodGet, run, "/dump", nil)
	if err != nil {
		return nil, err
	}
	return parseDump(body)
}

func (s *sink) call(ctx context.Context, method string, run int, what string, body []byte) ([]byte, error) {
	url := fmt.Sprintf("%s/runs/%d%s", s.url, run, what)
	req, err := http.NewRequestWithContext(ctx, method, url, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return nil, errors.Join(err, s.ended())
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, url, res.Status, bytes.TrimSpace(answer))
	}
	return answer, err
}

// patience is how long to wait without any progress before giving up. It is
// longer than a delivery's timeout and its first retry together.
var patience = 40 * time.Second

// wait returns when the run has had n arrivals.
func (s *sink) wait(ctx context.Context, run int, n int) error {
	var st runStats
	err := waitFor(ctx, 5*time.Millisecond, patience, func() (_ int64, _ bool, err error) {
		st, err = s.stats(ctx, run)
		return st.Arrived, st.Arrived >= int64(n), err
	})
	if errors.Is(err, errStalled) {
		return fmt.Errorf("%w for %s: %d of %d deliveries have arrived", err, patience, st.Arrived, n)
	}
	return err
}
