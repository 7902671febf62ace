package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
)

// elsewhere measures one benchmark in a process of its own.
func elsewhere(ctx context.Context, o Options, name string) ([]Result, error) {
	cmd := exec.CommandContext(ctx, o.Columna, "bench", name, "--alone", "--json",
		"--threads", strconv.Itoa(o.Threads), "--rounds", strconv.Itoa(o.Rounds))
	if o.Provider != "" {
		cmd.Args = append(cmd.Args, "--provider", o.Provider)
	}
	var words bytes.Buffer
	cmd.Stderr = &words
	text, err := cmd.Output()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, strings.TrimSpace(words.String()))
	}
	var report struct {
		Bench []Result `json:"bench"`
	}
	if err := json.Unmarshal(text, &report); err != nil {
		return nil, fmt.Errorf("read what the process measured: %w", err)
	}
	return report.Bench, nil
}
