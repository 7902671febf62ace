package cli

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"columna/phantom"
)

// phantomFlags are the choices of a phantom's patient and scanner.
func (e *env) phantomFlags() func() (phantom.Options, error) {
	o := phantom.DefaultOptions()
	e.flags.Float64Var(&o.RandomContrast, "random-contrast", 0, "share of studies in which every tissue has a brightness of its own choice, as no scanner gives")
	e.flags.Float64Var(&o.Pathology, "pathology", o.Pathology, "share of graded places that are not normal, 0 to 1")
	e.flags.IntVar(&o.PathologyLevel, "level", 0, "draw pathology at this level only, 1 = L1/L2 to 5 = L5/S1")
	e.flags.Float64Var(&o.Variety, "variety", 0, "how far patient, protocol and scanner stray from the ordinary, 0 to 1")
	e.flags.BoolVar(&o.External, "external", false, "a scanner family that training never sees")
	e.flags.Float64Var(&o.ThicknessMM, "thickness", 0, "distance of sagittal slices in mm, 0.9 to 6; 0 draws it")
	e.flags.Float64Var(&o.SlabMM, "slab", 0, "width that the sagittal slices cover in mm, 10 to 160; 0 draws it")
	e.flags.IntVar(&o.Lumbar, "lumbar", 0, "lumbar vertebrae, 4 to 6; 0 draws them")
	extra := e.flags.String("extra", "", "a further sagittal series: "+strings.Join(techniqueNames(), ", "))
	return func() (phantom.Options, error) {
		switch {
		case o.Pathology < 0 || o.Pathology > 1 || o.Variety < 0 || o.Variety > 1 || o.RandomContrast < 0 || o.RandomContrast > 1:
			return o, badUsage("--pathology, --variety and --random-contrast go from 0 to 1")
		case o.PathologyLevel < 0 || o.PathologyLevel > 5:
			return o, badUsage("--level goes from 1 (L1/L2) to 5 (L5/S1)")
		case o.ThicknessMM != 0 && (o.ThicknessMM < 0.9 || o.ThicknessMM > 6):
			return o, badUsage("--thickness goes from 0.9 to 6 mm")
		case o.SlabMM != 0 && (o.SlabMM < 10 || o.SlabMM > 160):
			return o, badUsage("--slab goes from 10 to 160 mm")
		case o.Lumbar != 0 && (o.Lumbar < 4 || o.Lumbar > 6):
			return o, badUsage("--lumbar is 4, 5 or 6")
		}
		if *extra != "" {
			t := phantom.Technique(*extra)
			if !slices.Contains(phantom.Techniques(), t) {
				return o, badUsage("--extra %s is none of %s", *extra, strings.Join(techniqueNames(), ", "))
			}
			o.Extra = []phantom.Technique{t}
		}
		return o, nil
	}
}

func techniqueNames() (out []string) {
	for _, t := range phantom.Techniques() {
		out = append(out, string(t))
	}
	return out
}

// makePhantoms writes synthetic studies with their truth.
func makePhantoms(e *env, args []string) error {
	dir := e.flags.String("out", "", "folder")
	seed := e.flags.Uint64("seed", 1, "seed of the first study")
	count := e.flags.Int("count", 1, "how many studies, seeds counting up")
	options := e.phantomFlags()
	if _, err := e.parse(args, 0, 0); err != nil {
		return err
	}
	if err := e.required("out", *dir); err != nil {
		return err
	}
	if *count < 1 {
		return badUsage("--count must be at least 1")
	}
	o, err := options()
	if err != nil {
		return err
	}
	names := []string{}
	for n := range *count {
		if err := e.ctx.Err(); err != nil {
			return err
		}
		name := filepath.Join(*dir, fmt.Sprintf("phantom-%d", *seed+uint64(n)))
		if err := writePhantom(name, phantom.Generate(*seed+uint64(n), o)); err != nil {
			return err
		}
		names = append(names, name)
		if !e.json {
			fmt.Fprintln(e.out, name)
		}
	}
	if e.json {
		return e.print(map[string]any{"studies": names})
	}
	return nil
}
