package loss

import (
	"fmt"
	"slices"
	"strings"

	"columna/export/graph"
)

// Names lists the spatial losses that Segmentation knows, in the order of the
// paper's Table 5 (seeds/gf-ssnet.txt).
func Names() []string {
	return []string{"dice", "cross-entropy", "focal", "tversky", "fd-tversky", "hfd-tversky"}
}

// SpectralSuffix on the name of a spatial loss adds the spectral correlation term.
const SpectralSuffix = "+spectral"

// Options sets the losses that Segmentation gives. Zero fields take the defaults.
type Options struct {
	Weights  []float64 // per class; default of the Tversky family the paper's, else ones
	Gamma    float64   // of focal; default 2 (Lin et al. 2017)
	Spectral float64   // lambda of the spectral term; default 0.1, ours: the paper's is not known
}

// Of is a segmentation loss of logits and truth g, both (N,C,spatial...).
type Of func(logits, g *graph.Value) *graph.Value

// Segmentation gives the loss called name for this many classes, of which 0 is the
// background, 1 the vertebra and 2 the disc. The Tversky family has the settings of
// the paper's Table 6: "hfd-tversky" its best, "tversky" lambda 1, "fd-tversky"
// lambda 0 and omega 1. A name may end in SpectralSuffix: L = L_spatial + lambda
// L_spectral (seeds/spectral-correlation.txt).
func Segmentation(name string, classes int, o Options) (Of, error) {
	spatial, spectral := strings.CutSuffix(name, SpectralSuffix)
	if !slices.Contains(Names(), spatial) {
		return nil, fmt.Errorf("no loss %q: choose one of %s, any of them with %s", name, strings.Join(Names(), ", "), SpectralSuffix)
	}
	least := 2
	if strings.HasSuffix(spatial, "tversky") {
		least = 3
	}
	if classes < least {
		return nil, fmt.Errorf("the loss %q needs at least %d classes, not %d", name, least, classes)
	}
	if o.Weights != nil && len(o.Weights) != classes {
		return nil, fmt.Errorf("the loss %q got %d weights for %d classes", name, len(o.Weights), classes)
	}
	of := spatialLoss(spatial, classes, o)
	if !spectral {
		return of, nil
	}
	if o.Spectral == 0 {
		o.Spectral = 0.1
	}
	return func(logits, g *graph.Value) *graph.Value {
		term := SpectralCorrelation(graph.Softmax(logits, 1), g)
		return graph.Add(of(logits, g), graph.MulScalar(term, o.Spectral))
	}, nil
}

func spatialLoss(name string, classes int, o Options) Of {
	switch name {
	case "cross-entropy":
		return func(logits, g *graph.Value) *graph.Value { return CrossEntropy(logits, g, o.Weights, nil) }
	case "focal":
		if o.Gamma == 0 {
			o.Gamma = 2
		}
		return func(logits, g *graph.Value) *graph.Value { return Focal(logits, g, o.Gamma, o.Weights, nil) }
	case "dice":
		return func(logits, g *graph.Value) *graph.Value { return Dice(graph.Softmax(logits, 1), g, o.Weights) }
	}
	h := PaperHFD(classes)
	if o.Weights != nil {
		h.Weights = o.Weights
	}
	switch name {
	case "tversky":
		h.Lambda = 1
	case "fd-tversky":
		h.Lambda, h.Omega = 0, 1
	}
	return func(logits, g *graph.Value) *graph.Value { return HFDTversky(graph.Softmax(logits, 1), g, h) }
}
