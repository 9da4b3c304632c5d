package telemetry

import (
	"errors"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/causeway-sync/causeway/pkg/workflow"
)

// NewRegistry holds the metrics of one process, Go's own among them.
func NewRegistry() *prometheus.Registry {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return registry
}

// Calls counts and times the requests to the remote systems. Its labels are the system's name, the kind of call and the
// HTTP status, "0" where no answer came.
type Calls struct {
	total   *prometheus.CounterVec
	seconds *prometheus.HistogramVec
}

// NewCalls registers the metrics of remote calls, or finds those that another service of the process has registered.
func NewCalls(registry *prometheus.Registry) *Calls {
	c := &Calls{
		total: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "causeway_remote_requests_total",
			Help: "Requests sent to a remote system."}, []string{"system", "kind", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "causeway_remote_request_seconds",
			Help: "Time until a remote system has answered.", Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60}}, []string{"system", "kind"}),
	}
	c.total, c.seconds = registered(registry, c.total), registered(registry, c.seconds)
	return c
}

// registered is the collector that the registry has under the name of c: c, unless there was one before.
func registered[C prometheus.Collector](registry *prometheus.Registry, c C) C {
	err := registry.Register(c)
	var before prometheus.AlreadyRegisteredError
	if errors.As(err, &before) {
		if same, ok := before.ExistingCollector.(C); ok {
			return same
		}
	}
	if err != nil { // Two metrics of one name and different labels: a mistake that the first start shows.
		panic(err)
	}
	return c
}

// Observe notes one call.
func (c *Calls) Observe(system, kind string, status int, took time.Duration) {
	c.total.WithLabelValues(system, kind, strconv.Itoa(status)).Inc()
	c.seconds.WithLabelValues(system, kind).Observe(took.Seconds())
}

// WorkflowMetrics shows one workflow's counters and status. They are read when somebody asks.
func WorkflowMetrics(registry *prometheus.Registry, id workflow.ID, counters func() workflow.Counters, status func() workflow.Status) {
	registry.MustRegister(workflowCollector{counters: counters, status: status,
		records: prometheus.NewDesc("causeway_records_total", "Records since the process started, by what became of them.",
			[]string{"outcome"}, prometheus.Labels{"workflow": string(id)}),
		state: prometheus.NewDesc("causeway_workflow_state", "1 for the workflow's status in this process, 0 for the others.",
			[]string{"status"}, prometheus.Labels{"workflow": string(id)}),
		skipped: prometheus.NewDesc("causeway_skipped_total", "What was read and never queued since the process started, by reason.",
			[]string{"reason"}, prometheus.Labels{"workflow": string(id)})})
}

type workflowCollector struct {
	counters                func() workflow.Counters
	status                  func() workflow.Status
	records, state, skipped *prometheus.Desc
}

func (c workflowCollector) Describe(to chan<- *prometheus.Desc) {
	to <- c.records
	to <- c.state
	to <- c.skipped
}

func (c workflowCollector) Collect(to chan<- prometheus.Metric) {
	n := c.counters()
	for outcome, value := range map[string]uint64{"read": n.Read, "written": n.Written, "unchanged": n.Unchanged,
		"coalesced": n.Coalesced, "rejected": n.Rejected, "retried": n.Retries, "throttled": n.Throttled} {
		to <- prometheus.MustNewConstMetric(c.records, prometheus.CounterValue, float64(value), outcome)
	}
	for reason, value := range n.Skipped {
		to <- prometheus.MustNewConstMetric(c.skipped, prometheus.CounterValue, float64(value), reason)
	}
	now := c.status()
	for _, status := range []workflow.Status{workflow.Stopped, workflow.Starting, workflow.Running, workflow.Failed} {
		value := 0.0
		if status == now {
			value = 1
		}
		to <- prometheus.MustNewConstMetric(c.state, prometheus.GaugeValue, value, string(status))
	}
}
