package natsapi

import "context"

// privacySubject is the root of the NATS API for the responsibilities.
const privacySubject = "causeway.api.privacy"

func (a *microAPI) privacy(ctx context.Context, _ string, _ []byte) (any, error) {
	return a.service.Privacy(ctx)
}

func (a *microAPI) acknowledgePrivacy(ctx context.Context, _ string, _ []byte) (any, error) {
	return a.service.AcknowledgePrivacy(ctx, a.caller())
}
