package nets

import (
	"columna/export/graph"
)

// pairs are the sequence pairs whose shared features are encoded; pair k is
// without sequence 2-k.
func pairs() [sequenceCount][2]int { return [sequenceCount][2]int{{0, 1}, {0, 2}, {1, 2}} }

// decouple is the Decoupled Representation Learning Module (equations 3 to 5):
//
//	U_i = Enc_u,i(f_i), S_ij = Enc_s(f_i, f_j), one Enc_s for all pairs
//	SRF_i = SDec_i(U_i, S_ij, S_ik), CRF_i = CDec_i(U_i, S_jk)
//
// It adds the mean |SRF_i - f_i| and |CRF_i - f_i| over present sequences to out
// and gives the classifier's features: the global averages of all U_i and S_ij.
func (d *desamba) decouple(f [sequenceCount]*graph.Value, present *graph.Value, out map[string]*graph.Value) []*graph.Value {
	var pooled []*graph.Value
	d.g.Scope("drlm", func() {
		var r, unique, shared [sequenceCount]*graph.Value // rows (B*P, C)
		for i := range f {
			r[i] = d.positionRows(f[i])
			unique[i] = d.coder("unique."+sequenceNames()[i], d.cfg.Decoupled)(r[i])
		}
		encode := d.coder("shared", d.cfg.Decoupled)
		for k, p := range pairs() {
			shared[k] = encode(r[p[0]], r[p[1]])
		}
		d.reconstruct(r, unique, shared, present, out)
		for _, v := range append(unique[:], shared[:]...) {
			pooled = append(pooled, graph.ReduceMean(graph.Reshape(v, d.batch, -1, d.cfg.Decoupled), false, 1))
		}
	})
	return pooled
}

// positionRows turns (B,C,D,H,W) into (B*P, C).
func (d *desamba) positionRows(f *graph.Value) *graph.Value {
	return graph.Reshape(tokens(graph.Reshape(f, d.batch, f.Dim(1), -1, 1)), -1, f.Dim(1))
}

// coder declares an encoder or decoder: the concatenated inputs, a dense layer,
// layer normalisation, GELU, a dense layer. Called again it has the same weights.
func (d *desamba) coder(name string, out int) func(in ...*graph.Value) *graph.Value {
	var first, second [2]*graph.Value
	var scale, shift *graph.Value
	build := func(in []*graph.Value) *graph.Value {
		x := graph.Concat(1, in...)
		if first[0] == nil {
			first, second = d.weight(name+".0", x.Dim(1), out), d.weight(name+".1", out, out)
			scale = d.g.Param(name+".scale", []int{out}, graph.ConstInit(1))
			shift = d.g.Param(name+".shift", []int{out}, graph.ZeroInit())
		}
		h := graph.LayerNorm(graph.Linear(x, first[0], first[1]), scale, shift, normEps)
		return graph.Linear(graph.Gelu(h), second[0], second[1])
	}
	return func(in ...*graph.Value) *graph.Value {
		return d.g.Label(name, func() *graph.Value { return build(in) })
	}
}

// reconstruct adds the losses that are switched on to out.
func (d *desamba) reconstruct(f, unique, shared [sequenceCount]*graph.Value, present *graph.Value, out map[string]*graph.Value) {
	var self, cross *graph.Value
	add := func(sum, term *graph.Value) *graph.Value {
		if sum == nil {
			return term
		}
		return graph.Add(sum, term)
	}
	for i, name := range sequenceNames() {
		var with []*graph.Value
		var without *graph.Value
		for k, p := range pairs() {
			if p[0] == i || p[1] == i {
				with = append(with, shared[k])
			} else {
				without = shared[k]
			}
		}
		here := graph.Slice(present, 1, i, i+1)
		if d.cfg.SelfLoss {
			srf := d.coder("self."+name, d.cfg.Feature)(append(with, unique[i])...)
			self = add(self, d.missBy(srf, f[i], here))
		}
		if d.cfg.CrossLoss {
			crf := d.coder("cross."+name, d.cfg.Feature)(without, unique[i])
			cross = add(cross, d.missBy(crf, f[i], here))
		}
	}
	count := graph.AddScalar(graph.ReduceSum(present, false, 0, 1), normEps)
	if self != nil {
		out[selfReconstruction] = graph.Div(self, count)
	}
	if cross != nil {
		out[crossReconstruction] = graph.Div(cross, count)
	}
}

// missBy is the sum over samples that have the sequence of the mean absolute
// difference.
func (d *desamba) missBy(a, b, here *graph.Value) *graph.Value {
	each := graph.ReduceMean(graph.Reshape(d.distance(a, b), d.batch, -1), true, 1)
	return graph.ReduceSum(graph.Mul(each, here), false, 0, 1)
}
