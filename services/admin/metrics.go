package admin

import (
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/telemetry"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/backend"
)

// viewMetrics shows what the page shows, for Prometheus: read from the views when somebody asks.
type viewMetrics struct {
	list                           func() backend.WorkflowList
	backlog, age, failures, status *prometheus.Desc
}

func newViewMetrics(list func() backend.WorkflowList) *viewMetrics {
	desc := func(name, help string, labels ...string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, append([]string{"workflow"}, labels...), nil)
	}
	return &viewMetrics{
		list:     list,
		backlog:  desc("causeway_backlog_records", "Records queued and not settled.", "state"),
		age:      desc("causeway_oldest_record_seconds", "How long the oldest unsettled record has been waiting."),
		failures: desc("causeway_failed_records", "Rejected records that are kept."),
		status:   desc("causeway_workflow_status", "1 for the workflow's status as the page shows it, 0 for the others.", "status"),
	}
}

// Describe implements prometheus.Collector.
func (m *viewMetrics) Describe(to chan<- *prometheus.Desc) {
	to <- m.backlog
	to <- m.age
	to <- m.failures
	to <- m.status
}

// Collect implements prometheus.Collector.
func (m *viewMetrics) Collect(to chan<- prometheus.Metric) {
	for _, v := range m.list().Workflows {
		gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
			to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, append([]string{string(v.ID)}, labels...)...)
		}
		gauge(m.backlog, float64(v.BacklogDetail.Pending), "pending")
		gauge(m.backlog, float64(v.BacklogDetail.InFlight), "in-flight")
		gauge(m.backlog, float64(v.BacklogDetail.Parked), "parked")
		gauge(m.age, v.OldestAgeSeconds)
		gauge(m.failures, float64(v.Failures))
		for _, status := range []workflow.Status{workflow.Stopped, workflow.Starting, workflow.Running, workflow.Failed} {
			value := 0.0
			if status == v.Status {
				value = 1
			}
			gauge(m.status, value, string(status))
		}
	}
}

// health of this service: it lives while it can come back, and is ready while it reaches the bus. A workflow that failed
// is told in the detail and is no reason to restart anything.
func health(nc *nats.Conn, list func() backend.WorkflowList) telemetry.Health {
	return telemetry.Health{
		Live: func() error {
			if nc.IsClosed() {
				return fault.New(fault.Fatal, "the connection to NATS is closed")
			}
			return nil
		},
		Ready: func() error {
			if !nc.IsConnected() {
				return fault.New(fault.Transient, "not connected to NATS")
			}
			return nil
		},
		Detail: func() any {
			statuses := map[workflow.ID]workflow.Status{}
			for _, v := range list().Workflows {
				statuses[v.ID] = v.Status
			}
			return statuses
		},
	}
}

// usageMetrics shows use and budgets to Prometheus.
type usageMetrics struct {
	usage        func() backend.Usage
	used, budget *prometheus.Desc
}

func newUsageMetrics(usage func() backend.Usage) *usageMetrics {
	return &usageMetrics{usage: usage,
		used:   prometheus.NewDesc("causeway_usage_today", "Campaign engine calls and Dynamics 365 requests of the day (UTC).", []string{"system", "workflow"}, nil),
		budget: prometheus.NewDesc("causeway_usage_budget", "What may be used on one day over all workflows; 0 where no budget is set.", []string{"system"}, nil)}
}

// Describe implements prometheus.Collector.
func (m *usageMetrics) Describe(to chan<- *prometheus.Desc) {
	to <- m.used
	to <- m.budget
}

// Collect implements prometheus.Collector.
func (m *usageMetrics) Collect(to chan<- prometheus.Metric) {
	for _, s := range m.usage().Systems {
		to <- prometheus.MustNewConstMetric(m.budget, prometheus.GaugeValue, float64(s.Budget), s.System)
		for id, used := range s.Workflows {
			to <- prometheus.MustNewConstMetric(m.used, prometheus.GaugeValue, float64(used), s.System, string(id))
		}
	}
}
