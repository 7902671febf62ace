package loss

import "testing"

func TestSegmentation_RefusesWhatItCannotGive(t *testing.T) {
	for what, give := range map[string]func() (Of, error){
		"an unknown name":  func() (Of, error) { return Segmentation("hinge", 3, Options{}) },
		"a spectral alone": func() (Of, error) { return Segmentation(SpectralSuffix, 3, Options{}) },
		"no disc":          func() (Of, error) { return Segmentation("hfd-tversky", 2, Options{}) },
		"too few weights":  func() (Of, error) { return Segmentation("dice", 3, Options{Weights: []float64{1}}) },
		"no second class":  func() (Of, error) { return Segmentation("focal", 1, Options{}) },
		"a doubled suffix": func() (Of, error) { return Segmentation("dice+spectral+spectral", 3, Options{}) },
	} {
		if _, err := give(); err == nil {
			t.Errorf("%s was accepted", what)
		}
	}
}

func TestSegmentation_TakesOptions(t *testing.T) {
	logits, _, g := problem()
	value := func(name string, o Options) float64 {
		l, err := Segmentation(name, 3, o)
		if err != nil {
			t.Fatal(err)
		}
		return of(logits, g, l)
	}
	plain := value("focal", Options{})
	near(t, "focal with hardly any gamma", value("focal", Options{Gamma: 1e-9}), value("cross-entropy", Options{}))
	added := value("focal+spectral", Options{}) - plain
	near(t, "ten times the spectral term", value("focal+spectral", Options{Spectral: 1})-plain, 10*added)
	for _, name := range Names() {
		if value(name, Options{}) == value(name, Options{Weights: []float64{1, 2, 3}}) {
			t.Errorf("%s does not feel the weights", name)
		}
	}
}
