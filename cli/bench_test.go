package cli

import (
	"errors"
	"strings"
	"testing"

	"columna/internal/ort"
)

func TestBench_PrintsWhatTheContractNames(t *testing.T) {
	if err := ort.Init(); errors.Is(err, ort.ErrNoLibrary) {
		t.Skip(err)
	}
	var got struct {
		Bench []struct {
			Name, Unit, Reference string
			Value                 float64
			ReferenceValue        float64 `json:"reference_value"`
			Ratio                 float64
		}
	}
	succeed(t, &got, "bench", "peak/product-256", "--rounds", "1", "--threads", "1", "--json")
	if len(got.Bench) != 1 {
		t.Fatalf("%d results", len(got.Bench))
	}
	r := got.Bench[0]
	if r.Name != "peak/product-256" || r.Unit != "GFLOP/s" || r.Reference == "" || !(r.Value > 0 && r.ReferenceValue > 0 && r.Ratio > 0) {
		t.Errorf("got %+v", r)
	}
	code, out, _ := columna(t, "bench", "peak/product-256", "--rounds", "1", "--threads", "1")
	if code != exitOK || !strings.HasPrefix(out, "NAME ") || strings.Count(out, "\n") != 2 {
		t.Errorf("exit %d: %s", code, out)
	}
}
