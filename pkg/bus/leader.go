package bus

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// isGone asks the leader of a stream whether a message is no longer there. On a cluster a copy that lags behind answers direct reads too,
// and does not have yet what was stored a moment ago: who takes that for "removed" may remove it.
func (c *Conn) isGone(ctx context.Context, stream string, seq uint64) (bool, error) {
	const doing = "asking whether a message is there"
	reply, err := c.nc.RequestWithContext(ctx, "$JS.API.STREAM.MSG.GET."+stream, fmt.Appendf(nil, `{"seq":%d}`, seq))
	if err != nil {
		return false, classify(err, doing)
	}
	var answer struct {
		Error *struct {
			Code int `json:"err_code"`
		} `json:"error"`
	}
	switch err := json.Unmarshal(reply.Data, &answer); {
	case err != nil:
		return false, fault.Wrap(fault.Transient, err, "NATS failed while "+doing)
	case answer.Error == nil:
		return false, nil
	case answer.Error.Code == codeMessageNotFound:
		return true, nil
	default:
		return false, fault.New(fault.Transient, fmt.Sprintf("NATS failed while %s (%d)", doing, answer.Error.Code))
	}
}
