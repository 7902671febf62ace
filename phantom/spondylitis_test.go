package phantom

import (
	"math"
	"slices"
	"testing"

	"columna/spine"
)

// diseased gives one and the same patient the lesions of many seeds, one after the other.
func diseased(count int, spondylitis float64, see func(seed uint64, p *patient)) {
	p := build(1, Options{Pathology: 0.3, NoLesions: true})
	for seed := range uint64(count) {
		p.lesions, p.infection = nil, nil
		p.drawLesions(seed, Options{Pathology: 0.3, AlwaysLesion: true, Spondylitis: spondylitis})
		see(seed, p)
	}
}

func TestSpondylitis_ComesAsOftenAsAsked(t *testing.T) {
	count := 0
	diseased(600, 1.0/3, func(seed uint64, p *patient) {
		if p.infection == nil {
			return
		}
		count++
		if len(p.lesions) != 1 || !p.lesions[0].spondylitis {
			t.Errorf("seed %d: an infection beside %d lesions", seed, len(p.lesions))
		}
	})
	if count < 160 || count > 240 {
		t.Errorf("%d of 600 patients are infected, a third was asked for", count)
	}
}

// The other patients stay as they are drawn without the option.
func TestSpondylitis_LeavesOtherPatientsAsTheyWere(t *testing.T) {
	var plain [][]lesionShape
	diseased(40, 0, func(_ uint64, p *patient) { plain = append(plain, p.lesions) })
	diseased(40, 0.5, func(seed uint64, p *patient) {
		if p.infection == nil && !slices.Equal(plain[seed], p.lesions) {
			t.Errorf("seed %d: %+v became %+v", seed, plain[seed], p.lesions)
		}
	})
}

// Each sign tells more often than not, and none tells always: the task is honest.
func TestSpondylitis_KindsDifferAndOverlap(t *testing.T) {
	signs := map[string]func(i *infection) float64{
		"sharp":      func(i *infection) float64 { return -i.lesion.soft },
		"cavities":   func(i *infection) float64 { return -i.lesion.patch },
		"spare disc": func(i *infection) float64 { return b2f(!i.takes) },
		"abscess":    func(i *infection) float64 { return b2f(i.abscess) },
	}
	seen := map[string]*[2][]float64{}
	diseased(400, 1, func(_ uint64, p *patient) {
		i := p.infection
		for name, sign := range signs {
			if seen[name] == nil {
				seen[name] = new([2][]float64)
			}
			kind := b2i(i.lesion.tb)
			seen[name][kind] = append(seen[name][kind], sign(i))
		}
	})
	for name, by := range seen {
		if auc := area(by[1], by[0]); auc < 0.65 || auc > 0.95 {
			t.Errorf("%s alone tells tuberculous from pyogenic with an AUC of %.2f", name, auc)
		}
	}
}

// area is how often a value of high lies above one of low, ties counting half.
func area(high, low []float64) float64 {
	sum := 0.0
	for _, h := range high {
		for _, l := range low {
			sum += b2f(h > l) + b2f(h == l)/2
		}
	}
	return sum / float64(len(high)*len(low))
}

func TestSpondylitis_AnAbscessLiesBesideTheBones(t *testing.T) {
	diseased(40, 1, func(seed uint64, p *patient) {
		l, beside := p.infection.lesion, 0
		for x := -60.0; x <= 60; x++ {
			if _, ok := p.abscessAt(l.s, 0, x); ok && math.Abs(x) > p.infection.halfW+2 {
				beside++
			}
		}
		if p.infection.abscess != (beside > 0) {
			t.Errorf("seed %d: abscess %v, %d mm of it beside the body", seed, p.infection.abscess, beside)
		}
	})
}

func TestSpondylitis_TruthNamesItsKind(t *testing.T) {
	o := small(0.3)
	o.WithAxial, o.Spondylitis = false, 1
	c := Generate(2, o)
	if len(c.Lesions) != 1 || !c.Lesions[0].Spondylitis || (c.Lesions[0].Infection() == spine.Tuberculous) != c.Lesions[0].Tuberculous {
		t.Errorf("lesions %+v", c.Lesions)
	}
}
