package config_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/causeway-sync/causeway/pkg/config"
	"github.com/causeway-sync/causeway/pkg/workflow"
)

// FuzzDecode: whatever comes in, there is either a list of faults that say something or a document that survives being
// written and read again, and that can be validated and compared.
func FuzzDecode(f *testing.F) {
	for i, id := range workflow.All() {
		data, err := config.Encode(config.Default(id))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(i, data)
	}
	for _, text := range []string{``, `null`, `{}`, `[]`, `{"mappings":null}`, `{"mappings":[null]}`, `{"mappings":[{"fields":[{"column":"\u0000"}]}],"mappings":[]}`,
		`{"MAPPINGS":[]}`, `{"mappings":[{"applyDeletes":1e400}]}`, `{"events":{"send":true}}`, "{\"mappings\":[{\"table\":\"\xff\"}]}"} {
		for i := range workflow.All() {
			f.Add(i, []byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, which int, data []byte) {
		all := workflow.All()
		id := all[((which%len(all))+len(all))%len(all)]
		doc, err := config.Decode(id, data)
		if err != nil {
			faultsOf(t, err)
			return
		}
		doc.CannotStart()
		for _, fault := range doc.Validate() {
			if fault.Path == "" || fault.Problem == "" || fault.Fix == "" {
				t.Errorf("%+v says too little", fault)
			}
		}
		written, err := config.Encode(doc)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := config.Decode(id, written)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v\n%s", err, written)
		}
		if diff := cmp.Diff(doc, again); diff != "" {
			t.Fatal(diff)
		}
		if _, err := config.Diff(data, written); err != nil {
			t.Fatalf("cannot be compared: %v", err)
		}
	})
}
