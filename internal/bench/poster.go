package bench

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"time"
)

// newTransport holds a connection for each of n requests at once and does
// nothing else that costs: no proxy, no compression, no HTTP/2.
func newTransport(n int) *http.Transport {
	return &http.Transport{
		DialContext:         (&net.Dialer{Timeout: 10 * time.Second}).DialContext,
		MaxIdleConns:        n,
		MaxIdleConnsPerHost: n,
		DisableCompression:  true,
		Protocols:           http1(),
	}
}

func http1() *http.Protocols {
	p := &http.Protocols{}
	p.SetHTTP1(true)
	return p
}

// poster sends one request after another. It is the same for the raw loop and
// for publishing. Not safe for concurrent use: each goroutine has its own.
type poster struct {
	client http.Client
	req    *http.Request
	answer bytes.Buffer // of the latest request
}

func newPoster(ctx context.Context, transport http.RoundTripper, url, key string) (*poster, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	p := &poster{req: req}
	p.client.Transport = transport
	return p, nil
}

// post sends body and reads the answer to its end. The body can be changed as
// soon as post returns. wait is how long the server asks to be left alone.
func (p *poster) post(body []byte) (status int, wait time.Duration, err error) {
	b := &sending{closed: make(chan struct{}, 1)}
	b.Reset(body)
	p.req.Body, p.req.ContentLength = b, int64(len(body))
	res, err := p.client.Do(p.req)
	<-b.closed // the transport is done with the bytes
	if err != nil {
		return 0, 0, err
	}
	p.answer.Reset()
	_, err = p.answer.ReadFrom(res.Body)
	res.Body.Close()
	if err != nil {
		return 0, 0, err
	}
	if s := res.Header.Get("Retry-After"); s != "" {
		if n, err := strconv.Atoi(s); err == nil {
			wait = time.Duration(n) * time.Second
		}
	}
	return res.StatusCode, wait, nil
}

// unexpected describes the latest answer for an error message.
func (p *poster) unexpected(status int) error {
	text := p.answer.Bytes()
	return fmt.Errorf("POST %s: answered %d %s: %s", p.req.URL, status, http.StatusText(status), text[:min(len(text), 400)])
}

// sending is a request body that says when the transport has let go of it.
type sending struct {
	bytes.Reader
	closed chan struct{}
}

var _ io.ReadCloser = (*sending)(nil)

func (s *sending) Close() error {
	select {
	case s.closed <- struct{}{}:
	default:
	}
	return nil
}
