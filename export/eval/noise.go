package eval

import (
	"context"
	"fmt"
	"hash/fnv"
	"math"
	"math/rand/v2"

	"columna/export/metrics"
	"columna/volume"
)

// noiseLevels are the added noise in percent of the image's brightness (its 99th
// percentile).
func noiseLevels() []int { return []int{3, 6, 12, 24} }

func noiseAbout(what string, percent int) string {
	return fmt.Sprintf("%s with Rician noise of %d %% of its brightness added", what, percent)
}

// noisy is a set whose images are made worse.
func noisy(open func(SetOptions) ([]Entry, error), percent int) func(SetOptions) ([]Entry, error) {
	return func(o SetOptions) ([]Entry, error) {
		entries, err := open(o)
		for n := range entries {
			load, id := entries[n].Load, entries[n].ID
			entries[n].Load = func(ctx context.Context) (*Case, error) {
				c, err := load(ctx)
				if err != nil {
					return nil, err
				}
				for i := range c.Study.Series {
					s := &c.Study.Series[i]
					s.Volume = addNoise(s.Volume, float64(percent)/100, id)
				}
				return c, nil
			}
		}
		return entries, err
	}
}

// addNoise gives a magnitude image with noise in both channels of the receiver (H.
// Gudbjartsson, S. Patz, The Rician distribution of noisy MRI data, 1995). The same
// name gives the same noise.
func addNoise(v *volume.Volume, share float64, name string) *volume.Volume {
	h := fnv.New64a()
	h.Write([]byte(name))
	r := rand.New(rand.NewPCG(h.Sum64(), 0x6e6f697365))
	sigma := share * brightness(v)
	out := volume.New(v.Grid)
	for n, s := range v.Data {
		out.Data[n] = float32(math.Hypot(float64(s)+sigma*r.NormFloat64(), sigma*r.NormFloat64()))
	}
	return out
}

// brightness is the 99th percentile of the voxels that are not 0.
func brightness(v *volume.Volume) float64 {
	var values []float64
	for _, s := range v.Data {
		if s != 0 {
			values = append(values, float64(s))
		}
	}
	if len(values) == 0 {
		return 0
	}
	return metrics.Quantile(values, 0.99)
}
