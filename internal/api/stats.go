package api

import (
	"context"
	"net/http"
	"time"

	"gancho.example/client"
	"gancho/internal/auth"
	"gancho/internal/hook"
)

const (
	shownFailing = 50
	shownTenants = 50
	// Counting a backlog costs about 100 ns for each delivery, so counting stops at a limit.
	maxBacklog        = 100_000
	maxFailingBacklog = 1_000 // of each failing endpoint
	maxEndpoints      = 1_000 // that are counted
)

// statsRanges are the ranges of time that can be asked for, and the points that each is answered with.
var statsRanges = map[string]struct {
	span   hook.StatsSpan // of the rows that are read
	width  time.Duration  // of a point
	name   string
	points int
}{
	"hour": {hook.StatsMinute, time.Minute, "1m", 60},
	"day":  {hook.StatsMinute, 15 * time.Minute, "15m", 96},
	"week": {hook.StatsHour, time.Hour, "1h", 168},
}

// StatsStore is what [Options] need of the database about statistics. Without an endpoint they are of a whole tenant,
// without a tenant of all.
type StatsStore interface {
	tenantReader
	endpointReader
	// Stats is a series from since on, oldest first, without rows in which nothing was counted.
	Stats(ctx context.Context, tenant string, endpoint hook.EndpointID, span hook.StatsSpan,
		since time.Time) ([]hook.StatsRow, error)
	// TenantStats adds up a span of time for each tenant, the one with the largest numbers first.
	TenantStats(ctx context.Context, span hook.StatsSpan, since, until time.Time, limit int) ([]hook.StatsRow, error)
	// Backlog counts unfinished deliveries up to limit.
	Backlog(ctx context.Context, tenant string, endpoint hook.EndpointID, limit int) (hook.Backlog, error)
	// EndpointCounts counts those that are not deleted, up to limit.
	EndpointCounts(ctx context.Context, tenant string, limit int) (hook.EndpointCounts, error)
	// Failing come without their backlogs, those that fail longest first.
	Failing(ctx context.Context, tenant string, limit int) ([]hook.Failing, error)
}

// statsHandlers answer requests for statistics.
type statsHandlers struct{ store StatsStore }

func (h statsHandlers) register(a *API) {
	add(a, operation{
		id: "get-stats", scope: "stats:read", contracts: true, method: http.MethodGet, path: "/v1/stats", tag: "watching", access: auth.AnyReaders,
		summary: "Read statistics",
		description: "Deliveries by their final state, how long requests took, how many deliveries wait, and which " +
			"endpoints fail, over the last hour, day or week. " +
			"A delivery counts once, at the time at which it ended: sent again, it counts no more until it ends again. " +
			"GET …/deliveries?by=ended&tests=false&since=…&until=…&state=… lists the deliveries that a point counts. " +
			"A key of one tenant sees that tenant only. Tests are not counted.",
		codes: []string{"tenant_not_found", "endpoint_not_found"},
	}, h.all)
	add(a, operation{
		id: "list-tenant-stats", scope: "stats:read", method: http.MethodGet, path: "/v1/stats/tenants", tag: "watching",
		access:  auth.Readers,
		summary: "Read which tenants statistics are of",
		description: "The counts of all tenants in a span of time, such as a point of GET /v1/stats, by tenant: at most 50, those " +
			"with most deliveries and failed attempts first. It is for keys of all tenants.",
	}, h.tenants)
	add(a, operation{
		id: "get-tenant-stats", scope: "stats:read", contracts: true, method: http.MethodGet, path: "/v1/tenants/{tenant}/stats", tag: "watching",
		access:  auth.Readers,
		summary: "Read statistics of a tenant", description: "The same as GET /v1/stats?tenant=….",
		codes: []string{"endpoint_not_found"},
	}, h.ofTenant)
}

// tenants says which tenants the counts of a point of all tenants are of.
func (h statsHandlers) tenants(ctx context.Context, in *struct {
	Since time.Time `query:"since" required:"true" doc:"The beginning, to the minute; to the hour if it is more than two days ago." example:"2026-11-21T10:00:00Z"`
	Until time.Time `query:"until" required:"true" doc:"The end." example:"2026-11-21T11:00:00Z"`
},
) (*tenantStatsOutput, error) {
	if err := auth.AdmitEverything(keyOf(ctx)); err != nil {
		return nil, err
	}
	span := hook.StatsMinute
	if time.Since(in.Since) > hook.KeepStatsMinute-time.Hour {
		span = hook.StatsHour
	}
	rows, err := h.store.TenantStats(ctx, span, in.Since, in.Until, shownTenants)
	if err != nil {
		return nil, err
	}
	out := client.List[client.TenantStats]{Items: make([]client.TenantStats, len(rows))}
	for i, row := range rows {
		row.Floor()
		out.Items[i] = client.TenantStats{
			Tenant: row.Tenant, Delivered: row.Delivered, Failed: row.Failed, Unknown: row.Unknown, Cancelled: row.Cancelled,
			Retrying: row.Retrying,
		}
	}
	return &tenantStatsOutput{out}, nil
}

// tenantReader reads one tenant.
type tenantReader interface {
	Tenant(ctx context.Context, id string) (hook.Tenant, error)
}

// Scope is the parameter of operations that are about one tenant or about all.
type Scope struct {
	Tenant string `query:"tenant" maxLength:"64" doc:"Only of this tenant. If left out, everything that the key may see." example:"acme"`
}

// of is the tenant that a request is about, "" for all tenants. With a key of one tenant it is always that tenant.
func (s Scope) of(ctx context.Context, store tenantReader) (string, error) {
	if own := keyOf(ctx).Tenant; own != "" {
		if s.Tenant != "" && s.Tenant != own {
			return "", hook.NotFound("tenant", s.Tenant)
		}
		return own, nil
	}
	if s.Tenant == "" {
		return "", nil
	}
	_, err := store.Tenant(ctx, s.Tenant)
	return s.Tenant, err
}

// StatsQuery are the parameters of statistics.
type StatsQuery struct {
	Endpoint string `query:"endpoint" maxLength:"64" doc:"Only of this endpoint of the tenant." example:"ep_06ew2c5e8m4b900000000000g0"`
	Range    string `query:"range" enum:"hour,day,week" default:"hour" doc:"How far back: 60 points of a minute, 96 of 15 minutes, or 168 of an hour."`
}

type (
	statsOutput       struct{ Body client.Stats }
	tenantStatsOutput struct {
		Body client.List[client.TenantStats]
	}
)

func (h statsHandlers) all(ctx context.Context, in *struct {
	Scope
	StatsQuery
},
) (*statsOutput, error) {
	tenant, err := in.of(ctx, h.store)
	if err != nil {
		return nil, err
	}
	return h.stats(ctx, tenant, in.StatsQuery)
}

func (h statsHandlers) ofTenant(ctx context.Context, in *struct {
	TenantPath
	StatsQuery
},
) (*statsOutput, error) {
	return h.stats(ctx, in.Tenant, in.StatsQuery)
}

func (h statsHandlers) stats(ctx context.Context, tenant string, in StatsQuery) (*statsOutput, error) {
	var only *hook.Endpoint
	var id hook.EndpointID
	if in.Endpoint != "" {
		if tenant == "" {
			return nil, hook.InvalidFields("request_invalid", hook.Field(hook.Parameter+"tenant", "tenant_of_endpoint",
				"Name the tenant of the endpoint as well."))
		}
		e, err := endpointOf(ctx, h.store, tenant, in.Endpoint)
		if err != nil {
			return nil, err
		}
		only, id = e, e.ID
		if err := auth.AdmitContract(keyOf(ctx), e.Contract); err != nil {
			return nil, err
		}
	} else if err := auth.AdmitEverything(keyOf(ctx)); err != nil {
		return nil, err
	}
	r := statsRanges[in.Range]
	since := time.Now().UTC().Truncate(r.width).Add(-time.Duration(r.points-1) * r.width)
	rows, err := h.store.Stats(ctx, tenant, id, r.span, since)
	if err != nil {
		return nil, err
	}
	out := client.Stats{Range: in.Range, Since: since, Step: r.name}
	out.Totals, out.Points = wireSeries(rows, since, r.width, r.points)
	backlog, err := h.store.Backlog(ctx, tenant, id, maxBacklog)
	if err != nil {
		return nil, err
	}
	out.Backlog = wireBacklog(backlog)
	if out.Endpoints, err = h.endpoints(ctx, tenant, only); err != nil {
		return nil, err
	}
	out.Failing, err = h.failing(ctx, tenant, only)
	return &statsOutput{out}, err
}

// endpoints counts the endpoints of a tenant, or of all tenants if that is "". With only, it is that endpoint.
func (h statsHandlers) endpoints(ctx context.Context, tenant string, only *hook.Endpoint) (client.EndpointCounts, error) {
	n := hook.EndpointCounts{All: 1}
	if only == nil {
		var err error
		if n, err = h.store.EndpointCounts(ctx, tenant, maxEndpoints); err != nil {
			return client.EndpointCounts{}, err
		}
	} else {
		for count, is := range map[*int]bool{
			&n.Paused: only.State == hook.EndpointPaused, &n.Disabled: only.State == hook.EndpointDisabled,
			&n.Failing: !only.Health.FailingSince.IsZero(), &n.Unused: only.State == hook.EndpointActive && only.Health.LastRun.IsZero(),
		} {
			if is {
				*count = 1
			}
		}
	}
	return client.EndpointCounts{
		All: n.All, Paused: n.Paused, Disabled: n.Disabled, Failing: n.Failing, Unused: n.Unused, AtLeast: n.AtLeast,
	}, nil
}

// failing are the failing endpoints of a tenant, or of all tenants if that is "". With only, it is that endpoint, if it
// fails.
func (h statsHandlers) failing(ctx context.Context, tenant string, only *hook.Endpoint) ([]client.Failing, error) {
	var list []hook.Failing
	if only == nil {
		var err error
		if list, err = h.store.Failing(ctx, tenant, shownFailing); err != nil {
			return nil, err
		}
	} else if h := only.Health; !h.FailingSince.IsZero() {
		list = []hook.Failing{{
			Endpoint: only.ID, Tenant: only.Tenant, Name: only.Name, State: only.State, Since: h.FailingSince,
			LastRun: h.LastRun, LastStatus: h.LastStatus,
		}}
	}
	out := make([]client.Failing, len(list))
	for i, f := range list {
		backlog, err := h.store.Backlog(ctx, f.Tenant, f.Endpoint, maxFailingBacklog)
		if err != nil {
			return nil, err
		}
		out[i] = client.Failing{
			Endpoint: f.Endpoint.String(), Tenant: f.Tenant, Name: f.Name, State: string(f.State), Since: f.Since,
			LastRun:    wireTime(f.LastRun),
			LastStatus: f.LastStatus, Backlog: wireBacklog(backlog),
		}
	}
	return out, nil
}

func wireBacklog(b hook.Backlog) client.Backlog {
	return client.Backlog{Waiting: b.Count, AtLeast: b.AtLeast}
}

// wireSeries adds rows up to n points of the given width, and to a total.
func wireSeries(rows []hook.StatsRow, since time.Time, width time.Duration, n int) (client.StatsCounts, []client.StatsPoint) {
	var total hook.Tally
	tallies := make([]hook.Tally, n)
	for i := range rows {
		if at := int(rows[i].At.Sub(since) / width); at < n { // a new minute may have begun since the request came
			tallies[at].Add(&rows[i].Tally)
		}
	}
	points := make([]client.StatsPoint, n)
	for i := range tallies {
		tallies[i].Floor()
		total.Add(&tallies[i])
		points[i] = client.StatsPoint{At: since.Add(time.Duration(i) * width), StatsCounts: wireCounts(&tallies[i])}
	}
	return wireCounts(&total), points
}

func wireCounts(t *hook.Tally) client.StatsCounts {
	out := client.StatsCounts{
		Delivered: t.Delivered, Failed: t.Failed, Unknown: t.Unknown, Cancelled: t.Cancelled, Retrying: t.Retrying,
		LeftOut:  t.LeftOut,
		Attempts: t.Attempts(),
	}
	percentile := func(p float64) float64 {
		d, _ := t.Percentile(p)
		return ms(d)
	}
	if out.Attempts > 0 {
		out.LatencyMS = &client.Latency{P50: percentile(0.5), P95: percentile(0.95), P99: percentile(0.99)}
	}
	return out
}
