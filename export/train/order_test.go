package train

import (
	"fmt"
	"reflect"
	"slices"
	"sync"
	"testing"

	"columna/internal/ort"
	"columna/spine"
)

// sixOf has patients A with three samples, B with two, C with one.
func sixOf(seed uint64) order {
	owner := []string{"A", "B", "A", "C", "B", "A"}
	return newOrder(seed, []int{0, 1, 2, 3, 4, 5}, func(i int) string { return owner[i] })
}

func TestOrder_EveryPassTakesEachPatientOnceAndItsSamplesInTurn(t *testing.T) {
	owner := map[int]string{0: "A", 1: "B", 2: "A", 3: "C", 4: "B", 5: "A"}
	o, seen := sixOf(7), map[string][]int{}
	for pass := range 6 {
		patients := map[string]bool{}
		for place := range 3 {
			i := o.at(3*pass + place)
			patients[owner[i]] = true
			seen[owner[i]] = append(seen[owner[i]], i)
		}
		if len(patients) != 3 {
			t.Errorf("pass %d took %d patients", pass, len(patients))
		}
	}
	for patient, own := range map[string][]int{"A": {0, 2, 5}, "B": {1, 4}, "C": {3}} {
		for from := 0; from < 6; from += len(own) {
			turn := slices.Sorted(slices.Values(seen[patient][from : from+len(own)]))
			if !slices.Equal(turn, own) {
				t.Errorf("patient %s gave %v before all of %v", patient, turn, own)
			}
		}
	}
}

func TestOrder_DependsOnTheSeedAlone(t *testing.T) {
	o, same, other := sixOf(7), sixOf(7), sixOf(8)
	var forward, backward, otherwise []int
	for n := range 60 {
		forward, otherwise = append(forward, o.at(n)), append(otherwise, other.at(n))
		backward = append(backward, same.at(59-n))
	}
	slices.Reverse(backward)
	if !slices.Equal(forward, backward) {
		t.Error("what was drawn before changes the draw")
	}
	if slices.Equal(forward, otherwise) || slices.Equal(forward[:3], forward[3:6]) && slices.Equal(forward[:3], forward[6:9]) {
		t.Error("seeds or passes do not shuffle")
	}
}

func TestBalanced_TakesTheClassesInTurn(t *testing.T) {
	b := newBalanced(1, 9, 4, func(i int) int { return []int{0, 0, 0, 0, 0, 0, 1, 3, 3}[i] }, func(i int) string { return fmt.Sprint(i) })
	for n := range 30 {
		i := b.at(n)
		if want := n % 3; want != map[bool]int{true: 0}[i < 6]+map[bool]int{true: 1}[i == 6]+map[bool]int{true: 2}[i > 6] {
			t.Errorf("draw %d is sample %d", n, i)
		}
	}
}

// TestBatch_DependsOnSeedAndNumberAlone asks every task for its batches out of
// order and at the same time.
func TestBatch_DependsOnSeedAndNumberAlone(t *testing.T) {
	for name, task := range tinyTasks(t) {
		const count = 12
		var got [count]map[string]ort.Tensor
		var wg sync.WaitGroup
		for n := range count {
			wg.Go(func() { got[count-1-n] = task.Batch(count - 1 - n) })
		}
		wg.Wait()
		again := tinyTasks(t)[name]
		for n := range count {
			if !reflect.DeepEqual(got[n], again.Batch(n)) {
				t.Errorf("%s: batch %d depends on the order of asking", name, n)
			}
		}
		if reflect.DeepEqual(got[0], got[1]) {
			t.Errorf("%s: two batches are the same", name)
		}
	}
}

func TestSegmentationTask_TakesEveryStudyOncePerPass(t *testing.T) {
	task := tinySegmentation(t)
	seen := map[string]int{}
	for place := range RealEvery * 3 * len(task.real) {
		s, _ := task.study(place)
		seen[s.Patient]++
	}
	for _, s := range task.real {
		if seen[s.Patient] != 3 {
			t.Errorf("real patient %s came %d times in three passes", s.Patient, seen[s.Patient])
		}
	}
	if n := (RealEvery - 1) * 3 * len(task.real); n%len(task.train) == 0 {
		for _, s := range task.train {
			if seen[s.Patient] != n/len(task.train) {
				t.Errorf("phantom %s came %d times in %d passes", s.Patient, seen[s.Patient], n/len(task.train))
			}
		}
	}
	sizes := [2]int{}
	for n := range 1000 {
		sizes[task.SizeOf(n)]++
	}
	if share := float64(sizes[1]) / 1000; share < task.mix-0.05 || share > task.mix+0.05 {
		t.Errorf("%.3f of the batches are whole grids, want %.2f", share, task.mix)
	}
}

func TestStenosisTask_SeesTheGradesAlike(t *testing.T) {
	task := tinyStenosis(t)
	count := map[spine.Grade]int{}
	for place := range 30 {
		s, _ := task.crop(place)
		count[s.Grade]++
	}
	if count[spine.NormalMild] != 10 || count[spine.Moderate] != 10 || count[spine.Severe] != 10 {
		t.Errorf("got %v", count)
	}
}
