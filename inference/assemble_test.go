package inference

import (
	"context"
	"math/rand/v2"
	"strings"
	"testing"

	"columna/spine"
	"columna/volume"
)

// answer is what a network could say of a mask: logits that favour the class and
// the node of every voxel.
type answer struct {
	grid            volume.Grid
	semantic, level []float32
}

// answerFor says truth with some confidence and noise; rename changes the level
// that the network believes.
func answerFor(truth *volume.LabelMap, noise float64, rename func(spine.Structure) spine.Structure) answer {
	n := truth.Len()
	a := answer{truth.Grid, make([]float32, classCount*n), make([]float32, nodeCount*n)}
	r := rand.New(rand.NewPCG(1, 2))
	for i := range a.semantic {
		a.semantic[i] = float32(noise * r.NormFloat64())
	}
	for i := range a.level {
		a.level[i] = float32(noise * r.NormFloat64())
	}
	for i, l := range truth.Data {
		a.semantic[SemanticClass(spine.Structure(l))*n+i] += 4
		a.level[LevelNode(rename(spine.Structure(l)))*n+i] += 3
	}
	a.level = everySecond(a.grid, a.level)
	return a
}

// everySecond keeps every second column and row.
func everySecond(g volume.Grid, level []float32) []float32 {
	var out []float32
	for n, v := range level {
		if i, j, _ := g.Coords(n % g.Len()); i%2 == 0 && j%2 == 0 {
			out = append(out, v)
		}
	}
	return out
}

func asTold(s spine.Structure) spine.Structure { return s }

// oneHigher is the level above, as a network that miscounts would say.
func oneHigher(s spine.Structure) spine.Structure {
	switch {
	case s == spine.L1:
		return spine.T12
	case s == spine.DiscL1L2:
		return spine.DiscT12L1
	case s >= spine.L2 && s <= spine.L5, s >= spine.DiscL2L3 && s <= spine.DiscL5S1:
		return s - 1
	case s == spine.T12, s == spine.DiscT12L1:
		return spine.VertebraAbove
	}
	return s
}

// netGrid is a coarse network grid over the test spine.
func netGrid() volume.Grid {
	return CanonicalGrid(upright.sagittal(standard, forward), [3]int{56, 90, 15}, [3]float64{3, 3, 4})
}

func dice(a, b *volume.LabelMap, s spine.Structure) float64 {
	both, sum := 0, 0
	for n := range a.Data {
		x, y := a.Data[n] == uint8(s), b.Data[n] == uint8(s)
		if x && y {
			both += 2
		}
		if x {
			sum++
		}
		if y {
			sum++
		}
	}
	return float64(both) / float64(max(sum, 1))
}

func remove(m *volume.LabelMap, gone ...spine.Structure) *volume.LabelMap {
	out := m.Clone()
	for n, l := range out.Data {
		for _, g := range gone {
			if spine.Structure(l) == g {
				out.Data[n] = 0
			}
		}
	}
	return out
}

func flagText(flags []spine.Flag) string {
	var all []string
	for _, f := range flags {
		all = append(all, f.Text)
	}
	return strings.Join(all, " ")
}

func TestAssemble_GivesEveryStructureItsNameOnTheNativeGrid(t *testing.T) {
	for name, c := range layouts() {
		native := c.q.sagittal(c.perm, c.sign)
		grid := CanonicalGrid(native, [3]int{64, 96, 15}, [3]float64{3, 3, 4})
		a := answerFor(c.q.mask(grid), 0.7, asTold)
		got, flags := Assemble(context.Background(), a.semantic, a.level, a.grid, native)
		want := c.q.mask(native)
		if len(flags) != 0 {
			t.Errorf("%s: flags %s", name, flagText(flags))
		}
		for s := spine.L1; s <= spine.T12; s++ {
			if d := dice(got, want, s); d < 0.8 {
				t.Errorf("%s: Dice of %s is %.3f", name, s, d)
			}
		}
	}
}

func TestAssemble_HoldsTheSacrumAgainstAFewWrongNames(t *testing.T) {
	truth := upright.mask(netGrid())
	a := answerFor(truth, 0.5, func(s spine.Structure) spine.Structure {
		if s == spine.L3 || s == spine.DiscL3L4 || s == spine.L2 {
			return oneHigher(s)
		}
		return s
	})
	got, _ := Assemble(context.Background(), a.semantic, a.level, a.grid, a.grid)
	for _, s := range []spine.Structure{spine.L1, spine.L2, spine.L3, spine.DiscL3L4, spine.L5} {
		if d := dice(got, truth, s); d < 0.9 {
			t.Errorf("Dice of %s is %.3f", s, d)
		}
	}
}

func TestAssemble_FlagsACountThatContradictsTheSacrum(t *testing.T) {
	truth := upright.mask(netGrid())
	a := answerFor(truth, 0.5, oneHigher) // such as six lumbar vertebrae
	_, flags := Assemble(context.Background(), a.semantic, a.level, a.grid, a.grid)
	if !strings.Contains(flagText(flags), "numbering") {
		t.Errorf("flags: %q", flagText(flags))
	}
}

// oneLower is the level below, as of a lumbarised S1.
func oneLower(s spine.Structure) spine.Structure {
	switch {
	case s == spine.L5:
		return spine.S1
	case s == spine.T12:
		return spine.L1
	case s == spine.DiscT12L1:
		return spine.DiscL1L2
	case s >= spine.L1 && s <= spine.L4, s >= spine.DiscL1L2 && s <= spine.DiscL4L5:
		return s + 1
	}
	return s
}

func TestAssemble_SaysThatADiscAtTheSacrumWasLeftOut(t *testing.T) {
	truth := upright.mask(netGrid())
	for n, l := range truth.Data {
		if _, _, k := truth.Coords(n); l == uint8(spine.DiscL5S1) && k%2 == 0 {
			truth.Data[n] = 0 // half a disc costs little to leave out
		}
	}
	a := answerFor(truth, 0.5, oneLower)
	got, flags := Assemble(context.Background(), a.semantic, a.level, a.grid, a.grid)
	if d := dice(got, truth, spine.L4); d > 0.1 {
		t.Fatalf("the names are right (L4 %.2f): nothing was left out", d)
	}
	if text := flagText(flags); !strings.Contains(text, "left out") {
		t.Errorf("all is named one level too low, flags: %q", text)
	}
}

func TestAssemble_SaysThatTheDiscAtTheSacrumIsSmall(t *testing.T) {
	for _, every := range []int{1, 2, 3} {
		truth := upright.mask(netGrid())
		for n, l := range truth.Data {
			if _, _, k := truth.Coords(n); l == uint8(spine.DiscL5S1) && k%every != 0 {
				truth.Data[n] = 0
			}
		}
		a := answerFor(truth, 0.5, asTold)
		got, flags := Assemble(context.Background(), a.semantic, a.level, a.grid, a.grid)
		if d := dice(got, truth, spine.L4); d < 0.9 {
			t.Fatalf("one slice of the disc in %d: the names are wrong (L4 %.2f)", every, d)
		}
		if said := strings.Contains(flagText(flags), "called L5/S1 is small"); said != (every == 3) {
			t.Errorf("one slice of the disc in %d, flags: %q", every, flagText(flags))
		}
	}
}

// box is the lowest and highest column and row of a structure.
func box(m *volume.LabelMap, s spine.Structure) (lo, hi [2]int) {
	lo = [2]int{m.Size[0], m.Size[1]}
	for n, l := range m.Data {
		if i, j, _ := m.Coords(n); l == uint8(s) {
			lo = [2]int{min(lo[0], i), min(lo[1], j)}
			hi = [2]int{max(hi[0], i), max(hi[1], j)}
		}
	}
	return lo, hi
}

// bridgeL2L3 calls the front of the disc between L2 and L3 body, as osteophytes are.
func bridgeL2L3(m *volume.LabelMap) {
	lo, _ := box(m, spine.DiscL2L3)
	for n, l := range m.Data {
		if i, _, _ := m.Coords(n); l == uint8(spine.DiscL2L3) && i < lo[0]+4 {
			m.Data[n] = uint8(spine.L2)
		}
	}
}

// checkNames assembles a mask that the network names as another and wants its structures.
func checkNames(t *testing.T, mask, names *volume.LabelMap, least float64, want ...spine.Structure) {
	t.Helper()
	a := answerFor(mask, 0.5, asTold)
	a.level = answerFor(names, 0.5, asTold).level
	got, _ := Assemble(context.Background(), a.semantic, a.level, a.grid, a.grid)
	for _, s := range want {
		if d := dice(got, mask, s); d < least {
			t.Errorf("Dice of %s is %.3f", s, d)
		}
	}
}

// Two bodies that osteophytes join are parted at the disc between them, also where the
// network changes its mind about the level elsewhere.
func TestAssemble_PartsBodiesThatGrewTogetherAtTheirDisc(t *testing.T) {
	fused, names := upright.mask(netGrid()), upright.mask(netGrid())
	bridgeL2L3(fused)
	lo, _ := box(names, spine.L3)
	for n, l := range names.Data {
		if _, j, _ := names.Coords(n); l == uint8(spine.L3) && j < lo[1]+6 {
			names.Data[n] = uint8(spine.L2) // what the network thinks
		}
	}
	checkNames(t, fused, names, 0.9, spine.L1, spine.L2, spine.L3, spine.L4, spine.DiscL2L3)
}

// A crushed vertebra that touches its neighbour is no taller with it than one whole body:
// the disc between them shows that they are two.
func TestAssemble_PartsACrushedVertebraFromItsNeighbour(t *testing.T) {
	fused, names := upright.mask(netGrid()), upright.mask(netGrid())
	_, hi := box(fused, spine.L2)
	for n, l := range names.Data {
		if _, j, _ := names.Coords(n); l == uint8(spine.L2) {
			names.Data[n] = uint8(spine.L3) // what the network thinks
			if j <= hi[1]-3 {
				fused.Data[n] = 0 // 9 mm of it are left
			}
		}
	}
	bridgeL2L3(fused)
	checkNames(t, fused, names, 0.85, spine.DiscL1L2, spine.L2, spine.DiscL2L3, spine.L3, spine.L4)
}

func TestAssemble_LeavesAPlaceForAMissedVertebra(t *testing.T) {
	truth := remove(upright.mask(netGrid()), spine.L3)
	a := answerFor(truth, 0.5, asTold)
	got, flags := Assemble(context.Background(), a.semantic, a.level, a.grid, a.grid)
	for _, s := range []spine.Structure{spine.L2, spine.DiscL2L3, spine.DiscL3L4, spine.L4} {
		if d := dice(got, truth, s); d < 0.9 {
			t.Errorf("Dice of %s is %.3f", s, d)
		}
	}
	if !strings.Contains(flagText(flags), "nothing was found of L3") {
		t.Errorf("flags: %q", flagText(flags))
	}
}

func TestAssemble_CountsByLookWithoutASacrum(t *testing.T) {
	truth := remove(upright.mask(netGrid()), spine.S1, spine.DiscL5S1, spine.L5)
	a := answerFor(truth, 0.5, asTold)
	got, flags := Assemble(context.Background(), a.semantic, a.level, a.grid, a.grid)
	if d := dice(got, truth, spine.L4); d < 0.9 {
		t.Errorf("Dice of L4 is %.3f", d)
	}
	if !strings.Contains(flagText(flags), "sacrum was not found") {
		t.Errorf("flags: %q", flagText(flags))
	}
}

func TestAssemble_KnowsASacrumThatWasTakenForAVertebra(t *testing.T) {
	truth := upright.mask(netGrid())
	a := answerFor(truth, 0.5, asTold)
	n := truth.Len()
	for i, l := range truth.Data {
		if spine.Structure(l) == spine.S1 {
			a.semantic[classSacrum*n+i] -= 4
			a.semantic[classVertebra*n+i] += 4
		}
	}
	got, _ := Assemble(context.Background(), a.semantic, a.level, a.grid, a.grid)
	for _, s := range []spine.Structure{spine.S1, spine.DiscL5S1, spine.L5, spine.L1} {
		if d := dice(got, truth, s); d < 0.9 {
			t.Errorf("Dice of %s is %.3f", s, d)
		}
	}
}

func TestAssemble_DropsIslandsAwayFromTheSpine(t *testing.T) {
	truth := upright.mask(netGrid())
	seen := truth.Clone()
	eachVoxel(seen.Grid, func(n int, mm volume.Vec3) {
		p := upright.local(mm)
		if p.Sub(volume.Vec3{10, -58, 100}).Norm() < 12 {
			seen.Data[n] = uint8(spine.L2) // a vertebra in the bowel
		}
		if p.Sub(volume.Vec3{-20, 65, 40}).Norm() < 9 {
			seen.Data[n] = uint8(spine.Canal)
		}
	})
	a := answerFor(seen, 0.5, asTold)
	got, _ := Assemble(context.Background(), a.semantic, a.level, a.grid, a.grid)
	for _, s := range []spine.Structure{spine.L2, spine.L3, spine.Canal} {
		if d := dice(got, truth, s); d < 0.95 {
			t.Errorf("Dice of %s is %.3f", s, d)
		}
	}
}

func TestAssemble_PartsVertebraeThatRunTogether(t *testing.T) {
	truth := upright.mask(netGrid())
	merged := truth.Clone()
	for n, l := range merged.Data {
		if spine.Structure(l) == spine.DiscL3L4 {
			merged.Data[n] = uint8(spine.L4) // the disc was taken for bone
		}
	}
	a := answerFor(merged, 0.5, asTold)
	got, _ := Assemble(context.Background(), a.semantic, a.level, a.grid, a.grid)
	for _, s := range []spine.Structure{spine.L2, spine.L3, spine.L4, spine.L5} {
		if d := dice(got, truth, s); d < 0.8 {
			t.Errorf("Dice of %s is %.3f", s, d)
		}
	}
}

func TestAssemble_SaysWhenThereIsNoSpine(t *testing.T) {
	g := netGrid()
	a := answerFor(volume.NewLabelMap(g), 0.2, asTold)
	mask, flags := Assemble(context.Background(), a.semantic, a.level, g, g)
	for _, l := range mask.Data {
		if l != 0 {
			t.Fatal("something was labelled")
		}
	}
	if !strings.Contains(flagText(flags), "No vertebra was found") {
		t.Errorf("flags: %q", flagText(flags))
	}
}

func TestAssemble_StopsWhenItIsCancelled(t *testing.T) {
	a := answerFor(upright.mask(netGrid()), 0.5, asTold)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	mask, _ := Assemble(ctx, a.semantic, a.level, a.grid, a.grid)
	for _, l := range mask.Data {
		if l != 0 {
			t.Fatal("it went on to label voxels")
		}
	}
}

func TestFillHoles_FillsWhatAStructureEncloses(t *testing.T) {
	m := volume.NewLabelMap(volume.Grid{Size: [3]int{9, 9, 1}, Affine: volume.NewAffine(volume.Vec3{1}, volume.Vec3{0, 1}, volume.Vec3{0, 0, 1}, volume.Vec3{})})
	for j := 1; j < 8; j++ {
		for i := 1; i < 8; i++ {
			m.Data[m.Index(i, j, 0)] = 3
		}
	}
	m.Data[m.Index(4, 4, 0)] = 0 // a hole
	m.Data[m.Index(1, 4, 0)] = 0 // a dent
	fillHoles(m, 3)
	if m.At(4, 4, 0) != 3 || m.At(1, 4, 0) != 0 {
		t.Errorf("hole %d, dent %d", m.At(4, 4, 0), m.At(1, 4, 0))
	}
}
