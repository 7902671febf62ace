package eval

import (
	"math"
	"slices"

	"columna/export/metrics"
	"columna/inference"
	"columna/spine"
	"columna/volume"
)

// classVertebra is SPIDER's class beside those of inference.SemanticClass: bodies with
// their posterior elements, the sacrum left out.
const classVertebra = 6

// classNames are the classes' words in records and reports, by label.
func classNames() []string {
	return []string{"", "body", "disc", "canal", "sacrum", "posterior", "vertebra"}
}

func classOf(s spine.Structure) uint8 { return uint8(inference.SemanticClass(s)) }

// measureMask fills in all that a mask is judged by.
func (r *Record) measureMask(t *Truth, mask *volume.LabelMap) {
	truth, pred := sameGround(t, mask)
	r.Classes = classScores(truth, pred)
	r.Levels = levelScores(truth, pred)
	r.Spine = measureSpine(truth, pred)
	for _, s := range r.Levels {
		if s.missing() {
			r.Spine.MissingLevels++
		}
	}
	var dice []float64
	for _, s := range r.Classes {
		if s.Name != classNames()[classVertebra] { // it is body and posterior once more
			dice = append(dice, s.orZero())
		}
	}
	r.Score = Number(metrics.Mean(dice))
}

// sameGround brings a mask onto the truth's grid. Where nobody labelled the sacrum,
// what is said of it is no mistake: S1 is taken out of both, and posterior elements
// below the lowest true ones out of the mask.
func sameGround(t *Truth, mask *volume.LabelMap) (truth, pred *volume.LabelMap) {
	truth, pred = t.Mask, mask.Resample(t.Mask.Grid)
	if !t.NoSacrum {
		return truth, pred
	}
	truth = truth.Clone()
	without(truth, spine.S1)
	without(pred, spine.S1)
	height := func(n int) float64 {
		i, j, k := pred.Coords(n)
		return pred.ToWorld(volume.Vec3{float64(i), float64(j), float64(k)})[2]
	}
	low := math.Inf(1)
	for n, l := range truth.Data {
		if spine.Structure(l) == spine.Posterior {
			low = min(low, height(n))
		}
	}
	for n, l := range pred.Data {
		if truth.Data[n] == 0 && spine.Structure(l) == spine.Posterior && height(n) < low {
			pred.Data[n] = 0
		}
	}
	return truth, pred
}

func without(m *volume.LabelMap, s spine.Structure) {
	for n, l := range m.Data {
		if l == uint8(s) {
			m.Data[n] = 0
		}
	}
}

// classScores compares the classes that the truth or the mask has.
func classScores(truth, pred *volume.LabelMap) []Score {
	split := func(m *volume.LabelMap, class func(spine.Structure) uint8) *volume.LabelMap {
		out := volume.NewLabelMap(m.Grid)
		for n, l := range m.Data {
			out.Data[n] = class(spine.Structure(l))
		}
		return out
	}
	vertebra := func(s spine.Structure) uint8 {
		if s == spine.Posterior || s.IsVertebra() && s != spine.S1 {
			return classVertebra
		}
		return 0
	}
	all := append(volume.Compare(split(truth, classOf), split(pred, classOf)),
		volume.Compare(split(truth, vertebra), split(pred, vertebra))...)
	var out []Score
	for _, s := range all {
		out = append(out, score(classNames()[s.Label], s))
	}
	return out
}

// levelScores compares vertebrae and discs by their names; what lies above T12 has
// no name of its own.
func levelScores(truth, pred *volume.LabelMap) []Score {
	var out []Score
	for _, s := range volume.Compare(truth, pred) {
		if named := spine.Structure(s.Label); slices.Contains(chain(), named) {
			out = append(out, score(named.String(), s))
		}
	}
	return out
}

func score(name string, s volume.LabelScore) Score {
	return Score{Name: name, Dice: Number(s.Dice), IoU: Number(s.IoU), HD95MM: Number(s.HD95MM), ASSDMM: Number(s.ASSDMM),
		RefVoxels: s.RefVoxels, PredVoxels: s.PredVoxels}
}

// chain is the structures that have a name of their own, from the top.
func chain() []spine.Structure {
	out := []spine.Structure{spine.T12, spine.DiscT12L1}
	for l := range spine.Level(spine.LevelCount) {
		out = append(out, l.Upper(), l.Disc())
	}
	return append(out, spine.S1)
}

// measureSpine judges names, order and islands.
func measureSpine(truth, pred *volume.LabelMap) *Spine {
	s := &Spine{InOrder: inOrder(pred)}
	s.names(truth, pred)
	s.islands(truth, pred)
	return s
}

// names counts the true structures that were found, and those whose voxels mostly
// got their own name.
func (s *Spine) names(truth, pred *volume.LabelMap) {
	var votes [spine.MaxStructure + 1][spine.MaxStructure + 1]int
	var size [spine.MaxStructure + 1]int
	for n, l := range truth.Data {
		if p := pred.Data[n]; l <= uint8(spine.MaxStructure) && p <= uint8(spine.MaxStructure) {
			votes[l][p]++
			size[l]++
		}
	}
	for l := spine.L1; l <= spine.MaxStructure; l++ {
		if size[l] == 0 || !l.IsVertebra() && !l.IsDisc() {
			continue
		}
		s.True++
		best := spine.Background
		for q := spine.L1; q <= spine.MaxStructure; q++ {
			if (q.IsVertebra() || q.IsDisc()) && votes[l][q] > 0 && (best == spine.Background || votes[l][q] > votes[l][best]) {
				best = q
			}
		}
		if best != spine.Background {
			s.Found++
		}
		if best == l {
			s.RightName++
		}
	}
}

// inOrder reports whether the named structures lie one below the other in the order
// of their names, none left out between the first and the last.
func inOrder(m *volume.LabelMap) bool {
	last, began, ended := math.Inf(1), false, false
	for _, s := range chain() {
		at, voxels := m.Centroid(uint8(s))
		switch {
		case voxels == 0:
			ended = began
		case ended || at[2] >= last:
			return false
		default:
			began, last = true, at[2]
		}
	}
	return began
}

// islands counts the pieces of the mask, whatever their labels, that share no voxel
// with any true structure.
func (s *Spine) islands(truth, pred *volume.LabelMap) {
	whole := volume.NewLabelMap(pred.Grid)
	for n, l := range pred.Data {
		whole.Data[n] = min(l, 1)
	}
	voxel := math.Abs(pred.Affine.Determinant())
	for _, c := range volume.Components(whole, 1) {
		outside := !slices.ContainsFunc(c.Indices, func(n int32) bool { return truth.Data[n] != 0 })
		if outside {
			s.Islands++
			s.IslandsMM3 += voxel * float64(c.Voxels)
		}
	}
}

// cells pairs the true grades with what was said of them; places that nobody could
// grade have no truth.
func cells(truth, said []spine.GradeFinding) []Cell {
	var out []Cell
	for _, t := range truth {
		if t.Grade < spine.NormalMild {
			continue
		}
		c := Cell{Condition: t.Condition.String(), Level: t.Level.String(), Truth: int(t.Grade), Said: int(spine.NotGradable)}
		for _, g := range said {
			if g.Condition == t.Condition && g.Level == t.Level && g.Grade >= spine.NormalMild {
				c.Said, c.Probability = int(g.Grade), g.Probabilities
			}
		}
		out = append(out, c)
	}
	return out
}
