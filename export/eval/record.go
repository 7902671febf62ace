package eval

import (
	"encoding/json"
	"math"

	"columna/spine"
)

// Record is what was measured of one study.
type Record struct {
	Set     string           `json:"set"`
	ID      string           `json:"id"`
	Patient string           `json:"patient"`
	Models  []spine.ModelRef `json:"models,omitempty"`
	Failed  string           `json:"failed,omitempty"`  // why it could not be read; then the rest is empty
	Classes []Score          `json:"classes,omitempty"` // all bodies, all discs, ..
	Levels  []Score          `json:"levels,omitempty"`  // L1, disc L1/L2, .. by name
	Spine   *Spine           `json:"spine,omitempty"`   // nil without a true mask
	Discs   []DiscAnswer     `json:"discs,omitempty"`
	Cells   []Cell           `json:"cells,omitempty"`
	Lesions []LesionAnswer   `json:"lesions,omitempty"`
	// Infections are the lesions that are no metastases.
	Infections []InfectionAnswer  `json:"infections,omitempty"`
	Voxels     []VoxelBin         `json:"voxels,omitempty"` // how sure the segmentation was, how right
	Seconds    map[string]float64 `json:"seconds,omitempty"`
	// Score orders the studies of a set from worst to best: mean Dice of the classes,
	// a missing one counting 0.
	Score Number `json:"score"`
}

// Score compares one structure of a study. Dice, IoU and the distances are NaN (null
// in JSON) where truth or mask lack it.
type Score struct {
	Name       string `json:"name"`
	Dice       Number `json:"dice"`
	IoU        Number `json:"iou"`
	HD95MM     Number `json:"hd95_mm"`
	ASSDMM     Number `json:"assd_mm"`
	RefVoxels  int    `json:"reference_voxels"`
	PredVoxels int    `json:"predicted_voxels"`
	// Confidence is how sure the network was of it, 0 where it did not say.
	Confidence float64 `json:"confidence,omitempty"`
}

// missing reports a structure that the truth has and the mask lacks.
func (s Score) missing() bool { return s.RefVoxels > 0 && s.PredVoxels == 0 }

// orZero is the Dice with a missing structure counted as 0; NaN where the truth has
// no such structure.
func (s Score) orZero() float64 {
	switch {
	case s.RefVoxels == 0:
		return math.NaN()
	case s.PredVoxels == 0:
		return 0
	}
	return float64(s.Dice)
}

// Spine is what is right of a mask as a whole.
type Spine struct {
	True          int     `json:"structures"`         // vertebrae and discs of the truth
	Found         int     `json:"found"`              // covered by any vertebra or disc
	RightName     int     `json:"right_name"`         // covered mostly by its own name
	InOrder       bool    `json:"levels_in_order"`    // names run down the spine without a gap
	Islands       int     `json:"islands"`            // pieces that touch no true structure
	IslandsMM3    float64 `json:"islands_mm3"`        //
	MissingLevels int     `json:"missing_structures"` // names that the truth has and the mask lacks
}

// Cell is one of the 25 places with its true grade. Said is spine.NotGradable where
// nothing could be read.
type Cell struct {
	Condition   string     `json:"condition"`
	Level       string     `json:"level"`
	Truth       int        `json:"truth"`
	Said        int        `json:"said"`
	Probability [3]float64 `json:"probability"`
}

// LesionAnswer is a lesion's true class and how likely each was called.
type LesionAnswer struct {
	Truth       int                             `json:"truth"`
	Probability [spine.LesionClassCount]float64 `json:"probability"`
}

// InfectionAnswer is a spondylitis' true kind and how likely each was called.
type InfectionAnswer struct {
	Truth       int                           `json:"truth"`
	Probability [spine.InfectionCount]float64 `json:"probability"`
}

// DiscAnswer is what is true of a disc beside what the mask and the image show of it.
type DiscAnswer struct {
	Level        string `json:"level"`
	Pfirrmann    int    `json:"pfirrmann,omitempty"`
	Narrowed     bool   `json:"narrowed,omitempty"`
	TrueHeightMM Number `json:"true_height_mm"`
	HeightMM     Number `json:"height_mm"`
	TrueCanalMM2 Number `json:"true_canal_mm2"`
	CanalMM2     Number `json:"canal_mm2"`
	Signal       Number `json:"signal"` // median grey value inside the disc over that inside the canal
}

// VoxelBin is a bar of the reliability diagram of a study's voxels.
type VoxelBin struct {
	Count      int     `json:"count"`
	Confidence float64 `json:"confidence"` // mean
	Accuracy   float64 `json:"accuracy"`
}

// Number is a figure that may be undefined: NaN here, null in JSON.
type Number float64

// MarshalJSON writes null for what is no number.
func (n Number) MarshalJSON() ([]byte, error) {
	if f := float64(n); !math.IsNaN(f) && !math.IsInf(f, 0) {
		return json.Marshal(f)
	}
	return []byte("null"), nil
}

// UnmarshalJSON reads null as NaN.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// known is a length or an area of which 0 means not measured.
func known(v float64) Number {
	if v == 0 {
		return Number(math.NaN())
	}
	return Number(v)
}
