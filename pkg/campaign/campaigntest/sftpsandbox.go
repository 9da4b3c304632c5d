package campaigntest

import (
	"net/http"

	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// sftpTrouble is what goes wrong with the file server: the body of POST /_sandbox/sftp.
type sftpTrouble struct {
	// RefuseAuth has it let nobody in.
	RefuseAuth bool `json:"refuseAuth"`
	// CutAfterBytes breaks every connection off after so many bytes sent; 0 for never.
	CutAfterBytes int64 `json:"cutAfterBytes"`
	// Cut breaks off the connections that there are now.
	Cut bool `json:"cut"`
}

// ServeHTTP answers /_sandbox/sftp: GET tells how to reach the server, POST has things go wrong until the next one, DELETE
// ends that.
func (s *SFTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var t sftpTrouble
	switch r.Method {
	case http.MethodGet:
		remotetest.WriteJSON(w, http.StatusOK, map[string]any{"addr": s.Addr(), "user": SFTPUser, "keyFile": s.ClientKeyFile(), "hostKey": s.HostKey(),
			"folder": ExportFolder, "files": s.Exports(), "logins": s.Logins()})
		return
	case http.MethodPost:
		if err := decodeRequest(w, r, &t); err != nil {
			remotetest.WriteJSON(w, http.StatusBadRequest, map[string]string{"message": err.Error()})
			return
		}
	case http.MethodDelete:
	default:
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	s.RefuseAuth(t.RefuseAuth)
	s.CutAfter(t.CutAfterBytes)
	if t.Cut {
		s.Cut()
	}
	w.WriteHeader(http.StatusNoContent)
}
