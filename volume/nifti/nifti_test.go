package nifti

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"testing"

	"columna/volume"
)

// oblique is a lumbar-like sagittal grid: i posterior, j inferior, k left, tilted.
func oblique() volume.Grid {
	i := volume.Vec3{0.02, 0.99, 0.1}.Unit()
	j := volume.Vec3{0.1, 0, -1}
	j = j.Sub(i.Scale(i.Dot(j))).Unit()
	k := i.Cross(j)
	return volume.Grid{Size: [3]int{7, 5, 4}, Affine: volume.NewAffine(i.Scale(0.7), j.Scale(0.8), k.Scale(-4.4), volume.Vec3{31.5, -120.25, 410.125})}
}

func noise(g volume.Grid) *volume.Volume {
	r := rand.New(rand.NewPCG(1, 2))
	v := volume.New(g)
	for n := range v.Data {
		v.Data[n] = float32(r.NormFloat64() * 100)
	}
	return v
}

func TestWriteRead_KeepsValuesAndPlace(t *testing.T) {
	for _, name := range []string{"a.nii", "a.nii.gz"} {
		path := filepath.Join(t.TempDir(), name)
		v := noise(oblique())
		if err := Write(path, v); err != nil {
			t.Fatal(err)
		}
		back, err := Read(path)
		if err != nil {
			t.Fatal(err)
		}
		if !volume.SameGrid(v.Grid, back.Grid) {
			t.Errorf("%s: grid %v came back as %v", name, v.Grid, back.Grid)
		}
		for n := range v.Data {
			if v.Data[n] != back.Data[n] {
				t.Fatalf("%s: voxel %d: %g came back as %g", name, n, v.Data[n], back.Data[n])
			}
		}
	}
}

func TestQform_SaysTheSameAsSform(t *testing.T) {
	grids := []volume.Grid{oblique()}
	r := rand.New(rand.NewPCG(3, 4))
	for range 200 {
		u := volume.Vec3{r.NormFloat64(), r.NormFloat64(), r.NormFloat64()}.Unit()
		w := u.Cross(volume.Vec3{r.NormFloat64(), r.NormFloat64(), r.NormFloat64()}).Unit()
		v := w.Cross(u).Scale(float64(1 - 2*r.IntN(2)))
		grids = append(grids, volume.Grid{Size: [3]int{7, 5, 4}, Affine: volume.NewAffine(u.Scale(0.5), v.Scale(0.6), w.Scale(4), volume.Vec3{10, 20, 30})})
	}
	// Half turns, where the real part of the quaternion is zero.
	for _, d := range [][3]float64{{1, 1, 1}, {1, -1, -1}, {-1, 1, -1}, {-1, -1, 1}, {-1, -1, -1}} {
		grids = append(grids, volume.Grid{Size: [3]int{7, 5, 4}, Affine: volume.NewAffine(volume.Vec3{d[0]}, volume.Vec3{0, d[1]}, volume.Vec3{0, 0, d[2]}, volume.Vec3{})})
	}
	for _, g := range grids {
		b := encoded(t, g)
		binary.LittleEndian.PutUint16(b[254:], 0) // sform off
		got, err := Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if !volume.SameGrid(g, got.Grid) {
			t.Errorf("affine %v came back by qform as %v", g.Affine, got.Affine)
		}
	}
}

func TestWrite_LeavesQformUnsetOnSheared(t *testing.T) {
	g := volume.Grid{Size: [3]int{3, 3, 3}, Affine: volume.NewAffine(volume.Vec3{1}, volume.Vec3{0.2, 1}, volume.Vec3{0, 0, 1}, volume.Vec3{})}
	b := encoded(t, g)
	if code := binary.LittleEndian.Uint16(b[252:]); code != 0 {
		t.Errorf("qform code %d on a sheared grid: old tools would read it straight", code)
	}
}

func TestRead_TurnsRASIntoLPS(t *testing.T) {
	b := encoded(t, volume.Grid{Size: [3]int{2, 2, 2}, Affine: volume.NewAffine(volume.Vec3{1}, volume.Vec3{0, 1}, volume.Vec3{0, 0, 1}, volume.Vec3{})})
	for n, x := range []float32{2, 0, 0, 10, 0, 3, 0, 20, 0, 0, 4, 30} { // srow: RAS+
		binary.LittleEndian.PutUint32(b[280+4*n:], math.Float32bits(x))
	}
	v, err := Decode(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if o := v.Orientation(); o != "RAS" {
		t.Errorf("a RAS file reads as %s", o)
	}
	if p := v.ToWorld(volume.Vec3{1, 1, 1}); p != (volume.Vec3{-12, -23, 34}) {
		t.Errorf("voxel (1,1,1) of a RAS file is at LPS %v, want (-12, -23, 34)", p)
	}
}

func TestRead_BothByteOrdersAndEveryType(t *testing.T) {
	type order interface {
		binary.ByteOrder
		binary.AppendByteOrder
	}
	for _, o := range []order{binary.LittleEndian, binary.BigEndian} {
		for _, v2 := range []bool{false, true} {
			for datatype, put := range writers(o) {
				b := foreign(o, v2, datatype)
				for n := range 24 {
					b = append(b, put(float64(n+1))...)
				}
				v, err := Decode(bytes.NewReader(b))
				if err != nil {
					t.Fatalf("%v v2=%v type %d: %v", o, v2, datatype, err)
				}
				if v.Size != [3]int{4, 3, 2} || v.At(3, 2, 1) != 2*24+5 || v.At(0, 0, 0) != 2*1+5 {
					t.Errorf("%v v2=%v type %d: size %v, corner values %g and %g", o, v2, datatype, v.Size, v.At(0, 0, 0), v.At(3, 2, 1))
				}
			}
		}
	}
}

func TestReadLabels_RefusesValuesThatAreNoLabels(t *testing.T) {
	v := noise(oblique())
	path := filepath.Join(t.TempDir(), "a.nii")
	if err := Write(path, v); err != nil {
		t.Fatal(err)
	}
	if _, err := ReadLabels(path); err == nil {
		t.Error("noise was read as labels")
	}
}

func TestReadLabels_ReadsWhatWriteLabelsWrote(t *testing.T) {
	m := volume.NewLabelMap(oblique())
	for n := range m.Data {
		m.Data[n] = uint8(n % 18)
	}
	path := filepath.Join(t.TempDir(), "m.nii.gz")
	if err := WriteLabels(path, m); err != nil {
		t.Fatal(err)
	}
	back, err := ReadLabels(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(m.Data, back.Data) || !volume.SameGrid(m.Grid, back.Grid) {
		t.Error("the label map changed on the way")
	}
}

func TestRead_OpensPairsByEitherName(t *testing.T) {
	dir := t.TempDir()
	b := encoded(t, oblique())
	h := bytes.Clone(b[:348])
	copy(h[344:], "ni1\x00")
	binary.LittleEndian.PutUint32(h[108:], 0)
	write(t, filepath.Join(dir, "a.hdr"), h)
	write(t, filepath.Join(dir, "a.img"), b[352:])
	for _, name := range []string{"a.hdr", "a.img"} {
		v, err := Read(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if want := noise(oblique()); v.Data[20] != want.Data[20] {
			t.Errorf("%s: wrong voxels", name)
		}
	}
}

func TestRead_SkipsHeaderExtensions(t *testing.T) {
	b := encoded(t, oblique())
	binary.LittleEndian.PutUint32(b[108:], math.Float32bits(352+64))
	b[348] = 1
	long := append(bytes.Clone(b[:352]), make([]byte, 64)...)
	v, err := Decode(bytes.NewReader(append(long, b[352:]...)))
	if err != nil {
		t.Fatal(err)
	}
	if v.Data[20] != noise(oblique()).Data[20] {
		t.Error("the voxels were read from the wrong place")
	}
}

func TestDecode_RefusesHostileHeaders(t *testing.T) {
	good := encoded(t, oblique())
	short := func(at int, v int16) func([]byte) {
		return func(b []byte) { binary.LittleEndian.PutUint16(b[at:], uint16(v)) }
	}
	float := func(at int, v float32) func([]byte) {
		return func(b []byte) { binary.LittleEndian.PutUint32(b[at:], math.Float32bits(v)) }
	}
	for name, spoil := range map[string]func([]byte){
		"negative size":       short(42, -5),
		"zero size":           short(44, 0),
		"nine dimensions":     short(40, 9),
		"no dimension":        short(40, 0),
		"huge size":           func(b []byte) { short(42, 32767)(b); short(44, 32767)(b); short(46, 32767)(b) },
		"more than the file":  func(b []byte) { short(42, 512)(b); short(44, 512)(b); short(46, 512)(b) },
		"many volumes":        func(b []byte) { short(40, 4)(b); short(48, 90)(b) },
		"colour":              short(70, 128),
		"offset NaN":          float(108, float32(math.NaN())),
		"offset negative":     float(108, -100),
		"offset in header":    float(108, 12),
		"offset far away":     float(108, 1e18),
		"sform NaN":           float(280, float32(math.NaN())),
		"sform infinite":      float(292, float32(math.Inf(1))),
		"sform singular":      func(b []byte) { clear(b[280:296]) },
		"no orientation":      func(b []byte) { short(252, 0)(b); short(254, 0)(b) },
		"ANALYZE":             func(b []byte) { clear(b[344:348]) },
		"pair without a pair": func(b []byte) { copy(b[344:], "ni1") },
		"no size of header":   func(b []byte) { clear(b[:4]) },
	} {
		b := bytes.Clone(good)
		spoil(b)
		if _, err := Decode(bytes.NewReader(b)); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	for n := range len(good) - 1 {
		if _, err := Decode(bytes.NewReader(good[:n])); err == nil {
			t.Fatalf("the first %d of %d bytes were accepted", n, len(good))
		}
	}
}

func TestDecode_AllocatesNoMoreThanTheBytesDeserve(t *testing.T) {
	b := encoded(t, oblique())[:352+8]
	for a, n := range []uint16{1024, 1024, 100} {
		binary.LittleEndian.PutUint16(b[42+2*a:], n)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Decode(bytes.NewReader(b)); err == nil {
		t.Fatal("a forged size was accepted")
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 8<<20 {
		t.Errorf("%d bytes allocated for a file of %d", got, len(b))
	}
}

func TestDecode_NumbersThatAreNoNumbersBecomeZero(t *testing.T) {
	v := noise(oblique())
	v.Data[3], v.Data[4] = float32(math.NaN()), float32(math.Inf(-1))
	var b bytes.Buffer
	if err := Encode(&b, v); err != nil {
		t.Fatal(err)
	}
	back, err := Decode(&b)
	if err != nil {
		t.Fatal(err)
	}
	if back.Data[3] != 0 || back.Data[4] != 0 || back.Data[5] != v.Data[5] {
		t.Errorf("got %v", back.Data[3:6])
	}
}

func FuzzRead(f *testing.F) {
	good := encoded(f, oblique())
	f.Add(good)
	f.Add(good[:360])
	f.Add(append(foreign(binary.BigEndian, false, 4), make([]byte, 48)...))
	f.Add(append(foreign(binary.LittleEndian, true, 64), make([]byte, 300)...))
	for _, b := range [][]byte{good, append(bytes.Clone(good[:352]), make([]byte, 1<<20)...)} {
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		w.Write(b)
		w.Close()
		f.Add(z.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		before := allocated()
		v, err := Decode(bytes.NewReader(b))
		if used, most := allocated()-before, uint64(16<<20+32*1032*len(b)); used > most {
			t.Fatalf("%d bytes allocated for %d of input", used, len(b))
		}
		if err != nil {
			return
		}
		if err := v.Validate(); err != nil {
			t.Errorf("an invalid volume was returned: %v", err)
		}
	})
}

// allocated counts the bytes that were ever taken.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

func encoded(t testing.TB, g volume.Grid) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := Encode(&b, noise(g)); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// foreign is a header as another program could write it: 4x3x2 voxels, slope 2,
// intercept 5, sform only.
func foreign(o binary.ByteOrder, v2 bool, datatype int) []byte {
	if v2 {
		b := make([]byte, 544)
		o.PutUint32(b, 540)
		copy(b[4:], "n+2\x00\r\n\x1a\n")
		o.PutUint16(b[12:], uint16(datatype))
		for n, d := range []uint64{3, 4, 3, 2, 1, 1, 1, 1} {
			o.PutUint64(b[16+8*n:], d)
		}
		o.PutUint64(b[168:], 544)
		o.PutUint64(b[176:], math.Float64bits(2))
		o.PutUint64(b[184:], math.Float64bits(5))
		o.PutUint32(b[348:], 2)
		for r := range 3 {
			o.PutUint64(b[400+32*r+8*r:], math.Float64bits(1.5))
		}
		return b
	}
	b := make([]byte, 352)
	o.PutUint32(b, 348)
	for n, d := range []uint16{3, 4, 3, 2, 1, 1, 1, 1} {
		o.PutUint16(b[40+2*n:], d)
	}
	o.PutUint16(b[70:], uint16(datatype))
	o.PutUint32(b[108:], math.Float32bits(352))
	o.PutUint32(b[112:], math.Float32bits(2))
	o.PutUint32(b[116:], math.Float32bits(5))
	o.PutUint16(b[254:], 2)
	for r := range 3 {
		o.PutUint32(b[280+16*r+4*r:], math.Float32bits(1.5))
	}
	copy(b[344:], "n+1\x00")
	return b
}

// writers encode one number in each datatype.
func writers(o binary.AppendByteOrder) map[int]func(float64) []byte {
	return map[int]func(float64) []byte{
		2:    func(x float64) []byte { return []byte{byte(x)} },
		256:  func(x float64) []byte { return []byte{byte(int8(x))} },
		4:    func(x float64) []byte { return o.AppendUint16(nil, uint16(x)) },
		512:  func(x float64) []byte { return o.AppendUint16(nil, uint16(x)) },
		8:    func(x float64) []byte { return o.AppendUint32(nil, uint32(x)) },
		768:  func(x float64) []byte { return o.AppendUint32(nil, uint32(x)) },
		16:   func(x float64) []byte { return o.AppendUint32(nil, math.Float32bits(float32(x))) },
		64:   func(x float64) []byte { return o.AppendUint64(nil, math.Float64bits(x)) },
		1024: func(x float64) []byte { return o.AppendUint64(nil, uint64(x)) },
		1280: func(x float64) []byte { return o.AppendUint64(nil, uint64(x)) },
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

// sharedData is the development data, which a checkout need not have.
func sharedData(t *testing.T, path string) string {
	t.Helper()
	dir := os.Getenv("COLUMNA_DEV_DATA")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "data")
	}
	path = filepath.Join(dir, path)
	if _, err := os.Stat(path); err != nil {
		t.Skip("the development data are not here")
	}
	return path
}

func TestRead_OrientationOfRealFiles(t *testing.T) {
	for path, want := range map[string]string{
		"spider/107_t2.nii.gz":       "PIL",
		"nifti/sct/t2_lumbar.nii.gz": "RAS",
	} {
		v, err := Read(sharedData(t, path))
		if err != nil {
			t.Fatal(err)
		}
		if got := v.Orientation(); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}

func TestRead_MaskLiesOnItsImage(t *testing.T) {
	v, err := Read(sharedData(t, "spider/107_t2.nii.gz"))
	if err != nil {
		t.Fatal(err)
	}
	m, err := ReadLabels(sharedData(t, "spider/107_mask.nii.gz"))
	if err != nil {
		t.Fatal(err)
	}
	if !volume.SameGrid(v.Grid, m.Grid) {
		t.Error("image and mask of one patient lie on different grids")
	}
	if s := v.SpacingMM(); math.Abs(s[0]-0.9375) > 1e-4 || math.Abs(s[2]-0.9) > 1e-4 {
		t.Errorf("spacing %v", s)
	}
	canal, n := m.Centroid(3)
	vertebrae, _ := m.Centroid(1)
	if n == 0 || canal[1] < vertebrae[1]-20 {
		t.Errorf("canal at %v, vertebrae at %v", canal, vertebrae)
	}
}
