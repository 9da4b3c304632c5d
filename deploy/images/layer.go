package images

import (
	"archive/tar"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
)

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// folders writes the folders of data and those that files stand in, parents first.
func (i Image) folders(archive *tar.Writer) error {
	modes := map[string]int64{}
	for _, folder := range i.Folders {
		modes[folder] = 0o1777
	}
	paths := sorted(i.Files)
	if i.Authorities != "" {
		paths = append(paths, authoritiesIn)
	}
	paths = append(paths, i.Folders...)
	for _, p := range paths {
		for dir := path.Dir(p); dir != "/"; dir = path.Dir(dir) {
			if _, known := modes[dir]; !known {
				modes[dir] = 0o755
			}
		}
	}
	for _, dir := range sorted(modes) {
		header := &tar.Header{Typeflag: tar.TypeDir, Name: strings.TrimPrefix(dir, "/") + "/", Mode: modes[dir], ModTime: i.Created.UTC(), Format: tar.FormatPAX}
		if err := archive.WriteHeader(header); err != nil {
			return fmt.Errorf("write %s: %w", dir, err)
		}
	}
	return nil
}

// add writes one file. Nothing of this machine gets into it: neither owner nor times.
func (i Image) add(archive *tar.Writer, name string, mode int64, body []byte) error {
	header := &tar.Header{Typeflag: tar.TypeReg, Name: strings.TrimPrefix(name, "/"), Mode: mode, Size: int64(len(body)), ModTime: i.Created.UTC(), Format: tar.FormatPAX}
	if err := archive.WriteHeader(header); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	if _, err := archive.Write(body); err != nil {
		return fmt.Errorf("write %s: %w", name, err)
	}
	return nil
}
