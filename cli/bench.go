package cli

import (
	"errors"
	"fmt"
	"os"

	"columna/bench"
)

// measure runs the benchmarks whose names hold the word given.
func measure(e *env, args []string) error {
	rounds := e.flags.Int("rounds", 5, "measurements of each, of which the best counts")
	alone := e.flags.Bool("alone", false, "one benchmark by its whole name, in this process")
	words, err := e.parse(args, 0, 1)
	if err != nil {
		return err
	}
	if *rounds < 1 {
		return badUsage("--rounds wants a number from 1 on, not %d", *rounds)
	}
	o := bench.Options{Threads: e.threads, Provider: e.provider, Rounds: *rounds, Exact: *alone, Progress: e.progress()}
	if len(words) > 0 {
		o.Name = words[0]
	}
	if !*alone {
		if o.Columna, err = os.Executable(); err != nil {
			return fmt.Errorf("find this program: %w", err)
		}
	}
	results, err := bench.Run(e.ctx, o)
	if errors.Is(err, bench.ErrUnknown) {
		return badUsage("%v", err)
	}
	if err != nil {
		return err
	}
	if e.json {
		return e.print(map[string]any{"bench": results})
	}
	rows := [][]string{{"NAME", "VALUE", "UNIT", "REFERENCE", "WHICH IS", "RATIO"}}
	for _, r := range results {
		rows = append(rows, []string{r.Name, fmt.Sprintf("%.4g", r.Value), r.Unit,
			fmt.Sprintf("%.4g", r.ReferenceValue), r.Reference, fmt.Sprintf("%.3f", r.Ratio)})
	}
	return e.table(rows)
}
