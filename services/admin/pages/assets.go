package pages

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"net/http"
	"time"
)

//go:embed static
var staticFiles embed.FS

// assets are the style sheet, the script and the icon, each under a path that changes with its content.
type assets struct {
	content map[string][]byte
	tags    map[string]string
	// paths maps a file's name to its path with the tag: "app.css" to "/static/app.css?v=1a2b3c4d".
	paths map[string]string
}

func loadAssets() (*assets, error) {
	entries, err := staticFiles.ReadDir("static")
	if err != nil {
		return nil, fmt.Errorf("static files: %w", err)
	}
	a := &assets{content: map[string][]byte{}, tags: map[string]string{}, paths: map[string]string{}}
	for _, entry := range entries {
		name := entry.Name()
		content, err := staticFiles.ReadFile("static/" + name)
		if err != nil {
			return nil, fmt.Errorf("static file %s: %w", name, err)
		}
		sum := sha256.Sum256(content)
		a.content[name], a.tags[name] = content, hex.EncodeToString(sum[:4])
		a.paths[name] = "/static/" + name + "?v=" + a.tags[name]
	}
	return a, nil
}

// serve answers with a file. A path with the right tag may be kept for ever.
func (a *assets) serve(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("file")
	content, ok := a.content[name]
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Cache-Control", "no-cache")
	if r.URL.Query().Get("v") == a.tags[name] {
		w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	w.Header().Set("ETag", `"`+a.tags[name]+`"`)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(content))
}
