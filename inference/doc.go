// Package inference turns a study into results: it brings the images onto the
// networks' grids, runs the ONNX models, and maps what they say back into the
// patient as labelled masks, the 25 stenosis grades, lesion classes and Grad-CAM
// maps, each with the place it was read at.
//
// # Geometry, the same for training and serving
//
// Segmentation grid (CanonicalGrid): the axes of the sagittal series itself,
// reordered and flipped so that i runs to posterior, j to inferior and k to the
// patient's left; its middle is the middle of the series. In-plane spacing is the
// network's. Slices whose spacing is within a quarter of the network's are used
// as they are, one network slice per slice (interpolating between thick slices
// blurs more than the network minds); other spacings are resampled. Where a surface
// coil shades the images strongly, their brightness is evened out (Normalise).
//
// Stenosis crops (Anatomy.Crop, CropFor): squares of 64 mm in the plane of one
// acquired slice, never between slices, brought to 0..255 by the crop's own 0.5
// and 99.5 percentiles and demeaned; outside the image they are 0.
//   - Spinal canal: sagittal T2, else STIR; the slice nearest the middle of the
//     canal at the disc; centred on the canal. Columns run to posterior, rows to
//     inferior.
//   - Neural foramen: sagittal T1; the slice on that side nearest canal half
//     width + 8 mm lateral of the canal's middle; centred behind the posterior
//     wall of the disc, just above it. Same orientation, sides are not mirrored
//     (a sagittal slice looks the same from both).
//   - Subarticular zone: axial T2; the block and slice nearest to the
//     posterolateral corner of the disc on that side, on which it is centred.
//     Rows run to posterior; columns run to the patient's left for left crops and
//     to the patient's right for right ones, so that the canal always lies on the
//     image's left half and the side of interest on its right half.
//
// A cell is graded by the mean of several crops: the one at its place, which is the
// one that is shown and explained, those 1.5 mm to each side of it, and the same of
// the next slice, which counts the more the nearer the place lies to it. A mask that
// differs by a voxel then moves a grade little.
//
// Lesion regions (LesionROI): 16x32x32 voxels around the middle of the lesion's
// box in the same i/j/k orientation, 32 mm wide or 1.25 times the box if that is
// larger.
package inference
