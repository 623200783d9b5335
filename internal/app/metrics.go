package app

import (
	"context"
	"log/slog"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"gancho/internal/deliver"
	"gancho/internal/hook"
	"gancho/internal/stats"
	"gancho/internal/store"
	"gancho/internal/stream"
)

// metrics are what /metrics shows. No label names a tenant or an endpoint:
// there may be a million of them.
type metrics struct {
	registry *prometheus.Registry
	attempts *prometheus.CounterVec
	finished *prometheus.CounterVec
	seconds  prometheus.Histogram
	waited   prometheus.Histogram
	troubles prometheus.Counter
}

func newMetrics(db *store.DB) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gancho_attempts_total", Help: "Requests made, by outcome (ok, or the error class).",
		}, []string{"outcome"}),
		finished: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gancho_deliveries_finished_total", Help: "Deliveries that came to an end, by state.",
		}, []string{"state"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gancho_attempt_seconds", Help: "How long requests took, to the last body byte.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12),
		}),
		waited: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gancho_first_attempt_wait_seconds", Help: "Time from accepting an event to its first attempt.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2.5, 14),
		}),
		troubles: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "gancho_conditions_failed_total", Help: "Conditions and payloads of contracts that could not be worked out for a record change.",
		}),
	}
	trips := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "gancho_database_trips_total", Help: "Round trips to PostgreSQL. An idle node makes less than one per second, without notifications less than two.",
	}, func() float64 { return float64(db.Trips()) })
	m.registry.MustRegister(m.attempts, m.finished, m.seconds, m.waited, m.troubles, trips,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// attemptLog counts attempts and writes one wide line for each: failures for
// everybody, successes for those who ask for detail.
type attemptLog struct {
	*metrics
	log *slog.Logger
}

// Attempted counts and writes about an attempt.
func (l attemptLog) Attempted(e *hook.Endpoint, d *hook.Delivery, a *hook.Attempt) {
	outcome, level := "ok", slog.LevelDebug
	if a.Class != "" {
		outcome, level = a.Class, slog.LevelInfo
	}
	l.attempts.WithLabelValues(outcome).Inc()
	if a.Timing.Total > 0 && !hook.NeverSent(a.Class) { // a request was made, and its end is known
		l.seconds.Observe(a.Timing.Total.Seconds())
	}
	if a.Number == 1 {
		l.waited.Observe(a.StartedAt.Sub(d.CreatedAt).Seconds())
	}
	if d.State.Finished() {
		l.finished.WithLabelValues(string(d.State)).Inc()
	}
	if !l.log.Enabled(context.Background(), level) {
		return
	}
	status := 0
	if a.Response != nil {
		status = a.Response.Status
	}
	l.log.Log(context.Background(), level, "attempt", "tenant", d.Tenant, "endpoint", d.Endpoint, "delivery", d.ID, "type", d.Type,
		"test", d.Test, "number", a.Number, "outcome", outcome, "status", status, "state", d.State, "next", d.NextAttemptAt,
		"ms", a.Timing.Total.Milliseconds(), "detail", a.Detail)
}

// Cancelled counts a delivery that ended without an attempt.
func (l attemptLog) Cancelled(d *hook.Delivery) { l.finished.WithLabelValues(string(d.State)).Inc() }

// observer tells everybody who wants to know what the worker does.
type observer struct {
	log    attemptLog
	counts *stats.Counter
	live   *stream.Hub
}

// Attempted implements deliver.Observer.
func (o observer) Attempted(e *hook.Endpoint, d *hook.Delivery, a *hook.Attempt) {
	o.log.Attempted(e, d, a)
	o.counts.Attempted(d, a)
	o.live.Attempted(d, a)
}

// Cancelled implements deliver.Observer.
func (o observer) Cancelled(d *hook.Delivery) {
	o.log.Cancelled(d)
	o.counts.Cancelled(d)
	o.live.Cancelled(d)
}

// dispatcher tells of deliveries that are offered to the worker.
type dispatcher struct {
	*deliver.Worker
	live *stream.Hub
}

// Offer implements ingest.Dispatcher.
func (d dispatcher) Offer(jobs []hook.Job) {
	d.live.Made(jobs)
	d.Worker.Offer(jobs)
}
