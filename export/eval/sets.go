package eval

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"columna/phantom"
	"columna/spine"
	"columna/volume"
)

// Set is studies to be measured, read one at a time.
type Set struct {
	Name, About string
	Entries     []Entry
}

// Entry is a study that is not read, or not made, yet.
type Entry struct {
	ID, Patient string
	Load        func(ctx context.Context) (*Case, error)
}

// SetOptions say where sets come from and how large they are.
type SetOptions struct {
	Count  int    // studies of every phantom set; 0 means 8
	Seed   uint64 // of the first phantom; training seeds begin at 2^32
	SPIDER string // folder of SPIDER
	All    bool   // of data sets, patients that a training may have seen too

	small bool // phantoms of half the resolution, for tests
}

// kind is a named set.
type kind struct {
	name, about string
	open        func(o SetOptions) ([]Entry, error)
}

// SetNames lists the sets with a sentence on each.
func SetNames() (out [][2]string) {
	for _, k := range kinds() {
		out = append(out, [2]string{k.name, k.about})
	}
	return out
}

// kinds are all sets. Those that are made of the same phantoms, whose patients are the
// same, show what a change of the images alone does.
func kinds() []kind {
	plain := func(change func(*phantom.Options)) phantom.Options {
		o := phantom.DefaultOptions()
		o.AlwaysLesion, o.RandomContrast = true, 0
		change(&o)
		return o
	}
	images := func(change func(*phantom.Options)) phantom.Options {
		return plain(func(o *phantom.Options) { o.WithAxial = false; change(o) })
	}
	same := func(*phantom.Options) {}
	all := []kind{
		{"phantoms", "synthetic patients with every series, half of the places narrowed", whole(plain(same))},
		{"pathology", "as varied as training draws them: scoliosis, 4 to 6 lumbar vertebrae, metal, artefacts, any field of view",
			whole(plain(func(o *phantom.Options) { o.Variety = 1 }))},
		{"external", "a scanner family that training never draws: 0.55 T, volume coil, long echoes, edge-enhanced", whole(plain(func(o *phantom.Options) { o.External = true }))},
		{"lesions", "the external scanner's, with metastases and a spondylitis in turn; the lesions alone are read, the truth names their vertebrae",
			marked(images(func(o *phantom.Options) { o.External = true }))},
		{"odd-contrast", "every tissue as bright as chance has it, as no scanner shows it", whole(plain(func(o *phantom.Options) { o.RandomContrast = 1 }))},
		{"t1", "the phantoms' sagittal T1 alone", sagittal(images(same), phantom.T1, spine.T1)},
		{"t2", "the phantoms' sagittal T2 alone", sagittal(images(same), phantom.T2, spine.T2)},
		{"stir", "the phantoms' sagittal STIR alone", sagittal(images(same), phantom.STIR, spine.STIR)},
		{"gradient", "the phantoms' sagittal T2* gradient echo alone, called a T2",
			sagittal(images(func(o *phantom.Options) { o.Extra = []phantom.Technique{phantom.T2Star} }), phantom.T2Star, spine.T2)},
		{"thin", "the phantoms' sagittal T2 in slices of 1 mm", sagittal(images(func(o *phantom.Options) { o.ThicknessMM = 1 }), phantom.T2, spine.T2)},
		{"thick", "the phantoms' sagittal T2 in slices of 5.5 mm", sagittal(images(func(o *phantom.Options) { o.ThicknessMM = 5.5 }), phantom.T2, spine.T2)},
	}
	for _, percent := range noiseLevels() {
		all = append(all, kind{fmt.Sprintf("noise%d", percent), noiseAbout("the phantoms' sagittal T2", percent), noisy(sagittal(images(same), phantom.T2, spine.T2), percent)})
	}
	all = append(all, kind{"spider", "held-out patients of SPIDER: one scanner, T2, slabs around the midline", spiderPatients})
	for _, percent := range noiseLevels() {
		all = append(all, kind{fmt.Sprintf("spider-noise%d", percent), noiseAbout("SPIDER's held-out patients", percent), noisy(spiderPatients, percent)})
	}
	return all
}

// ErrUnknownSet says that no set has the name asked for.
var ErrUnknownSet = errors.New("there is no set")

// Open finds sets by name, one of SetNames or KIND:PATH as dataset.Open has it; no
// name means the phantoms, and SPIDER where its folder is given.
func Open(names []string, o SetOptions) ([]Set, error) {
	if len(names) == 0 {
		names = []string{"phantoms"}
		if o.SPIDER != "" {
			names = append(names, "spider")
		}
	}
	if o.Count == 0 {
		o.Count = 8
	}
	var out []Set
	for _, name := range names {
		k, err := kindOf(name)
		if err != nil {
			return nil, err
		}
		entries, err := k.open(o)
		if err != nil {
			return nil, fmt.Errorf("set %s: %w", k.name, err)
		}
		for n := range entries {
			entries[n].Load = labelled(entries[n], k.name)
		}
		if slices.ContainsFunc(out, func(s Set) bool { return s.Name == k.name }) {
			return nil, fmt.Errorf("set %s is named twice", k.name)
		}
		out = append(out, Set{k.name, k.about, entries})
	}
	return out, nil
}

func kindOf(name string) (kind, error) {
	if k, ok := dataKind(name); ok {
		return k, nil
	}
	for _, k := range kinds() {
		if k.name == name {
			return k, nil
		}
	}
	return kind{}, fmt.Errorf("%w %q; the sets are %s, and nifti:DIR, spider:DIR and rsna:DIR", ErrUnknownSet, name, strings.Join(setNames(), ", "))
}

func setNames() (out []string) {
	for _, k := range kinds() {
		out = append(out, k.name)
	}
	return out
}

// labelled writes set, ID and patient onto the case.
func labelled(e Entry, set string) func(context.Context) (*Case, error) {
	return func(ctx context.Context) (*Case, error) {
		c, err := e.Load(ctx)
		if err != nil {
			return nil, err
		}
		c.Set, c.ID, c.Patient = set, e.ID, e.Patient
		return c, nil
	}
}

// whole is phantoms with all that is true of them.
func whole(o phantom.Options) func(SetOptions) ([]Entry, error) {
	return seeded(o, func(c *phantom.Case) *Case {
		return &Case{Study: c.Study, Truth: Truth{Mask: c.Truth, Grades: c.Grades, Discs: phantomDiscs(c), Lesions: lesionsIn(c)}}
	})
}

// marked is phantoms of which the lesions alone are read: without a segmentation many of
// them take little time.
func marked(o phantom.Options) func(SetOptions) ([]Entry, error) {
	turn := func(n int) phantom.Options {
		o.Spondylitis = float64(n % 2)
		return o
	}
	return inTurn(turn, func(c *phantom.Case) *Case {
		return &Case{Study: c.Study, Given: c.Truth, Truth: Truth{Lesions: lesionsIn(c)}}
	})
}

// lesionsIn are the lesions whose middle the images show.
func lesionsIn(c *phantom.Case) (out []Lesion) {
	for _, l := range c.Lesions {
		if covers(c.Truth.Grid, l.Box.Center()) {
			out = append(out, Lesion{l.Class, l.Box, l.Spondylitis, l.Infection()})
		}
	}
	return out
}

// covers reports whether a place in the patient lies in a grid: a field of view may
// cut a lesion off.
func covers(g volume.Grid, mm volume.Vec3) bool {
	v := g.ToVoxel(mm)
	return g.Contains(int(math.Round(v[0])), int(math.Round(v[1])), int(math.Round(v[2])))
}

func phantomDiscs(c *phantom.Case) []Disc {
	var out []Disc
	for l := range spine.Level(spine.LevelCount) {
		out = append(out, Disc{Level: l, Pfirrmann: c.Discs[l].Pfirrmann, HeightMM: c.Measures[l].DiscHeightMM, CanalMM2: c.Measures[l].CanalAreaMM2})
	}
	return out
}

// sagittal is phantoms of which one series is seen, as the sequence it is called.
func sagittal(o phantom.Options, want phantom.Technique, called spine.Sequence) func(SetOptions) ([]Entry, error) {
	return seeded(o, func(c *phantom.Case) *Case {
		at := slices.Index(c.Scanner.Techniques, want)
		s := c.Study.Series[at] // sagittal series come first, in the order of the techniques
		s.Sequence = called
		study := c.Study
		study.Series = []spine.Series{s}
		return &Case{Study: study, Truth: Truth{Mask: c.Truth}}
	})
}

// seeded is phantoms made with some options, as cases.
func seeded(o phantom.Options, of func(*phantom.Case) *Case) func(SetOptions) ([]Entry, error) {
	return inTurn(func(int) phantom.Options { return o }, of)
}

// inTurn is seeded with options that depend on the place in the set.
func inTurn(options func(n int) phantom.Options, of func(*phantom.Case) *Case) func(SetOptions) ([]Entry, error) {
	return func(s SetOptions) ([]Entry, error) {
		out := make([]Entry, s.Count)
		for n := range out {
			seed := s.Seed + uint64(n)
			id, o := strconv.FormatUint(seed, 10), options(n)
			o.Small = s.small
			out[n] = Entry{ID: id, Patient: id, Load: func(context.Context) (*Case, error) { return of(phantom.Generate(seed, o)), nil }}
		}
		return out, nil
	}
}
