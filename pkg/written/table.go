package written

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"sync"
)

// table keeps 8 bytes for each tag of 8 bytes in files of 16-byte slots, read and changed in place through the page
// cache: it holds nothing in memory, and what a call has changed survives a kill -9 right behind it.
//
// A slot never crosses a page, and one change is one slot (or half of one), so a kill leaves the old or the new. A file
// that grows is written anew beside the old one and renamed.
type table struct {
	dir     string
	growing sync.Mutex // one file at a time, for the memory that it takes
	shards  [shards]shard
}

const (
	shards    = 64
	slotSize  = 16
	leastSize = 256 * slotSize // of a file: one page
	// The tags of a free slot, and of one that was given up: a search goes on behind it.
	freeTag, goneTag = 0, 1
	firstTag         = 2
	// lookAt is how many slots are read at once.
	lookAt = 8
)

// shard is one file, opened when it is first needed.
type shard struct {
	mu    sync.Mutex
	file  *os.File
	slots uint64
	taken uint64 // slots that are not free, those given up among them; 0 until counted
	live  uint64
	dirty bool
}

// checkTable reports a file that no table has written.
func checkTable(dir string) error {
	for i := range shards {
		info, err := os.Stat(shardPath(dir, i))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case info.Mode().IsRegular() && info.Size() == 0: // Made, and killed before its first row.
		case !info.Mode().IsRegular() || info.Size() < leastSize || bits.OnesCount64(uint64(info.Size())) != 1: //nolint:gosec // Not negative.
			return fmt.Errorf("%s has a size that was never written", filepath.Base(shardPath(dir, i)))
		}
	}
	return nil
}

func shardPath(dir string, i int) string { return filepath.Join(dir, fmt.Sprintf("rows-%02d", i)) }

// locked runs work on the shard of a tag, with its file open.
func (t *table) locked(tag uint64, work func(s *shard) error) error {
	return t.lockedShard(int(tag%shards), work) //nolint:gosec // Below 64.
}

func (t *table) lockedShard(i int, work func(s *shard) error) error {
	s := &t.shards[i]
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.file == nil {
		if err := s.openLocked(shardPath(t.dir, i)); err != nil {
			return err
		}
	}
	return work(s)
}

// openLocked opens the file and counts what is in it.
func (s *shard) openLocked(path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err == nil && info.Size() == 0 {
		err = file.Truncate(leastSize)
	}
	if err == nil {
		s.slots = uint64(max(info.Size(), leastSize)) / slotSize //nolint:gosec // Not negative.
		s.file = file
		err = s.countLocked()
	}
	if err != nil {
		s.file = nil
		_ = file.Close()
	}
	return err
}

func (s *shard) countLocked() error {
	s.taken, s.live = 0, 0
	var buffer [leastSize]byte
	for at := int64(0); at < int64(s.slots*slotSize); at += leastSize { //nolint:gosec // A file's size.
		if _, err := s.file.ReadAt(buffer[:], at); err != nil {
			return err
		}
		for i := 0; i < leastSize; i += slotSize {
			switch tag := binary.LittleEndian.Uint64(buffer[i:]); {
			case tag >= firstTag:
				s.live++
				s.taken++
			case tag == goneTag:
				s.taken++
			}
		}
	}
	return nil
}

// place is where a tag is, or where it would go.
type place struct {
	slot  uint64
	found bool
	value uint64
	fresh bool // not found, and slot was never taken
}

func (s *shard) findLocked(tag uint64) (place, error) {
	var buffer [lookAt * slotSize]byte
	var gone *uint64
	at := tag / shards % s.slots
	for range s.slots + lookAt {
		n := min(lookAt, s.slots-at)
		if _, err := s.file.ReadAt(buffer[:n*slotSize], offset(at)); err != nil {
			return place{}, err
		}
		for i := range n {
			slot := at + i
			switch binary.LittleEndian.Uint64(buffer[i*slotSize:]) {
			case tag:
				return place{slot: slot, found: true, value: binary.LittleEndian.Uint64(buffer[i*slotSize+8:])}, nil
			case goneTag:
				if gone == nil {
					gone = &slot
				}
			case freeTag:
				if gone != nil {
					return place{slot: *gone}, nil
				}
				return place{slot: slot, fresh: true}, nil
			}
		}
		at = (at + n) % s.slots
	}
	return place{}, errors.New("a file of the table has no free slot") // It grows before that; what we read was not ours.
}

func offset(slot uint64) int64 { return int64(slot * slotSize) } //nolint:gosec // A file's size.

// get returns the value of a tag.
func (t *table) get(tag uint64) (value uint64, found bool, err error) {
	err = t.locked(tag, func(s *shard) error {
		p, err := s.findLocked(tag)
		value, found = p.value, p.found
		return err
	})
	return value, found, err
}

// set gives a tag a value.
func (t *table) set(tag, value uint64) error {
	return t.locked(tag, func(s *shard) error {
		p, err := s.findLocked(tag)
		if err != nil {
			return err
		}
		s.dirty = true
		var slot [slotSize]byte
		binary.LittleEndian.PutUint64(slot[:8], tag)
		binary.LittleEndian.PutUint64(slot[8:], value)
		if p.found {
			_, err := s.file.WriteAt(slot[8:], offset(p.slot)+8)
			return err
		}
		if _, err := s.file.WriteAt(slot[:], offset(p.slot)); err != nil {
			return err
		}
		s.live++
		if p.fresh {
			s.taken++
		}
		if s.taken*4 > s.slots*3 {
			return t.growLocked(s, shardPath(t.dir, int(tag%shards))) //nolint:gosec // Below 64.
		}
		return nil
	})
}

// remove gives a tag up.
func (t *table) remove(tag uint64) error {
	return t.locked(tag, func(s *shard) error {
		p, err := s.findLocked(tag)
		if err != nil || !p.found {
			return err
		}
		s.dirty = true
		var slot [slotSize]byte
		binary.LittleEndian.PutUint64(slot[:8], goneTag)
		if _, err := s.file.WriteAt(slot[:8], offset(p.slot)); err != nil {
			return err
		}
		s.live--
		return nil
	})
}

// growLocked writes the file anew, without what was given up, so large that half of it is free.
func (t *table) growLocked(s *shard, path string) error {
	t.growing.Lock()
	defer t.growing.Unlock()
	old := make([]byte, s.slots*slotSize)
	if _, err := s.file.ReadAt(old, 0); err != nil {
		return err
	}
	slots := uint64(leastSize / slotSize)
	for slots < 2*s.live {
		slots *= 2
	}
	file, err := os.OpenFile(path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err := file.WriteAt(rehash(old, slots), 0); err != nil {
		_ = file.Close()
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		_ = file.Close()
		return err
	}
	_ = s.file.Close()
	s.file, s.slots, s.taken = file, slots, s.live
	return nil
}

func rehash(old []byte, slots uint64) []byte {
	fresh := make([]byte, slots*slotSize)
	for i := 0; i < len(old); i += slotSize {
		tag := binary.LittleEndian.Uint64(old[i:])
		if tag < firstTag {
			continue
		}
		at := tag / shards % slots
		for binary.LittleEndian.Uint64(fresh[at*slotSize:]) != freeTag {
			at = (at + 1) % slots
		}
		copy(fresh[at*slotSize:], old[i:i+slotSize])
	}
	return fresh
}

// len counts the rows that are known.
func (t *table) len() (n uint64, err error) {
	for i := range shards {
		if err := t.lockedShard(i, func(s *shard) error { n += s.live; return nil }); err != nil {
			return 0, err
		}
	}
	return n, nil
}

// sync brings all files to the disk, or only those that were changed since they were opened.
func (t *table) sync(all bool) error {
	var group sync.WaitGroup
	errs := make([]error, shards)
	for i := range shards {
		if !all && !t.shards[i].isDirty() {
			continue
		}
		group.Go(func() { errs[i] = t.lockedShard(i, func(s *shard) error { return s.file.Sync() }) })
	}
	group.Wait()
	return errors.Join(errs...)
}

func (s *shard) isDirty() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.dirty
}

// close lets go of the files.
func (t *table) close() {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		if s.file != nil {
			_ = s.file.Close()
			s.file = nil
		}
		s.mu.Unlock()
	}
}
