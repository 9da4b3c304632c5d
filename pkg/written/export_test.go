package written

// OnBoot is cfg on a machine whose kernel has another boot, and whose stores are the same in every run of a test.
func OnBoot(cfg Config, boot string) Config {
	cfg.boot, cfg.salt = boot, "salt"
	return cfg
}

// Crash ends the store as a kill -9 does: the page cache stays, nothing is synced, the lock is free.
func (s *Store) Crash() { s.letGo() }

// BreakFiles makes every further access to the files fail, as a disk does that has gone.
func (s *Store) BreakFiles() {
	for i := range shards {
		_ = s.files.lockedShard(i, func(s *shard) error { return s.file.Close() })
	}
}

// The names of the files, for tests that damage them.
const (
	MarkerName = markerName
	Shards     = shards
)
