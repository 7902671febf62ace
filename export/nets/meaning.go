package nets

import (
	"strings"

	"columna/spine"
)

// What the tensors of the networks hold, in words for the card in every file.

// volumeMeaning is how inference prepares a sagittal volume (inference.Normalise,
// inference.CanonicalGrid).
const volumeMeaning = "MR intensities clipped to the 0.5 and 99.5 percentiles of the nonzero voxels, zero mean and unit deviation over them; " +
	"0 outside the image or if the sequence is absent; slices to the patient's left, rows to inferior, columns to posterior"

// Meaning says what an input or output of any file of the network holds; "" if that
// is not known.
func Meaning(n Net, port string) string {
	if m := stepMeaning(port); m != "" {
		return m
	}
	if labels := Labels(n, port); labels != nil {
		return "logits of " + strings.Join(labels, ", ")
	}
	switch port {
	case "t1":
		return "T1: " + volumeMeaning
	case "t2":
		return "T2 or STIR: " + volumeMeaning
	case "t2fs":
		return "fat-suppressed T2 or STIR: " + volumeMeaning
	case "present":
		return "1 for each sequence that is there, else 0"
	case "tabular":
		return "age/100 in years, sex (male 1), vertebra's label/20, lesion count/10, then 1 for each of them that is missing"
	case "image":
		return imageMeaning(n)
	case "condition":
		return "one-hot: " + strings.Join(conditions(), ", ")
	case "cbam_map":
		return "spatial attention, 0..1, on the grid of the image"
	case "slot_attention", "self_attention":
		return "attention maps on the grid of the image"
	}
	return camMeaning(port)
}

// imageMeaning tells StenosisNet's crops from other images.
func imageMeaning(n Net) string {
	if n.Name() == "stenosisnet" {
		return "a crop 64 mm wide of one acquired slice, brought to 0..255 by its 0.5 and 99.5 percentiles, less its mean; 0 outside the image"
	}
	return "intensities of zero mean and unit deviation"
}

func camMeaning(port string) string {
	switch {
	case strings.HasPrefix(port, "cam_target"):
		return "weights of the logits in the score that is explained: one-hot for a class, the mask in its channel for a structure"
	case strings.HasPrefix(port, "cam"):
		return "Grad-CAM, not scaled, on the grid of the input"
	}
	return ""
}

// stepMeaning is of the ports that a training step has beside the network's.
func stepMeaning(port string) string {
	switch port {
	case "theta", "m", "v":
		return map[string]string{"theta": "all trained numbers", "m": "first moments of Adam", "v": "second moments of Adam"}[port]
	case "theta_next", "m_next", "v_next", "state_next":
		return strings.TrimSuffix(port, "_next") + " after the step"
	case "state":
		return "running statistics of the normalisations"
	case "lr":
		return "learning rate"
	case "step":
		return "number of the step, from 1"
	case "loss":
		return "what the step lowers"
	case "grad_norm":
		return "Euclidean norm of the gradient before clipping"
	case "target":
		return "one-hot truth"
	case "target_metastasis", "target_infection":
		return "one-hot truth of " + strings.TrimPrefix(port, "target_") + ", zeros for a lesion of the other kind"
	case "target_semantic", "target_level":
		return "one-hot truth of " + strings.TrimPrefix(port, "target_")
	case "level_mask":
		return "1 where the levels are known, else 0"
	case "no_sacrum":
		return "1 if the sacrum was not labelled, else 0"
	case "ramp":
		return "weight of the reconstruction terms, 0..1"
	}
	if strings.HasPrefix(port, "noise_") {
		return "uniform random numbers in 0..1 for dropout"
	}
	return ""
}

// Labels names the channels of an output's logits; nil if it has none, or none that
// are known.
func Labels(n Net, output string) []string {
	switch output {
	case "semantic":
		return semanticLabels(n)
	case "level":
		return levelLabels(n)
	case "metastasis":
		var list []string
		for c := range spine.LesionClass(spine.LesionClassCount) {
			list = append(list, c.String())
		}
		return list
	case "spondylitis":
		return []string{"pyogenic", "tuberculous"}
	case "logits":
		if s, ok := n.(*StenosisNet); ok && s.cfg.Grades == 2 {
			return []string{"normal_mild", "severe"}
		}
		return []string{spine.NormalMild.String(), spine.Moderate.String(), spine.Severe.String()}
	}
	return nil
}

// semanticLabels are the spine's classes; the paper's three are the first.
func semanticLabels(n Net) []string {
	all := []string{"background", "vertebral body", "disc", "canal", "sacrum", "posterior elements"}
	switch s := n.(type) {
	case *GFSSNet:
		return all[:min(s.cfg.Semantic, len(all))]
	case *Segmenter:
		if s.cfg.Sequences != nil && s.cfg.Semantic <= len(all) {
			return all[:s.cfg.Semantic]
		}
	}
	return nil
}

// levelLabels are the nodes of the anatomical graph.
func levelLabels(n Net) []string {
	all := []string{"background", "L1", "L2", "L3", "L4", "L5", "disc L1/L2", "disc L2/L3", "disc L3/L4", "disc L4/L5",
		"disc L5/S1", "S1", "T12", "disc T12/L1", "above"}
	switch s := n.(type) {
	case *GFSSNet:
		return all[:min(s.cfg.Nodes, len(all))]
	case *Segmenter:
		return all[:min(s.cfg.Nodes, len(all))]
	}
	return nil
}

func conditions() []string {
	var list []string
	for c := range spine.Condition(spine.ConditionCount) {
		list = append(list, c.String())
	}
	return list
}
