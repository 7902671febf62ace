package cli

import (
	"cmp"
	"fmt"
	"time"

	"columna/inference"
	"columna/spine"
)

// segment labels volumes without a database.
func segment(e *env, args []string) error {
	named := e.sequenceFlags()
	out := e.flags.String("out", "", "label map to write, .nii, .nii.gz, .mha or .mhd")
	words, err := e.parse(args, 0, -1)
	if err != nil {
		return err
	}
	if err := e.required("out", *out); err != nil {
		return err
	}
	if formatOf(*out) == "" {
		return badUsage("%s: a label map must be .nii, .nii.gz, .mha or .mhd", *out)
	}
	inputs := named(words)
	if len(inputs) == 0 {
		return badUsage("%s", e.usage())
	}
	return e.withStudy(inputs, func(p *inference.Pipeline, study *spine.Study, load float64) error {
		a, err := p.Segment(e.ctx, study, e.progress())
		if err != nil {
			return err
		}
		addLoad(a, load)
		if err := writeLabels(*out, a.Mask); err != nil {
			return err
		}
		if e.json {
			return e.print(newAnalysisJSON(0, a))
		}
		return e.printAnalysis(a)
	})
}

// grade reads the 25 grades of a study without a database.
func grade(e *env, args []string) error {
	named := e.sequenceFlags()
	words, err := e.parse(args, 0, -1)
	if err != nil {
		return err
	}
	inputs := named(words)
	if len(inputs) == 0 {
		return badUsage("%s", e.usage())
	}
	return e.withStudy(inputs, func(p *inference.Pipeline, study *spine.Study, load float64) error {
		a, err := p.Analyse(e.ctx, study, e.progress())
		if err != nil {
			return err
		}
		addLoad(a, load)
		if e.json {
			return e.print(newAnalysisJSON(0, a))
		}
		return e.printAnalysis(a)
	})
}

// withStudy loads the inputs and the networks.
func (e *env) withStudy(in []source, f func(*inference.Pipeline, *spine.Study, float64) error) error {
	started := time.Now()
	study, err := readStudy(e.ctx, in)
	if err != nil {
		return err
	}
	if study == nil || len(study.Series) == 0 {
		return fmt.Errorf("the inputs hold no series")
	}
	e.warn(study)
	p, err := inference.New(e.networks())
	if err != nil {
		return err
	}
	defer p.Close()
	return f(p, study, time.Since(started).Seconds())
}

// warn says what is doubtful about the series.
func (e *env) warn(study *spine.Study) {
	for _, s := range study.Series {
		for _, w := range s.Warnings {
			fmt.Fprintf(e.err, "columna: %s: %s\n", cmp.Or(s.Description, string(s.Sequence)), w)
		}
	}
}

// addLoad counts the seconds that loading took.
func addLoad(a *spine.Analysis, load float64) {
	a.Seconds["load"] = load
	a.Seconds["total"] += load
}
