// Package spine holds the clinical words of lumbar-spine MRI: structures,
// levels, conditions, grades, studies and findings. It reads and writes nothing.
package spine

import "image/color"

// Structure is a label value of a segmentation.
type Structure uint8

// The label values; they are the same in every mask that Columna writes.
const (
	Background    Structure = 0
	L1            Structure = 1
	L2            Structure = 2
	L3            Structure = 3
	L4            Structure = 4
	L5            Structure = 5
	DiscL1L2      Structure = 6
	DiscL2L3      Structure = 7
	DiscL3L4      Structure = 8
	DiscL4L5      Structure = 9
	DiscL5S1      Structure = 10
	S1            Structure = 11
	Canal         Structure = 12
	Posterior     Structure = 13
	T12           Structure = 14
	DiscT12L1     Structure = 15
	VertebraAbove Structure = 16
	DiscAbove     Structure = 17

	// MaxStructure is the largest label value in use.
	MaxStructure = DiscAbove
)

// StructureInfo describes a label: its name, SNOMED CT code with the meaning that
// DICOM gives it, and the colour it is drawn in. Codes and meanings are those of
// PS3.16 CID 7603 (vertebrae), CID 7604 (discs) and CID 6115 (canal and arch); S1
// and a disc of no level have none there, only SNOMED CT's own.
type StructureInfo struct {
	Structure Structure
	Name      string
	SNOMED    string
	Meaning   string
	Color     color.RGBA
}

// Structures lists every structure in label order, background left out. L1 to
// L5 are a ramp, the discs its lighter tints, the canal stands apart.
func Structures() []StructureInfo {
	return []StructureInfo{
		{L1, "L1", "66794005", "L1 vertebra", rgb(0x3B, 0x6F, 0xB6)},
		{L2, "L2", "14293000", "L2 vertebra", rgb(0x2E, 0x93, 0xA8)},
		{L3, "L3", "36470004", "L3 vertebra", rgb(0x3F, 0xA7, 0x7A)},
		{L4, "L4", "11994002", "L4 vertebra", rgb(0x9A, 0xA8, 0x3A)},
		{L5, "L5", "49668003", "L5 vertebra", rgb(0xC9, 0x8A, 0x2B)},
		{DiscL1L2, "disc L1/L2", "80064006", "L1/L2 disc", rgb(0x8F, 0xB4, 0xE6)},
		{DiscL2L3, "disc L2/L3", "67459009", "L2/L3 disc", rgb(0x84, 0xCE, 0xDC)},
		{DiscL3L4, "disc L3/L4", "62551000", "L3/L4 disc", rgb(0x92, 0xDB, 0xB8)},
		{DiscL4L5, "disc L4/L5", "84020006", "L4/L5 disc", rgb(0xD6, 0xDF, 0x8A)},
		{DiscL5S1, "disc L5/S1", "715056000", "L5/S1 disc", rgb(0xF0, 0xC4, 0x82)},
		{S1, "S1", "65985001", "First sacral vertebra", rgb(0xB5, 0x6A, 0x5C)},
		{Canal, "spinal canal", "61853006", "Vertebral canal", rgb(0xD4, 0x6A, 0xD0)},
		{Posterior, "posterior elements", "40265002", "Arch of vertebra", rgb(0x8A, 0x90, 0x9C)},
		{T12, "T12", "23215003", "T12 vertebra", rgb(0x5C, 0x5F, 0xA8)},
		{DiscT12L1, "disc T12/L1", "76206002", "T12/L1 disc", rgb(0xAD, 0xAF, 0xE2)},
		{VertebraAbove, "vertebra above T12", "51282000", "Vertebra", rgb(0x6C, 0x55, 0x8F)},
		{DiscAbove, "disc above T12", "360499006", "Intervertebral disc", rgb(0xBB, 0xA9, 0xD6)},
	}
}

func rgb(r, g, b uint8) color.RGBA { return color.RGBA{r, g, b, 255} }

// Info describes s; ok is false for background and unknown labels.
func (s Structure) Info() (info StructureInfo, ok bool) {
	all := Structures()
	if s == Background || int(s) > len(all) {
		return StructureInfo{}, false
	}
	return all[s-1], true
}

// String is the structure's name, "background", or "label N".
func (s Structure) String() string {
	if info, ok := s.Info(); ok {
		return info.Name
	}
	return "background"
}

// IsVertebra reports whether s is a vertebral body or S1.
func (s Structure) IsVertebra() bool {
	return s >= L1 && s <= L5 || s == S1 || s == T12 || s == VertebraAbove
}

// IsDisc reports whether s is an intervertebral disc.
func (s Structure) IsDisc() bool {
	return s >= DiscL1L2 && s <= DiscL5S1 || s == DiscT12L1 || s == DiscAbove
}
