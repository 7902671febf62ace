//go:build ignore

// Command dicom is what scripts/bench/dicom.sh measures: "make DIR" writes the
// files, "scan DIR" reads their headers, "load DIR" their volumes. The last two
// print the milliseconds that they took without the start of the process.
package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"time"

	"columna/bench"
	"columna/dicom"
	"columna/volume"
)

func main() {
	if len(os.Args) != 3 {
		fail(fmt.Errorf("usage: dicom make|scan|load DIR"))
	}
	if os.Args[1] == "make" {
		fail(bench.WriteDICOM(os.Args[2]))
		return
	}
	start, ctx := time.Now(), context.Background()
	r, err := dicom.Import(ctx, os.Args[2:], nil)
	fail(err)
	for _, x := range r.Refused {
		fail(fmt.Errorf("%s: %s", x.Path, x.Reason))
	}
	var study []*volume.Volume // in memory at once, as in the reading room
	if os.Args[1] == "load" {
		for _, files := range r.Files {
			v, err := dicom.LoadSeries(ctx, files)
			fail(err)
			study = append(study, v)
		}
	}
	runtime.KeepAlive(study)
	fmt.Printf("%.3f\n", float64(time.Since(start).Microseconds())/1000)
}

func fail(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
