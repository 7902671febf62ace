package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"columna/dicom"
	"columna/dicom/deid"
	"columna/review"
)

// deidentify writes copies of DICOM files without the patient's identity.
func deidentify(e *env, args []string) error {
	out := e.flags.String("out", "", "new folder; without it the last argument names it")
	dates := e.flags.String("dates", "remove", "remove, or shift: move all dates of a patient alike into the past")
	keyFile := e.flags.String("key", "", "file of the key that makes new identities; made if absent (default beside the database)")
	mapping := e.flags.String("mapping", "", "write a table of old and new names; it identifies patients")
	var o deid.Options
	e.flags.BoolVar(&o.KeepCharacteristics, "keep-characteristics", false, "keep sex, age, size and weight")
	e.flags.BoolVar(&o.CleanDescriptors, "clean-descriptors", false, "keep the harmless words of descriptions")
	e.flags.BoolVar(&o.AllowBurnedIn, "allow-burned-in", false, "take images that may show text; look at them first")
	e.flags.StringVar(&o.PatientName, "patient", "", "new name of the one patient")
	e.flags.StringVar(&o.PatientID, "pseudonym", "", "new ID of the one patient")
	words, err := e.parse(args, 1, -1)
	if err != nil {
		return err
	}
	if *out == "" {
		if len(words) < 2 {
			return badUsage("name a folder for the results; %s", e.usage())
		}
		*out, words = words[len(words)-1], words[:len(words)-1]
	}
	o.Dates = deid.Dates(*dates)
	if o.Dates != deid.RemoveDates && o.Dates != deid.ShiftDates {
		return badUsage("--dates is remove or shift, not %q", *dates)
	}
	p, err := e.profile(*keyFile, o)
	if err != nil {
		return err
	}
	return e.runDeid(p, words, *out, *mapping)
}

// profile opens the key and makes the profile.
func (e *env) profile(keyFile string, o deid.Options) (*deid.Profile, error) {
	if keyFile == "" {
		db, err := review.DatabasePath(e.db)
		if err != nil {
			return nil, err
		}
		keyFile = filepath.Join(filepath.Dir(db), "deid.key")
	}
	key, err := deid.OpenKey(keyFile)
	if err != nil {
		return nil, err
	}
	return deid.New(key, o)
}

// runDeid writes the folder and, if asked, the mapping.
func (e *env) runDeid(p *deid.Profile, in []string, out, mapping string) error {
	if mapping == "" {
		return e.reportDeid(p.Run(e.ctx, in, out, nil, e.counted()))
	}
	f, err := os.OpenFile(mapping, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists already: name a new file for the mapping", mapping)
	}
	if err != nil {
		return fmt.Errorf("the mapping cannot be written: %w", err)
	}
	r, err := p.Run(e.ctx, in, out, io.Writer(f), e.counted())
	if r == nil { // nothing was begun
		os.Remove(mapping)
	}
	return e.reportDeid(r, errors.Join(err, f.Close()))
}

// counted shows progress in files.
func (e *env) counted() func(done, total int, what string) {
	say := e.progress()
	return func(done, total int, what string) { say(what, float64(done)/float64(max(total, 1))) }
}

// reportDeid says what was written and what was not. A file refused makes the
// command fail, so that nobody takes a part for the whole.
func (e *env) reportDeid(r *deid.Report, err error) error {
	if err != nil {
		return err
	}
	if e.json {
		err = e.print(r)
	} else {
		fmt.Fprintf(e.out, "%d files written, %d patients, %d series; %d other files left out\n", r.Files, r.Patients, r.Series, r.Others)
		err = e.printRefused(importJSON{Refused: r.Refused})
	}
	switch {
	case err != nil:
		return err
	case len(r.Refused) > 0:
		return fmt.Errorf("%d files were not written: %s", len(r.Refused), firstReason(r.Refused))
	case r.Files == 0:
		return errors.New("there was no DICOM file to write")
	}
	return nil
}

func firstReason(all []dicom.Refusal) string {
	return cmp.Or(filepath.Base(all[0].Path), "?") + ": " + all[0].Reason
}
