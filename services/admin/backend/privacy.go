package backend

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/bus"
	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// privacyVersion is that of the text. A text that says something new is acknowledged anew.
const privacyVersion = 1

// PrivacyNotice is what an admin takes note of before the first use, and who has.
type PrivacyNotice struct {
	Version          int              `json:"version" doc:"of the text" example:"1"`
	Responsibilities []Responsibility `json:"responsibilities"`
	Acknowledged     bool             `json:"acknowledged" doc:"somebody has acknowledged this version"`
	By               string           `json:"by,omitempty" doc:"who has acknowledged it"`
	Via              string           `json:"via,omitempty" doc:"through what: page, http or nats"`
	At               time.Time        `json:"at,omitzero"`
}

// Responsibility is one paragraph of the text.
type Responsibility struct {
	Title string `json:"title" example:"Who is responsible"`
	Text  string `json:"text" example:"You are the controller."`
}

// privacyState is what is known of the acknowledgement.
type privacyState struct {
	stored *bus.Privacy
	keep   bus.Keep
	// done is the acknowledgement of this version, once there is one: it is not taken back.
	done atomic.Pointer[bus.Acknowledgement]
}

// Privacy is the responsibilities for personal data, and who has acknowledged them.
func (s *Service) Privacy(ctx context.Context) (PrivacyNotice, error) {
	ledger, err := s.ledgerAge(ctx)
	if err != nil {
		return PrivacyNotice{}, err
	}
	notice := PrivacyNotice{Version: privacyVersion, Responsibilities: responsibilities(s.privacy.keep, ledger)}
	done, err := s.acknowledged(ctx)
	if err != nil || done == nil {
		return notice, err
	}
	notice.Acknowledged, notice.By, notice.Via, notice.At = true, done.By, done.Via, done.At
	return notice, nil
}

// acknowledged is who has acknowledged this version, nil for nobody.
func (s *Service) acknowledged(ctx context.Context) (*bus.Acknowledgement, error) {
	if done := s.privacy.done.Load(); done != nil {
		return done, nil
	}
	latest, err := s.privacy.stored.Latest(ctx)
	if err != nil || latest.Version < privacyVersion {
		return nil, err
	}
	s.privacy.done.Store(&latest)
	return &latest, nil
}

// AcknowledgePrivacy records who has taken note, on the bus and in the history. Where somebody has already, nothing changes.
func (s *Service) AcknowledgePrivacy(ctx context.Context, who Caller) (PrivacyNotice, error) {
	done, err := s.acknowledged(ctx)
	if err != nil {
		return PrivacyNotice{}, err
	}
	if done == nil {
		if _, err := s.privacy.stored.Acknowledge(ctx, privacyVersion, who.By, who.Via); err != nil {
			return PrivacyNotice{}, err
		}
		ctx, cancel := afterwards(ctx)
		defer cancel()
		for _, id := range workflow.All() { // It is about the data of each.
			cmd := workflow.Command{Workflow: id, Verb: workflow.PrivacyAcknowledged, By: who.By, Via: who.Via, Note: fmt.Sprintf("version %d of the text", privacyVersion)}
			if _, err := s.commands.Send(ctx, cmd); err != nil {
				s.log.Warn("the acknowledgement is missing in the history", zap.String("workflow", string(id)), zap.Error(err))
			}
		}
	}
	return s.Privacy(ctx)
}

// ledgerAge is how long decisions about contacts are kept.
func (s *Service) ledgerAge(ctx context.Context) (time.Duration, error) {
	_, _, age := bus.Retention()
	stored, err := s.config(ctx, workflow.OptInOut)
	if err != nil {
		return 0, err
	}
	doc, err := config.Decode(workflow.OptInOut, stored.Document)
	if err != nil { // The edit page says what is wrong with it.
		return age, nil
	}
	if optinout, ok := doc.(*config.OptInOutDoc); ok {
		age = optinout.LedgerAge()
	}
	return age, nil
}

// responsibilities is the text, with the times for which this installation keeps what.
func responsibilities(keep bus.Keep, ledger time.Duration) []Responsibility {
	commands, failures, _ := bus.Retention()
	settled := keep.Age
	if settled == 0 {
		settled = 24 * time.Hour
	}
	days := func(d time.Duration) string {
		if d < 48*time.Hour {
			return fmt.Sprintf("%.0f hours", d.Hours())
		}
		return fmt.Sprintf("%.0f days", d.Hours()/24)
	}
	return []Responsibility{
		{"What is moved", "Names, addresses, consent and e-mail activity of your contacts, between Microsoft Dynamics 365 and Adobe Campaign: what the mappings name, and nothing else."},
		{"Who is responsible", "You are the controller of this data. You need a legal basis for moving it, map no more than the purpose needs, and tell the persons concerned. The vendors of both systems are your processors."},
		{"How long it is kept here", fmt.Sprintf("Records that were written: %s. Rejected records with their content: %s. Decisions about opt-ins and opt-outs: %s. The history of who did what, without content: %s.",
			days(settled), days(failures), days(ledger), days(commands))},
		{"Where it lies", "In the streams of the NATS server that this service uses, in its data folder and the backups of both. Whoever reads those reads personal data: encrypt disks and restrict who can reach them."},
		{"Who may see it", "Viewers see keys and causes, no content. Operators see the content of a rejected record and a preview. Admins change what is moved. Give each person the least role that will do."},
		{"Requests of persons", "Information and deletion are carried out in both systems; what waits or was rejected here is found and removed by the contact's key. docs/privacy.md says how."},
	}
}
