package timeline

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/fault"
)

// The id of an activity is for ever: it was computed by another implementation of RFC 9562.
func TestActivityIDNeverChanges(t *testing.T) {
	for event, want := range map[string]string{
		"":                                     "a7339d76-4072-53fb-804a-622588b31af0",
		"4b0c5f0e-1111-4222-8333-444455556666": "0330f007-7a9b-55ae-99de-63f1b286ebfb",
		"Zoë":                                  "5ec84d38-e025-5828-9a81-47696889e7f5",
	} {
		if got := ActivityID(event); got != want {
			t.Errorf("%q: %s, want %s", event, got, want)
		}
	}
}

func TestDecoderNeedsItsPlaces(t *testing.T) {
	for says, change := range map[string]func(*config.EventFormat){
		"eventFormat.type":         func(f *config.EventFormat) { f.Type = "" },
		"eventFormat.id":           func(f *config.EventFormat) { f.ID = "" },
		"eventFormat.time":         func(f *config.EventFormat) { f.Time = "" },
		"eventFormat.contact":      func(f *config.EventFormat) { f.Contact = "" },
		"sends and opens by the s": func(f *config.EventFormat) { f.Types.Open = f.Types.Send },
	} {
		format := config.DefaultEventFormat()
		change(&format)
		if _, err := NewDecoder(format); !fault.Is(err, fault.Fatal) || !strings.Contains(fault.Message(err), says) {
			t.Errorf("%v, want it to say %q", err, says)
		}
	}
}

func TestColumnsAreThoseOfARow(t *testing.T) {
	doc := config.DefaultEgress()
	plan := NewPlan(doc.Activities, nil)
	for kind, a := range activities(doc.Activities) {
		_, _, values := plan.Row(Event{ID: "1", Kind: kind, Contact: "c", At: time.Unix(0, 0), Campaign: "c", Delivery: "d", MirrorPage: "m", ClickedURL: "u"})
		var written []string
		for column := range values {
			if !strings.HasSuffix(column, "@odata.bind") {
				written = append(written, column)
			}
		}
		want := Columns(a)
		slices.Sort(written)
		slices.Sort(want)
		if diff := cmp.Diff(want, written); diff != "" {
			t.Errorf("%s:\n%s", kind, diff)
		}
	}
}

func TestShortened(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text, limit := rapid.String().Draw(t, "text"), rapid.IntRange(1, 20).Draw(t, "limit")
		got := shortened(text, limit)
		units := len(utf16.Encode([]rune(got)))
		rest := strings.TrimPrefix(text, got)
		switch next, _ := utf8.DecodeRuneInString(rest); {
		case !strings.HasPrefix(text, got) || units > limit || utf8.ValidString(text) && !utf8.ValidString(got):
			t.Errorf("%q is %d units", got, units)
		case rest != "" && units+len(utf16.Encode([]rune{next})) <= limit:
			t.Errorf("%q lacks a character that fits", got)
		}
	})
}

var (
	guidForm = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	idForm   = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
)

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"id":"1","type":"com.adobe.campaign.email.click","time":"2026-01-02T03:04:05Z","data":{"recipientID":"c0ffee00-0000-4000-8000-000000000001","campaignID":12e400,"trackingUrl":"x"}}`))
	f.Add([]byte(`{"id":"1","type":"com.adobe.campaign.email.bounce","time":"9999-12-31T23:59:59.999999999-12:00","data":{"recipientID":"{C0FFEE00-0000-4000-8000-000000000001}","bounceType":"hard"}}`))
	f.Add([]byte(`{"data":[]} {}`))
	f.Add([]byte(`null`))
	doc := config.DefaultEgress()
	decoder, err := NewDecoder(doc.EventFormat)
	if err != nil {
		f.Fatal(err)
	}
	lengths := map[string]int{"subject": 20, "adobe_campaignname": 10}
	plan := NewPlan(doc.Activities, map[string]Table{"adobe_emailsend": {Lengths: lengths}, "adobe_emailurlclick": {Lengths: lengths}})
	f.Fuzz(func(t *testing.T, body []byte) {
		event, verdict, err := decoder.Decode(body)
		if (verdict == Malformed) != fault.Is(err, fault.Rejected) {
			t.Fatalf("%s with %v", verdict, err)
		}
		if verdict != Known {
			return
		}
		if !guidForm.MatchString(event.Contact) || event.ID == "" || event.At.Year() < firstYear || event.At.Year() > lastYear {
			t.Errorf("%+v", event)
		}
		id, table, values := plan.Row(event)
		if !idForm.MatchString(id) || table == "" {
			t.Errorf("%s %s", table, id)
		}
		if _, err := json.Marshal(values); err != nil {
			t.Error(err)
		}
		for column, limit := range lengths {
			if text, _ := values[column].(string); len(utf16.Encode([]rune(text))) > limit && table != "adobe_emailopen" && table != "adobe_emailbounce" {
				t.Errorf("%s is longer than %d", column, limit)
			}
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	data := []byte(`{"specversion":"1.0","id":"4b0c5f0e-1111-4222-8333-444455556666","type":"com.adobe.campaign.email.send","time":"2026-01-02T03:04:05.006Z","data":{"recipientID":"c0ffee00-0000-4000-8000-000000000001","campaignID":"CMP12","deliveryID":"DM34","mirrorPageUrl":"https://mirror.example.com/m?id=1"}}`)
	doc := config.DefaultEgress()
	decoder, err := NewDecoder(doc.EventFormat)
	if err != nil {
		b.Fatal(err)
	}
	plan := NewPlan(doc.Activities, nil)
	for b.Loop() {
		event, _, err := decoder.Decode(data)
		if err != nil {
			b.Fatal(err)
		}
		plan.Row(event)
	}
}
