package app

import (
	"context"
	"log/slog"

	"gancho/internal/deliver"
	"gancho/internal/hook"
	"gancho/internal/metrics"
	"gancho/internal/stats"
	"gancho/internal/stream"
)

// observer passes what the worker does to the metrics, the statistics, the live
// stream and the log.
type observer struct {
	metrics *metrics.Metrics
	counts  *stats.Counter
	live    *stream.Hub
	log     *slog.Logger
}

// Attempted implements deliver.Observer.
func (o observer) Attempted(_ *hook.Endpoint, d *hook.Delivery, a *hook.Attempt) {
	o.metrics.Attempted(d, a)
	o.counts.Attempted(d, a)
	o.live.Attempted(d, a)
	logAttempt(o.log, d, a)
}

// Cancelled implements deliver.Observer.
func (o observer) Cancelled(d *hook.Delivery) {
	o.metrics.Cancelled(d)
	o.counts.Cancelled(d)
	o.live.Cancelled(d)
}

// moved counts what a person or a bulk replay made of a delivery.
func (o observer) moved(was, now *hook.Delivery) {
	o.counts.Moved(was, now)
	if now.State.Finished() {
		o.metrics.Cancelled(now)
		o.live.Cancelled(now)
	}
}

// omitted counts what an error left out. Of those that are deliveries and stored, Cancelled is called as well.
func (o observer) omitted(x *hook.Omission) {
	o.metrics.Omitted(x)
	o.counts.Omitted(x)
}

// logAttempt writes one line with everything that can be said about an attempt
// without its contents. Failures have level info, successes level debug.
func logAttempt(log *slog.Logger, d *hook.Delivery, a *hook.Attempt) {
	outcome, level := "ok", slog.LevelDebug
	if a.Class != "" {
		outcome, level = a.Class, slog.LevelInfo
	}
	if !log.Enabled(context.Background(), level) {
		return
	}
	status := 0
	if a.Response != nil {
		status = a.Response.Status
	}
	log.Log(context.Background(), level, "attempt", "tenant", d.Tenant, "endpoint", d.Endpoint, "delivery", d.ID, "type", d.Type,
		"test", d.Test, "number", a.Number, "outcome", outcome, "status", status, "state", d.State, "next", d.NextAttemptAt,
		"ms", a.Timing.Total.Milliseconds(), "detail", a.Detail)
}

// dispatcher offers new deliveries to the worker, and shows them in the live stream.
type dispatcher struct {
	*deliver.Worker
	live *stream.Hub
}

// Offer implements ingest.Dispatcher.
func (d dispatcher) Offer(jobs []hook.Job) {
	d.live.Made(jobs)
	d.Worker.Offer(jobs)
}
