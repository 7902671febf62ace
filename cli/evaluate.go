package cli

import (
	"fmt"
	"sort"

	"columna/export/train"
)

// evaluate measures the models on held-out studies through the whole reading road.
func evaluate(e *env, args []string) error {
	o := train.EvalOptions{}
	e.flags.StringVar(&o.Dir, "dir", "", "folder of models, the shipped ones if not given")
	e.flags.StringVar(&o.SPIDER, "spider", "", "folder of SPIDER studies; the held-out patients are measured")
	e.flags.IntVar(&o.Phantoms, "phantoms", 8, "how many phantom studies")
	e.flags.Uint64Var(&o.Seed, "seed", 1000, "seed of the first phantom")
	e.flags.Float64Var(&o.RandomContrast, "random-contrast", 0, "share of phantoms with a contrast that no scanner gives")
	if _, err := e.parse(args, 0, 0); err != nil {
		return err
	}
	o.Threads, o.Provider, o.Notice = e.threads, e.provider, e.notice
	o.Progress = func(done, total int, what string) { fmt.Fprintf(e.err, "%d/%d %s\n", done, total, what) }
	figures, err := train.Evaluate(e.ctx, o)
	if err != nil {
		return err
	}
	if e.json {
		return e.print(figures)
	}
	var rows [][]string
	for name, v := range figures {
		rows = append(rows, []string{name, fmt.Sprintf("%.4f", v)})
	}
	sort.Slice(rows, func(a, b int) bool { return rows[a][0] < rows[b][0] })
	return e.table(rows)
}
