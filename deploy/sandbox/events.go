package sandbox

import (
	"sync"
	"time"

	"github.com/causeway-sync/causeway/pkg/campaign/campaigntest"
)

// eventOptions have Campaign send its events about the contacts that Dynamics has.
func (s *Sandbox) eventOptions() campaigntest.JournalOptions {
	known := &contactList{list: func() []string { return s.Dynamics.IDs("contact") }, count: func() int { return s.Dynamics.Count("contact") }}
	return campaigntest.JournalOptions{Contacts: known.ids, RetryAfter: journalPause}
}

// journalPause is what the sandbox's journal asks for at its end; the vendor's says 10 s.
const journalPause = time.Second

// JournalPath is the registration whose journal the sandbox shows. Any other leads to the same one.
const JournalPath = "/events/organizations/" + Organisation + "/integrations/" + ClientID + "/events"

// contactList remembers the contacts for a while, for events come one by one and there may be a million contacts. A small
// list is made anew whenever a contact came or went.
type contactList struct {
	list  func() []string
	count func() int

	mu   sync.Mutex
	kept []string
	at   time.Time
}

const (
	contactsFresh = 10 * time.Second
	contactsFew   = 100_000
)

func (c *contactList) ids() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := c.count()
	if time.Since(c.at) > contactsFresh || n != len(c.kept) && n <= contactsFew {
		c.kept, c.at = c.list(), time.Now()
	}
	return c.kept
}
