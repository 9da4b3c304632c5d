package dynamicstest

import (
	"iter"
	"slices"
	"sort"
)

// ordered keeps rows sorted, in chunks, so that neither an insertion nor a page costs as much as the table is long.
type ordered struct {
	compare func(a, b *row) int
	chunks  [][]*row // none is empty
}

const chunkSize = 512

// chunkOf is the last chunk that begins at or before r, or the first.
func (o *ordered) chunkOf(r *row) int {
	return max(0, sort.Search(len(o.chunks), func(i int) bool { return o.compare(o.chunks[i][0], r) > 0 })-1)
}

func (o *ordered) insert(r *row) {
	if len(o.chunks) == 0 {
		o.chunks = [][]*row{{r}}
		return
	}
	c := o.chunkOf(r)
	i, _ := slices.BinarySearchFunc(o.chunks[c], r, o.compare)
	o.chunks[c] = slices.Insert(o.chunks[c], i, r)
	if chunk := o.chunks[c]; len(chunk) > chunkSize {
		half := len(chunk) / 2
		right := slices.Clone(chunk[half:])
		clear(chunk[half:])
		o.chunks[c] = chunk[:half]
		o.chunks = slices.Insert(o.chunks, c+1, right)
	}
}

func (o *ordered) remove(r *row) {
	if len(o.chunks) == 0 {
		return
	}
	c := o.chunkOf(r)
	i, found := slices.BinarySearchFunc(o.chunks[c], r, o.compare)
	if !found {
		return
	}
	o.chunks[c] = slices.Delete(o.chunks[c], i, i+1)
	if len(o.chunks[c]) == 0 {
		o.chunks = slices.Delete(o.chunks, c, c+1)
	}
}

// fill replaces the contents by rows, which it sorts.
func (o *ordered) fill(rows []*row) {
	slices.SortFunc(rows, o.compare)
	o.chunks = nil
	for chunk := range slices.Chunk(rows, chunkSize/2) {
		o.chunks = append(o.chunks, slices.Clone(chunk))
	}
}

// from yields the rows behind r in order; nil is the beginning. r itself is left out.
func (o *ordered) from(r *row) iter.Seq[*row] {
	return func(yield func(*row) bool) {
		start := 0
		if r != nil && len(o.chunks) > 0 {
			start = o.chunkOf(r)
		}
		for c := start; c < len(o.chunks); c++ {
			chunk := o.chunks[c]
			if r != nil && c == start {
				i, found := slices.BinarySearchFunc(chunk, r, o.compare)
				if found {
					i++
				}
				chunk = chunk[i:]
			}
			for _, each := range chunk {
				if !yield(each) {
					return
				}
			}
		}
	}
}
