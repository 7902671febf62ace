package metaimage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"

	"columna/internal/files"
	"columna/volume"
)

func oblique() volume.Grid {
	i := volume.Vec3{0.02, 0.99, 0.1}.Unit()
	j := volume.Vec3{0.1, 0, -1}
	j = j.Sub(i.Scale(i.Dot(j))).Unit()
	return volume.Grid{Size: [3]int{7, 5, 4}, Affine: volume.NewAffine(i.Scale(0.7), j.Scale(0.8), i.Cross(j).Scale(-4.4), volume.Vec3{31.5, -120.25, 410.125})}
}

func ramp(g volume.Grid) *volume.Volume {
	v := volume.New(g)
	for n := range v.Data {
		v.Data[n] = float32(n)*0.25 - 3
	}
	return v
}

func TestWriteRead_KeepsValuesAndPlace(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a.mha")
	v := ramp(oblique())
	if err := Write(path, v); err != nil {
		t.Fatal(err)
	}
	back, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if !volume.SameGrid(v.Grid, back.Grid) {
		t.Errorf("grid %v came back as %v", v.Grid, back.Grid)
	}
	for n := range v.Data {
		if v.Data[n] != back.Data[n] {
			t.Fatalf("voxel %d: %g came back as %g", n, v.Data[n], back.Data[n])
		}
	}
}

func TestReadLabels_ReadsWhatWriteLabelsWrote(t *testing.T) {
	m := volume.NewLabelMap(oblique())
	for n := range m.Data {
		m.Data[n] = uint8(n % 18)
	}
	path := filepath.Join(t.TempDir(), "m.mha")
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

// text is a header as ITK writes it, with one key replaced or added.
func text(key, value string) string {
	lines := []string{"ObjectType = Image", "NDims = 3", "BinaryData = True", "BinaryDataByteOrderMSB = False", "CompressedData = False",
		"TransformMatrix = 0 1 0 0 0 -1 1 0 0", "Offset = -10 -20 30", "ElementSpacing = 0.5 0.75 4", "DimSize = 2 3 2", "ElementType = MET_SHORT"}
	out := ""
	for _, l := range lines {
		if !strings.HasPrefix(l, key+" ") {
			out += l + "\n"
		}
	}
	if key != "" && key != "ElementDataFile" && value != "" {
		out += key + " = " + value + "\n"
	}
	if key != "ElementDataFile" {
		value = "LOCAL"
	}
	return out + "ElementDataFile = " + value + "\n"
}

func TestDecode_FirstRowOfTheMatrixIsTheDirectionOfI(t *testing.T) {
	v, err := Decode(strings.NewReader(text("", "") + string(make([]byte, 24))))
	if err != nil {
		t.Fatal(err)
	}
	if o := v.Orientation(); o != "PIL" {
		t.Errorf("orientation %s, want PIL", o)
	}
	if p := v.ToWorld(volume.Vec3{1, 1, 1}); p != (volume.Vec3{-6, -19.5, 29.25}) {
		t.Errorf("voxel (1,1,1) lies at %v", p)
	}
}

func TestDecode_ReadsBigEndian(t *testing.T) {
	v, err := Decode(strings.NewReader(text("BinaryDataByteOrderMSB", "True") + strings.Repeat("\x01\x02", 12)))
	if err != nil {
		t.Fatal(err)
	}
	if v.Data[11] != 258 {
		t.Errorf("got %g, want 258", v.Data[11])
	}
}

func TestRead_OpensTheRawFileBesideItsHeader(t *testing.T) {
	dir := t.TempDir()
	save(t, filepath.Join(dir, "a.mhd"), text("ElementDataFile", "a.raw"))
	save(t, filepath.Join(dir, "a.raw"), strings.Repeat("\x07\x00", 12))
	v, err := Read(filepath.Join(dir, "a.mhd"))
	if err != nil {
		t.Fatal(err)
	}
	if v.Data[5] != 7 {
		t.Errorf("got %g", v.Data[5])
	}
}

func TestDecode_RefusesHostileHeaders(t *testing.T) {
	for _, c := range [][2]string{
		{"DimSize", "65536 65536 65536"}, {"DimSize", "-1 3 2"}, {"DimSize", "1e9 1 1"}, {"DimSize", "2 3"}, {"DimSize", "NaN 1 1"}, {"DimSize", ""},
		{"NDims", "2"}, {"NDims", "4"}, {"NDims", "8"}, {"DistanceUnits", "inch"}, {"NDims", ""}, {"ElementType", "MET_STRING"}, {"ElementType", ""}, {"ElementNumberOfChannels", "3"},
		{"ElementSpacing", "0 1 1"}, {"ElementSpacing", "Inf 1 1"}, {"ElementSpacing", ""}, {"TransformMatrix", ""}, {"TransformMatrix", "0 0 0 0 0 0 0 0 0"},
		{"Offset", ""}, {"BinaryData", "False"}, {"CompressedData", "True"}, {"ObjectType", "Mesh"},
		{"ElementDataFile", "LIST"}, {"ElementDataFile", "../secret"}, {"ElementDataFile", "/etc/passwd"}, {"ElementDataFile", "slice%03d.raw 1 9 1"},
		{"ElementDataFile", ""}, {"ElementDataFile", ".."}, {"ElementDataFile", `c:\x.raw`},
	} {
		if _, err := Decode(strings.NewReader(text(c[0], c[1]) + string(make([]byte, 24)))); err == nil {
			t.Errorf("%s = %q was accepted", c[0], c[1])
		}
	}
	for _, s := range []string{"", "DimSize", strings.Repeat("a = b\n", 1000), strings.Repeat("x", 1<<17)} {
		if _, err := Decode(strings.NewReader(s)); err == nil {
			t.Errorf("%.20q was accepted", s)
		}
	}
}

func TestDecode_AllocatesNoMoreThanTheBytesDeserve(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if _, err := Decode(strings.NewReader(text("DimSize", "1024 1024 100"))); err == nil {
		t.Fatal("a forged size was accepted")
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > 8<<20 {
		t.Errorf("%d bytes allocated", got)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(text("", "") + string(make([]byte, 24))))
	f.Add([]byte(text("ElementType", "MET_DOUBLE") + strings.Repeat("\xff", 96)))
	f.Add([]byte(text("BinaryDataByteOrderMSB", "True") + string(make([]byte, 24))))
	f.Add([]byte(text("NDims", "4") + string(make([]byte, 24))))
	f.Add([]byte(text("DimSize", "512 512 512") + string(make([]byte, 24))))
	for _, k := range []files.Kind{files.Uint8, files.Int16, files.Float64} {
		l := layout{oblique(), k, binary.LittleEndian, true}
		body, err := l.pack(k.Append(nil, binary.LittleEndian, make([]float32, oblique().Len())))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(append(l.header("LOCAL", len(body)), body...))
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
		for _, x := range v.Data {
			if math.IsNaN(float64(x)) {
				t.Fatal("NaN came through")
			}
		}
	})
}

// allocated counts the bytes that were ever taken.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

func save(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func ExampleWrite() {
	v := volume.New(volume.Grid{Size: [3]int{2, 2, 2}, Affine: volume.NewAffine(volume.Vec3{1}, volume.Vec3{0, 1}, volume.Vec3{0, 0, 1}, volume.Vec3{})})
	fmt.Println(Write("image.png", v))
	// Output: write MetaImage image.png: the name must end in .mha or .mhd
}
