// Package metrics counts what the server does, for Prometheus.
//
// It promises that no label names a tenant or an endpoint, since there may be a
// million of them: the number of time series does not grow with the customers.
package metrics

import (
	"math"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"gancho/internal/hook"
)

// Metrics are the numbers of one server. Make them with [New].
type Metrics struct {
	registry   *prometheus.Registry
	attempts   *prometheus.CounterVec
	finished   *prometheus.CounterVec
	seconds    prometheus.Histogram
	firstWait  prometheus.Histogram
	conditions *prometheus.CounterVec
	refused    *prometheus.CounterVec
	leftOut    *prometheus.CounterVec
}

// New returns metrics that begin at zero. Whenever somebody reads the metrics, roundTrips is asked
// how often the server has asked PostgreSQL since it started, and commits how many batches it has
// written to its database.
func New(roundTrips, commits func() int64) *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		attempts: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gancho_attempts_total", Help: "Attempts, by outcome (ok, or the error class).",
		}, []string{"outcome"}),
		finished: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gancho_deliveries_finished_total", Help: "Deliveries that reached a final state, by state.",
		}, []string{"state"}),
		seconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gancho_attempt_seconds", Help: "Duration of attempts, to the last byte of the response body.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12),
		}),
		firstWait: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "gancho_first_attempt_wait_seconds", Help: "Time from accepting an event to its first attempt.",
			Buckets: prometheus.ExponentialBuckets(0.0005, 2.5, 14),
		}),
		conditions: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gancho_conditions_failed_total", Help: "Conditions and payload templates of contracts that failed for a record change, so that no event was made.",
		}, []string{"contract"}),
		leftOut: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "gancho_deliveries_left_out_total",
			Help: "Events that an endpoint did not get because evaluating its filter failed (filter_failed) or would have cost too much work (over_budget). Most have a cancelled delivery.",
		}, []string{"reason"}),
	}
	m.refused = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "gancho_keys_refused_total",
		Help: "Wrong keys, links and tokens, by the door (api, console, portal, lookup) and the answer (wrong, or limited: have to wait).",
	}, []string{"door", "answer"})
	trips := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "gancho_database_trips_total", Help: "Round trips to PostgreSQL. An idle node makes less than one per second, without notifications less than two.",
	}, func() float64 { return float64(roundTrips()) })
	batches := prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "gancho_commits_total", Help: "Batches of events, results and other writes that were written to the database, each with one sync.",
	}, func() float64 { return float64(commits()) })
	m.registry.MustRegister(m.attempts, m.finished, m.seconds, m.firstWait, m.conditions, m.refused, m.leftOut, trips, batches,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Disk adds the room on the disk with the database.
func (m *Metrics) Disk(free func() int64, low func() bool) {
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gancho_disk_free_bytes", Help: "Free room on the disk with the database.",
		}, func() float64 { return float64(free()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gancho_disk_low", Help: "1 while there is less room than the option disk-low says.",
		}, func() float64 {
			if low() {
				return 1
			}
			return 0
		}),
	)
}

// Certificates adds when the first certificate of an endpoint expires; the zero time stands for none.
func (m *Metrics) Certificates(soonest func() time.Time) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "gancho_certificate_expiry_timestamp_seconds",
		Help: "When the first client certificate or private authority of an endpoint that is not disabled expires; +Inf without one. Looked up when the server starts, and once a day.",
	}, func() float64 {
		if at := soonest(); !at.IsZero() {
			return float64(at.Unix())
		}
		return math.Inf(1)
	}))
}

// Door is what serves a listener.
type Door interface {
	Open() int
	Refused() int64
	Cut() int64
}

// Door adds the numbers of a door, whose name becomes a label: public or operator.
func (m *Metrics) Door(name string, d Door) {
	label := prometheus.Labels{"listener": name}
	m.registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "gancho_connections", Help: "Open connections of callers.", ConstLabels: label,
		}, func() float64 { return float64(d.Open()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "gancho_connections_refused_total", Help: "Connections refused because there were too many.", ConstLabels: label,
		}, func() float64 { return float64(d.Refused()) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "gancho_connections_cut_total", ConstLabels: label,
			Help: "Connections closed because their peers kept the server waiting, or to make room for others.",
		}, func() float64 { return float64(d.Cut()) }),
	)
}

// Handler serves the metrics in Prometheus' text format.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Attempted counts an attempt and, if it was the last, the end of its delivery.
func (m *Metrics) Attempted(d *hook.Delivery, a *hook.Attempt) {
	outcome := "ok"
	if a.Class != "" {
		outcome = a.Class
	}
	m.attempts.WithLabelValues(outcome).Inc()
	if a.Timing.Total > 0 && !hook.NeverSent(a.Class) { // a request was made, and its end is known
		m.seconds.Observe(a.Timing.Total.Seconds())
	}
	if a.Number == 1 {
		m.firstWait.Observe(a.StartedAt.Sub(d.CreatedAt).Seconds())
	}
	if d.State.Finished() {
		m.finished.WithLabelValues(string(d.State)).Inc()
	}
}

// Cancelled counts a delivery that ended without an attempt.
func (m *Metrics) Cancelled(d *hook.Delivery) { m.finished.WithLabelValues(string(d.State)).Inc() }

// Omitted counts what an error left out: an event that did not come to be, or a delivery, stored or not.
func (m *Metrics) Omitted(o *hook.Omission) {
	if o.Endpoint.IsZero() {
		m.conditions.WithLabelValues(o.Contract).Add(float64(o.Count))
		return
	}
	m.leftOut.WithLabelValues(o.Reason).Add(float64(o.Count))
}

// KeyRefused counts a wrong key at a door, or one that was not looked at because its sender has to wait.
func (m *Metrics) KeyRefused(door string, limited bool) {
	answer := "wrong"
	if limited {
		answer = "limited"
	}
	m.refused.WithLabelValues(door, answer).Inc()
}
