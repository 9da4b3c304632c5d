package campaigntest

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"time"
)

// Adobe publishes neither the codes nor the payload of Campaign's e-mail events. What stands here is Causeway's own
// documented default, a CloudEvent with the members that I/O Events promises; nothing of "data" is a vendor's fact.

// eventKind is an index of eventKinds.
type eventKind uint8

// The kinds of events by the names that EventBatch.Types knows. The last one stands for types that nobody expects.
var eventKinds = [...]string{"send", "open", "click", "bounce", unknownKind}

const (
	unknownKind     = "sms"
	click, bounce   = eventKind(2), eventKind(3)
	unexpected      = eventKind(len(eventKinds) - 1)
	unexpectedType  = "com.adobe.campaign.sms.send"
	emailTypePrefix = "com.adobe.campaign.email."
)

func kindNamed(name string) (eventKind, bool) {
	i := slices.Index(eventKinds[:], name)
	return eventKind(max(i, 0)), i >= 0
}

func (k eventKind) typeName() string {
	if k == unexpected {
		return unexpectedType
	}
	return emailTypePrefix + eventKinds[k]
}

// event is one distinct event, small enough for millions.
type event struct {
	id          [16]byte
	contact     string
	at          int64 // Unix milliseconds
	kind        eventKind
	known, soft bool
	delivery    uint16
}

const deliveriesPerCampaign = 5

func (e *event) campaign() int { return int(e.delivery)/deliveriesPerCampaign + 1 }

func (e *event) digest() uint64 { return binary.BigEndian.Uint64(e.id[8:]) }

func (e *event) mirrorPage() string {
	return fmt.Sprintf("https://mirror.example.com/nms/jsp/m.jsp?id=%016x", e.digest())
}

// clickedURL is empty for anything but a click.
func (e *event) clickedURL() string {
	if e.kind != click {
		return ""
	}
	return fmt.Sprintf("https://www.example.com/offers/%d?mail=DM%d&source=newsletter", e.digest()%97, e.delivery)
}

const eventTimeForm = "2006-01-02T15:04:05.000Z"

func (e *event) time() time.Time { return time.UnixMilli(e.at).UTC() }

// appendJSON writes the event as the journal holds it.
func (e *event) appendJSON(b []byte, client string) []byte {
	id := uuidText(e.id)
	b = fmt.Appendf(b, `{"specversion":"1.0","id":"%s","eventid":"%s","type":"%s","source":"urn:causeway:sandbox","time":"%s",`+
		`"datacontenttype":"application/json","recipientclientid":%s,"data":{"recipientID":"%s","channel":"email","campaignID":"CMP%d",`+
		`"campaignName":"Campaign %d","deliveryID":"DM%d","deliveryName":"Delivery %d","broadlogID":"%d","mirrorPageUrl":"%s"`,
		id, id, e.kind.typeName(), e.time().Format(eventTimeForm), strconv.Quote(client), e.contact, e.campaign(), e.campaign(), e.delivery, e.delivery,
		e.digest()>>24, e.mirrorPage())
	switch {
	case e.kind == click:
		b = fmt.Appendf(b, `,"trackingUrl":"%s"`, e.clickedURL())
	case e.kind == bounce && e.soft:
		b = append(b, `,"bounceType":"soft"`...)
	case e.kind == bounce:
		b = append(b, `,"bounceType":"hard"`...)
	}
	return append(b, '}', '}')
}

func randomUUID(random *rand.Rand) (id [16]byte) {
	binary.BigEndian.PutUint64(id[:8], random.Uint64())
	binary.BigEndian.PutUint64(id[8:], random.Uint64())
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}
