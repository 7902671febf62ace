package metaimage

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"columna/internal/files"
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

// same holds two volumes to the same numbers at the same places in the patient.
func same(t *testing.T, want, got *volume.Volume) {
	t.Helper()
	if got.Size != want.Size {
		t.Fatalf("size %v, want %v", got.Size, want.Size)
	}
	for n := range want.Data {
		i, j, k := want.Coords(n)
		vox := volume.Vec3{float64(i), float64(j), float64(k)}
		if d := want.ToWorld(vox).Sub(got.ToWorld(vox)).Norm(); d > 1e-9 {
			t.Fatalf("voxel %v moved by %g mm", vox, d)
		}
		if want.Data[n] != got.Data[n] {
			t.Fatalf("voxel %v is %g, want %g", vox, got.Data[n], want.Data[n])
		}
	}
}

func TestRoundTrip_EveryElementTypeAndOrderAtAnyAngle(t *testing.T) {
	r := rand.New(rand.NewPCG(21, 22))
	for range 40 {
		v := volume.New(tilted(r))
		for n := range v.Data {
			v.Data[n] = float32(r.IntN(128))
		}
		for _, k := range kinds() {
			for _, o := range []interface {
				binary.ByteOrder
				binary.AppendByteOrder
			}{binary.LittleEndian, binary.BigEndian} {
				for _, compressed := range []bool{false, true} {
					l := layout{v.Grid, k, o, compressed}
					body, err := l.pack(k.Append(nil, o, v.Data))
					if err != nil {
						t.Fatal(err)
					}
					got, err := Decode(bytes.NewReader(append(l.header("LOCAL", len(body)), body...)))
					if err != nil {
						t.Fatal(err)
					}
					same(t, v, got)
				}
			}
		}
	}
}

// TestDecode_LeftStaysLeft writes out ITK's rule: the row of the matrix for an axis,
// times its spacing, is where one step along it leads.
func TestDecode_LeftStaysLeft(t *testing.T) {
	for _, c := range []struct {
		matrix string
		axes   string
	}{
		{"1 0 0 0 1 0 0 0 1", "LPS"}, {"-1 0 0 0 1 0 0 0 1", "RPS"}, {"0 1 0 0 0 -1 -1 0 0", "PIR"}, {"0 1 0 0 0 -1 1 0 0", "PIL"},
		{"0 0 1 1 0 0 0 1 0", "SLP"}, {"0.96 0.28 0 -0.28 0.96 0 0 0 1", "LPS"},
	} {
		v, err := Decode(strings.NewReader(text("TransformMatrix", c.matrix) + string(make([]byte, 24))))
		if err != nil {
			t.Fatal(err)
		}
		if got := v.Orientation(); got != c.axes {
			t.Errorf("%s runs to %s, want %s", c.matrix, got, c.axes)
		}
	}
}

func TestWrite_MakesAPairForAHeaderName(t *testing.T) {
	dir := t.TempDir()
	v := ramp(oblique())
	if err := Write(filepath.Join(dir, "a.mhd"), v); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a.mhd", "a.zraw"} {
		if info, err := os.Stat(filepath.Join(dir, name)); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", name, info, err)
		}
	}
	got, err := Read(filepath.Join(dir, "a.mhd"))
	if err != nil {
		t.Fatal(err)
	}
	same(t, v, got)
	for _, name := range []string{"a b.mhd", "a%d.mhd", "a.raw", "a"} {
		if err := Write(filepath.Join(dir, name), v); err == nil {
			t.Errorf("%s was written", name)
		}
	}
}

func TestRead_WarnsOfWhatIsDoubtful(t *testing.T) {
	for want, c := range map[string][2]string{
		"left and right":            {"TransformMatrix", ""},
		"no voxel spacing":          {"ElementSpacing", ""},
		"where it lies":             {"Offset", ""},
		"says RAI":                  {"AnatomicalOrientation", "RAI"},
		"is not applied, as in ITK": {"ElementToIntensityFunctionSlope", "2"},
	} {
		name := filepath.Join(t.TempDir(), "a.mha")
		save(t, name, text(c[0], c[1])+string(make([]byte, 24)))
		_, warnings, err := ReadWarned(name)
		if err != nil || len(warnings) != 1 || !strings.Contains(warnings[0], want) {
			t.Errorf("%s: warned of %q, %v", want, warnings, err)
		}
		if _, err := Read(name); (err == nil) != (c[1] != "") {
			t.Errorf("%s = %q: %v", c[0], c[1], err)
		}
	}
	for _, letters := range []string{"ASR", "asr", "???", ""} {
		name := filepath.Join(t.TempDir(), "a.mha")
		save(t, name, text("AnatomicalOrientation", letters)+string(make([]byte, 24)))
		if _, warnings, err := ReadWarned(name); err != nil || warnings != nil {
			t.Errorf("a sound file: %q, %v", warnings, err)
		}
	}
}

func TestDecode_TakesDistanceUnits(t *testing.T) {
	v, err := Decode(strings.NewReader(text("DistanceUnits", "cm") + string(make([]byte, 24))))
	if err != nil || v.SpacingMM() != (volume.Vec3{5, 7.5, 40}) {
		t.Errorf("%v, %v", v, err)
	}
}

func TestRead_OpensNoFileOutsideTheFolder(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret.raw")
	save(t, secret, strings.Repeat("\x07\x00", 12))
	inside := filepath.Join(dir, "inside")
	if err := os.Mkdir(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(inside, "a.raw")); err != nil {
		t.Skip(err)
	}
	for _, name := range []string{"a.raw", "../secret.raw", secret, "http://host/a.raw"} {
		save(t, filepath.Join(inside, "a.mhd"), text("ElementDataFile", name))
		if _, err := Read(filepath.Join(inside, "a.mhd")); err == nil || !strings.Contains(err.Error(), "escape") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRead_RefusesAForgedSizeBeforeItTakesMemory(t *testing.T) {
	name := filepath.Join(t.TempDir(), "a.mha")
	for _, compressed := range []bool{false, true} {
		l := layout{volume.Grid{Size: [3]int{1024, 1024, 100}, Affine: oblique().Affine}, files.Int16, binary.LittleEndian, compressed}
		body, err := l.pack(make([]byte, 200))
		if err != nil {
			t.Fatal(err)
		}
		save(t, name, string(l.header("LOCAL", len(body)))+string(body))
		before := allocated()
		_, err = Read(name)
		if err == nil || !strings.Contains(err.Error(), "more than the file can hold") {
			t.Errorf("compressed %v: %v", compressed, err)
		}
		if used := allocated() - before; used > 1<<20 {
			t.Errorf("compressed %v: %d bytes allocated", compressed, used)
		}
	}
}

func TestRead_NoticesDamageInsideTheCompressedVoxels(t *testing.T) {
	l := layout{oblique(), files.Uint8, binary.LittleEndian, true}
	body, err := l.pack(make([]byte, 140))
	if err != nil {
		t.Fatal(err)
	}
	body[len(body)-1] ^= 1 // Adler-32
	if _, err := Decode(bytes.NewReader(append(l.header("LOCAL", len(body)), body...))); err == nil {
		t.Error("a wrong checksum was not noticed")
	}
}

func TestRead_HeaderSizeMinusOneTakesTheEndOfTheFile(t *testing.T) {
	dir := t.TempDir()
	head := strings.Replace(text("ElementDataFile", "a.raw"), "NDims", "HeaderSize = -1\nNDims", 1)
	save(t, filepath.Join(dir, "a.mhd"), head)
	for gap, ok := range map[int]bool{0: true, 5: true, -3: false} {
		save(t, filepath.Join(dir, "a.raw"), strings.Repeat("x", max(gap, 0))+strings.Repeat("\x07\x00", 12)[max(-gap, 0):])
		v, err := Read(filepath.Join(dir, "a.mhd"))
		if (err == nil) != ok || ok && v.Data[0] != 7 {
			t.Errorf("gap %d: %v", gap, err)
		}
	}
}
