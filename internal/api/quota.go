package api

import (
	"context"
	"net/http"
	"strconv"

	"gancho.example/client"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

// Quota limits what tenants and API keys may use.
type Quota interface {
	// Admit takes what a request asks for from what a tenant and a key may use. It fails with KindLimited if that is
	// used up. The allowance is what is left, also with an error.
	Admit(ctx context.Context, tenant string, key *hook.Key, ask hook.QuotaAsk) (hook.Allowance, error)
	// Count counts n events with some bytes that were accepted.
	Count(tenant string, key *hook.Key, n int, bytes int64)
	// Return gives back what Admit took from rates for n items that had been accepted before.
	Return(ctx context.Context, tenant string, key *hook.Key, n int)
	// Usage is what a tenant has used in this month, and its limits.
	Usage(ctx context.Context, tenant string) (hook.Usage, error)
}

// noQuota limits nothing.
type noQuota struct{}

func (noQuota) Admit(context.Context, string, *hook.Key, hook.QuotaAsk) (hook.Allowance, error) {
	return hook.Allowance{}, nil
}
func (noQuota) Count(string, *hook.Key, int, int64)                     {}
func (noQuota) Return(context.Context, string, *hook.Key, int)          {}
func (noQuota) Usage(context.Context, string) (u hook.Usage, err error) { return u, nil }

// admit asks whether a tenant and a key may use what a request asks for. It puts what is left into the header of
// the answer. If there is not enough left, only what was not accepted before counts, which fresh says: a retry gets its
// first answer. taken is how many items were taken from rates.
func (a *acceptHandlers) admit(
	w http.ResponseWriter, r *http.Request, tenant string, key *hook.Key, ask hook.QuotaAsk,
	fresh func() (hook.QuotaAsk, error),
) (taken int, err error) {
	left, err := a.quota.Admit(r.Context(), tenant, key, ask)
	taken = ask.Items
	if hook.IsKind(err, hook.KindLimited) {
		rest, unknown := fresh()
		switch {
		case unknown != nil || rest.Items == ask.Items:
		case rest.Items == 0:
			taken, err = 0, nil
		default:
			taken = rest.Items
			left, err = a.quota.Admit(r.Context(), tenant, key, rest)
		}
	}
	if left.Limit > 0 {
		h := w.Header()
		h.Set("RateLimit-Limit", strconv.FormatInt(left.Limit, 10))
		h.Set("RateLimit-Remaining", strconv.FormatInt(left.Remaining, 10))
		h.Set("RateLimit-Reset", wholeSeconds(left.Reset))
	}
	return taken, err
}

// usageHandlers answer requests about what tenants use.
type usageHandlers struct{ quota Quota }

func (h usageHandlers) register(a *API) {
	add(a, operation{
		id: "get-usage", method: http.MethodGet, path: "/v1/tenants/{tenant}/usage", tag: "tenants", access: auth.Readers,
		summary: "Read what a tenant uses",
		description: "What the tenant has used in this calendar month (UTC), and its limits. A limit that is left out " +
			"does not exist.\n\nAnswers to requests that publish have the headers RateLimit-Limit, RateLimit-Remaining and " +
			"RateLimit-Reset (seconds), if the tenant or the API key has a limit: those of the limit that is closest to being " +
			"used up.",
	}, h.get)
}

func (h usageHandlers) get(ctx context.Context, in *TenantPath) (*struct{ Body client.Usage }, error) {
	use, err := h.quota.Usage(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	return &struct{ Body client.Usage }{client.Usage{
		Month: use.Month, Events: use.Events, Bytes: use.Bytes, Endpoints: use.Endpoints,
		Limits: client.Limits(use.Limits),
	}}, nil
}
