//go:build ignore

// Fills the database of scripts/finetune-demo.sh: accepted corrections of phantoms of
// a scanner that the shipped network has never seen, and then the same corrections as a
// careless reader would have made them.
package main

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"columna/dicom"
	"columna/export/finetune"
	"columna/phantom"
	"columna/review"
	"columna/spine"
	"columna/store"
	"columna/volume"
)

func main() {
	if len(os.Args) < 4 || os.Args[1] == "make" && len(os.Args) < 5 {
		fatal(fmt.Errorf("usage: finetune_demo make DIR LEARNED HELD [SEED] | poison DIR RESULT.json"))
	}
	switch ctx := context.Background(); os.Args[1] {
	case "make":
		fatal(fill(ctx, os.Args[2], number(os.Args[3]), number(os.Args[4]), number(append(os.Args, "7000000")[5])))
	case "poison":
		fatal(poison(ctx, os.Args[2], os.Args[3]))
	}
}

func number(text string) int {
	n, err := strconv.Atoi(text)
	fatal(err)
	return n
}

func fatal(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "finetune_demo:", err)
		os.Exit(1)
	}
}

// fill corrects and accepts patients until learned of them may be learned from. Then the
// hold-out is frozen, and of the patients who come later those are corrected whom it holds
// out, until there are enough: an interval over few patients is wide.
func fill(ctx context.Context, dir string, learned, held, seed int) error {
	var first []string
	for n := range learned + max(finetune.MinHeldOut, (learned+2)/3) { // a quarter is held out
		patient, err := correct(ctx, dir, seed+n, func(string) bool { return true })
		if err != nil {
			return err
		}
		first = append(first, patient)
	}
	h, err := freeze(ctx, dir, first)
	if err != nil {
		return err
	}
	learned = len(first) - h.HeldOut
	for n := len(first); h.HeldOut < held; n++ {
		patient, err := correct(ctx, dir, seed+n, h.Held)
		if err != nil {
			return err
		}
		if h.Held(patient) {
			h.HeldOut++
		}
	}
	fmt.Printf("%d patients are corrected and accepted, %d of them held out\n", learned+h.HeldOut, h.HeldOut)
	return nil
}

// freeze settles who is held out, as the first fine-tuning would.
func freeze(ctx context.Context, dir string, patients []string) (*finetune.Holdout, error) {
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return nil, err
	}
	h, err := finetune.FreezeHoldout(patients, hex.EncodeToString(salt))
	if err != nil {
		return nil, err
	}
	db, err := store.Open(database(dir))
	if err != nil {
		return nil, err
	}
	defer db.Close()
	_, err = db.FreezeHoldout(ctx, string(h.Document()), h.SHA256, "demo")
	return h, err
}

// pathology is such that severe grades are rare, as among patients: 0.1 makes 4 % of the
// grades severe, 0.2 11 %, 0.4 22 %.
const pathology = 0.15

// correct imports the phantom of a seed, if its patient is wanted, and accepts its true
// mask and grades; it returns the patient's name in the hold-out.
func correct(ctx context.Context, dir string, seed int, wanted func(patient string) bool) (patient string, err error) {
	c := phantom.Generate(uint64(seed), phantom.Options{External: true, WithAxial: true, Pathology: pathology, Variety: 0.3, NoLesions: true})
	if patient = review.Pseudonym(c.Study.PatientID); !wanted(patient) {
		return patient, nil
	}
	folder := filepath.Join(dir, "dicom", fmt.Sprint(seed))
	for k := range c.Study.Series {
		s := &c.Study.Series[k]
		if s.Plane == spine.Sagittal {
			wear(s.Volume)
		}
		if err := dicom.WriteSeries(filepath.Join(folder, fmt.Sprintf("%02d-%d", s.Number, s.Block)), &c.Study, s); err != nil {
			return patient, err
		}
	}
	id, err := importOne(ctx, dir, folder)
	if err != nil {
		return patient, err
	}
	fmt.Printf("%s is corrected and accepted\n", c.Study.PatientID)
	return patient, accept(ctx, dir, id, 0, c.Truth, c.Grades, "corrected")
}

// The demonstration's scanner is of the external family of phantoms, and every slice of
// its sagittal series lies on a pedestal of its own, as where the Rescale Intercept of each
// slice was lost on the way: up to 2 * pedestal times the mean of the image, the phase going
// on by pedestalPhase from slice to slice. Grades, which are read from single slices, suffer
// little from it.
const (
	pedestal      = 6.0
	pedestalPhase = 2.1
	maxGrey       = math.MaxUint16
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
	for n, x := range v.Data {
		_, _, k := v.Coords(n)
		below := pedestal * mean * (1 + math.Sin(pedestalPhase*float64(k)))
		v.Data[n] = float32(math.Round(min(float64(x)+below, maxGrey)))
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
