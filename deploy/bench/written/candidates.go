package main

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"strings"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.etcd.io/bbolt"

	"github.com/causeway-sync/causeway/pkg/bus/embedded"
)

func lines(s string) iter.Seq[string] { return strings.Lines(s) }

func open(name, dir string) (candidate, error) {
	switch name {
	case "bbolt":
		return openBolt(dir)
	case "pebble":
		return openPebble(dir, pebble.NoSync)
	case "pebble-sync":
		return openPebble(dir, pebble.Sync)
	case "nats":
		return openNATS(dir)
	case "table":
		return openTable(dir)
	}
	return nil, fmt.Errorf("no candidate is called %q", name)
}

// bolt is bbolt without a sync: its commits are in the page cache when they return.
type bolt struct{ db *bbolt.DB }

var bucket = []byte("b")

func openBolt(dir string) (candidate, error) {
	db, err := bbolt.Open(filepath.Join(dir, "bolt"), 0o600, &bbolt.Options{NoSync: true, NoGrowSync: true, NoFreelistSync: true, FreelistType: bbolt.FreelistMapType})
	if err != nil {
		return nil, err
	}
	db.MaxBatchSize, db.MaxBatchDelay = writers, time.Millisecond
	return bolt{db}, db.Update(func(tx *bbolt.Tx) error { _, err := tx.CreateBucketIfNotExists(bucket); return err })
}

func (b bolt) fill(from, to uint64) error {
	const batch = 5000
	for ; from < to; from += batch {
		err := b.db.Update(func(tx *bbolt.Tx) error {
			bk := tx.Bucket(bucket)
			for n := from; n < min(from+batch, to); n++ {
				k := key(n)
				if err := bk.Put(k[:], k[:8]); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (b bolt) swap(key [16]byte, value [8]byte) (found bool, err error) {
	err = b.db.View(func(tx *bbolt.Tx) error { found = tx.Bucket(bucket).Get(key[:]) != nil; return nil })
	if err != nil {
		return false, err
	}
	return found, b.db.Batch(func(tx *bbolt.Tx) error { return tx.Bucket(bucket).Put(key[:], value[:]) })
}

func (b bolt) close() error { return b.db.Close() }

// peb is pebble within 32 MB. Without a sync its commits are in the process's own memory when they return, and a kill -9
// loses them: only "pebble-sync" keeps the promise that is asked for.
type peb struct {
	db   *pebble.DB
	mode *pebble.WriteOptions
}

func openPebble(dir string, mode *pebble.WriteOptions) (candidate, error) {
	cache := pebble.NewCache(16 << 20)
	defer cache.Unref()
	db, err := pebble.Open(dir, &pebble.Options{Cache: cache, MemTableSize: 8 << 20, Logger: quiet{}})
	return peb{db, mode}, err
}

type quiet struct{}

func (quiet) Infof(string, ...any)             {}
func (quiet) Errorf(format string, v ...any)   { fmt.Printf(format+"\n", v...) }
func (q quiet) Fatalf(format string, v ...any) { q.Errorf(format, v...) }

func (p peb) fill(from, to uint64) error {
	const batch = 5000
	for ; from < to; from += batch {
		b := p.db.NewBatch()
		for n := from; n < min(from+batch, to); n++ {
			k := key(n)
			if err := b.Set(k[:], k[:8], nil); err != nil {
				return err
			}
		}
		if err := b.Commit(p.mode); err != nil {
			return err
		}
	}
	return nil
}

func (p peb) swap(key [16]byte, value [8]byte) (bool, error) {
	_, closer, err := p.db.Get(key[:])
	if err != nil && !errors.Is(err, pebble.ErrNotFound) {
		return false, err
	}
	if err == nil {
		_ = closer.Close()
	}
	return err == nil, p.db.Set(key[:], value[:], p.mode)
}

func (p peb) close() error { return p.db.Close() }

// bus is a key-value bucket on the embedded server: filled without waiting for syncs, used with sync always, as it ships.
type bus struct {
	dir    string
	server *embedded.Server
	nc     *nats.Conn
	js     jetstream.JetStream
	kv     jetstream.KeyValue
}

func openNATS(dir string) (candidate, error) {
	b := &bus{dir: dir}
	return b, b.start(true)
}

func (b *bus) start(lazy bool) error {
	ctx := context.Background()
	var err error
	if b.server, err = embedded.Start(embedded.Options{Dir: b.dir, Port: embedded.DontListen, AllowTemporary: true, LazySync: lazy}); err != nil {
		return err
	}
	if b.nc, err = nats.Connect("", nats.InProcessServer(b.server.InProcess())); err != nil {
		return err
	}
	if b.js, err = jetstream.New(b.nc, jetstream.WithPublishAsyncMaxPending(4000)); err != nil {
		return err
	}
	b.kv, err = b.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: "W", History: 1, Storage: jetstream.FileStorage})
	return err
}

func (b *bus) fill(from, to uint64) error {
	for n := from; n < to; n++ {
		k := key(n)
		if _, err := b.js.PublishAsync("$KV.W."+text(k), k[:8]); err != nil {
			return err
		}
	}
	<-b.js.PublishAsyncComplete()
	return nil
}

// synced restarts the server with sync always, before it is used.
func (b *bus) synced() error {
	b.nc.Close()
	b.server.Stop()
	return b.start(false)
}

func (b *bus) swap(key [16]byte, value [8]byte) (bool, error) {
	ctx := context.Background()
	_, err := b.kv.Get(ctx, text(key))
	if err != nil && !errors.Is(err, jetstream.ErrKeyNotFound) {
		return false, err
	}
	found := err == nil
	_, err = b.kv.Put(ctx, text(key), value[:])
	return found, err
}

func (b *bus) close() error {
	b.nc.Close()
	b.server.Stop()
	return nil
}
