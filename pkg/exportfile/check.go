package exportfile

import (
	"context"
	"slices"
	"strings"

	"github.com/causeway-sync/causeway/pkg/fault"
)

// Check is the preflight of reading: the format makes sense, the server is the one in the settings and lets the user in,
// the folder is there, and the newest of its files, if there is one, can be opened and has the columns. Everything that a
// person has to mend is fault.Fatal and names what to do; trouble that may pass comes as itself. No file is no finding.
func (c *Client) Check(ctx context.Context, f Format) []error {
	compiled, findings := f.compile()
	folder := remoteFolder{c}
	entries, err := folder.list(ctx)
	if err != nil {
		return append(findings, err)
	}
	if len(findings) > 0 {
		return findings
	}
	files := chosen(compiled.Pattern, entries)
	if len(files) == 0 {
		return nil
	}
	newest := slices.MaxFunc(files, func(a, b entry) int { return strings.Compare(a.name, b.name) })
	if err := checkFile(ctx, folder, compiled, newest); err != nil {
		return []error{err}
	}
	return nil
}

// checkFile looks at the first line of a file.
func checkFile(ctx context.Context, f folder, compiled format, e entry) error {
	s := &Source{folder: f, format: compiled}
	defer s.leave()
	r, err := s.enter(ctx, mark{Name: e.name}, e)
	switch {
	case fault.Is(err, fault.NotFound): // it went away meanwhile
		return nil
	case fault.Is(err, fault.Rejected):
		return fault.Wrap(fault.Fatal, err, fault.Message(err))
	case err != nil:
		return err
	case r.foreign != "":
		return fault.New(fault.Fatal, e.name+": its first bytes say that it is "+r.foreign+"; set the encoding to what it is")
	case r.refused != nil && !r.brief:
		return fault.New(fault.Fatal, e.name+": "+r.refused.Error())
	}
	return nil
}
