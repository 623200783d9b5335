// Package client speaks Gancho's REST API: the JSON types of every object, and
// a [Client] with one method per operation.
//
//	c := client.New("http://127.0.0.1:8480", key)
//	answer, err := c.PublishEvent(ctx, "acme", client.NewEvent{Type: "order.paid", Payload: payload})
//	if p, ok := errors.AsType[*client.Problem](err); ok && p.Code == "payload_invalid" { … }
//
// It promises to use the standard library only, and to repeat a request by itself only if the server said that it
// stored nothing and [WithRetries] allows it. A Client is safe for concurrent use.
//
// The tags of the types beside json (doc, example, enum, object and so on) describe them in the OpenAPI document, which
// the server makes of them. The client does not read them.
package client

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
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client calls one Gancho server. The zero value is not usable, see [New].
type Client struct {
	base  string
	key   string
	http  *http.Client
	tries int
	wait  time.Duration
}

// Option changes how a [Client] works.
type Option func(*Client)

// WithHTTPClient makes calls go through h instead of a client of their own.
func WithHTTPClient(h *http.Client) Option { return func(c *Client) { c.http = h } }

// WithRetries sends a call up to n more times if the answer is 429 or 503, or if no server is found. It waits as long
// as Retry-After says, or else 200 ms and twice as long each time. Both answers mean that nothing was stored, so
// sending again is safe. A call whose connection broke in the middle is sent again only if sending it twice has the
// same effect as once (GET, PUT, DELETE).
func WithRetries(n int) Option { return func(c *Client) { c.tries = 1 + max(n, 0) } }

// New makes a client for the server at base (such as http://127.0.0.1:8480), which authenticates with an API key.
func New(base, key string, options ...Option) *Client {
	c := &Client{
		base: strings.TrimRight(base, "/"), key: key, tries: 1, wait: 200 * time.Millisecond,
		http: &http.Client{Timeout: 60 * time.Second},
	}
	for _, o := range options {
		o(c)
	}
	return c
}

// maxAnswer is how many bytes of an answer are read.
const maxAnswer = 256 << 20

// call makes one request. body is encoded as JSON, unless it is nil or a json.RawMessage, which is sent unchanged. The
// answer is decoded into out, unless that is nil; a *json.RawMessage gets its bytes unchanged.
func (c *Client) call(ctx context.Context, method, path string, header http.Header, body, out any) error {
	var data []byte
	switch b := body.(type) {
	case nil:
	case json.RawMessage:
		data = b
	default:
		var err error
		if data, err = marshal(b); err != nil {
			return err
		}
	}
	var err error
	for try := 1; ; try++ {
		var again time.Duration
		again, err = c.once(ctx, method, path, header, data, body != nil, out)
		if again == 0 || try >= c.tries {
			return err
		}
		if again < 0 { // the server did not say when: 200 ms, doubling, with jitter
			again = c.wait << min(try-1, 8)
			again = again/2 + rand.N(again)
		}
		if ends, ok := ctx.Deadline(); ok && time.Until(ends) < again { // waiting would be in vain
			return errors.Join(context.DeadlineExceeded, err)
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(again):
		}
	}
}

// once is one try. again is 0 if another try makes no sense, negative if it makes sense, or the time that the server
// asks to wait before it.
func (c *Client) once(ctx context.Context, method, path string, header http.Header, data []byte, hasBody bool, out any) (again time.Duration, err error) {
	var reader io.Reader
	if hasBody {
		reader = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, c.base+path, reader)
	if err != nil {
		return 0, err
	}
	maps.Copy(req.Header, header)
	if c.key != "" {
		req.Header.Set("Authorization", "Bearer "+c.key)
	}
	req.Header.Set("Accept", "application/json")
	if hasBody {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.http.Do(req)
	if err != nil {
		if method != http.MethodPost && method != http.MethodPatch && ctx.Err() == nil {
			return -1, err
		}
		return 0, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return 0, fmt.Errorf("%s %s: reading the answer: %w", method, path, err)
	}
	if res.StatusCode >= 300 {
		p := readProblem(res, answer)
		if res.StatusCode == http.StatusTooManyRequests || res.StatusCode == http.StatusServiceUnavailable {
			again = -1
			if p.RetryAfter > 0 {
				again = p.RetryAfter
			}
		}
		return again, p
	}
	if out == nil {
		return 0, nil
	}
	if raw, ok := out.(*json.RawMessage); ok { // its bytes, unchanged
		*raw = answer
		return 0, nil
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return 0, fmt.Errorf("%s %s: the answer is not what this client expects: %w", method, path, err)
	}
	return 0, nil
}

// marshal is json.Marshal without escaping of <, > and &.
func marshal(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimRight(b.Bytes(), "\n"), nil
}

// List is one page of a list.
type List[T any] struct {
	Items      []T     `json:"items" doc:"The objects of this page, newest first unless said otherwise. A page may have fewer objects than limit, even none, although more follow. Only next_cursor says whether more follow."`
	NextCursor *string `json:"next_cursor" doc:"Give it as cursor, with the same filters, to get the next page; null on the last one." example:"AZqZ4kXvcACAAAAAAAAAAA"`
}

// Paging asks for a page of a list. The zero value is the first page with the
// server's default length.
type Paging struct {
	Limit  int
	Cursor string
}

func (p Paging) query() url.Values {
	q := url.Values{}
	if p.Limit > 0 {
		q.Set("limit", strconv.Itoa(p.Limit))
	}
	set(q, "cursor", p.Cursor)
	return q
}

func set(q url.Values, name, value string) {
	if value != "" {
		q.Set(name, value)
	}
}

func setTime(q url.Values, name string, t time.Time) {
	if !t.IsZero() {
		q.Set(name, t.UTC().Format(time.RFC3339Nano))
	}
}

func withQuery(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// path escapes segments and joins them.
func path(segments ...string) string {
	var b strings.Builder
	b.WriteString("/v1")
	for _, s := range segments {
		b.WriteByte('/')
		b.WriteString(url.PathEscape(s))
	}
	return b.String()
}

// get is a GET that decodes its answer.
func get[T any](ctx context.Context, c *Client, path string) (*T, error) {
	return send[T](ctx, c, http.MethodGet, path, nil)
}

// send makes a request and decodes its answer.
func send[T any](ctx context.Context, c *Client, method, path string, body any) (*T, error) {
	out := new(T)
	if err := c.call(ctx, method, path, nil, body, out); err != nil {
		return nil, err
	}
	return out, nil
}
