package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/causeway-sync/causeway/pkg/written"
)

// benchSink compares 64 writers that send one request for each of their rows with the same ones behind a Store, each row
// an update of one that is known: the most that a Store can cost.
func benchSink(dir string, rows int, latency time.Duration) error {
	folder, err := os.MkdirTemp(dir, "causeway-written-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	store, err := written.Open(context.Background(), written.Config{Dir: folder, Destination: "bench", Owners: &alone{}, Guard: func() error { return nil }})
	if err != nil {
		return err
	}
	defer store.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		time.Sleep(latency)
		w.WriteHeader(http.StatusNoContent)
	})}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: writers}}
	url := "http://" + listener.Addr().String()
	var bare, with []float64
	for round := range 6 { // The first of each warms up.
		for _, s := range []*written.Store{nil, store} {
			rate, err := send(client, url, s, rows, round)
			if err != nil {
				return err
			}
			if round > 0 && s == nil {
				bare = append(bare, rate)
			} else if round > 0 {
				with = append(with, rate)
			}
		}
	}
	fmt.Printf("sink, %s latency: without %.0f/s, with %.0f/s, ratio %.3f\n", latency, mean(bare), mean(with), mean(with)/mean(bare))
	return nil
}

func send(client *http.Client, url string, store *written.Store, rows, round int) (float64, error) {
	var next atomic.Int64
	var group sync.WaitGroup
	var failed atomic.Pointer[error]
	began := time.Now()
	for range writers {
		group.Go(func() {
			for n := next.Add(1) - 1; n < int64(rows); n = next.Add(1) - 1 {
				if err := update(client, url, store, uint64(n), round); err != nil {
					failed.Store(&err)
				}
			}
		})
	}
	group.Wait()
	if err := failed.Load(); err != nil {
		return 0, *err
	}
	return float64(rows) / time.Since(began).Seconds(), nil
}

func update(client *http.Client, url string, store *written.Store, n uint64, round int) error {
	k := key(n)
	row := written.Row{Resource: "profile", KeyField: "externalId", Key: text(k), Fields: map[string]any{
		"salutation": "Mr", "firstName": "Given Name", "middleName": fmt.Sprint("v", round), "lastName": "A Family Name", "email": text(k)[:8] + "@example.com",
		"phone": "+49 30 1234567", "mobilePhone": "+49 170 1234567", "birthDate": "1970-01-01", "gender": "male", "number": binary.LittleEndian.Uint64(k[:])}}
	_, err := store.Write(context.Background(), row, func(bool) (bool, error) {
		body, err := json.Marshal(row.Fields)
		if err != nil {
			return false, err
		}
		response, err := client.Post(url, "application/json", bytes.NewReader(body))
		if err != nil {
			return false, err
		}
		_, _ = io.Copy(io.Discard, response.Body)
		return false, response.Body.Close()
	})
	return err
}

func mean(list []float64) (m float64) {
	for _, v := range list {
		m += v / float64(len(list))
	}
	return m
}
