package graph

// Next is the value that the state takes after a training step.
func (g *Graph) Next(state *Value) *Value { return g.next[state] }
