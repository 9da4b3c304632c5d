package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// errAbandoned tells those who wait for a token that the caller who asked for it gave up.
var errAbandoned = errors.New("the request for a token was given up")

// advice is what to do about a refusal. Microsoft's own code is more exact than the standard's word (Microsoft Entra
// docs, Authentication and authorization error codes); the text beside them is never looked at, it changes.
func advice(codes []int, word string) string {
	for _, code := range codes {
		switch code {
		case 7000222:
			return "the client secret has expired; create a new one for the application and store it"
		case 7000215:
			return "the client secret is wrong; store the secret's value, not its id"
		case 7000218:
			return "no client secret arrived; store one"
		case 700016:
			return "the application (client id) does not exist in this tenant; check both"
		case 90002:
			return "the tenant does not exist; check the tenant id"
		case 70011:
			return "the scope is not valid; check the URL of the environment"
		case 500011:
			return "the environment is not known in this tenant; check the URL and the tenant id"
		}
	}
	switch word {
	case "invalid_client":
		return "client id or client secret is wrong"
	case "unauthorized_client":
		return "the application may not use client credentials; check its registration"
	case "invalid_scope":
		return "a scope is not granted to the application"
	case "invalid_request":
		return "the request for a token was not understood; check token URL and client id"
	case "access_denied":
		return "access is denied to the application"
	}
	return "check token URL, client id and client secret"
}

// refused turns an error of the token endpoint into an instruction.
func (t *tokens) refused(ticket ticket, err error) error {
	var answer *oauth2.RetrieveError
	if !errors.As(err, &answer) {
		if wrapper := (*url.Error)(nil); errors.As(err, &wrapper) {
			return networkFault(t.name+" sign-in", t.host, tokenTimeout, err)
		}
		return fault.Wrap(fault.Transient, err, fmt.Sprintf("%s sign-in at %s gave no usable answer; check the token URL if this stays", t.name, t.host))
	}
	status := answer.Response.StatusCode
	if after, throttled := pause(status, answer.Response.Header); throttled {
		return t.gate.close(ticket, t.name+" sign-in", status, after)
	}
	said := fmt.Sprintf("HTTP %d", status)
	codes := errorCodes(answer.Body)
	if answer.ErrorCode != "" {
		said += ", " + clean(answer.ErrorCode)
	}
	if len(codes) > 0 {
		said += fmt.Sprintf(", AADSTS%d", codes[0])
	}
	if isPassing(status, answer.ErrorCode) {
		return fault.Wrap(fault.Transient, err, fmt.Sprintf("%s sign-in at %s is in trouble (%s)", t.name, t.host, said))
	}
	return fault.Wrap(fault.Fatal, err, fmt.Sprintf("%s refused the sign-in: %s (%s)", t.name, advice(codes, answer.ErrorCode), said))
}

func isPassing(status int, word string) bool {
	switch word {
	case "temporarily_unavailable", "server_error", "slow_down":
		return true
	}
	return status >= http.StatusInternalServerError || status == http.StatusRequestTimeout
}

// errorCodes are Microsoft's numbers in an error body, none for other vendors.
func errorCodes(body []byte) []int {
	var said struct {
		Codes []int `json:"error_codes"`
	}
	_ = json.Unmarshal(body, &said) // what cannot be read has no codes
	return said.Codes
}

// clean keeps an error word to what the standard allows it, and short.
func clean(word string) string {
	kept := make([]rune, 0, len(word))
	for _, r := range word {
		if r > ' ' && r < 0x7f && len(kept) < 40 {
			kept = append(kept, r)
		}
	}
	return string(kept)
}

// tokenStatus is the HTTP status behind an error of the token endpoint, 0 where there was none.
func tokenStatus(err error) int {
	var answer *oauth2.RetrieveError
	switch {
	case err == nil:
		return http.StatusOK
	case errors.As(err, &answer):
		return answer.Response.StatusCode
	}
	return 0
}
