package eval

import "columna/export/metrics"

// Figure is a value with its 95 % interval over patients; what is undefined is NaN.
type Figure struct {
	Value Number `json:"value"`
	Low   Number `json:"low"`
	High  Number `json:"high"`
	N     int    `json:"patients"`
}

func newFigure(i metrics.Interval) Figure {
	return Figure{Number(i.Value), Number(i.Low), Number(i.High), i.N}
}
