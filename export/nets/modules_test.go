package nets

import (
	"slices"
	"strings"
	"testing"

	"columna/export/graph"
)

func TestNew_EveryModuleCanBeLeftOutByName(t *testing.T) {
	for _, name := range Names() {
		whole, err := New(name, "compact")
		if err != nil {
			t.Fatal(err)
		}
		if got := Without(whole); got != nil {
			t.Errorf("%s, whole, says it is without %v", name, got)
		}
		for _, m := range Modules(name) {
			n, err := New(name, "compact", m)
			if err != nil {
				t.Fatal(err)
			}
			if got := Without(n); !slices.Equal(got, []string{m}) {
				t.Errorf("%s without %s says it is without %v", name, m, got)
			}
			if a, b := parameters(n), parameters(whole); a == b {
				t.Errorf("%s without %s has as many parameters as whole, %d", name, m, a)
			}
		}
	}
}

// parameters counts the trained numbers of a network.
func parameters(n Net) int {
	g := graph.New(n.Name())
	n.Forward(g, Feed(g, n, 1))
	return graph.ParamCount(g)
}

func TestNew_RefusesAModuleThatANetworkHasNot(t *testing.T) {
	for name, want := range map[string]string{
		"gfssnet": "choose among fdconv, dapu, mamba, three-way, gcn",
		"unet":    "nor any other",
	} {
		if _, err := New(name, "compact", "flux"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s without flux: %v", name, err)
		}
	}
	if _, err := New("desamba", "compact", "samnet", "mambaout"); err == nil {
		t.Error("desamba was built without either backbone")
	}
}

func TestNew_ModulesMayBeNamedInAnyOrder(t *testing.T) {
	for _, list := range [][]string{{"mamba", "three-way", "gcn"}, {"gcn", "three-way", "mamba"}} {
		n, err := New("gfssnet", "compact", list...)
		if err != nil {
			t.Fatal(err)
		}
		if got := Without(n); !slices.Equal(got, []string{"mamba", "gcn"}) {
			t.Errorf("without %v is without %v", list, got)
		}
	}
}

func TestCrop_IsWithoutTheSameModules(t *testing.T) {
	n, err := New("gfssnet", "compact", "dapu")
	if err != nil {
		t.Fatal(err)
	}
	crop, err := n.(Cropper).Crop([3]int{8, 96, 64})
	if err != nil {
		t.Fatal(err)
	}
	if got := Without(crop); !slices.Equal(got, []string{"dapu"}) {
		t.Errorf("its crop is without %v", got)
	}
}
