package store

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/rand/v2"
	"runtime"
	"runtime/metrics"
	"testing"

	"github.com/klauspost/compress/zstd"

	"columna/spine"
	"columna/volume"
)

func TestMask_ComesBackAsItWas(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 1))
	noise := volume.NewLabelMap(grid())
	for n := range noise.Data {
		noise.Data[n] = uint8(r.IntN(256))
	}
	for _, m := range []*volume.LabelMap{mask(1), volume.NewLabelMap(grid()), noise, lumbar()} {
		b, err := EncodeMask(m)
		if err != nil {
			t.Fatal(err)
		}
		back, err := DecodeMask(b)
		if err != nil {
			t.Fatal(err)
		}
		if back.Grid != m.Grid || !bytes.Equal(back.Data, m.Data) {
			t.Error("another mask came back")
		}
	}
}

// forged packs runs with any header.
func forged(size [3]uint32, length uint32, runs []byte, labels []uint8) []byte {
	b := []byte(maskMagic)
	for _, n := range size {
		b = binary.LittleEndian.AppendUint32(b, n)
	}
	for r := range 3 {
		for c := range 4 {
			x := 0.0
			if r == c {
				x = 1
			}
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(x))
		}
	}
	sum := sha256.Sum256(labels)
	b = append(b, sum[:]...)
	b = binary.LittleEndian.AppendUint32(b, length)
	z, _ := zstd.NewWriter(nil)
	return z.EncodeAll(runs, b)
}

func TestDecodeMask_RefusesForgedBlobsInLittleMemory(t *testing.T) {
	bomb := make([]byte, 200<<20)
	all := map[string][]byte{
		"no bytes":                  nil,
		"another magic":             []byte("CLMK\x02" + string(make([]byte, 300))),
		"zero size":                 forged([3]uint32{0, 1, 1}, 2, []byte{0, 1}, nil),
		"huge size":                 forged([3]uint32{65535, 65535, 65535}, 2, []byte{0, 1}, nil),
		"runs too short":            forged([3]uint32{512, 512, 200}, 2, []byte{0, 1}, nil),
		"runs too long":             forged([3]uint32{2, 1, 1}, 2, []byte{0, 9}, nil),
		"empty run":                 forged([3]uint32{2, 1, 1}, 4, []byte{0, 0, 0, 2}, make([]uint8, 2)),
		"half a run":                forged([3]uint32{2, 1, 1}, 3, []byte{0, 2, 0}, make([]uint8, 2)),
		"endless varint":            forged([3]uint32{2, 1, 1}, 13, bytes.Repeat([]byte{0xff}, 13), nil),
		"other length":              forged([3]uint32{2, 1, 1}, 3, []byte{0, 2}, make([]uint8, 2)),
		"runs for more voxels":      forged([3]uint32{2, 1, 1}, 60<<20, bomb[:60<<20], nil),
		"other labels":              forged([3]uint32{2, 1, 1}, 2, []byte{0, 2}, []uint8{0, 1}),
		"zstd bomb":                 forged([3]uint32{2, 1, 1}, 2, bomb, nil),
		"zstd bomb, length claimed": forged([3]uint32{2, 1, 1}, 1<<31, bomb, nil),
	}
	good := forged([3]uint32{2, 1, 1}, 2, []byte{0, 2}, make([]uint8, 2))
	if _, err := DecodeMask(good); err != nil {
		t.Fatal(err)
	}
	for n := range good {
		all["cut"] = good[:n]
		if _, err := DecodeMask(good[:n]); err == nil {
			t.Errorf("the first %d of %d bytes were accepted", n, len(good))
		}
	}
	var before, after runtime.MemStats
	for name, b := range all {
		runtime.ReadMemStats(&before)
		if _, err := DecodeMask(b); err == nil {
			t.Errorf("%s: accepted", name)
		}
		runtime.ReadMemStats(&after)
		if used := after.TotalAlloc - before.TotalAlloc; used > 24<<20 {
			t.Errorf("%s: %d MB allocated", name, used>>20)
		}
	}
}

func FuzzMask(f *testing.F) {
	b, err := EncodeMask(mask(1))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add(forged([3]uint32{2, 1, 1}, 2, []byte{0, 2}, make([]uint8, 2)))
	f.Add(forged([3]uint32{2, 1, 1}, 4, []byte{0, 1, 9, 1}, []uint8{0, 9}))
	f.Add(forged([3]uint32{512, 512, 200}, 2, []byte{0, 1}, nil))
	f.Add(forged([3]uint32{2, 1, 1}, 2, make([]byte, 1<<20), nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		before := allocated()
		m, err := DecodeMask(b)
		if used, most := allocated()-before, 24<<20+8*claimed(b); used > most {
			t.Fatalf("%d bytes allocated for %d of input, at most %d are due", used, len(b), most)
		}
		if err == nil && m.Validate() != nil {
			t.Error("an invalid mask was returned")
		}
	})
}

// claimed is how many voxels a blob says that it has, 0 where they are too many.
func claimed(b []byte) uint64 {
	if len(b) < maskHeader {
		return 0
	}
	g, _, err := maskGrid(b[len(maskMagic):])
	if err != nil {
		return 0
	}
	return uint64(g.Len())
}

// allocated counts the bytes that were ever taken.
func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// lumbar is a 16x512x512 map with rounded bodies, discs and a canal.
func lumbar() *volume.LabelMap {
	m := volume.NewLabelMap(volume.Grid{Size: [3]int{512, 512, 16}, Affine: volume.NewAffine(volume.Vec3{0, 0.55}, volume.Vec3{0, 0, -0.55}, volume.Vec3{4.4}, volume.Vec3{})})
	for k := 3; k < 13; k++ {
		for j := range 512 {
			center := 200 + int(40*math.Sin(float64(j)/90)) + (j*7+k*13)%5
			half := 34 + int(6*math.Cos(float64(j)/9)) - 2*max(8-k, k-8)
			part := j % 84
			label := uint8(j/84) + uint8(spine.L1)
			if part > 62 {
				label = uint8(j/84) + uint8(spine.DiscL1L2)
			}
			for i := center - half; i < center+half; i++ {
				m.Data[m.Index(i, j, k)] = label
			}
			for i := center + half + 4; i < center+half+28; i++ {
				m.Data[m.Index(i, j, k)] = uint8(spine.Canal)
			}
		}
	}
	return m
}

func BenchmarkMask(b *testing.B) {
	m := lumbar()
	blob, err := EncodeMask(m)
	if err != nil {
		b.Fatal(err)
	}
	b.Run("encode", func(b *testing.B) {
		b.ReportMetric(float64(len(blob)), "bytes")
		for b.Loop() {
			if _, err := EncodeMask(m); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("decode", func(b *testing.B) {
		for b.Loop() {
			if _, err := DecodeMask(blob); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkWorklist pages through a hundred thousand cases.
func BenchmarkWorklist(b *testing.B) {
	db := opened(b)
	_, err := db.write.Exec(`WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 100000)
		INSERT INTO cases SELECT x, '1.2.' || x, 'P' || (x * 7919 % 100000), 'Name^' || (x * 104729 % 100000), 'F', '054Y', '20240312', 'LWS', 1.5, '2024' FROM n`)
	if err != nil {
		b.Fatal(err)
	}
	_, err = db.write.Exec(`INSERT INTO worklist SELECT id, patient_id, patient_name, age, sex, date, 'T1 T2 STIR ax-T2', 'analysed', id % 5 - 2, id % 4, 'unread',
		'2024-01-01T00:00:00.' || (id * 7919 % 100000), lower(patient_name || ' ' || patient_id || ' lws') FROM cases`)
	if err != nil {
		b.Fatal(err)
	}
	for name, f := range map[string]Filter{
		"first": {}, "by-name": {SortBy: ByName, Ascending: true}, "by-worst": {SortBy: ByWorst}, "page-900": {Offset: 90000},
		"text": {Text: "name^777"}, "unread": {State: spine.Unread},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, _, err := db.Worklist(ctx, f); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
