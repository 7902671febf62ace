package cli

import (
	"fmt"
	"maps"
	"slices"

	"columna/export/train"
)

// calibrateModel finds a model's temperature and offsets and writes them to its card.
func calibrateModel(e *env, args []string) error {
	o := train.NewCalibrateOptions()
	e.flags.StringVar(&o.Dir, "dir", "", "folder of the model whose card is written")
	e.flags.StringVar(&o.SPIDER, "spider", "", "segmentation: folder of SPIDER studies; fitted on the training patients, measured on the held-out ones")
	e.flags.IntVar(&o.Phantoms, "phantoms", o.Phantoms, "how many phantom studies to fit on")
	e.flags.IntVar(&o.Test, "test", o.Test, "how many other phantom studies to measure on")
	e.flags.Uint64Var(&o.Seed, "seed", o.Seed, "seed of the first phantom to fit on")
	e.flags.Uint64Var(&o.TestSeed, "test-seed", o.TestSeed, "seed of the first phantom to measure on")
	words, err := e.parse(args, 1, 1)
	if err != nil {
		return err
	}
	if err := e.required("dir", o.Dir); err != nil {
		return err
	}
	if o.Phantoms < 0 || o.Test < 0 {
		return badUsage("--phantoms and --test cannot be negative")
	}
	o.Net, o.Threads, o.Provider, o.Notice = words[0], e.threads, e.provider, e.notice
	o.Progress = func(done, total int, what string) { fmt.Fprintf(e.err, "%d/%d %s\n", done, total, what) }
	found, err := train.Calibrate(e.ctx, o)
	if err != nil {
		return err
	}
	if e.json {
		return e.print(found)
	}
	rows := [][]string{
		{"temperature", fmt.Sprintf("%.3f", found.Temperature)},
		{"fitted on", fmt.Sprint(found.Fitted)},
		{"measured on", fmt.Sprint(found.Measured)},
		{"", "before", "after"},
		{"ECE", fmt.Sprintf("%.4f", found.ECEBefore), fmt.Sprintf("%.4f", found.ECEAfter)},
	}
	for _, name := range slices.Sorted(maps.Keys(found.Before)) {
		rows = append(rows, []string{name, fmt.Sprintf("%.4f", found.Before[name]), fmt.Sprintf("%.4f", found.After[name])})
	}
	if len(found.Offsets) > 0 {
		rows = append(rows, []string{"offsets", fmt.Sprintf("%.3g", found.Offsets)})
	}
	for _, name := range slices.Sorted(maps.Keys(found.Heads)) {
		h := found.Heads[name]
		rows = append(rows, []string{name, fmt.Sprintf("temperature %.3f", h.Temperature), fmt.Sprintf("fitted on %d, measured on %d", h.Fitted, h.Measured)},
			[]string{"ECE", fmt.Sprintf("%.4f", h.ECEBefore), fmt.Sprintf("%.4f", h.ECEAfter)})
	}
	return e.table(rows)
}
