package remotetest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
)

// Mount adds the sandbox's own paths to mux: GET and DELETE /_sandbox/stats, GET, POST and DELETE /_sandbox/faults. They
// need no token and no fault hits them.
//
//	GET /_sandbox/stats        200 the counters
//	DELETE /_sandbox/stats     204 all are zero
//	POST /_sandbox/faults      201 {"id":1,...the fault}, 400 {"field":"rate","error":"..."}
//	GET /_sandbox/faults       200 {"faults":[{"id":1,"kind":"cut",...,"secondsLeft":12.5}]}
//	DELETE /_sandbox/faults    204 none is under way
func Mount(mux *http.ServeMux, stats *Stats, in *Injector) {
	mux.HandleFunc("GET /_sandbox/stats", func(w http.ResponseWriter, _ *http.Request) {
		WriteJSON(w, http.StatusOK, stats)
	})
	mux.HandleFunc("DELETE /_sandbox/stats", func(w http.ResponseWriter, _ *http.Request) {
		stats.Reset()
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("GET /_sandbox/faults", func(w http.ResponseWriter, _ *http.Request) {
		WriteJSON(w, http.StatusOK, map[string]any{"faults": in.Active()})
	})
	mux.HandleFunc("POST /_sandbox/faults", in.post)
	mux.HandleFunc("DELETE /_sandbox/faults", func(w http.ResponseWriter, _ *http.Request) {
		in.EndAll()
		w.WriteHeader(http.StatusNoContent)
	})
}

func (in *Injector) post(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<10))
	if err != nil {
		WriteJSON(w, http.StatusBadRequest, &FieldError{Message: "the body could not be read"})
		return
	}
	f, err := ParseFault(body)
	var refused *FieldError
	if errors.As(err, &refused) {
		WriteJSON(w, http.StatusBadRequest, refused)
		return
	}
	id := in.start(f)
	WriteJSON(w, http.StatusCreated, ActiveFault{ID: id, Fault: f.withDefaults(), Left: f.Seconds})
}

// WriteJSON answers with a status and a JSON body.
func WriteJSON(w http.ResponseWriter, status int, body any) {
	text, err := json.Marshal(body)
	if err != nil {
		http.Error(w, "answer could not be written as JSON", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // a client that went away is not our trouble
}
