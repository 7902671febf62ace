package nets

import (
	"fmt"
	"testing"

	"columna/export/graph"
	"columna/internal/twin"
)

// The transform pair is PyTorch's rfftn and irfftn, the latter of any half spectrum.
func TestTwin_Fourier(t *testing.T) {
	for _, grid := range [][3]int{{4, 6, 8}, {3, 5, 7}, {1, 4, 5}} {
		name := fmt.Sprintf("fourier_%dx%dx%d", grid[0], grid[1], grid[2])
		g := graph.New(name)
		f := (&desamba{classLayers: classLayers{g: g}, dft: map[[3]int]*fourier{}}).fourier(grid)
		re, im := f.forward(g.Input("x", 2, 3, grid[0], grid[1], grid[2]))
		image := f.inverse(g.Input("re", 2, 3, f.count()), g.Input("im", 2, 3, f.count()))
		twin.Check(t, twinCase(t, name), g, values{"re_x": re, "im_x": im, "image": image}, twin.Strict())
	}
}
