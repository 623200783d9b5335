package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"gancho/internal/hook"
)

// OnceStore remembers the answers to requests that change the configuration and have an Idempotency-Key. The change itself
// claims the key in its transaction, see [hook.WithOnce].
type OnceStore interface {
	// OnceAnswer is the answer to an earlier request with the key, nil if there was none. It fails if the key was used for
	// another request, or if the answer is not known.
	OnceAnswer(ctx context.Context, o *hook.Once) ([]byte, error)
	KeepOnceAnswer(ctx context.Context, o *hook.Once, answer []byte) error
}

// onceAnswer is how an answer is stored. Members are added but never removed or renamed.
type onceAnswer struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header"`
	Body   []byte            `json:"body"`
}

// replayedHeader says that an answer is that of an earlier request.
const replayedHeader = "Idempotency-Replayed"

// onlyOnce runs an operation, or answers with what an equal request with the same Idempotency-Key was answered.
func (a *API) onlyOnce(op operation, ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	if _, ok := r.Header["Idempotency-Key"]; !op.once || !ok || a.once == nil {
		next(ctx)
		return
	}
	once, err := a.onceOf(ctx, r)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	prior, err := a.once.OnceAnswer(ctx.Context(), once)
	if err != nil {
		a.fail(w, r, err)
		return
	}
	var answer onceAnswer
	if prior != nil {
		if err := json.Unmarshal(prior, &answer); err != nil {
			a.fail(w, r, fmt.Errorf("stored answer: %w", err))
			return
		}
		w.Header().Set(replayedHeader, "true")
		answer.write(w)
		return
	}
	kept := &keptAnswer{header: http.Header{}, behind: w}
	next(humago.NewContext(ctx.Operation(), r.WithContext(hook.WithOnce(ctx.Context(), once)), kept))
	maps.Copy(w.Header(), kept.header)
	answer = onceAnswer{kept.status, map[string]string{}, kept.body.Bytes()}
	if once.Claimed && kept.status < http.StatusMultipleChoices {
		for _, name := range []string{"Content-Type", "Cache-Control", "ETag", "Location"} {
			if value := kept.header.Get(name); value != "" {
				answer.Header[name] = value
			}
		}
		// The caller may have hung up; the next request with the key still gets the answer.
		if err := a.once.KeepOnceAnswer(context.WithoutCancel(ctx.Context()), once, encode(answer)); err != nil {
			a.log.Warn("answer to a request with an Idempotency-Key not kept", "path", op.path, "error", err)
		}
	}
	answer.write(w)
}

// onceOf reads the key of a request. Its hash is of who asks for what, so that nobody gets an answer that was for somebody
// else: it may have a secret in it.
func (a *API) onceOf(ctx huma.Context, r *http.Request) (*hook.Once, error) {
	text, err := idempotencyKey(r)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(r.Body) // it is in memory, see readBody
	if err != nil {
		return nil, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	h, by := sha256.New(), keyOf(ctx.Context())
	_, _ = fmt.Fprintf(h, "%s %q %q %s %s\n", r.Method, r.URL.RequestURI(), r.Header.Values("If-Match"), by.ID, by.Link)
	h.Write(body)
	o := &hook.Once{Tenant: r.PathValue("tenant"), Key: text, Keep: a.keepKeys}
	h.Sum(o.Hash[:0])
	return o, nil
}

func (o *onceAnswer) write(w http.ResponseWriter) {
	for name, value := range o.Header {
		w.Header().Set(name, value)
	}
	w.WriteHeader(o.Status)
	_, _ = w.Write(o.Body)
}

// keptAnswer is the answer of an operation, before it is sent.
type keptAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
	behind http.ResponseWriter
}

// Unwrap lets http.ResponseController through.
func (k *keptAnswer) Unwrap() http.ResponseWriter { return k.behind }

func (k *keptAnswer) Header() http.Header { return k.header }

func (k *keptAnswer) WriteHeader(status int) {
	if k.status == 0 {
		k.status = status
	}
}

func (k *keptAnswer) Write(b []byte) (int, error) {
	k.WriteHeader(http.StatusOK)
	return k.body.Write(b)
}
