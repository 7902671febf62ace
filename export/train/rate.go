package train

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// Schedules are the ways in which the rate falls: "cosine", a half cosine down to a
// fiftieth of the peak at the last step; "steps", the papers' times 0.8 every 30
// epochs (seeds/gf-ssnet.txt), which needs hundreds of epochs to the same end;
// "constant".
func Schedules() []string { return []string{"cosine", "steps", "constant"} }

func checkSchedule(name string) error {
	if name != "" && !slices.Contains(Schedules(), name) {
		return fmt.Errorf("no learning-rate schedule %q: choose one of %s", name, strings.Join(Schedules(), ", "))
	}
	return nil
}

// rate is the learning rate of a step, counted from 0.
func (c Config) rate(step int) float64 {
	if step < c.Warmup {
		return c.LR * float64(step+1) / float64(c.Warmup)
	}
	switch c.Schedule {
	case "steps":
		return c.LR * math.Pow(0.8, float64(step/c.EpochLen/30))
	case "constant":
		return c.LR
	}
	t := float64(step-c.Warmup) / math.Max(1, float64(c.Steps-c.Warmup))
	return c.LR * (0.02 + 0.98*(1+math.Cos(math.Pi*math.Min(t, 1)))/2)
}
