package pages

import (
	"errors"
	"io"
	"iter"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"go.uber.org/zap"

	"github.com/causeway-sync/causeway/pkg/fault"
	"github.com/causeway-sync/causeway/pkg/workflow"
	"github.com/causeway-sync/causeway/services/admin/admission"
)

// exported serves an export of what all yields, behind everything that stands around it, and returns what a client gets.
func exported(t *testing.T, all iter.Seq2[workflow.Failure, error]) (status int, text string, err error) {
	t.Helper()
	s, err := New(Config{OpenAPI: huma.DefaultConfig("", "").OpenAPI, Log: zap.NewNop()})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(nil)
	door, err := admission.New(admission.Config{Log: zap.NewNop()}, server.Listener.Addr())
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = door.Guard(s.page(func(w http.ResponseWriter, _ *http.Request) error { return s.writeFailures(w, "ingress", all) }))
	server.Start()
	defer server.Close()
	answer, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	data, err := io.ReadAll(answer.Body)
	return answer.StatusCode, string(data), err
}

func broken(after int) iter.Seq2[workflow.Failure, error] {
	return func(yield func(workflow.Failure, error) bool) {
		for i := range after {
			if !yield(workflow.Failure{Seq: uint64(i + 1), Key: "key"}, nil) {
				return
			}
		}
		yield(workflow.Failure{}, fault.New(fault.Transient, "NATS did not answer"))
	}
}

// TestAnExportThatBreaksOffLooksBroken: who downloads it does not take what there is for everything.
func TestAnExportThatBreaksOffLooksBroken(t *testing.T) {
	status, text, err := exported(t, broken(3))
	if status != http.StatusOK || strings.Count(text, "\n") != 4 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%d %q, and it ends with %v", status, text, err)
	}
}

// TestAnExportThatCannotBegin says why, on a page.
func TestAnExportThatCannotBegin(t *testing.T) {
	status, text, err := exported(t, broken(0))
	if status != http.StatusServiceUnavailable || !strings.Contains(text, "NATS did not answer") || err != nil {
		t.Errorf("%d %q, %v", status, text, err)
	}
}

func TestAnExportOfNothingHasItsHead(t *testing.T) {
	status, text, err := exported(t, func(func(workflow.Failure, error) bool) {})
	if status != http.StatusOK || !strings.HasPrefix(text, "seq,workflow,") || err != nil {
		t.Errorf("%d %q, %v", status, text, err)
	}
}
