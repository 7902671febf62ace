package graph

import (
	"crypto/sha256"
	"encoding/hex"
	"math"
	"testing"
)

func TestPortable_FunctionsAreExactToTheLastDigits(t *testing.T) {
	r := NewRandom(1)
	for range 20000 {
		u := r.Uniform()
		for name, c := range map[string][2]float64{
			"log":       {PortableLog(1 - u), math.Log(1 - u)},
			"log large": {PortableLog(1e6 * (1 - u)), math.Log(1e6 * (1 - u))},
			"exp":       {PortableExp(40*u - 20), math.Exp(40*u - 20)},
			"cos":       {PortableCos(u), math.Cos(2 * math.Pi * u)},
			"sin":       {PortableSin(u - 2), math.Sin(2 * math.Pi * u)},
		} {
			if d := math.Abs(c[0] - c[1]); d > 2e-15*math.Max(math.Abs(c[1]), 1) && d > 1e-15*math.Abs(c[1]) {
				t.Fatalf("%s at %v: got %v, want %v", name, u, c[0], c[1])
			}
		}
	}
	for turns, want := range map[float64]float64{0: 1, 0.25: 0, 0.5: -1, 0.75: 0, 1: 1, -0.5: -1} {
		if got := PortableCos(turns); got != want {
			t.Errorf("the cosine of %v turns is %v", turns, got)
		}
	}
}

// A seed gives these weights on every machine: the hash was taken on amd64, and is
// the same with GOAMD64=v3, whose compiler joins products and sums.
func TestInitParams_GivesTheSameBitsOnEveryMachine(t *testing.T) {
	g := New("net")
	g.Param("normal", []int{10000}, NormalInit(0.02))
	g.Param("he", []int{100, 100}, HeInit(100))
	g.Param("xavier", []int{100, 100}, XavierInit(100, 100))
	w := g.InitParams(42)
	sum := sha256.New()
	for _, p := range g.Params() {
		sum.Write(rawFloats(w[p.Name]))
	}
	const want = "3d166a3449d2e83a08a755f9b48253d6e6acf1dac3e9185b78139a7d0d7d1238"
	if got := hex.EncodeToString(sum.Sum(nil)); got != want {
		t.Errorf("the hash is %s, want %s", got, want)
	}
}
