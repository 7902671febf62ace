package graph

import "math"

// Elementary functions that give the same bits on every machine, so that a seed
// gives the same file everywhere. Package math's differ between processors: some
// have their own assembly, and the compiler may join a product and a sum in one
// rounding, which a conversion to float64 forbids.

// PortableLog is the natural logarithm of a positive number.
func PortableLog(x float64) float64 {
	m, e := math.Frexp(x)
	if m < math.Sqrt2/2 {
		m, e = 2*m, e-1
	}
	f := (m - 1) / (m + 1)
	series := make([]float64, 12) // of atanh(f) / f in f^2
	for i := range series {
		series[i] = 1 / float64(2*i+1)
	}
	const high, low = 6.93147180369123816490e-01, 1.90821492927058770002e-10 // of ln 2; e*high is exact
	return float64(float64(e)*high) + (float64(2*f*horner(series, f*f)) + float64(float64(e)*low))
}

// PortableExp is e to the power x.
func PortableExp(x float64) float64 {
	const high, low = 6.93147180369123816490e-01, 1.90821492927058770002e-10
	k := math.Round(x / math.Ln2)
	r := (x - float64(k*high)) - float64(k*low)
	return math.Ldexp(horner(factorials(0, 1, 14), r), int(k))
}

// PortableCos is the cosine of an angle in full turns.
func PortableCos(turns float64) float64 {
	turns -= math.Floor(turns)
	quarter := math.Floor(float64(4*turns) + 0.5)
	x := 2 * math.Pi * (turns - quarter/4) // within an eighth of a turn
	cos := horner(factorials(0, -1, 10), float64(x*x))
	sin := x * horner(factorials(1, -1, 10), float64(x*x))
	switch int(quarter) % 4 {
	case 1:
		return -sin
	case 2:
		return -cos
	case 3:
		return sin
	}
	return cos
}

// PortableSin is the sine of an angle in full turns.
func PortableSin(turns float64) float64 { return PortableCos(turns - 0.25) }

// factorials lists 1/first!, then with sign 1 each next 1/n!, with sign -1 each
// second next with alternating signs: the Taylor series of exp, cos and sin.
func factorials(first, sign, count int) []float64 {
	list, x, n := make([]float64, count), 1.0, first
	for i := range list {
		list[i] = x
		n++
		x /= float64(n)
		if sign < 0 {
			n++
			x /= -float64(n)
		}
	}
	return list
}

// horner is the polynomial with the coefficients at x, every step rounded.
func horner(coefficients []float64, x float64) float64 {
	sum := 0.0
	for i := len(coefficients) - 1; i >= 0; i-- {
		sum = float64(sum*x) + coefficients[i]
	}
	return sum
}
