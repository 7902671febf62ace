package train

import "math/rand/v2"

// drawn is what a task learns from.
type drawn[T any] interface {
	// at is the sample at a place of the sequence; not ok when the run is over.
	at(place int) (sample T, ok bool)
}

// fixed is samples that are all in memory.
type fixed[T any] struct {
	samples []T
	order   func(place int) int
}

func (f fixed[T]) at(place int) (T, bool) { return f.samples[f.order(place)], true }

// order is the sequence in which samples are learned: every pass takes each
// patient once, in an order of its own, and one of the patient's samples, in turn.
// So patients count alike however many samples they have, and no sample comes
// back before the patient's others were seen. A place in the sequence depends on
// the seed alone, not on what was drawn before.
type order struct {
	seed     uint64
	patients [][]int // indices of each patient's samples
}

// newOrder orders samples, given as indices; patient tells whose they are.
func newOrder(seed uint64, samples []int, patient func(i int) string) order {
	o, at := order{seed: seed}, map[string]int{}
	for _, i := range samples {
		p, known := at[patient(i)]
		if !known {
			p = len(o.patients)
			at[patient(i)] = p
			o.patients = append(o.patients, nil)
		}
		o.patients[p] = append(o.patients[p], i)
	}
	return o
}

// newBalanced orders samples 0..n-1 so that those of each class, 0..classes-1, that
// occurs come in turn.
func newBalanced(seed uint64, n, classes int, class func(i int) int, patient func(i int) string) balanced {
	members := make([][]int, classes)
	for i := range n {
		members[class(i)] = append(members[class(i)], i)
	}
	var b balanced
	for c, samples := range members {
		if len(samples) > 0 {
			b = append(b, newOrder(seed+uint64(c), samples, patient))
		}
	}
	return b
}

// balanced is one order for each class.
type balanced []order

// at is the n-th sample of the sequence.
func (b balanced) at(n int) int { return b[n%len(b)].at(n / len(b)) }

// at is the n-th sample of the sequence.
func (o order) at(n int) int {
	pass, place := n/len(o.patients), n%len(o.patients)
	p := o.shuffled(uint64(pass), len(o.patients))[place]
	own := o.patients[p]
	turn := o.shuffled(uint64(p+1)<<32|uint64(pass/len(own)), len(own))
	return own[turn[pass%len(own)]]
}

// shuffled is a permutation of 0..n-1.
func (o order) shuffled(which uint64, n int) []int {
	return rand.New(rand.NewPCG(o.seed^0xD1B54A32D192ED03, which)).Perm(n)
}
