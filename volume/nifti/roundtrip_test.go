package nifti

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"columna/volume"
)

// tilted is a grid with axes at any angle, left- or right-handed.
func tilted(r *rand.Rand) volume.Grid {
	random := func() volume.Vec3 { return volume.Vec3{r.NormFloat64(), r.NormFloat64(), r.NormFloat64()} }
	u := random().Unit()
	w := u.Cross(random()).Unit()
	v := w.Cross(u).Scale(float64(1 - 2*r.IntN(2)))
	return volume.Grid{Size: [3]int{2 + r.IntN(4), 2 + r.IntN(4), 2 + r.IntN(4)},
		Affine: volume.NewAffine(u.Scale(0.2+r.Float64()), v.Scale(0.2+r.Float64()), w.Scale(1+4*r.Float64()), random().Scale(200))}
}

// whole fills a volume with numbers that every kind holds.
func whole(r *rand.Rand, g volume.Grid) *volume.Volume {
	v := volume.New(g)
	for n := range v.Data {
		v.Data[n] = float32(r.IntN(128))
	}
	return v
}

// same holds two volumes to the same numbers at the same places in the patient.
func same(t *testing.T, what string, want, got *volume.Volume, mm float64) {
	t.Helper()
	if got.Size != want.Size {
		t.Fatalf("%s: size %v, want %v", what, got.Size, want.Size)
	}
	for k := range want.Size[2] {
		for j := range want.Size[1] {
			for i := range want.Size[0] {
				vox := volume.Vec3{float64(i), float64(j), float64(k)}
				if d := want.ToWorld(vox).Sub(got.ToWorld(vox)).Norm(); d > mm {
					t.Fatalf("%s: voxel %v moved by %g mm", what, vox, d)
				}
				if want.At(i, j, k) != got.At(i, j, k) {
					t.Fatalf("%s: voxel %v is %g, want %g", what, vox, got.At(i, j, k), want.At(i, j, k))
				}
			}
		}
	}
}

func TestRoundTrip_EveryKindAndOrderAtAnyAngle(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	for range 40 {
		v := whole(r, tilted(r))
		for _, k := range kinds() {
			for _, o := range []order{binary.LittleEndian, binary.BigEndian} {
				var b bytes.Buffer
				if err := encode(&b, v, k, o); err != nil {
					t.Fatal(err)
				}
				got, err := Decode(&b)
				if err != nil {
					t.Fatal(err)
				}
				same(t, o.String(), v, got, 1e-3)
			}
		}
	}
}

// TestRoundTrip_FlippedAxesStayInThePatient turns axes round, as radiological and
// neurological files do: the side of a mark must not change.
func TestRoundTrip_FlippedAxesStayInThePatient(t *testing.T) {
	r := rand.New(rand.NewPCG(13, 14))
	for flips := range 8 {
		g := tilted(r)
		left := g.ToWorld(volume.Vec3{1, 0, 1})
		v := volume.New(g)
		v.Data[v.Index(1, 0, 1)] = 77
		f := flipped(v, flips)
		var b bytes.Buffer
		if err := Encode(&b, f); err != nil {
			t.Fatal(err)
		}
		got, err := Decode(&b)
		if err != nil {
			t.Fatal(err)
		}
		at := got.ToVoxel(left)
		if x := got.At(int(math.Round(at[0])), int(math.Round(at[1])), int(math.Round(at[2]))); x != 77 {
			t.Errorf("flips %03b: %g where the mark was", flips, x)
		}
	}
}

// flipped reverses the axes whose bit is set; every voxel keeps its place.
func flipped(v *volume.Volume, axes int) *volume.Volume {
	g, last := v.Grid, volume.Vec3{}
	for a := range 3 {
		if axes>>a&1 == 1 {
			last[a] = float64(g.Size[a] - 1)
			for row := range 3 {
				g.Affine[row][a] = -g.Affine[row][a]
			}
		}
	}
	o := v.ToWorld(last)
	for row := range 3 {
		g.Affine[row][3] = o[row]
	}
	out := volume.New(g)
	for n := range v.Data {
		i, j, k := v.Coords(n)
		c := [3]int{i, j, k}
		for a := range 3 {
			if axes>>a&1 == 1 {
				c[a] = g.Size[a] - 1 - c[a]
			}
		}
		out.Data[out.Index(c[0], c[1], c[2])] = v.Data[n]
	}
	return out
}

func TestWrite_TakesNIfTI2WhereASideIsTooLong(t *testing.T) {
	g := oblique()
	g.Size = [3]int{40000, 2, 1}
	v := whole(rand.New(rand.NewPCG(1, 1)), g)
	var b bytes.Buffer
	if err := Encode(&b, v); err != nil {
		t.Fatal(err)
	}
	if n := binary.LittleEndian.Uint32(b.Bytes()); n != size2 {
		t.Errorf("header of %d bytes", n)
	}
	got, err := Decode(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "NIfTI-2", v, got, 1e-9)
	binary.LittleEndian.PutUint32(b.Bytes()[348:], 0) // sform off
	if got, err = Decode(&b); err != nil {
		t.Fatal(err)
	}
	same(t, "NIfTI-2 by qform", v, got, 1e-6)
}

func TestWrite_TakesTheSmallestTypeThatHoldsTheValues(t *testing.T) {
	for datatype, values := range map[int][]float32{2: {0, 255}, 4: {-1, 32767}, 512: {0, 65535}, 16: {0.5, 3}} {
		v := volume.New(volume.Grid{Size: [3]int{2, 1, 1}, Affine: oblique().Affine})
		copy(v.Data, values)
		var b bytes.Buffer
		if err := Encode(&b, v); err != nil {
			t.Fatal(err)
		}
		if got := int(binary.LittleEndian.Uint16(b.Bytes()[70:])); got != datatype {
			t.Errorf("%v is written as datatype %d, want %d", values, got, datatype)
		}
	}
}

func TestWrite_RefusesNamesItDoesNotWrite(t *testing.T) {
	for _, name := range []string{"a.hdr", "a.img.gz", "a.mha", "a"} {
		if err := Write(filepath.Join(t.TempDir(), name), noise(oblique())); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}

func TestRead_WarnsOfWhatIsDoubtful(t *testing.T) {
	le := binary.LittleEndian
	for want, spoil := range map[string]func([]byte){
		"left and right":   func(b []byte) { le.PutUint16(b[252:], 0); le.PutUint16(b[254:], 0) },
		"no voxel spacing": func(b []byte) { le.PutUint16(b[254:], 0); le.PutUint32(b[84:], 0) },
		"mm apart":         func(b []byte) { le.PutUint32(b[268:], math.Float32bits(99)) },
		"no number":        func(b []byte) { le.PutUint32(b[352:], math.Float32bits(float32(math.NaN()))) },
	} {
		b := encoded(t, oblique())
		spoil(b)
		name := filepath.Join(t.TempDir(), "a.nii")
		write(t, name, b)
		_, warnings, err := ReadWarned(name)
		if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], want) {
			t.Errorf("%s: warned of %q, %v", want, warnings, err)
		}
	}
	name := filepath.Join(t.TempDir(), "a.nii")
	write(t, name, encoded(t, oblique()))
	if _, warnings, err := ReadWarned(name); err != nil || warnings != nil {
		t.Errorf("a sound file: %q, %v", warnings, err)
	}
}

func TestRead_TakesNoGuessAtLeftAndRight(t *testing.T) {
	b := encoded(t, oblique())
	binary.LittleEndian.PutUint32(b[252:], 0) // both codes
	name := filepath.Join(t.TempDir(), "a.nii")
	write(t, name, b)
	if _, err := Read(name); err == nil {
		t.Error("a file without orientation was read without a word")
	}
}

func TestRead_OpensPairsCompressedOnEitherSide(t *testing.T) {
	b := encoded(t, oblique())
	h := bytes.Clone(b[:348])
	copy(h[344:], "ni1\x00")
	binary.LittleEndian.PutUint32(h[108:], 0)
	for _, ends := range [][2]string{{"", ""}, {".gz", ".gz"}, {".gz", ""}, {"", ".gz"}} {
		dir := t.TempDir()
		write(t, filepath.Join(dir, "a.hdr"+ends[0]), packed(t, h, ends[0]))
		write(t, filepath.Join(dir, "a.img"+ends[1]), packed(t, b[352:], ends[1]))
		for _, name := range []string{"a.hdr" + ends[0], "a.img" + ends[1]} {
			v, err := Read(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			same(t, name, noise(oblique()), v, 1e-3)
		}
	}
}

// TestRead_TakesBareVoxelsForWhatTheyAre begins the voxels as gzip begins.
func TestRead_TakesBareVoxelsForWhatTheyAre(t *testing.T) {
	dir := t.TempDir()
	v := volume.New(oblique())
	v.Data[0], v.Data[1], v.Data[2] = 0x1f, 0x8b, 8
	var b bytes.Buffer
	if err := Encode(&b, v); err != nil {
		t.Fatal(err)
	}
	copy(b.Bytes()[344:], "ni1\x00")
	binary.LittleEndian.PutUint32(b.Bytes()[108:], 0)
	write(t, filepath.Join(dir, "a.hdr"), b.Bytes()[:348])
	write(t, filepath.Join(dir, "a.img"), b.Bytes()[352:])
	got, err := Read(filepath.Join(dir, "a.hdr"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, "pair", v, got, 1e-3)
}

func TestRead_NoticesDamageInsideGzip(t *testing.T) {
	b := packed(t, encoded(t, oblique()), ".gz")
	for _, at := range []int{len(b) - 8, len(b) - 1} { // checksum, length
		c := bytes.Clone(b)
		c[at] ^= 1
		if _, err := Decode(bytes.NewReader(c)); err == nil {
			t.Errorf("a changed byte %d was not noticed", at)
		}
	}
	if _, err := Decode(bytes.NewReader(b[:len(b)-3])); err == nil {
		t.Error("a file cut inside its checksum was accepted")
	}
	if _, err := Decode(bytes.NewReader(append(b, make([]byte, 512)...))); err != nil {
		t.Errorf("a padded file: %v", err)
	}
}

func TestRead_RefusesAForgedSizeBeforeItTakesMemory(t *testing.T) {
	for _, end := range []string{"", ".gz"} {
		b := encoded(t, oblique())[:352+8]
		for a, n := range []uint16{1024, 1024, 100} {
			binary.LittleEndian.PutUint16(b[42+2*a:], n)
		}
		name := filepath.Join(t.TempDir(), "a.nii"+end)
		write(t, name, packed(t, b, end))
		before := allocated()
		_, err := Read(name)
		if err == nil || !strings.Contains(err.Error(), "more than the file can hold") {
			t.Errorf("%v", err)
		}
		if used := allocated() - before; used > 1<<20 {
			t.Errorf("%d bytes allocated for a file of %d", used, len(b))
		}
	}
}

func TestDecode_NamesWhatItCannotRead(t *testing.T) {
	for datatype, word := range map[uint16]string{128: "RGB", 32: "complex", 1536: "float128", 1: "1-bit", 99: "no datatype 99"} {
		b := encoded(t, oblique())
		binary.LittleEndian.PutUint16(b[70:], datatype)
		if _, err := Decode(bytes.NewReader(b)); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("datatype %d: %v", datatype, err)
		}
	}
}

// packed compresses where the ending says so.
func packed(t *testing.T, b []byte, ending string) []byte {
	t.Helper()
	if ending == "" {
		return b
	}
	var z bytes.Buffer
	w := gzip.NewWriter(&z)
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return z.Bytes()
}

func TestWrite_IsTheOwnersAlone(t *testing.T) {
	name := filepath.Join(t.TempDir(), "A.NII.GZ")
	if err := Write(name, noise(oblique())); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if b, err := os.ReadFile(name); err != nil || b[0] != 0x1f {
		t.Error("a name in capitals was not compressed")
	}
}
