package nifti

import (
	"fmt"
	"math"

	"columna/volume"
)

// form is an affine that the header holds, RAS+ in mm.
type form struct {
	affine volume.Affine
	set    bool
}

// readGrid reads size and orientation: the sform, else the qform, else a guess.
// That order is nibabel's.
func (h *header) readGrid(f fields) (err error) {
	if h.grid.Size, err = f.size(); err != nil {
		return err
	}
	sform := form{f.sform(), known(f.code(254, 348))}
	qform := form{f.qform(), known(f.code(252, 344))}
	ras := f.guess(h.grid.Size)
	switch {
	case sform.set:
		ras = sform.affine
	case qform.set:
		ras = qform.affine
	default:
		h.unplaced = true
		h.warn("the file does not say how it lies in the patient (no sform, no qform): left and right, front and back are a guess")
	}
	if !sform.set {
		h.checkSteps(f)
	}
	if h.grid.Affine, err = toLPS(ras, f.unitMM()); err != nil {
		return err
	}
	if err := h.grid.Validate(); err != nil {
		return fmt.Errorf("the orientation cannot be used: %w", err)
	}
	if sform.set && qform.set {
		h.compareForms(qform.affine, f.unitMM())
	}
	return nil
}

func (h *header) warn(format string, args ...any) {
	h.warnings = append(h.warnings, fmt.Sprintf(format, args...))
}

// known reports whether a form of this code is set. Codes that NIfTI does not
// have count as none, as nibabel holds it.
func known(code int) bool { return code > 0 && code <= 5 }

// checkSteps says where pixdim, which then gives the spacing, is missing.
func (h *header) checkSteps(f fields) {
	for d := 1; d <= min(3, int(f.dim(0))); d++ {
		if f.pixdim(d) == 0 {
			h.warn("the file gives no voxel spacing in dimension %d: 1 is assumed, measurements may be wrong", d)
		}
	}
}

// compareForms says where the two forms put the image at different places.
func (h *header) compareForms(qform volume.Affine, unit float64) {
	other, err := toLPS(qform, unit)
	if err != nil {
		return // the sform is used anyway
	}
	q := volume.Grid{Size: h.grid.Size, Affine: other}
	far := 0.0
	for corner := range 8 {
		var vox volume.Vec3
		for a := range 3 {
			vox[a] = float64((corner >> a & 1) * (h.grid.Size[a] - 1))
		}
		far = max(far, h.grid.ToWorld(vox).Sub(q.ToWorld(vox)).Norm())
	}
	if far > 1 {
		h.warn("sform and qform put the image %.0f mm apart: the sform is used", far)
	}
}

// toLPS turns RAS+ in the file's unit into LPS+ in mm.
func toLPS(a volume.Affine, unit float64) (volume.Affine, error) {
	for r := range 3 {
		for c := range 4 {
			if a[r][c] *= unit; !finite(a[r][c]) || math.Abs(a[r][c]) > 1e6 {
				return a, fmt.Errorf("the orientation has an impossible number (%g)", a[r][c])
			}
		}
	}
	return flipXY(a), nil
}

// flipXY turns RAS+ into LPS+ and back.
func flipXY(a volume.Affine) volume.Affine {
	for c := range 4 {
		a[0][c] = -a[0][c]
		a[1][c] = -a[1][c]
	}
	return a
}

// unitMM is how many millimetres the file's unit of length has (xyzt_units). One
// that is not given is taken for millimetres.
func (f fields) unitMM() float64 {
	units := int(f.b[123])
	if f.v2 {
		units = int(f.o.Uint32(f.b[500:]))
	}
	switch units & 7 {
	case 1:
		return 1000 // metre
	case 3:
		return 1e-3 // micrometre
	}
	return 1
}

func (f fields) sform() (a volume.Affine) {
	for r := range 3 {
		for c := range 4 {
			a[r][c] = f.float(280+16*r+4*c, 400+32*r+8*c)
		}
	}
	return a
}

// steps are the voxel spacings. Negative ones lose their sign, missing ones are 1,
// as nibabel holds it.
func (f fields) steps() (step volume.Vec3) {
	for a := range step {
		if step[a] = math.Abs(f.pixdim(a + 1)); step[a] == 0 {
			step[a] = 1
		}
	}
	return step
}

// guess is nibabel's affine of a file without orientation: axes to the left,
// anterior and superior, the origin in the middle.
func (f fields) guess(size [3]int) (a volume.Affine) {
	step := f.steps()
	step[0] = -step[0]
	if f.dim(0) < 3 {
		step[2] = 1
	}
	for r := range 3 {
		a[r][r] = step[r]
		a[r][3] = -step[r] * float64(size[r]-1) / 2
	}
	return a
}

// qform builds the affine of the quaternion (nifti1.h, "method 2"). A pixdim[0]
// of -1 mirrors the third axis.
func (f fields) qform() volume.Affine {
	b, c, d := f.float(256, 352), f.float(260, 360), f.float(264, 368)
	a := math.Sqrt(math.Max(0, 1-b*b-c*c-d*d))
	if n := b*b + c*c + d*d; n > 1 { // rounding: the vector part alone has length 1
		s := 1 / math.Sqrt(n)
		b, c, d = b*s, c*s, d*s
	}
	rows := [3][3]float64{
		{a*a + b*b - c*c - d*d, 2 * (b*c - a*d), 2 * (b*d + a*c)},
		{2 * (b*c + a*d), a*a + c*c - b*b - d*d, 2 * (c*d - a*b)},
		{2 * (b*d - a*c), 2 * (c*d + a*b), a*a + d*d - b*b - c*c},
	}
	step := f.steps()
	if f.pixdim(0) < 0 {
		step[2] = -step[2]
	}
	var m volume.Affine
	for r := range 3 {
		for col := range 3 {
			m[r][col] = rows[r][col] * step[col]
		}
		m[r][3] = f.float(268+4*r, 376+8*r)
	}
	return m
}
