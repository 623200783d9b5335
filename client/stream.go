package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// Notice says that something happened a moment ago.
type Notice struct {
	Kind     string    `json:"kind" enum:"attempt,delivery,endpoint,tenant,contract,lost" doc:"attempt: a request was made for a delivery. delivery: a delivery was created, or ended without a request. endpoint, tenant: it was created, changed or deleted, so read it again. contract: there is a new version. lost: this reader missed notices."`
	At       time.Time `json:"at"`
	Tenant   string    `json:"tenant,omitempty" example:"acme"`
	Endpoint string    `json:"endpoint,omitempty" example:"ep_06ew2c5e8m4b900000000000g0"`
	Contract string    `json:"contract,omitempty" example:"standard"`

	Delivery      string     `json:"delivery,omitempty" example:"dlv_06ew2c6eqfy7d00000000000g4"`
	Type          string     `json:"type,omitempty" doc:"Event type." example:"order.paid"`
	State         string     `json:"state,omitempty" doc:"The present state of the delivery." example:"retrying"`
	Reason        string     `json:"reason,omitempty"`
	Test          bool       `json:"test,omitempty"`
	NextAttemptAt *time.Time `json:"next_attempt_at,omitempty"`

	Attempt    int      `json:"attempt,omitempty" doc:"Number of the attempt." example:"1"`
	Class      string   `json:"class,omitempty" doc:"Error class; absent if it succeeded." example:"status_5xx"`
	Status     int      `json:"status,omitempty" doc:"Of the answer; absent if none came." example:"500"`
	DurationMS *float64 `json:"duration_ms,omitempty" doc:"Of the attempt." example:"85.2"`

	Lost int `json:"lost,omitempty" doc:"How many notices this reader missed, as far as that is known."`
}

// Stream yields notices of what happens in one tenant or, if tenant is "", in everything that the key may see. It ends,
// with an error as its last item, when ctx ends, the server stops or the key is revoked. Call it again to go on.
func (c *Client) Stream(ctx context.Context, tenant string) iter.Seq2[Notice, error] {
	return func(yield func(Notice, error) bool) {
		q := url.Values{}
		set(q, "tenant", tenant)
		body, err := c.open(ctx, withQuery(path("stream"), q))
		if err != nil {
			yield(Notice{}, err)
			return
		}
		defer body.Close()
		lines := bufio.NewScanner(body)
		for lines.Scan() {
			data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
			if !ok {
				continue
			}
			var n Notice
			err := json.Unmarshal(data, &n)
			if !yield(n, err) || err != nil {
				return
			}
		}
		if err := lines.Err(); err != nil && ctx.Err() == nil {
			yield(Notice{}, err)
		}
	}
}

// open makes a GET request for a stream.
func (c *Client) open(ctx context.Context, path string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.base+path, nil)
	if err != nil {
		return nil, err
	}
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	req.Header.Set("Accept", "text/event-stream")
	endless := *c.http
	endless.Timeout = 0
	res, err := endless.Do(req)
	if err != nil {
		return nil, err
	}
	if res.StatusCode == http.StatusOK {
		return res.Body, nil
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, fmt.Errorf("GET %s: reading the answer: %w", path, err)
	}
	return nil, readProblem(res, answer)
}
