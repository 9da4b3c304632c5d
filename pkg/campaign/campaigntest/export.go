package campaigntest

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/causeway-sync/causeway/pkg/remote/remotetest"
)

// ExportOptions say what is to go wrong with an export. The zero value is a good one.
type ExportOptions struct {
	// Broken is the share of lines that cannot be used, 0 to 1: every so many, beginning with the last of the first so
	// many.
	Broken float64 `json:"broken"`
	// Part is the share of its bytes that the file gets now, 0 for all. The rest comes with Finish.
	Part float64 `json:"part"`
	// Finish is the name of a file that lacks its rest, which is written now; nothing else is.
	Finish string `json:"finish"`
}

// Export is what an export wrote.
type Export struct {
	File string `json:"file"`
	Rows int    `json:"rows"`
	// Broken are the numbers of the lines that cannot be used.
	Broken []int `json:"broken,omitempty"`
	// Bytes were written of Size.
	Bytes int `json:"bytes"`
	Size  int `json:"size"`
}

// exports is where export files go.
type exports struct {
	folder string

	mu    sync.Mutex
	count int
	rest  map[string][]byte // of files that are not finished
}

var errNoExports = errors.New("this Campaign has no folder for export files")

// Export does what the workflow of a Campaign does once a day: it writes a file with the profiles whose opt-outs changed
// since the last one, each with all eight values and when each was changed.
//
//	externalId,blackList,blackListChanged,blackListEmail,blackListEmailChanged,...
//
// The name is optout_YYYYMMDD_HHMMSS_nnn.csv, where nnn counts the files of this Campaign. Adobe publishes no format; this
// is the default of pkg/exportfile and pkg/config.
func (s *Server) Export(opt ExportOptions) (Export, error) {
	if s.exports.folder == "" {
		return Export{}, errNoExports
	}
	s.exports.mu.Lock()
	defer s.exports.mu.Unlock()
	if opt.Finish != "" {
		return s.exports.finishLocked(opt.Finish)
	}
	rows := s.tables()["profile"].takeUnexported()
	s.exports.count++
	done := Export{Rows: len(rows), File: fmt.Sprintf("optout_%s_%03d.csv", s.opt.Now().UTC().Format("20060102_150405"), s.exports.count)}
	text, broken := exportText(rows, opt.Broken)
	done.Broken, done.Size, done.Bytes = broken, len(text), len(text)
	if opt.Part > 0 && opt.Part < 1 {
		done.Bytes = int(opt.Part * float64(len(text)))
		s.exports.rest[done.File] = text[done.Bytes:]
	}
	return done, os.WriteFile(filepath.Join(s.exports.folder, done.File), text[:done.Bytes], 0o644)
}

func (e *exports) finishLocked(name string) (Export, error) {
	rest, ok := e.rest[name]
	if !ok {
		return Export{}, fmt.Errorf("%q is no file that lacks its rest", name)
	}
	delete(e.rest, name)
	file, err := os.OpenFile(filepath.Join(e.folder, name), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return Export{}, err
	}
	_, err = file.Write(rest)
	return Export{File: name, Bytes: len(rest), Size: len(rest)}, errors.Join(err, file.Close())
}

// exportText is the content of a file, and the numbers of its lines that were broken on purpose.
func exportText(rows []*row, share float64) (text []byte, broken []int) {
	var b bytes.Buffer
	out := csv.NewWriter(&b)
	header := []string{"externalId"}
	for _, field := range optOuts() {
		header = append(header, field, field+"Changed")
	}
	_ = out.Write(header) // a buffer takes everything
	every := math.MaxInt
	if share > 0 {
		every = max(1, int(1/share))
	}
	for i, r := range rows {
		cells := exportCells(r)
		if (i+1)%every == 0 {
			broken = append(broken, i+2)
			breakCells(cells, len(broken))
		}
		_ = out.Write(cells)
	}
	out.Flush()
	return b.Bytes(), broken
}

func exportCells(r *row) []string {
	v := decode(r.data)
	cells := []string{r.key}
	for i, field := range optOuts() {
		at := ""
		if r.optOuts != nil && !r.optOuts[i].IsZero() {
			at = r.optOuts[i].UTC().Format(dateTimeForm)
		}
		cells = append(cells, strconv.FormatBool(isTrue(v[field])), at)
	}
	return cells
}

// breakCells spoils a line in one of the ways in which lines are spoilt.
func breakCells(cells []string, n int) {
	switch n % 3 {
	case 0:
		cells[1] = "perhaps"
	case 1:
		cells[2] = "yesterday"
	default:
		cells[0] = ""
	}
}

// mountExports serves the export and the console.
func (s *Server) mountExports(mux *http.ServeMux) {
	mux.HandleFunc("POST /_sandbox/export", func(w http.ResponseWriter, r *http.Request) {
		var opt ExportOptions
		if err := decodeRequest(w, r, &opt); err != nil {
			remotetest.WriteJSON(w, http.StatusBadRequest, map[string]string{"message": err.Error()})
			return
		}
		done, err := s.Export(opt)
		if err != nil {
			remotetest.WriteJSON(w, http.StatusConflict, map[string]string{"message": err.Error()})
			return
		}
		remotetest.WriteJSON(w, http.StatusOK, done)
	})
	mux.HandleFunc("POST /_sandbox/profiles/{key}", func(w http.ResponseWriter, r *http.Request) {
		var fields map[string]any
		err := decodeRequest(w, r, &fields)
		if err == nil {
			err = s.Edit("profile", r.PathValue("key"), fields)
		}
		if err != nil {
			remotetest.WriteJSON(w, http.StatusBadRequest, map[string]string{"message": err.Error()})
			return
		}
		s.showProfile(w, r)
	})
	mux.HandleFunc("GET /_sandbox/profiles/{key}", s.showProfile)
}

// showProfile answers with the fields of a profile that are set and the times of its opt-outs.
func (s *Server) showProfile(w http.ResponseWriter, r *http.Request) {
	t, key := s.tables()["profile"], r.PathValue("key")
	t.mu.RLock()
	found := t.byKey[key]
	t.mu.RUnlock()
	if found == nil {
		remotetest.WriteJSON(w, http.StatusNotFound, map[string]string{"message": "no profile has this key"})
		return
	}
	remotetest.WriteJSON(w, http.StatusOK, map[string]any{"fields": fields(found.data), "changed": s.OptOutTimes(key)})
}

// decodeRequest reads a JSON body; none leaves into as it is.
func decodeRequest(w http.ResponseWriter, r *http.Request, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	dec.DisallowUnknownFields()
	dec.UseNumber()
	if err := dec.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return errors.New("the body is not understood: " + strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// encodeValues are fields as they stand in a body.
func encodeValues(fields map[string]any) (values, error) {
	raw, err := json.Marshal(fields)
	if err != nil {
		return nil, err
	}
	return decode(string(raw)), nil
}
