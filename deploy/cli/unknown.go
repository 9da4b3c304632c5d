package cli

import "time"

// UnknownContact is a flag for trying out what else takes hours.
type UnknownContact struct {
	Wait time.Duration `name:"unknown-contact-wait" hidden:"" help:"How long an e-mail event waits for its contact, in place of what the configuration says." env:"CAUSEWAY_UNKNOWN_CONTACT_WAIT"`
}
