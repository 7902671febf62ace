package train

import (
	"bufio"
	"bytes"
	"encoding/json"
	"image/png"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"columna/export/plot"
)

// drawCurves draws the log of a run as curves.png in its folder: loss, learning rate
// and the figures of the validation, over the steps.
func drawCurves(dir string) error {
	log, err := os.ReadFile(filepath.Join(dir, "log.jsonl"))
	if err != nil {
		return err
	}
	img, err := plot.Draw(chartsOf(log))
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return err
	}
	path := filepath.Join(dir, "curves.png")
	if err := os.WriteFile(path+".tmp", b.Bytes(), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// chartsOf are the charts of a log. A line that is none is left out.
func chartsOf(log []byte) []plot.Chart {
	loss, rate := plot.Line{Name: "loss"}, plot.Line{Name: "learning rate"}
	figures := map[string]*plot.Line{}
	lines := bufio.NewScanner(bytes.NewReader(log))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e Epoch
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			continue
		}
		add := func(l *plot.Line, y float64) { l.X, l.Y = append(l.X, float64(e.Step)), append(l.Y, y) }
		add(&loss, e.Loss)
		add(&rate, e.LR)
		for name, v := range e.Val {
			if figures[name] == nil {
				figures[name] = &plot.Line{Name: name}
			}
			add(figures[name], v)
		}
	}
	val := plot.Chart{Title: "Validation", XLabel: "optimiser steps", YLabel: "figure"}
	for _, name := range slices.Sorted(maps.Keys(figures)) {
		val.Lines = append(val.Lines, *figures[name])
	}
	return []plot.Chart{
		{Title: "Training loss", XLabel: "optimiser steps", YLabel: "loss, mean of the epoch", Lines: []plot.Line{loss}, Log: true},
		val,
		{Title: "Learning rate", XLabel: "optimiser steps", YLabel: "rate", Lines: []plot.Line{rate}},
	}
}
