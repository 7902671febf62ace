package eval

import (
	"columna/inference"
	"columna/models"
	"columna/spine"
)

// LoadModels reads the three networks from a folder; "" means those in use, for which
// it gives nothing.
func LoadModels(dir string) (map[string]*models.Model, error) {
	if dir == "" {
		return nil, nil
	}
	out := map[string]*models.Model{}
	for _, net := range []string{inference.SegmentationNet, inference.StenosisNet, inference.LesionNet} {
		m, err := models.LoadDir(dir, net)
		if err != nil {
			return nil, err
		}
		out[net] = m
	}
	return out, nil
}

// References names the exact weights that a pipeline runs.
func References(p *inference.Pipeline) (out []spine.ModelRef) {
	for _, m := range p.Models() {
		out = append(out, spine.ModelRef{Name: m.Name, SHA256: m.SHA256})
	}
	return out
}
