package http

import (
	"bytes"
	"errors"
	"io"
	nethttp "net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"gancho/internal/hook"
	"gancho/internal/send"
)

// answer reads the answer's body within the limits. The response is never nil. With an error,
// it has the part of the body that arrived. whole says that the body was read to its end.
func (x *exchange) answer(resp *nethttp.Response) (out *hook.Response, whole bool, err error) {
	out = &hook.Response{Status: resp.StatusCode, Headers: responseHeaders(resp)}
	if resp.StatusCode == nethttp.StatusSwitchingProtocols { // the bytes that follow are not HTTP
		out.Body = []byte{}
		return out, false, nil
	}
	whole, err = readBody(resp, out, x.all)
	if err != nil && x.clock == send.ClockResponse && isDeadline(err) && !x.isInterrupted() {
		cut(out) // no failure: the limit was for the status, and that came in time
		return out, false, nil
	}
	return out, whole, err
}

// scratch are buffers for bodies of unknown or large size.
var scratch = sync.Pool{New: func() any { return new([hook.KeepBody]byte) }}

// readBody reads a body up to [hook.ReadBody] bytes. It keeps the first [hook.KeepBody] of them in out, and with all the
// others, too. whole says that the body was read to its end.
func readBody(resp *nethttp.Response, out *hook.Response, all bool) (whole bool, err error) {
	out.Body = []byte{}
	if n := resp.ContentLength; n >= 0 && n <= hook.KeepBody {
		if resp.Request.Method == nethttp.MethodHead {
			return true, nil
		}
		body := make([]byte, n)
		got, err := io.ReadFull(resp.Body, body)
		out.Body = body[:got]
		return err == nil, err
	}
	buf := scratch.Get().(*[hook.KeepBody]byte)
	defer scratch.Put(buf)
	n, err := io.ReadFull(resp.Body, buf[:])
	if n > 0 {
		out.Body = bytes.Clone(buf[:n])
	}
	switch {
	case err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) && resp.ContentLength < 0 && cleanEnd(resp):
		return true, nil
	case err != nil:
		return false, err
	}
	for total := n; ; {
		n, err = resp.Body.Read(buf[:])
		if n > 0 {
			out.Truncated = true
			if all {
				keepMore(out, buf[:n])
			}
		}
		switch total += n; {
		case err == io.EOF:
			return true, nil
		case err != nil:
			cut(out)
			return false, err
		case total > hook.ReadBody:
			cut(out)
			return false, nil
		}
	}
}

// keepMore adds bytes to what was read of a body, up to [hook.ReadBody].
func keepMore(out *hook.Response, more []byte) {
	if out.Long == nil {
		out.Long = &hook.Long{Body: append(make([]byte, 0, 2*hook.KeepBody), out.Body...)}
	}
	room := hook.ReadBody - len(out.Long.Body)
	out.Long.Cut = out.Long.Cut || len(more) > room
	out.Long.Body = append(out.Long.Body, more[:min(len(more), room)]...)
}

// cut notes that the rest of a body did not come, or was not read.
func cut(out *hook.Response) {
	out.Truncated = true
	if out.Long != nil {
		out.Long.Cut = true
	}
}

// cleanEnd reports whether a body of unknown length is at its end. io.ReadFull reports
// the same error at the end of a body as for one that broke off, but a body at its end
// answers another read with io.EOF.
func cleanEnd(resp *nethttp.Response) bool {
	var one [1]byte
	_, err := resp.Body.Read(one[:])
	return err == io.EOF
}

// responseHeaders lists the headers of an answer by name. Their order and the spelling
// of their names are lost: net/http keeps neither.
func responseHeaders(resp *nethttp.Response) []hook.Header {
	list := make([]hook.Header, 0, len(resp.Header)+len(resp.TransferEncoding))
	for name, values := range resp.Header {
		for _, v := range values {
			list = append(list, hook.Header{Name: name, Value: v})
		}
	}
	for _, te := range resp.TransferEncoding {
		list = append(list, hook.Header{Name: "Transfer-Encoding", Value: te})
	}
	slices.SortStableFunc(list, func(a, b hook.Header) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// retryAfter reads a Retry-After header (RFC 9110 section 10.2.3), which holds seconds or
// a date. Seconds may have decimals, which the RFC does not know and some receivers send; they are
// rounded up. The wait until a date is counted from the answer's own Date, because the
// receiver's clock may be wrong. The result is 0 if there is no header, if it makes no
// sense, or if it asks for no wait. How long Gancho really waits is limited by
// [hook.MaxRetryAfter].
func retryAfter(h nethttp.Header, now time.Time) time.Duration {
	const limit = 365 * 24 * time.Hour // so that nothing overflows
	text := strings.TrimSpace(h.Get("Retry-After"))
	if text == "" {
		return 0
	}
	whole, decimals, _ := strings.Cut(text, ".")
	if whole != "" && strings.Trim(whole+decimals, "0123456789") == "" {
		n, err := strconv.ParseInt(whole, 10, 64)
		if strings.Trim(decimals, "0") != "" {
			n++
		}
		if err != nil || n > int64(limit/time.Second) {
			return limit
		}
		return time.Duration(n) * time.Second
	}
	at, err := nethttp.ParseTime(text)
	if err != nil {
		return 0
	}
	if theirs, err := nethttp.ParseTime(h.Get("Date")); err == nil {
		now = theirs
	}
	return min(max(0, at.Sub(now)), limit)
}
