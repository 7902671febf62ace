package metrics

// Weights says how much two classes agree: 1 for the same, 0 for the farthest.
type Weights func(a, b, classes int) float64

// Nominal is 1 for the same class and 0 else.
func Nominal(a, b, _ int) float64 { return float64(side(a == b)) }

// Quadratic falls with the square of the distance of ordered classes.
func Quadratic(a, b, classes int) float64 {
	d := float64(a-b) / float64(classes-1)
	return 1 - d*d
}

// Linear falls with the distance of ordered classes.
func Linear(a, b, classes int) float64 {
	d := float64(a-b) / float64(classes-1)
	return 1 - max(d, -d)
}

// Cohen is the weighted kappa (J. Cohen, 1968): agreement beyond what the two
// readers' own frequencies give by chance.
func (c Confusion) Cohen(w Weights) float64 {
	row, column := c.margins()
	chance := 0.0
	for a := range c {
		for b := range c {
			chance += w(a, b, len(c)) * row[a] * column[b]
		}
	}
	return (c.agreement(w) - chance) / (1 - chance)
}

// Gwet is AC1 with nominal weights and AC2 with others (K. L. Gwet, Handbook of
// inter-rater reliability, 2014): agreement beyond that of readers who guess where
// the classes are equally likely. Unlike kappa it bears a rare class.
func (c Confusion) Gwet(w Weights) float64 {
	row, column := c.margins()
	k, spread, total := float64(len(c)), 0.0, 0.0
	for a := range c {
		p := (row[a] + column[a]) / 2
		spread += p * (1 - p)
		for b := range c {
			total += w(a, b, len(c))
		}
	}
	chance := total / (k * (k - 1)) * spread
	return (c.agreement(w) - chance) / (1 - chance)
}

// agreement is the mean weight of the pairs.
func (c Confusion) agreement(w Weights) float64 {
	sum := 0.0
	for a, row := range c {
		for b, x := range row {
			sum += w(a, b, len(c)) * float64(x)
		}
	}
	return sum / float64(c.Total())
}

// margins are the shares of each class in rows and in columns.
func (c Confusion) margins() (row, column []float64) {
	row, column = make([]float64, len(c)), make([]float64, len(c))
	total := float64(c.Total())
	for a := range c {
		for b, x := range c[a] {
			row[a] += float64(x) / total
			column[b] += float64(x) / total
		}
	}
	return row, column
}
