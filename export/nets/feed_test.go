package nets

import "columna/export/graph"

// feed declares the network's inputs for one sample.
func feed(g *graph.Graph, n Net) map[string]*graph.Value { return Feed(g, n, 1) }
