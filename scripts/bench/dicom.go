//go:build ignore

// Command dicom makes the files that scripts/bench/dicom.sh measures, and reads
// them: "dicom make DIR", "dicom scan DIR", "dicom load DIR". The last two print
// the milliseconds that they took without the start of the process.
package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"columna/dicom"
	"columna/dicom/dataset"
	"columna/spine"
	"columna/volume"
)

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: dicom make|scan|load DIR"))
	}
	verb, dir := os.Args[1], os.Args[2]
	start := time.Now()
	switch verb {
	case "make":
		fail(write(filepath.Join(dir, "headers"), 25, 20, 320))
		fail(write(filepath.Join(dir, "study"), 3, 20, 512))
		return
	case "scan":
		fail(scan(dir))
	case "load":
		fail(load(dir))
	}
	fmt.Printf("%.3f\n", float64(time.Since(start).Microseconds())/1000)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// write makes a study of so many series of square slices, with a private block of
// 71 KB in each file, as scanners write them.
func write(dir string, series, slices, side int) error {
	study := &spine.Study{UID: dicom.NewUID(dir), PatientID: "BENCH", PatientName: "Bench^Mark", Sex: "O", Date: "20240101", FieldT: 1.5}
	v := volume.New(volume.Grid{Size: [3]int{side, side, slices}, Affine: volume.NewAffine(
		volume.Vec3{0, 0.6, 0}, volume.Vec3{0, 0, -0.6}, volume.Vec3{4.4, 0, 0}, volume.Vec3{-40, -90, 120})})
	r := rand.New(rand.NewPCG(1, 1))
	for i := range v.Data {
		v.Data[i] = float32(r.IntN(4096))
	}
	for n := range series {
		folder := filepath.Join(dir, fmt.Sprintf("series%02d", n))
		kind := []spine.Sequence{spine.T2, spine.T1, spine.STIR}[n%3]
		s := &spine.Series{UID: dicom.NewUID(folder), Number: n + 1, Description: string(kind), Sequence: kind, Plane: spine.Sagittal, Volume: v}
		if err := dicom.WriteSeries(folder, study, s); err != nil {
			return err
		}
		if err := addPrivate(folder); err != nil {
			return err
		}
	}
	return nil
}

// addPrivate puts a block of 71 KB into every file of a folder.
func addPrivate(folder string) error {
	names, err := filepath.Glob(filepath.Join(folder, "*.dcm"))
	if err != nil {
		return err
	}
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		f, err := dataset.Parse(b)
		if err != nil {
			return err
		}
		f.SetText(0x00290010, "LO", "COLUMNA BENCH")
		f.SetBytes(0x00291010, "OB", make([]byte, 71<<10))
		if err := dataset.Write(name, f.Dataset); err != nil {
			return err
		}
	}
	return nil
}

func scan(dir string) error {
	r, err := dicom.Import(context.Background(), []string{dir}, nil)
	if err == nil && (len(r.Refused) > 0 || len(r.Studies) != 1) {
		err = fmt.Errorf("%d refused", len(r.Refused))
	}
	return err
}

func load(dir string) error {
	r, err := dicom.Import(context.Background(), []string{dir}, nil)
	if err != nil {
		return err
	}
	for _, files := range r.Files {
		if _, err := dicom.LoadSeries(context.Background(), files); err != nil {
			return err
		}
	}
	return nil
}
