package dataset

import (
	"fmt"
	"strings"

	"columna/spine"
)

// LabelSets are the label maps that are known by name.
func LabelSets() []string { return []string{"columna", "spider", "totalspineseg"} }

func namedLabels(name string) (*labelNames, error) {
	switch strings.ToLower(name) {
	case "columna":
		n := &labelNames{}
		for s := range spine.MaxStructure + 1 {
			n.put(int(s), s)
		}
		return n, nil
	case "spider":
		return spiderLabels(), nil
	case "totalspineseg":
		return totalSpineSegLabels(), nil
	}
	return nil, fmt.Errorf("there is no label map %q: choose %s, or put a %s into the folder", name,
		strings.Join(LabelSets(), ", "), labelFiles()[0])
}

func (n *labelNames) put(value int, s spine.Structure) { n.of[value], n.known[value] = s, true }

// spiderLabels are those of SPIDER as it is published (zenodo.org/records/10159290):
// vertebrae are counted from the lowest lumbar one upward from 1, discs from 201, that
// of L5/S1; 101 to 125 are vertebrae of which only a part is in the images.
func spiderLabels() *labelNames {
	n := &labelNames{whole: true}
	n.put(0, spine.Background)
	n.put(100, spine.Canal)
	for v := 1; v <= 25; v++ {
		n.put(v, bodyName(v))
		n.put(100+v, bodyName(v))
		n.put(200+v, discName(v-1))
	}
	return n
}

// totalSpineSegLabels are those of TotalSpineSeg's result (the list of classes in its
// README): cord 1 and canal 2, C1 to C7 from 11, T1 to T12 from 21, L1 to L5 from 41,
// sacrum 50, and the discs from that below C2 at 63, below C7 at 71, below T12 at 91,
// below L5 at 100. A sixth lumbar vertebra, 46, has no name here.
func totalSpineSegLabels() *labelNames {
	n := &labelNames{whole: true}
	n.put(0, spine.Background)
	n.put(1, spine.Canal)
	n.put(2, spine.Canal)
	for v := 11; v <= 31; v++ {
		if v <= 17 || v >= 21 {
			n.put(v, spine.VertebraAbove)
		}
	}
	for d := 63; d <= 82; d++ {
		if d <= 67 || d >= 71 {
			n.put(d, spine.DiscAbove)
		}
	}
	n.put(32, spine.T12)
	n.put(91, spine.DiscT12L1)
	for l := range 5 {
		n.put(41+l, spine.L1+spine.Structure(l))
	}
	for d := range 4 {
		n.put(92+d, spine.DiscL1L2+spine.Structure(d))
	}
	n.put(100, spine.DiscL5S1)
	n.put(50, spine.S1)
	return n
}
