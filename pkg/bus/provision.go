package bus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// Sizes of what Provision creates.
type Sizes struct {
	// QueueBytes bounds each workflow's stream; a full one makes its reader wait. Default 2 GiB.
	QueueBytes int64
	// FailureBytes bounds the failures of all workflows together; default 1 GiB.
	FailureBytes int64
	// LedgerBytes bounds the decisions about contacts; the oldest go first. Default 2 GiB.
	LedgerBytes int64
	// Replicas is 1 on a single server, 3 on a cluster; default 1.
	Replicas int
}

func (s Sizes) withDefaults() Sizes {
	if s.QueueBytes == 0 {
		s.QueueBytes = 2 << 30
	}
	if s.FailureBytes == 0 {
		s.FailureBytes = 1 << 30
	}
	if s.LedgerBytes == 0 {
		s.LedgerBytes = 2 << 30
	}
	if s.Replicas == 0 {
		s.Replicas = 1
	}
	return s
}

// Provision creates or updates every stream, consumer and bucket, and stores the default configuration of a workflow
// that has none. It may run again at any time, and by several at once; it never deletes a record.
func Provision(ctx context.Context, c *Conn, sizes Sizes) error {
	sizes = sizes.withDefaults()
	for _, cfg := range streams(sizes) {
		if _, err := c.js.CreateOrUpdateStream(ctx, cfg); err != nil {
			return classify(err, "creating stream "+cfg.Name)
		}
	}
	for _, cfg := range buckets(sizes) {
		if _, err := c.js.CreateOrUpdateKeyValue(ctx, cfg); err != nil {
			return classify(err, "creating bucket "+cfg.Bucket)
		}
	}
	configs := NewConfigs(c)
	for _, id := range workflow.All() {
		if err := provisionConsumer(ctx, c, id, sizes); err != nil {
			return err
		}
		if err := provisionDefault(ctx, configs, id); err != nil {
			return err
		}
	}
	return provisionLedger(ctx, c, configs)
}

// provisionLedger has the ledger kept for as long as the stored configuration says.
func provisionLedger(ctx context.Context, c *Conn, configs *Configs) error {
	latest, err := configs.Latest(ctx, workflow.OptInOut)
	if err != nil {
		return err
	}
	doc, err := config.Decode(workflow.OptInOut, latest.Document)
	if err != nil {
		return nil // Nobody can start with it either, and the page says why.
	}
	return KeepLedger(ctx, c, doc.(*config.OptInOutDoc).LedgerAge())
}

func streams(sizes Sizes) []jetstream.StreamConfig {
	common := func(name, filter string, age time.Duration) jetstream.StreamConfig {
		return jetstream.StreamConfig{Name: name, Subjects: []string{filter}, Retention: jetstream.LimitsPolicy, Storage: jetstream.FileStorage,
			MaxAge: age, AllowDirect: true, Replicas: sizes.Replicas}
	}
	failures := common(StreamFailures, failuresFilter, failuresMaxAge)
	failures.MaxBytes = sizes.FailureBytes
	failures.Discard = jetstream.DiscardNew // A failure that is not kept would be a lost record (invariant 2).
	ledger := common(StreamLedger, ledgerFilter, ledgerMaxAge)
	ledger.Description = "What was decided about contacts, the newest entry of each being what is known of it"
	ledger.MaxBytes = sizes.LedgerBytes
	trend := common(StreamTrend, trendFilter, TrendMaxAge)
	trend.Description = "How each workflow was, a sample a minute"
	trend.Duplicates = trendDuplicates
	list := []jetstream.StreamConfig{common(StreamCommands, commandsFilter, 0), common(StreamEvents, eventsFilter, eventsMaxAge), failures, ledger, trend}
	for _, id := range workflow.All() {
		list = append(list, jetstream.StreamConfig{
			Name:        Stream(id),
			Description: "Records, read positions, known keys, retries and parked records of " + id.Name(),
			Subjects:    []string{RecordsFilter(id), CheckpointSubject(id, ">"), FenceSubject(id, ">"), KeysSubject(id, ">"), retriesFilter(id), ParkedFilter(id)},
			Retention:   jetstream.LimitsPolicy,
			Storage:     jetstream.FileStorage,
			Discard:     jetstream.DiscardNew, // A full stream refuses the reader; it never drops what is unsettled.
			MaxBytes:    sizes.QueueBytes,
			Replicas:    sizes.Replicas,
			AllowDirect: true, AllowRollup: true, AllowAtomicPublish: true,
		})
	}
	return list
}

func buckets(sizes Sizes) []jetstream.KeyValueConfig {
	return []jetstream.KeyValueConfig{
		{Bucket: BucketConfig, Description: "Configuration, key = workflow; privacy = who acknowledged the responsibilities", History: configHistory, Storage: jetstream.FileStorage, Replicas: sizes.Replicas},
		{Bucket: BucketConnections, Description: "Connections, secrets sealed", History: 1, Storage: jetstream.FileStorage, Replicas: sizes.Replicas},
		{Bucket: BucketSettings, Description: "What is set for the whole installation", History: configHistory, Storage: jetstream.FileStorage, Replicas: sizes.Replicas},
		{Bucket: BucketUsage, Description: "Calls of the remote systems by day, key = workflow", History: 1, Storage: jetstream.FileStorage, Replicas: sizes.Replicas},
		{Bucket: BucketLeases, Description: "Who is active, key = workflow", History: 1, Storage: jetstream.FileStorage, Replicas: sizes.Replicas,
			LimitMarkerTTL: 5 * time.Second},
	}
}

func provisionConsumer(ctx context.Context, c *Conn, id workflow.ID, sizes Sizes) error {
	_, err := c.js.CreateOrUpdateConsumer(ctx, Stream(id), jetstream.ConsumerConfig{
		Durable:        ConsumerWriter,
		Description:    "The active instance's pull",
		FilterSubject:  RecordsFilter(id),
		DeliverPolicy:  jetstream.DeliverAllPolicy,
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        AckWait,
		MaxDeliver:     -1, // A message past a maximum would be in no count and still in the stream.
		MaxAckPending:  maxAckPending,
		PriorityPolicy: jetstream.PriorityPolicyPinned,
		PriorityGroups: []string{PriorityGroup},
		PinnedTTL:      PinnedTTL,
		Replicas:       sizes.Replicas,
	})
	return classify(err, "creating consumer "+ConsumerWriter+" of "+Stream(id))
}

func provisionDefault(ctx context.Context, configs *Configs, id workflow.ID) error {
	if _, err := configs.Latest(ctx, id); !fault.Is(err, fault.NotFound) {
		return err
	}
	doc, err := config.Encode(config.Default(id))
	if err != nil {
		return err
	}
	_, err = configs.Put(ctx, id, doc, 0, "causeway")
	if fault.Is(err, fault.Stale) { // Somebody else was quicker.
		return nil
	}
	return err
}

// CheckProvisioned tells what a workflow service would miss, as one fault.Fatal that names it, or nil.
func CheckProvisioned(ctx context.Context, c *Conn, id workflow.ID) error {
	consumer, err := c.js.Consumer(ctx, Stream(id), ConsumerWriter)
	if err != nil {
		if errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
			return fault.Wrap(fault.Fatal, err, fmt.Sprintf("consumer %s of stream %s is missing: start the admin service, it creates both", ConsumerWriter, Stream(id)))
		}
		return classify(err, "looking for consumer "+ConsumerWriter)
	}
	cfg := consumer.CachedInfo().Config
	if cfg.AckPolicy != jetstream.AckExplicitPolicy || cfg.PriorityPolicy != jetstream.PriorityPolicyPinned {
		return fault.New(fault.Fatal, fmt.Sprintf("consumer %s of stream %s was made by somebody else: delete it, the admin service makes it again", ConsumerWriter, Stream(id)))
	}
	return nil
}
