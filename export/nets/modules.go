package nets

import (
	"fmt"
	"slices"
	"strings"
)

// module is a part of a network that can be left out, as the papers' ablations do.
type module[C any] struct {
	name  string
	leave func(*C)     // changes the configuration so that the module is not built
	lacks func(C) bool // whether a configuration does without
}

// Reduced is a network that says which of its modules it was built without.
type Reduced interface {
	Net
	Without() []string
}

// Without names the modules that a network was built without, nil for a whole one.
func Without(n Net) []string {
	if r, ok := n.(Reduced); ok {
		return r.Without()
	}
	return nil
}

// Modules lists what the network called name can do without.
func Modules(name string) []string {
	for _, e := range registry() {
		if e.name == name {
			return e.modules
		}
	}
	return nil
}

func namesOf[C any](modules []module[C]) (out []string) {
	for _, m := range modules {
		out = append(out, m.name)
	}
	return out
}

// lacking are the modules that a configuration does without.
func lacking[C any](cfg C, modules []module[C]) (out []string) {
	for _, m := range modules {
		if m.lacks(cfg) {
			out = append(out, m.name)
		}
	}
	return out
}

// leaveOut takes modules out of a configuration.
func leaveOut[C any](net string, cfg *C, modules []module[C], without []string) error {
	for _, name := range without {
		at := slices.IndexFunc(modules, func(m module[C]) bool { return m.name == name })
		switch {
		case at < 0 && len(modules) == 0:
			return fmt.Errorf("%s has no module %q to do without, nor any other", net, name)
		case at < 0:
			return fmt.Errorf("%s has no module %q to do without: choose among %s", net, name, strings.Join(namesOf(modules), ", "))
		}
		modules[at].leave(cfg)
	}
	return nil
}

// gfssnetModules are those of Hong et al., Table 4: "mamba" is all scans, "three-way"
// those across the sagittal slices.
func gfssnetModules() []module[GFSSNetConfig] {
	type config = GFSSNetConfig
	return []module[config]{
		{"fdconv", func(c *config) { c.FDConv = false }, func(c config) bool { return !c.FDConv }},
		{"dapu", func(c *config) { c.DAPU = false }, func(c config) bool { return !c.DAPU }},
		{"mamba", func(c *config) { c.Mamba = MambaNone }, func(c config) bool { return c.Mamba == MambaNone }},
		{"three-way", func(c *config) { c.Mamba = min(c.Mamba, MambaSagittal) }, func(c config) bool { return c.Mamba == MambaSagittal }},
		{"gcn", func(c *config) { c.GCN = false }, func(c config) bool { return !c.GCN }},
	}
}

// Without names the modules that the network was built without.
func (n *GFSSNet) Without() []string { return lacking(n.cfg, gfssnetModules()) }

// stenosisModules are the three attentions, by the names of the paper.
func stenosisModules() []module[StenosisConfig] {
	type config = StenosisConfig
	return []module[config]{
		{"cbam", func(c *config) { c.CBAM = false }, func(c config) bool { return !c.CBAM }},
		{"mhsam", func(c *config) { c.SelfAttention = false }, func(c config) bool { return !c.SelfAttention }},
		{"sam", func(c *config) { c.SlotAttention = false }, func(c config) bool { return !c.SlotAttention }},
	}
}

// Without names the modules that the network was built without.
func (n *StenosisNet) Without() []string { return lacking(n.cfg, stenosisModules()) }

// desambaModules are those of the paper's Table 3: the two backbones, the frequency
// pathway, which SAMNet alone has, decoupling with its two losses, clinical features.
func desambaModules() []module[DeSambaConfig] {
	type config = DeSambaConfig
	return []module[config]{
		{"samnet", func(c *config) { c.SAMNet = false }, func(c config) bool { return !c.SAMNet }},
		{"mambaout", func(c *config) { c.MambaOut = false }, func(c config) bool { return !c.MambaOut }},
		{"frequency", func(c *config) { c.Frequency = false }, func(c config) bool { return c.SAMNet && !c.Frequency }},
		{"decoupled", func(c *config) { c.DRLM = false }, func(c config) bool { return !c.DRLM }},
		{"self-loss", func(c *config) { c.SelfLoss = false }, func(c config) bool { return c.DRLM && !c.SelfLoss }},
		{"cross-loss", func(c *config) { c.CrossLoss = false }, func(c config) bool { return c.DRLM && !c.CrossLoss }},
		{"tabular", func(c *config) { c.Tabular = false }, func(c config) bool { return !c.Tabular }},
	}
}

// Without names the modules that the network was built without.
func (n *DeSamba) Without() []string { return lacking(n.cfg, desambaModules()) }
