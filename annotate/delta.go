package annotate

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"

	"columna/volume"
)

// Delta is one edit: runs of voxels with the label before and after. It can be
// applied, undone (Inverse) and kept in a journal (MarshalBinary).
type Delta struct {
	Reason string // paint, erase, fill, or why the mask was replaced
	size   [3]int // of the mask
	runs   []run  // ascending, apart
}

// run is voxels start .. start+length-1 in the order of the data.
type run struct {
	start, length uint32
	old, new      uint8
}

// Empty reports whether the edit changes nothing.
func (d Delta) Empty() bool { return len(d.runs) == 0 }

// Voxels counts the voxels that the edit changes.
func (d Delta) Voxels() int {
	n := 0
	for _, r := range d.runs {
		n += int(r.length)
	}
	return n
}

// Changed is the box of the voxels that the edit changes.
func (d Delta) Changed() volume.Box {
	var box volume.Box
	g := volume.Grid{Size: d.size}
	for _, r := range d.runs {
		first, last := int(r.start), int(r.start+r.length-1)
		i0, j0, k0 := g.Coords(first)
		i1, j1, k1 := g.Coords(last)
		box = box.Add(i0, j0, k0).Add(i1, j1, k1)
		if j0 != j1 || k0 != k1 { // the run goes round the end of a row
			box = box.Add(0, j0, k0).Add(d.size[0]-1, j1, k1)
		}
		if k0 != k1 {
			box = box.Add(0, 0, k0).Add(0, d.size[1]-1, k1)
		}
	}
	return box
}

// Inverse is the edit that takes this one back.
func (d Delta) Inverse() Delta {
	out := Delta{Reason: d.Reason, size: d.size, runs: make([]run, len(d.runs))}
	for n, r := range d.runs {
		r.old, r.new = r.new, r.old
		out.runs[n] = r
	}
	return out
}

// add appends a voxel; voxels come in ascending order.
func (d *Delta) add(n uint32, old, new uint8) {
	if last := len(d.runs) - 1; last >= 0 {
		r := &d.runs[last]
		if r.start+r.length == n && r.old == old && r.new == new {
			r.length++
			return
		}
	}
	d.runs = append(d.runs, run{n, 1, old, new})
}

// fits reports why the edit cannot be made on the mask, if so.
func (d Delta) fits(m *volume.LabelMap) error {
	if d.size != m.Size {
		return fmt.Errorf("an edit of a mask of %v voxels does not fit one of %v", d.size, m.Size)
	}
	for _, r := range d.runs {
		for n, v := range m.Data[r.start : r.start+r.length] {
			if v != r.old {
				return fmt.Errorf("the edit was made on another version of the mask: voxel %d is %d, not %d", int(r.start)+n, v, r.old)
			}
		}
	}
	return nil
}

// deltaVersion is the first byte of a stored edit.
const deltaVersion = 1

// MarshalBinary writes the edit: version, size, reason, number of runs, the runs
// (gap from the run before, length, old, new) and a CRC-32 of all that. Numbers
// are varints.
func (d Delta) MarshalBinary() ([]byte, error) {
	b := []byte{deltaVersion}
	for _, n := range d.size {
		b = binary.AppendUvarint(b, uint64(n))
	}
	b = binary.AppendUvarint(b, uint64(len(d.Reason)))
	b = append(b, d.Reason...)
	b = binary.AppendUvarint(b, uint64(len(d.runs)))
	end := uint32(0)
	for _, r := range d.runs {
		b = binary.AppendUvarint(b, uint64(r.start-end))
		b = binary.AppendUvarint(b, uint64(r.length))
		b = append(b, r.old, r.new)
		end = r.start + r.length
	}
	return binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(b)), nil
}

// UnmarshalBinary reads what MarshalBinary wrote and refuses anything else.
func (d *Delta) UnmarshalBinary(b []byte) error {
	if len(b) < 5 || b[0] != deltaVersion {
		return fmt.Errorf("this is not a stored edit of version %d", deltaVersion)
	}
	body, sum := b[:len(b)-4], binary.LittleEndian.Uint32(b[len(b)-4:])
	if crc32.ChecksumIEEE(body) != sum {
		return fmt.Errorf("the stored edit is damaged: its checksum is wrong")
	}
	r := reader{b: body[1:]}
	var out Delta
	for a := range out.size {
		out.size[a] = int(r.number(1 << 16))
	}
	voxels := uint64(out.size[0]) * uint64(out.size[1]) * uint64(out.size[2])
	out.Reason = string(r.bytes(r.number(uint64(len(r.b)))))
	count := r.number(uint64(len(r.b)) / 4)
	if r.bad || voxels == 0 || voxels > 1<<31 {
		return fmt.Errorf("the stored edit is damaged: impossible size or length")
	}
	if err := out.readRuns(&r, count, voxels); err != nil {
		return err
	}
	*d = out
	return nil
}

// readRuns reads and checks count runs within a mask of so many voxels.
func (d *Delta) readRuns(r *reader, count, voxels uint64) error {
	end := uint64(0)
	for n := range count {
		start := end + r.number(voxels)
		length := r.number(voxels)
		labels := r.bytes(2)
		if r.bad || length == 0 || start+length > voxels || labels[0] == labels[1] {
			return fmt.Errorf("the stored edit is damaged: run %d is impossible", n)
		}
		d.runs = append(d.runs, run{uint32(start), uint32(length), labels[0], labels[1]})
		end = start + length
	}
	if len(r.b) != 0 {
		return fmt.Errorf("the stored edit is damaged: %d bytes too many", len(r.b))
	}
	return nil
}

// reader takes numbers off the front of b; after the first impossible one it is
// bad and gives zeros.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) number(most uint64) uint64 {
	v, n := binary.Uvarint(r.b)
	if r.bad || n <= 0 || v > most {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) bytes(n uint64) []byte {
	if r.bad || n > uint64(len(r.b)) {
		r.bad = true
		return []byte{0, 0}
	}
	out := r.b[:n]
	r.b = r.b[n:]
	return out
}
