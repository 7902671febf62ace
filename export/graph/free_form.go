package graph

import (
	"fmt"
	"strings"
)

// form says how a number depends on the open sizes: plus, and if num is not zero
// num/den times the sizes to the powers.
type form struct {
	num, den int
	power    []int
	plus     int
}

func (f form) constant() bool { return f.num == 0 }

// fitOr is the form of values, or the number that stands for them.
func (u *unifier) fitOr(values []int, stand *int) (form, error) {
	f, err := u.fit(values)
	if stand != nil && (err != nil || !f.constant()) {
		return form{plus: *stand}, nil
	}
	return f, err
}

// fit finds the form that gives the values at the probes.
func (u *unifier) fit(values []int) (form, error) {
	candidates := []form{{plus: values[0]}, u.product(values)}
	for k := range u.free {
		candidates = append(candidates, u.line(values, k))
	}
	for _, f := range candidates {
		if u.gives(f, values) {
			return f, nil
		}
	}
	return form{}, fmt.Errorf("a size is %v at the sizes %v, which is no product of them", values, u.probes)
}

// gives says whether a form gives the values at all probes.
func (u *unifier) gives(f form, values []int) bool {
	for p, v := range values {
		x := f.num
		for k := range f.power {
			for range f.power[k] {
				x *= u.probes[p][k]
			}
		}
		if x != (v-f.plus)*max(f.den, 1) {
			return false
		}
	}
	return true
}

// product is a form num/den * sizes^powers that gives the first value and, where
// there is one, the value at another size of each.
func (u *unifier) product(values []int) form {
	f := form{num: values[0], den: 1, power: make([]int, len(u.free))}
	for k := range u.free {
		s0, s1 := u.probes[0][k], u.probes[1+2*k][k]
		a, b := values[1+2*k], values[0]
		for a != b && f.power[k] < 4 {
			f.power[k]++
			a, b = a*s0, b*s1
			f.den *= s0
		}
	}
	return f.reduced()
}

// line is a form that grows with one size alone.
func (u *unifier) line(values []int, k int) form {
	s0, s1 := u.probes[0][k], u.probes[1+2*k][k]
	f := form{num: values[1+2*k] - values[0], den: s1 - s0, power: make([]int, len(u.free))}
	f.power[k] = 1
	if f.den < 0 {
		f.num, f.den = -f.num, -f.den
	}
	f = f.reduced()
	f.plus = values[0] - f.num*s0/f.den
	return f
}

func (f form) reduced() form {
	a, b := max(f.num, -f.num), f.den
	for b != 0 {
		a, b = b, a%b
	}
	if a > 0 {
		f.num, f.den = f.num/a, f.den/a
	}
	return f
}

// text writes a form as arithmetic: "batch*height/2", "depth-1".
func (u *unifier) text(f form) string {
	if f.constant() {
		return fmt.Sprint(f.plus)
	}
	var factors []string
	if f.num != 1 {
		factors = append(factors, fmt.Sprint(f.num))
	}
	for k, n := range f.power {
		for range n {
			factors = append(factors, u.free[k].Name)
		}
	}
	s := strings.Join(factors, "*")
	if f.den != 1 {
		s += fmt.Sprintf("/%d", f.den)
	}
	if f.plus != 0 {
		s += fmt.Sprintf("%+d", f.plus)
	}
	return s
}

// sizesScope is the scope of the nodes that compute sizes.
const sizesScope = "sizes"

// compute is the int64 list of the forms: a constant, or pieces joined.
func (u *unifier) compute(forms []form, scope string) *tensor {
	var pieces []*tensor
	var fixed []int
	flush := func() {
		if len(fixed) > 0 {
			pieces = append(pieces, u.root.ints(fixed, scope))
			fixed = nil
		}
	}
	for _, f := range forms {
		if f.constant() {
			fixed = append(fixed, f.plus)
			continue
		}
		flush()
		pieces = append(pieces, u.value(f))
	}
	flush()
	if len(pieces) == 1 {
		return pieces[0]
	}
	return u.size("Concat", []int{len(forms)}, pieces, intAttr("axis", 0))
}

// value computes a form as an int64 list of one number.
func (u *unifier) value(f form) *tensor {
	if t := u.known[u.text(f)]; t != nil {
		return t
	}
	var t *tensor
	for k, n := range f.power {
		for range n {
			s := u.open(k)
			if t != nil {
				s = u.size("Mul", []int{1}, []*tensor{t, s})
			}
			t = s
		}
	}
	for _, step := range []struct {
		kind    string
		x, none int
	}{{"Mul", f.num, 1}, {"Div", f.den, 1}, {"Add", f.plus, 0}} {
		if step.x != step.none {
			t = u.size(step.kind, []int{1}, []*tensor{t, u.root.ints([]int{step.x}, sizesScope)})
		}
	}
	u.known[u.text(f)] = t
	return t
}

// open reads an open size off the shape of an input.
func (u *unifier) open(k int) *tensor {
	name := u.free[k].Name
	if t := u.known[name]; t != nil {
		return t
	}
	for _, x := range u.root.inputs {
		for axis, dim := range x.dims {
			if dim == name {
				u.known[name] = u.size("Shape", []int{1}, []*tensor{x}, intAttr("start", axis), intAttr("end", axis+1))
				return u.known[name]
			}
		}
	}
	panic(fmt.Errorf("no input has an axis of the size %q", name))
}

// size adds a node that computes sizes before all others.
func (u *unifier) size(kind string, shape []int, in []*tensor, attrs ...attr) *tensor {
	n := &draftNode{kind: kind, scope: sizesScope, in: in, attrs: attrs}
	t := u.root.tensor(onnxInt64, shape)
	t.maker = n
	n.out = []*tensor{t}
	u.sizes = append(u.sizes, n)
	return t
}
