// Package render draws slices as pixels, without any toolkit: grey values
// through window/level, structure overlays, heat maps, crosshair, letters,
// scale bar and captions, the worksheet table and whole reading sheets.
//
// A Painter keeps its buffers between frames and recomputes only the stages
// whose inputs changed. Stages of a pane, in device pixels: grey values
// (bilinear on the measured values, before the window), structure labels
// (nearest, never mixed), heat values, then one pass that joins them through a
// table indexed by label class and grey.
package render
