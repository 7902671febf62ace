package dataset

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"columna/spine"
	"columna/volume"
)

// labelNames says which structure a value of a mask is.
type labelNames struct {
	of    [256]spine.Structure
	known [256]bool // the map names the value, be it as background
	whole bool      // vertebrae have their posterior elements, which are to be split off
}

// labelFiles are the names under which a folder may hold its label map.
func labelFiles() []string { return []string{"labels.json", "dataset.json", "labels.txt"} }

// maxLabelFile bounds a label map, which has a few hundred bytes.
const maxLabelFile = 1 << 20

// readLabelNames reads a label map: JSON, {"1": "L1"} or {"L1": 1}, alone or under
// "labels" as nnU-Net has it, or lines of a value and a name.
func readLabelNames(path string) (*labelNames, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxLabelFile+1))
	if err != nil {
		return nil, err
	}
	if len(b) > maxLabelFile {
		return nil, fmt.Errorf("label map %s is longer than 1 MB: it is something else", path)
	}
	pairs, err := labelPairs(b)
	if err == nil {
		var names *labelNames
		if names, err = namesOf(pairs); err == nil {
			return names, nil
		}
	}
	return nil, fmt.Errorf("label map %s: %w", path, err)
}

// labelPairs are the values and names of a label map, in either order.
func labelPairs(b []byte) ([][2]string, error) {
	if !bytes.HasPrefix(bytes.TrimSpace(b), []byte("{")) {
		return textPairs(b)
	}
	var all map[string]any
	if err := json.Unmarshal(b, &all); err != nil {
		return nil, errors.New("it is no JSON")
	}
	if inner, ok := all["labels"].(map[string]any); ok {
		all = inner
	}
	var out [][2]string
	for key, value := range all {
		switch v := value.(type) {
		case string:
			out = append(out, [2]string{key, v})
		case float64:
			out = append(out, [2]string{strconv.FormatFloat(v, 'f', -1, 64), key})
		default:
			return nil, fmt.Errorf("%q is neither a value nor a name", key)
		}
	}
	return out, nil
}

// textPairs reads lines such as "1 L1", "1: L1" or "6 = disc L1/L2"; # begins a comment.
func textPairs(b []byte) (out [][2]string, err error) {
	lines := bufio.NewScanner(bytes.NewReader(b))
	for lines.Scan() {
		line, _, _ := strings.Cut(lines.Text(), "#")
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		cut := strings.IndexAny(line, " \t:=,")
		if cut < 0 {
			return nil, fmt.Errorf("line %q is no value with a name", line)
		}
		out = append(out, [2]string{line[:cut], strings.Trim(line[cut:], " \t:=,")})
	}
	return out, lines.Err()
}

// namesOf takes all pairs over, or lists the names that it does not know.
func namesOf(pairs [][2]string) (*labelNames, error) {
	n := &labelNames{}
	n.known[0] = true
	var strange []string
	for _, p := range pairs {
		value, name := p[0], p[1]
		if _, err := strconv.Atoi(value); err != nil {
			value, name = name, value // {"1": "L1"} or {"L1": "1"}
		}
		v, err := strconv.ParseUint(value, 10, 8)
		if err != nil {
			return nil, fmt.Errorf("%q is no value of a mask, 0 to 255", value)
		}
		s, ok := structureNamed(name)
		switch {
		case !ok:
			strange = append(strange, strconv.Quote(name))
		case v == 0 && s != 0:
			return nil, fmt.Errorf("value 0 is the background, not %s", name)
		}
		n.of[v], n.known[v] = s, true
	}
	if slices.Sort(strange); len(strange) > 0 {
		return nil, fmt.Errorf("there is no structure %s: name L1 to L5, S1, T12, disc L1/L2 .. disc L5/S1, spinal canal, posterior elements or background",
			strings.Join(strange, ", "))
	}
	return n, nil
}

// structureNamed knows a structure by its name here and in other label sets, such as
// "vertebrae_L1", "IVD L4-L5" or "sacrum".
func structureNamed(name string) (spine.Structure, bool) {
	word := plain(name)
	switch word {
	case "background", "ignore", "none":
		return 0, true
	case "sacrum":
		return spine.S1, true
	case "canal", "vertebralcanal":
		return spine.Canal, true
	case "posterior", "arch", "arches":
		return spine.Posterior, true
	}
	for _, prefix := range []string{"vertebrae", "vertebra", "intervertebraldisc", "ivd"} {
		if rest, ok := strings.CutPrefix(word, prefix); ok && rest != "" && rest != "abovet12" {
			word = rest
			break
		}
	}
	for _, s := range spine.Structures() {
		known := plain(s.Name)
		if word == known || "disc"+word == known || word == known+"vertebra" || word+"1" == known && s.Structure == spine.DiscL5S1 {
			return s.Structure, true
		}
	}
	return 0, false
}

// plain keeps the small letters and digits of a name.
func plain(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(name))
}

// name turns a mask's values into structures, or lists those that have no name.
func (n *labelNames) name(mask *volume.LabelMap) (*volume.LabelMap, error) {
	var seen [256]bool
	out := volume.NewLabelMap(mask.Grid)
	for at, l := range mask.Data {
		out.Data[at], seen[l] = uint8(n.of[l]), true
	}
	var strange []string
	for l, is := range seen {
		if is && !n.known[l] {
			strange = append(strange, strconv.Itoa(l))
		}
	}
	if len(strange) > 0 {
		return nil, fmt.Errorf("its mask holds %s, which the label map does not name", strings.Join(strange, ", "))
	}
	if n.whole {
		turned := out.Resample(toPI(out.Grid))
		splitVertebrae(turned)
		out = turned.Resample(out.Grid)
	}
	return out, nil
}

// splitVertebrae splits posterior elements off vertebrae, on a grid that runs to
// posterior and inferior: they are what lies behind the canal's front wall, as in
// nameStructures. The sacrum stays whole.
func splitVertebrae(labels *volume.LabelMap) {
	classes := volume.NewLabelMap(labels.Grid)
	for at, l := range labels.Data {
		classes.Data[at] = classOf(spine.Structure(l))
	}
	front := canalFront(classes, countedDiscs(classes))
	for at, class := range classes.Data {
		if i, j, k := labels.Coords(at); class == spiderVertebra && i >= front[k][j] {
			labels.Data[at] = uint8(spine.Posterior)
		}
	}
	moveStrays(labels)
}

// classOf is SPIDER's class of a structure, 0 for what it does not label.
func classOf(s spine.Structure) uint8 {
	switch {
	case s == spine.S1:
		return 0
	case s.IsVertebra():
		return spiderVertebra
	case s.IsDisc():
		return spiderDisc
	case s == spine.Canal:
		return spiderCanal
	}
	return 0
}
