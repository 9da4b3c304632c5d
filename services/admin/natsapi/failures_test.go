package natsapi

import (
	"testing"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// TestABlankChoiceIsNotEverything: what is dropped is gone for good.
func TestABlankChoiceIsNotEverything(t *testing.T) {
	for _, request := range []string{``, `{}`, `{"key":" "}`, `{"key":"\t","source":"contact"}`, `{"group":" "}`, `{"all":true,"through":0}`} {
		if s, err := (&microAPI{}).selection([]byte(request)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s means %+v, %v", request, s, err)
		}
	}
	for _, request := range []string{`{"all":true}`, `{"key":"a"}`, `{"all":true,"through":7}`, `{"seq":1}`} {
		if _, err := (&microAPI{}).selection([]byte(request)); err != nil {
			t.Errorf("%s: %v", request, err)
		}
	}
}
