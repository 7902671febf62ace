package phantom

// Options choose what is made. The zero value is a healthy spine with sagittal T1
// and T2.
type Options struct {
	Small     bool // half the in-plane resolution, for tests
	WithAxial bool // axial T2 blocks through the five discs
	WithSTIR  bool
	// Pathology is about the share of the 25 places that are not normal, half of
	// them severe: 0 healthy, 0.5 the balanced mix for training (50/25/25).
	Pathology float64
	// PathologyLevel draws pathology at one level only, counted from 1 = L1/L2 to
	// 5 = L5/S1; 0 draws it everywhere.
	PathologyLevel int
	// Variety is how far anatomy, protocol and scanner stray from the ordinary: 0
	// an ordinary patient on a good scanner, 1 what training needs: scoliosis, four
	// to six lumbar vertebrae, transitional ones, children and the aged, metal,
	// every field of view, thickness and artefact.
	Variety float64
	// External acquires on a scanner family that is never drawn otherwise: 0.55 T,
	// volume coil, long echoes, edge-enhanced grey values that are not linear.
	External bool
	// FieldT is the field strength in tesla; 0 draws 1.5 or 3.
	FieldT float64
	// RandomContrast is the probability of a study in which every tissue has a
	// brightness of its own choice, for networks that shall not rely on contrast.
	RandomContrast float64
	// Noise multiplies the noise; 0 means 1.
	Noise float64
	// ThicknessMM is the distance of sagittal slices; 0 draws 3.6 to 4.6, with
	// variety 0.9 to 5.5.
	ThicknessMM float64
	// SlabMM is the width that the sagittal slices cover; 0 draws about 64, with
	// variety 16 (a slab around the midline) to 120 (kidneys and iliac wings).
	SlabMM float64
	// Extra are further sagittal series beside T1 and T2, at most two with STIR.
	Extra        []Technique
	Lumbar       int  // lumbar vertebrae, 4 to 6; 0 draws: 5 without variety
	AlwaysLesion bool // at least one metastasis
	NoLesions    bool // none, and no infection
	// Spondylitis is the probability of an infection in place of metastases, of kinds
	// that overlap as in life; the few infections of other patients are textbook cases.
	Spondylitis float64
}

// DefaultOptions are those of the demonstrations: all series, half of the places
// not normal, one study in five with random contrast.
func DefaultOptions() Options {
	return Options{WithAxial: true, WithSTIR: true, Pathology: 0.5, RandomContrast: 0.2}
}

// TrainingOptions are those of the training mix: everything varies.
func TrainingOptions() Options {
	o := DefaultOptions()
	o.Variety, o.RandomContrast = 1, 0.35
	return o
}

// field is the asked field strength or one that hospitals have.
func (o Options) field(d, vary dice) float64 {
	strong := d.chance(0.35)
	switch {
	case o.FieldT > 0:
		return o.FieldT
	case o.External:
		return 0.55
	case vary.chance(0.1 * o.Variety):
		return 1
	case strong:
		return 3
	}
	return 1.5
}

// techniques are the sagittal series of a study.
func (o Options) techniques(d dice) []Technique {
	out := []Technique{T1, T2}
	if d.chance(0.25*o.Variety) && !o.WithAxial {
		out[1] = Space
	}
	if o.WithSTIR {
		out = append(out, STIR)
		if d.chance(0.4 * o.Variety) {
			out[2] = T2FS
		}
	}
	for _, t := range o.Extra {
		if len(out) < maxChannels {
			out = append(out, t)
		}
	}
	return out
}
