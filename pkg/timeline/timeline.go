// Package timeline turns an event of Adobe Campaign into an activity of a contact in Dynamics. It is a pure function of
// the event and the admin's settings: it knows no API, no queue and no clock.
//
// It promises that Decode has a defined answer for every text (an event, one to skip, or a rejection that names the place
// and the type of what stands there, never the value: invariant 9), that the same event always gives the same activity
// under the same id (invariant 3), and that no text is longer than its column.
//
// Callers must decode with the settings of their run (invariant 7) and decide which kinds they want.
package timeline

import (
	"crypto/sha1" //nolint:gosec // RFC 9562 says so; it is no secret.
	"encoding/hex"
	"time"

	"github.com/causeway-sync/causeway/pkg/config"
)

// The kinds of events that become activities.
const (
	Send   = "send"
	Open   = "open"
	Click  = "click"
	Bounce = "bounce"
)

// Event is what an activity needs of an event.
type Event struct {
	// ID is the event's own: two events with one id are one event.
	ID string
	// Kind is Send, Open, Click or Bounce.
	Kind string
	// Contact is the contact's GUID, in lower case without braces.
	Contact string
	At      time.Time
	// Campaign, Delivery, MirrorPage and ClickedURL are empty where the event does not hold them.
	Campaign, Delivery, MirrorPage, ClickedURL string
}

// Namespace is that of ActivityID. It must never change: with another one every event that comes again would become a
// second activity.
const Namespace = "2f4b2c6e-7d0b-5c53-9d2f-6a1c8f0e7b34"

// ActivityID is the id of the activity of an event: the UUID of version 5 (RFC 9562) of its id in Namespace. Writing an
// event twice is thereby one activity (invariant 3).
func ActivityID(eventID string) string {
	namespace, _ := hex.DecodeString(withoutDashes(Namespace)) // a constant
	h := sha1.New()                                            //nolint:gosec // See above.
	_, _ = h.Write(namespace)
	_, _ = h.Write([]byte(eventID)) // a hash never fails
	b := h.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x50, b[8]&0x3f|0x80
	text := hex.EncodeToString(b)
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// activities are the settings of each kind.
func activities(a config.Activities) map[string]config.Activity {
	return map[string]config.Activity{Send: a.Send, Open: a.Open, Click: a.Click, Bounce: a.Bounce}
}
