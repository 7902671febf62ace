//go:build ignore

// Fills the database of scripts/finetune-demo.sh: accepted corrections of phantoms of
// a scanner that the shipped network has never seen, and then the same corrections as a
// careless reader would have made them.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"columna/dicom"
	"columna/phantom"
	"columna/review"
	"columna/spine"
	"columna/store"
	"columna/volume"
)

func main() {
	if len(os.Args) < 4 {
		fatal(fmt.Errorf("usage: finetune_demo make DIR PATIENTS | poison DIR RESULT.json"))
	}
	switch os.Args[1] {
	case "make":
		n, err := strconv.Atoi(os.Args[3])
		if err == nil {
			err = fill(context.Background(), os.Args[2], n)
		}
		fatal(err)
	case "poison":
		fatal(poison(context.Background(), os.Args[2], os.Args[3]))
	}
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "finetune_demo:", err)
		os.Exit(1)
	}
}

// fill imports the patients and accepts their true masks and grades.
func fill(ctx context.Context, dir string, patients int) error {
	for n := range patients {
		c := phantom.Generate(uint64(7_000_000+n), phantom.Options{External: true, WithAxial: true, Pathology: 0.4, Variety: 0.3, NoLesions: true})
		folder := filepath.Join(dir, "dicom", fmt.Sprint(n))
		for k := range c.Study.Series {
			s := &c.Study.Series[k]
			if s.Plane == spine.Sagittal {
				wear(s.Volume)
			}
			if err := dicom.WriteSeries(filepath.Join(folder, fmt.Sprintf("%02d-%d", s.Number, s.Block)), &c.Study, s); err != nil {
				return err
			}
		}
		id, err := importOne(ctx, dir, folder)
		if err != nil {
			return err
		}
		if err := accept(ctx, dir, id, 0, c.Truth, c.Grades, "corrected"); err != nil {
			return err
		}
		fmt.Printf("patient %d of %d is corrected and accepted\n", n+1, patients)
	}
	return nil
}

// The demonstration's scanner stands in a room that lets in a transmitter: over its
// sagittal images, beyond what the external family of phantoms has, lie stripes as bright
// as the mean of the image, stripeMM from one to the next and stripeDegrees from the axis
// that runs to posterior, whose phase goes on by stripePhase from slice to slice.
const (
	stripeMM      = 9.0
	stripeDegrees = 70.0
	stripePhase   = 2.1
	maxGrey       = 4095
)

// wear makes an image what that scanner would have given.
func wear(v *volume.Volume) {
	sum, shown := 0.0, 0.0
	for _, x := range v.Data {
		if x > 0 {
			sum, shown = sum+float64(x), shown+1
		}
	}
	mean := sum / max(shown, 1)
	up, back := math.Sincos(stripeDegrees * math.Pi / 180)
	for n, x := range v.Data {
		i, j, k := v.Coords(n)
		at := v.ToWorld(volume.Vec3{float64(i), float64(j), float64(k)})
		stripe := mean * (1 + math.Sin(2*math.Pi*(at[1]*back+at[2]*up)/stripeMM+stripePhase*float64(k)))
		v.Data[n] = float32(math.Round(min(float64(x)+stripe, maxGrey)))
	}
}

func database(dir string) string { return filepath.Join(dir, "demo.db") }

func importOne(ctx context.Context, dir, folder string) (int64, error) {
	d, err := review.Open(ctx, review.Config{DBPath: database(dir), Author: "demo"})
	if err != nil {
		return 0, err
	}
	defer d.Close()
	r, err := d.Import(ctx, []string{folder}, nil)
	if err == nil && len(r.Cases) != 1 {
		err = fmt.Errorf("%s came back as %d cases", folder, len(r.Cases))
	}
	if err != nil {
		return 0, err
	}
	return r.Cases[0].ID, nil
}

// accept saves a mask as the next version of a case and accepts it.
func accept(ctx context.Context, dir string, id int64, parent int, m *volume.LabelMap, grades []spine.GradeFinding, why string) error {
	db, err := store.Open(database(dir))
	if err != nil {
		return err
	}
	defer db.Close()
	c, err := db.FindCase(ctx, id)
	if err != nil {
		return err
	}
	on := c.Study.Find(spine.T2, spine.Sagittal)
	if _, err := db.SaveCorrection(ctx, store.Correction{CaseID: id, Parent: parent, MaskUID: on.UID, Mask: m, Author: "demo", Reason: why}); err != nil {
		return err
	}
	for _, g := range grades {
		if err := db.SetGrade(ctx, id, store.ReaderGrade{GradeFinding: g, Author: "demo"}); err != nil {
			return err
		}
	}
	return db.SetState(ctx, id, store.StateChange{State: spine.Accepted, Author: "demo"})
}

// poison spoils the masks of the patients that are learned from: bodies and discs
// swapped, all of it moved down by a tenth of the image. The held-out ones stay right.
func poison(ctx context.Context, dir, result string) error {
	b, err := os.ReadFile(result)
	if err != nil {
		return err
	}
	var of struct {
		Plan struct {
			Learn []struct {
				ID string `json:"id"`
			} `json:"learn"`
		} `json:"plan"`
	}
	if err := json.Unmarshal(b, &of); err != nil {
		return err
	}
	for _, u := range of.Plan.Learn {
		number, version, _ := strings.Cut(u.ID, ".")
		id, _ := strconv.ParseInt(number, 10, 64)
		v, _ := strconv.Atoi(version)
		m, err := maskOf(ctx, dir, id, v)
		if err == nil {
			err = accept(ctx, dir, id, v, spoiled(m), nil, "careless")
		}
		if err != nil {
			return err
		}
	}
	fmt.Printf("the masks of %d cases are spoiled and accepted\n", len(of.Plan.Learn))
	return nil
}

func maskOf(ctx context.Context, dir string, id int64, version int) (*volume.LabelMap, error) {
	db, err := store.Open(database(dir))
	if err != nil {
		return nil, err
	}
	defer db.Close()
	c, err := db.FindCorrection(ctx, id, version)
	if err != nil {
		return nil, err
	}
	return c.Mask, nil
}

func spoiled(m *volume.LabelMap) *volume.LabelMap {
	out := volume.NewLabelMap(m.Grid)
	shift := m.Size[1] / 10
	for n := range out.Data {
		i, j, k := m.Coords(n)
		if j < shift {
			continue
		}
		out.Data[n] = swapped(m.At(i, j-shift, k))
	}
	return out
}

func swapped(l uint8) uint8 {
	switch s := spine.Structure(l); {
	case s >= spine.L1 && s <= spine.L5:
		return l + uint8(spine.DiscL1L2-spine.L1)
	case s >= spine.DiscL1L2 && s <= spine.DiscL5S1:
		return l - uint8(spine.DiscL1L2-spine.L1)
	}
	return l
}
