package workflow

import "time"

// Sample is how a workflow was at one minute.
type Sample struct {
	At               time.Time `json:"at" doc:"when it was taken"`
	Status           Status    `json:"status" enum:"RUNNING,STOPPED,STARTING,FAILED"`
	Backlog          uint64    `json:"backlog" doc:"records read and queued, waiting to be written"`
	ReadPerSecond    float64   `json:"readPerSecond"`
	WrittenPerSecond float64   `json:"writtenPerSecond"`
	Failures         uint64    `json:"failures" doc:"rejected records that were kept"`
	// Settled is the last place in the workflow's stream up to which everything was settled: it tells later when a record was.
	Settled uint64 `json:"settled" doc:"the last place in the workflow's stream up to which everything was settled"`
}
