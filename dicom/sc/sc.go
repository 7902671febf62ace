// Package sc writes pictures that a reader kept as DICOM Secondary Captures, so that
// every archive and viewer can show them beside the images they were made from.
//
// Sources: PS3.3 A.8.1 (Secondary Capture Image IOD), C.8.6.1 and C.8.6.2 (SC equipment
// and image), C.7.6.1 (general image), C.7.6.3 (pixels).
package sc

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"io"
	"time"

	"columna/dicom"
	"columna/dicom/dataset"
	"columna/internal/files"
)

// SOPClass is Secondary Capture Image Storage (PS3.4 B.5).
const SOPClass = "1.2.840.10008.5.1.4.1.1.7"

// maxSide bounds a picture, far above any screen.
const maxSide = 8192

// Capture is a picture and what it shows.
type Capture struct {
	Source      *dicom.Source  // patient and study
	Picture     image.Image    // it must not show who the patient is: the file says that it does not
	Of          dicom.ImageRef // the image that it was drawn from, zero where that is none of DICOM's
	Orientation string         // where its rows and columns run to, such as P\F
	Title       string         // what it shows
	Series      string         // pictures of one name are one series
	Number      int            // in that series, from 1
	At          time.Time      // when it was kept
}

// Write saves a capture as a file of its owner's alone, which appears whole or not at
// all, and says what it is called by.
func Write(path string, c *Capture) (ref dicom.ImageRef, seriesUID string, err error) {
	d, err := c.dataset()
	if err != nil {
		return ref, "", err
	}
	err = files.Write(path, func(w io.Writer) error {
		_, err := w.Write(dataset.Encode(d, dataset.ExplicitLE))
		return err
	})
	return dicom.ImageRef{SOPClassUID: SOPClass, SOPUID: d.Text(0x00080018)}, d.Text(0x0020000E), err
}

// dataset is the capture as DICOM. The same capture gives the same bytes.
func (c *Capture) dataset() (*dataset.Dataset, error) {
	size := c.Picture.Bounds().Size()
	switch {
	case c.Source == nil:
		return nil, errors.New("a capture needs a study that it belongs to")
	case size.X < 1 || size.Y < 1 || size.X > maxSide || size.Y > maxSide:
		return nil, fmt.Errorf("a picture of %dx%d pixels is no capture", size.X, size.Y)
	}
	d := dataset.New()
	c.Source.Derive(d)
	d.Remove(0x00200052) // FrameOfReferenceUID, none of a capture's modules
	d.Remove(0x00201040) // PositionReferenceIndicator
	c.putSeries(d)
	c.putImage(d)
	putPixels(d, c.Picture)
	sum := sha256.Sum256(d.Encode())
	d.SetText(0x00080016, "UI", SOPClass)
	d.SetText(0x00080018, "UI", dicom.NewUID("capture "+string(sum[:])))
	return d, nil
}

// putSeries puts the general series and SC equipment modules. The modality is not that
// of the images, so that nobody takes a drawn picture for a scanner's.
func (c *Capture) putSeries(d *dataset.Dataset) {
	d.SetText(0x00080060, "CS", "OT")                                            // Modality
	d.SetText(0x00080064, "CS", "WSD")                                           // ConversionType: workstation
	d.SetText(0x0020000E, "UI", dicom.NewUID("captures "+c.studyUID()+c.Series)) // SeriesInstanceUID
	d.SetIntegers(0x00200011, 3000+c.Source.SeriesNumber%1000)                   // SeriesNumber
	d.SetText(0x0008103E, "LO", "Columna key images")                            // SeriesDescription
	d.SetText(0x00180015, "CS", "LSPINE")                                        // BodyPartExamined, so that no Laterality is due
	d.SetIntegers(0x00200013, c.Number)                                          // InstanceNumber
}

func (c *Capture) studyUID() string { return c.Source.Header.Text(0x0020000D) }

// putImage puts the general image and SC image modules. By PS3.3 C.7.6.1.1.1 burned in
// annotation is what tells the patient and the date: there is none, though there are
// words of the app in the picture.
func (c *Capture) putImage(d *dataset.Dataset) {
	date, clock := c.At.Format("20060102"), c.At.Format("150405")
	d.SetText(0x00080023, "DA", date) // ContentDate
	d.SetText(0x00080033, "TM", clock)
	d.SetText(0x00080012, "DA", date) // InstanceCreationDate
	d.SetText(0x00080013, "TM", clock)
	d.SetText(0x00080008, "CS", "DERIVED", "SECONDARY")                            // ImageType
	d.SetText(0x00200020, "CS", c.orientation()...)                                // PatientOrientation
	d.SetText(0x00280301, "CS", "NO")                                              // BurnedInAnnotation
	d.SetText(0x00280302, "CS", "NO")                                              // RecognizableVisualFeatures
	d.SetText(0x00082111, "ST", "Screen of Columna: windowed image with overlays") // DerivationDescription
	if c.Title != "" {
		d.SetText(0x00204000, "LT", c.Title) // ImageComments
	}
	if c.Of.SOPUID == "" {
		return
	}
	source := c.Of.Item()
	source.SetSequence(0x0040A170, dicom.Code("121322", "DCM", "Source image for image processing operation")) // PurposeOfReferenceCodeSequence
	d.SetSequence(0x00082112, source)                                                                          // SourceImageSequence
}

// orientation are the two values of PatientOrientation, none where it is not known.
func (c *Capture) orientation() []string {
	for n := range len(c.Orientation) {
		if c.Orientation[n] == '\\' {
			return []string{c.Orientation[:n], c.Orientation[n+1:]}
		}
	}
	return nil
}

// putPixels puts the image pixel module: eight bits of red, green and blue.
func putPixels(d *dataset.Dataset, picture image.Image) {
	b := picture.Bounds()
	rgba := image.NewRGBA(image.Rectangle{Max: b.Size()})
	draw.Draw(rgba, rgba.Rect, image.Black, image.Point{}, draw.Src)
	draw.Draw(rgba, rgba.Rect, picture, b.Min, draw.Over)
	rgb := make([]byte, 0, 3*b.Dx()*b.Dy()+1)
	for n := 0; n < len(rgba.Pix); n += 4 {
		rgb = append(rgb, rgba.Pix[n:n+3]...)
	}
	if len(rgb)%2 == 1 {
		rgb = append(rgb, 0)
	}
	d.SetShorts(0x00280002, 3)         // SamplesPerPixel
	d.SetText(0x00280004, "CS", "RGB") // PhotometricInterpretation
	d.SetShorts(0x00280006, 0)         // PlanarConfiguration
	d.SetShorts(0x00280010, b.Dy())    // Rows
	d.SetShorts(0x00280011, b.Dx())    // Columns
	d.SetShorts(0x00280100, 8)         // BitsAllocated
	d.SetShorts(0x00280101, 8)         // BitsStored
	d.SetShorts(0x00280102, 7)         // HighBit
	d.SetShorts(0x00280103, 0)         // PixelRepresentation
	d.SetBytes(0x7FE00010, "OB", rgb)  // PixelData
}
