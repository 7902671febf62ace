package deid

import (
	"errors"
	"fmt"
	"strings"

	"columna/dicom/dataset"
)

// refuse turns away what no walk over attributes can clean.
func refuse(d *dataset.Dataset, o Options) error {
	class := d.Text(tagSOPClass)
	switch {
	case class == "" || d.Text(tagSOPInstance) == "":
		return errors.New("it says no SOP class or instance UID: what it is cannot be judged")
	case class == "1.2.840.10008.1.3.10":
		return ErrDirectory
	case !standardUID.MatchString(class):
		return fmt.Errorf("a private kind of object (%s): its content cannot be judged", dataset.Printable(class))
	case d.Find(0x00420011) != nil:
		return errors.New("an encapsulated document: its text cannot be cleaned")
	}
	return refusePixels(d, o)
}

// ErrDirectory marks a DICOMDIR: it lists patients by name, and new files need
// none.
var ErrDirectory = errors.New("a DICOMDIR: it only lists files")

// refusePixels turns away images that show identity or may do so.
func refusePixels(d *dataset.Dataset, o Options) error {
	if strings.EqualFold(d.Text(0x00280301), "YES") {
		return errors.New("its header says that identity is burned into the pixels (0028,0301): blank it in an image editor first")
	}
	if o.AllowBurnedIn {
		return nil
	}
	if strings.EqualFold(d.Text(0x00280302), "YES") {
		return errors.New("its header says that a face can be recognised (0028,0302): allow it with --allow-burned-in if you have looked")
	}
	if strings.EqualFold(d.Text(0x00280301), "NO") {
		return nil
	}
	if why := suspicious(d); why != "" {
		return fmt.Errorf("%s: the pixels may show a name; look, then allow it with --allow-burned-in", why)
	}
	return nil
}

// suspicious says why pixels may show text, "" if they are a scanner's plain
// image. Scanners that say nothing in (0028,0301) are the rule.
func suspicious(d *dataset.Dataset) string {
	class := strings.TrimPrefix(d.Text(tagSOPClass), "1.2.840.10008.5.1.4.1.1.")
	imageType := `\` + strings.ToUpper(strings.Join(d.Texts(tagImageType), `\`)) + `\`
	photometric := d.Text(tagPhotometric)
	switch {
	case class == "7" || strings.HasPrefix(class, "7."):
		return "a secondary capture"
	case class == "3" || class == "6" || strings.HasPrefix(class, "3.") || strings.HasPrefix(class, "6."):
		return "an ultrasound image"
	case strings.Contains(imageType, `SCREEN SAVE`):
		return "a saved screen"
	case strings.Contains(imageType, `\SECONDARY\`):
		return "an image made from others (SECONDARY)"
	case d.Text(0x00080064) != "":
		return "a converted image (0008,0064)"
	case photometric == "RGB" || strings.HasPrefix(photometric, "YBR") || strings.HasPrefix(photometric, "PALETTE"):
		return "a colour image"
	}
	return ""
}
