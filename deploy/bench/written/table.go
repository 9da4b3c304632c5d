package main

import (
	"context"
	"encoding/hex"
	"fmt"
	"os"

	"github.com/causeway-sync/causeway/pkg/written"
)

// table is what the product uses: fixed slots in files, read and changed in place. Here it does all that it does in the
// product, fingerprints and doubt before each write included; the others only store.
type table struct{ store *written.Store }

func openTable(dir string) (candidate, error) {
	store, err := written.Open(context.Background(), written.Config{Dir: dir, Destination: "bench", Owners: &alone{}, Guard: func() error { return nil },
		Notice: func(message string) { fmt.Fprintln(os.Stderr, message) }})
	return table{store}, err
}

// alone is the only run there is.
type alone struct{ name string }

func (a *alone) Last(context.Context) (string, uint64, error)       { return a.name, 0, nil }
func (a *alone) Put(_ context.Context, name string, _ uint64) error { a.name = name; return nil }

func (t table) fill(from, to uint64) error {
	for n := from; n < to; n++ {
		k := key(n)
		if _, err := t.swap(k, [8]byte(k[:8])); err != nil {
			return err
		}
	}
	return nil
}

func (t table) swap(key [16]byte, value [8]byte) (found bool, err error) {
	row := written.Row{Resource: "profile", KeyField: "externalId", Key: text(key), LikelyNew: true,
		Fields: map[string]any{"lastName": hex.EncodeToString(value[:])}}
	_, err = t.store.Write(context.Background(), row, func(likelyNew bool) (bool, error) {
		found = !likelyNew
		return likelyNew, nil
	})
	return found, err
}

func (t table) close() error { t.store.Close(); return nil }
