package campaign

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// listing is one page of a list.
type listing struct {
	rows []Row
	next string    // Campaign's link to the next page, empty on the last
	date time.Time // when it answered, by its own clock; zero where it does not say
}

// list reads one page of a list.
func (c *Client) list(ctx context.Context, k call) (listing, error) {
	resp, v, err := c.do(ctx, k)
	switch {
	case err != nil:
		return listing{}, err
	case v == absent:
		return listing{}, fault.New(fault.Fatal, fmt.Sprintf("%s could not %s: the filter does not exist; publish it, or correct its name in the settings", name, k.subject()))
	case v != taken:
		return listing{}, fault.New(fault.Transient, fmt.Sprintf("%s could not %s: it gave no reason (HTTP %d)", name, k.subject(), resp.Status))
	}
	var wire struct {
		Content []Row `json:"content"`
		Next    struct {
			Href string `json:"href"`
		} `json:"next"`
	}
	if err := decode(resp.Body, &wire); err != nil || wire.Content == nil {
		return listing{}, fault.Wrap(fault.Transient, err, fmt.Sprintf("%s could not %s: its answer was not understood", name, k.subject()))
	}
	date, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		date = time.Time{}
	}
	return listing{rows: wire.Content, next: wire.Next.Href, date: date.UTC()}, nil
}
