package bench

import (
	"context"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"columna/dicom"
	"columna/dicom/dataset"
	"columna/spine"
	"columna/volume"
)

// Folders below what WriteDICOM makes.
const (
	manyFiles  = "headers" // 500 slices of 320x320
	oneStudy   = "study"   // three series of 20 slices of 512x512
	privateLen = 71 << 10  // what a scanner of one kind puts into every file
)

// images measures how fast files become a worklist entry and volumes, against
// merely reading as much of them.
func images() []benchmark {
	return []benchmark{
		{name: "dicom/headers", run: onFiles("dicom/headers", manyFiles, "opening them and reading 8 KiB each", scanFiles, readHeads)},
		{name: "dicom/volumes", run: onFiles("dicom/volumes", oneStudy, "reading the files", loadFiles, readWhole)},
	}
}

// onFiles measures one way to read a folder against another.
func onFiles(name, folder, reference string, ours, plain func(ctx context.Context, dir string) error) func(context.Context, *lab) ([]Result, error) {
	return func(ctx context.Context, l *lab) ([]Result, error) {
		dir, err := os.MkdirTemp("", "columna-bench-")
		if err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
		if err := WriteDICOM(dir); err != nil {
			return nil, err
		}
		dir = filepath.Join(dir, folder)
		a, b, err := paired(ctx, l.rounds,
			func(ctx context.Context) error { return ours(ctx, dir) },
			func(ctx context.Context) error { return plain(ctx, dir) })
		if err != nil {
			return nil, err
		}
		return []Result{against(name, 1000*a, "ms", reference, 1000*b)}, nil
	}
}

// WriteDICOM makes the files that are measured, in two folders below dir.
func WriteDICOM(dir string) error {
	if err := writeStudy(filepath.Join(dir, manyFiles), 25, 20, 320); err != nil {
		return err
	}
	return writeStudy(filepath.Join(dir, oneStudy), 3, 20, 512)
}

// writeStudy writes so many series of square slices.
func writeStudy(dir string, series, slices, side int) error {
	study := &spine.Study{UID: dicom.NewUID("bench"), PatientID: "BENCH", PatientName: "Bench^Mark", Sex: "O", Date: "20240101", FieldT: 1.5}
	v := volume.New(volume.Grid{Size: [3]int{side, side, slices}, Affine: volume.NewAffine(
		volume.Vec3{0, 0.6, 0}, volume.Vec3{0, 0, -0.6}, volume.Vec3{4.4, 0, 0}, volume.Vec3{-40, -90, 120})})
	r := rand.New(rand.NewPCG(1, 1))
	for i := range v.Data {
		v.Data[i] = float32(r.IntN(4096))
	}
	for n := range series {
		kind := []spine.Sequence{spine.T2, spine.T1, spine.STIR}[n%3]
		s := &spine.Series{UID: dicom.NewUID(fmt.Sprint("bench", n)), Number: n + 1, Description: string(kind), Sequence: kind, Plane: spine.Sagittal, Volume: v}
		folder := filepath.Join(dir, fmt.Sprintf("series%02d", n))
		if err := dicom.WriteSeries(folder, study, s); err != nil {
			return err
		}
		if err := eachFile(folder, addPrivate); err != nil {
			return err
		}
	}
	return nil
}

// addPrivate puts a private block into a file.
func addPrivate(name string) error {
	b, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	f, err := dataset.Parse(b)
	if err != nil {
		return err
	}
	f.SetText(0x00290010, "LO", "COLUMNA BENCH")
	f.SetBytes(0x00291010, "OB", make([]byte, privateLen))
	return dataset.Write(name, f.Dataset)
}

func eachFile(dir string, do func(name string) error) error {
	return filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		return do(name)
	})
}

func scanFiles(ctx context.Context, dir string) error {
	_, err := scanned(ctx, dir)
	return err
}

// scanned imports a folder that must hold nothing else.
func scanned(ctx context.Context, dir string) (*dicom.Result, error) {
	r, err := dicom.Import(ctx, []string{dir}, nil)
	if err == nil && (len(r.Studies) != 1 || len(r.Refused) > 0) {
		err = fmt.Errorf("%d studies, %d files refused", len(r.Studies), len(r.Refused))
	}
	return r, err
}

func loadFiles(ctx context.Context, dir string) error {
	r, err := scanned(ctx, dir)
	if err != nil {
		return err
	}
	for _, files := range r.Files {
		if _, err := dicom.LoadSeries(ctx, files); err != nil {
			return err
		}
	}
	return nil
}

func readHeads(_ context.Context, dir string) error {
	head := make([]byte, 8<<10)
	return eachFile(dir, func(name string) error {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = f.Read(head)
		return err
	})
}

func readWhole(_ context.Context, dir string) error {
	return eachFile(dir, func(name string) error {
		_, err := os.ReadFile(name)
		return err
	})
}
