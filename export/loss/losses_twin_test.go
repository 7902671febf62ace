package loss

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"columna/export/graph"
	"columna/internal/twin"
)

// checkTwin compares a loss with its PyTorch twin (scripts/twins/losses.py). build
// makes it from the case's inputs.
func checkTwin(t *testing.T, name string, build func(in map[string]*graph.Value) *graph.Value) {
	t.Helper()
	c, err := twin.Read("testdata/twins/" + name + ".json.gz")
	if err != nil {
		t.Fatal(err)
	}
	g, in := graph.New(name), map[string]*graph.Value{}
	for input, tensor := range c.Inputs {
		in[input] = g.Input(input, tensor.Shape...)
	}
	twin.Check(t, c, g, map[string]*graph.Value{"loss": build(in)}, twin.Strict())
}

// pair makes a builder from a loss of p and g.
func pair(f func(p, g *graph.Value) *graph.Value) func(map[string]*graph.Value) *graph.Value {
	return func(in map[string]*graph.Value) *graph.Value {
		if logits := in["logits"]; logits != nil {
			return f(logits, in["g"])
		}
		return f(in["p"], in["g"])
	}
}

var twinWeights = []float64{0.5, 1, 2}

func TestTwin_Overlap(t *testing.T) {
	dice := func(p, g *graph.Value) *graph.Value { return Dice(p, g, nil) }
	fd := PaperHFD(3)
	vertebra := func(v *graph.Value) *graph.Value { return graph.Slice(v, 1, 1, 2) }
	losses := map[string]func(p, g *graph.Value) *graph.Value{
		"dice": dice,
		"tversky": func(p, g *graph.Value) *graph.Value {
			return Tversky(p, g, []float64{0.25}, []float64{0.75, 0.75, 0.9}, twinWeights)
		},
		"frequency":   func(p, g *graph.Value) *graph.Value { return FrequencyGradient(vertebra(p), vertebra(g)) },
		"fd_tversky":  func(p, g *graph.Value) *graph.Value { return FDTversky(p, g, fd) },
		"hfd_tversky": func(p, g *graph.Value) *graph.Value { return HFDTversky(p, g, PaperHFD(3)) },
		"l1":          L1,
	}
	for _, name := range slices.Sorted(maps.Keys(losses)) {
		checkTwin(t, name+"_3d", pair(losses[name]))
		checkTwin(t, name+"_2d", pair(losses[name]))
	}
	checkTwin(t, "dice_absent", pair(dice))
	checkTwin(t, "dice_weighted", pair(func(p, g *graph.Value) *graph.Value { return Dice(p, g, twinWeights) }))
}

func TestTwin_Voxelwise(t *testing.T) {
	checkTwin(t, "cross_entropy", pair(func(x, g *graph.Value) *graph.Value { return CrossEntropy(x, g, nil, nil) }))
	checkTwin(t, "cross_entropy_shares", pair(func(x, g *graph.Value) *graph.Value { return CrossEntropy(x, g, twinWeights, nil) }))
	checkTwin(t, "focal", pair(func(x, g *graph.Value) *graph.Value { return Focal(x, g, 2, nil, nil) }))
	checkTwin(t, "cross_entropy_masked", func(in map[string]*graph.Value) *graph.Value {
		return CrossEntropy(in["logits"], in["g"], twinWeights, in["mask"])
	})
	checkTwin(t, "focal_masked", func(in map[string]*graph.Value) *graph.Value {
		return Focal(in["logits"], in["g"], 1.5, twinWeights, in["mask"])
	})
}

func TestTwin_SpectralCorrelation(t *testing.T) {
	for _, name := range []string{"spectral_3d", "spectral_2d", "spectral_absent_3d", "spectral_absent_2d"} {
		checkTwin(t, name, pair(SpectralCorrelation))
	}
}

func TestTwin_Named(t *testing.T) {
	for _, name := range Names() {
		for _, suffix := range []string{"", SpectralSuffix} {
			of, err := Segmentation(name+suffix, 3, Options{})
			if err != nil {
				t.Fatal(err)
			}
			file := strings.NewReplacer("-", "_", "+", "_").Replace("named_" + name + suffix)
			checkTwin(t, file+"_3d", pair(of))
			checkTwin(t, file+"_2d", pair(of))
		}
	}
}

func TestTwin_DeepSupervision(t *testing.T) {
	aux := func(in map[string]*graph.Value) []*graph.Value {
		return []*graph.Value{in["aux0"], in["aux1"], in["aux2"]}
	}
	for _, epoch := range []int{0, 29, 30, 95} {
		name := fmt.Sprintf("deep_supervision_%d", epoch)
		checkTwin(t, name, func(in map[string]*graph.Value) *graph.Value {
			return DeepSupervision(in["main"], aux(in), DeepSupervisionWeight(epoch))
		})
		checkTwin(t, name, func(in map[string]*graph.Value) *graph.Value {
			weight := graph.Scalar(in["main"].Graph(), DeepSupervisionWeight(epoch))
			return DeepSupervisionBy(in["main"], aux(in), weight)
		})
	}
}

func TestTwin_Classification(t *testing.T) {
	for name, o := range map[string]ClassOptions{
		"plain":    {},
		"smoothed": {Smoothing: 0.1},
		"severity": {Smoothing: 0.05, ClassWeights: RSNASeverityWeights()},
	} {
		checkTwin(t, "class_cross_entropy_"+name, func(in map[string]*graph.Value) *graph.Value {
			return ClassCrossEntropy(in["logits"], in["target"], o)
		})
	}
	for _, name := range []string{"both", "self", "cross", "none"} {
		checkTwin(t, "desamba_"+name, func(in map[string]*graph.Value) *graph.Value {
			out := map[string]*graph.Value{"metastasis": in["metastasis"]}
			if term := in["self"]; term != nil {
				out[SelfReconstruction] = term
			}
			if term := in["cross"]; term != nil {
				out[CrossReconstruction] = term
			}
			return DeSamba(out, "metastasis", in["target"], ClassOptions{Smoothing: 0.05})
		})
	}
}
