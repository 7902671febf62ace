package inference

import "columna/spine"

// The channels of GF-SSNet's semantic output.
const (
	classBackground = iota
	classVertebra
	classDisc
	classCanal
	classSacrum
	classPosterior
	classCount
)

// The channels (graph nodes) of GF-SSNet's level output that are not the label
// values 0 to 11 themselves.
const (
	nodeT12     = 12
	nodeDiscT12 = 13
	nodeAbove   = 14
	nodeCount   = 15
)

// SemanticClass is the channel of the semantic output that shows a structure.
func SemanticClass(s spine.Structure) int {
	switch {
	case s == spine.S1:
		return classSacrum
	case s.IsVertebra():
		return classVertebra
	case s.IsDisc():
		return classDisc
	case s == spine.Canal:
		return classCanal
	case s == spine.Posterior:
		return classPosterior
	}
	return classBackground
}

// LevelNode is the channel of the level output that shows a structure; canal and
// posterior elements, which have no level, are background there.
func LevelNode(s spine.Structure) int {
	switch {
	case s <= spine.S1:
		return int(s)
	case s == spine.T12:
		return nodeT12
	case s == spine.DiscT12L1:
		return nodeDiscT12
	case s == spine.VertebraAbove, s == spine.DiscAbove:
		return nodeAbove
	}
	return 0
}
