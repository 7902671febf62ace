package graph

import (
	"fmt"
	"strings"
)

// Tidying removes what a graph made of small functions repeats or undoes:
// reshapes of reshapes, transposes of transposes, stretching before a broadcast,
// the same product computed twice. It never changes a number: each rule in
// tidy_rules.go is exact in floating point, bit for bit.
//
// Nodes are visited in the order in which they run. A rule looks back from a node
// at the nodes that made its inputs; it rewrites the node itself or lets other
// tensors take the place of its results, and leaves all other nodes alone.
// Nodes that nothing reads any more are dropped at the end.

// tidier is one walk over a draft.
type tidier struct {
	d    *draft
	o    EncodeOptions
	seen map[string]*draftNode // by what they compute
	uses map[*tensor]int       // readers, counted before the walk
}

// rule rewrites a node if it applies; it says whether it did.
type rule func(t *tidier, n *draftNode) bool

// tidy simplifies a draft as the options ask for.
func tidy(d *draft, o EncodeOptions) {
	if o.Verbatim {
		return
	}
	rules := tidyRules()
	if o.Fold {
		rules = append(rules, foldRules()...)
	}
	walks(d, o, rules)
}

// walks applies rules until none applies.
func walks(d *draft, o EncodeOptions, rules []rule) {
	for range 8 { // two or three walks do; each can only make the graph smaller
		t := &tidier{d: d, o: o, seen: map[string]*draftNode{}, uses: d.readers()}
		changed := t.walk(rules)
		d.dropUnread()
		if !changed {
			return
		}
	}
}

// readers counts for every tensor the nodes and outputs that read it.
func (d *draft) readers() map[*tensor]int {
	uses := map[*tensor]int{}
	for _, n := range d.nodes {
		for _, t := range n.reads() {
			uses[t]++
		}
	}
	for _, o := range d.outputs {
		uses[o.from.real()]++
	}
	return uses
}

func (t *tidier) walk(rules []rule) (changed bool) {
	old := t.d.nodes
	t.d.nodes = make([]*draftNode, 0, len(old))
	for _, n := range old {
		if n.body != nil {
			walks(n.body, t.o, rules)
		}
		for i := 0; i < len(rules) && !n.replaced(); i++ {
			if rules[i](t, n) {
				changed, i = true, -1
			}
		}
		if !n.replaced() {
			t.d.nodes = append(t.d.nodes, n)
		}
	}
	return changed
}

// replaced says whether other tensors stand for all results of the node.
func (n *draftNode) replaced() bool {
	for _, t := range n.out {
		if t.same == nil {
			return false
		}
	}
	return true
}

// become lets t stand for the first result of n.
func (n *draftNode) become(t *tensor) bool {
	n.out[0].same = t
	return true
}

// dropUnread drops nodes whose results nothing reads.
func (d *draft) dropUnread() {
	read := map[*tensor]bool{}
	for _, o := range d.outputs {
		read[o.from.real()] = true
	}
	kept := make([]*draftNode, len(d.nodes))
	at := len(kept)
	for i := len(d.nodes) - 1; i >= 0; i-- {
		n := d.nodes[i]
		needed := false
		for _, t := range n.out {
			needed = needed || read[t]
		}
		if !needed {
			continue
		}
		for _, t := range n.reads() {
			read[t] = true
		}
		at--
		kept[at] = n
	}
	d.nodes = kept[at:]
}

// key says what a node computes: two nodes with one key give the same. A Scan
// has none.
func (n *draftNode) key() string {
	if n.body != nil {
		return ""
	}
	var b strings.Builder
	fmt.Fprint(&b, n.kind, len(n.out))
	for i := range n.in {
		id := 0
		if t := n.input(i); t != nil {
			id = t.id
		}
		fmt.Fprint(&b, " ", id)
	}
	for _, a := range n.attrs {
		b.WriteString(" ")
		b.Write(a.encode())
	}
	return b.String()
}

// node adds a node with one result before the one that is visited.
func (t *tidier) node(like *draftNode, kind string, shape []int, in []*tensor, attrs ...attr) *tensor {
	n := &draftNode{kind: kind, scope: like.scope, in: in, attrs: attrs}
	return t.d.add(n, in[0].kind, shape).out[0]
}

// reshape adds a Reshape before the node that is visited.
func (t *tidier) reshape(like *draftNode, x *tensor, shape []int) *tensor {
	return t.node(like, "Reshape", shape, []*tensor{x, t.d.ints(shape, like.scope)})
}

// single says whether one reader alone reads x.
func (t *tidier) single(x *tensor) bool { return t.uses[x] == 1 }
