// Package ablate trains the variants of a paper's ablation table at equal budget and
// says what each module was worth.
package ablate

import (
	"fmt"
	"slices"
	"strings"
)

// Variant is one row of a paper's table.
type Variant struct {
	Name     string
	Without  []string // modules that are left out
	Spectral float64  // weight of the spectral correlation term
	Paper    float64  // the paper's figure in percent; 0 where its text has none
}

// table is a paper's ablation.
type table struct {
	net, source string
	paper       string    // what the paper measured, in words
	figures     []string  // columns; the first decides the order
	noise       []float64 // measured under, in deviations of the image
	variants    []Variant // as the paper ranks them, the worst first; the last is the full network
}

// spectralWeight is the weight of the spectral term that is tried, ours: the paper's is not
// known.
const spectralWeight = 0.1

func tables() []table {
	segmentation := []string{"dice", "dice_body", "dice_disc", "ece"}
	return []table{
		{net: "gfssnet", source: "GF-SSNet, Table 4", paper: "mean Dice of vertebra and disc", figures: segmentation, variants: gfssnetVariants()},
		{net: "desamba", source: "DeSamba, Table 3", paper: "top-1 accuracy on the external set", figures: []string{"top1", "top3"}, variants: desambaVariants()},
		{net: "stenosisnet", source: "the ablation of the stenosis attention CNN", paper: "accuracy", variants: stenosisVariants(),
			figures: []string{"accuracy", "recall_normal_mild", "recall_moderate", "recall_severe"}},
		spectral("unet", segmentation),
		spectral("transunet", segmentation),
	}
}

// gfssnetVariants adds module after module; the scans along all three directions are
// held against those along the slices alone. The full network's Mamba without GCN has no
// Dice in the paper's text, which says that it lies between its neighbours.
func gfssnetVariants() []Variant {
	return []Variant{
		{Name: "baseline", Without: []string{"fdconv", "dapu", "mamba", "gcn"}, Paper: 89.81},
		{Name: "fdconv", Without: []string{"dapu", "mamba", "gcn"}, Paper: 90.36},
		{Name: "sagittal", Without: []string{"three-way"}, Paper: 91.33},
		{Name: "fdconv-dapu", Without: []string{"mamba", "gcn"}, Paper: 91.50},
		{Name: "fdconv-dapu-mamba", Without: []string{"gcn"}},
		{Name: "full", Paper: 92.04},
	}
}

func desambaVariants() []Variant {
	return []Variant{
		{Name: "convnext", Without: []string{"mambaout", "frequency", "decoupled", "tabular"}, Paper: 50.27},
		{Name: "mambaout", Without: []string{"samnet", "decoupled", "tabular"}, Paper: 51.75},
		{Name: "samnet", Without: []string{"mambaout", "decoupled", "tabular"}, Paper: 53.37},
		{Name: "decoupled-mambaout", Without: []string{"samnet", "tabular"}, Paper: 53.49},
		{Name: "decoupled-samnet", Without: []string{"mambaout", "tabular"}, Paper: 54.99},
		{Name: "not-decoupled-no-tabular", Without: []string{"decoupled", "tabular"}, Paper: 55.65},
		{Name: "not-decoupled", Without: []string{"decoupled"}, Paper: 56.18},
		{Name: "no-self-loss", Without: []string{"self-loss"}, Paper: 57.68},
		{Name: "no-cross-loss", Without: []string{"cross-loss"}, Paper: 59.41},
		{Name: "full", Paper: 62.10},
	}
}

func stenosisVariants() []Variant {
	return []Variant{
		{Name: "no-cbam", Without: []string{"cbam"}, Paper: 92.8},
		{Name: "no-sam", Without: []string{"sam"}, Paper: 92.9},
		{Name: "no-mhsam", Without: []string{"mhsam"}, Paper: 93.2},
		{Name: "full", Paper: 95.2},
	}
}

// spectral holds a network with the spectral correlation term against one without.
func spectral(net string, figures []string) table {
	return table{net: net, source: "the spectral correlation paper", paper: "Dice, which the term raises", figures: figures, noise: []float64{0.25, 0.5},
		variants: []Variant{{Name: "spatial"}, {Name: "spectral", Spectral: spectralWeight}}}
}

// Networks lists those with an ablation.
func Networks() (out []string) {
	for _, t := range tables() {
		out = append(out, t.net)
	}
	return out
}

func tableOf(net string) (table, error) {
	list := tables()
	at := slices.IndexFunc(list, func(t table) bool { return t.net == net })
	if at < 0 {
		return table{}, fmt.Errorf("%q has no ablation: choose one of %s", net, strings.Join(Networks(), ", "))
	}
	return list[at], nil
}
