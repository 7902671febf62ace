package review

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"columna/dicom/web"
)

// webScheme begins what import takes from an archive: dicomweb:NAME/STUDYUID or
// dicomweb:https://host/path?study=UID.
const webScheme = "dicomweb:"

// StudyReference is what Import takes for a study of an archive.
func StudyReference(archive, study string) string { return webScheme + archive + "/" + study }

// fetched is a study that came from an archive.
type fetched struct{ study, from string }

// retrieveAll replaces references to archives by the folders that their studies
// were retrieved into.
func (d *Desk) retrieveAll(ctx context.Context, paths []string, p Progress) (local []string, got []fetched, err error) {
	for _, path := range paths {
		reference, ok := strings.CutPrefix(path, webScheme)
		if !ok {
			local = append(local, path)
			continue
		}
		f, dir, err := d.retrieve(ctx, reference, p)
		if err != nil {
			return nil, nil, err
		}
		local, got = append(local, dir), append(got, f)
	}
	return local, got, nil
}

// retrieve brings one study into its folder.
func (d *Desk) retrieve(ctx context.Context, reference string, p Progress) (f fetched, dir string, err error) {
	name, address, study, err := web.ParseReference(reference)
	if err != nil {
		return f, "", err
	}
	var c *web.Client
	if name != "" {
		c, err = d.connect(ctx, name)
	} else {
		c, err = d.connectTo(ctx, address)
		name = address
	}
	if err != nil {
		return f, "", err
	}
	defer c.Close()
	p.say("asking the archive", 0)
	dir = d.studyDir(study)
	s, err := newShelf(dir, time.Now())
	if err != nil {
		return f, "", err
	}
	_, err = c.Fetch(ctx, study, s, func(done, total int) {
		p.say(fmt.Sprintf("retrieving image %d of %d", done, total), 0.9*float64(done)/float64(total))
	})
	if err != nil {
		os.Remove(s.part) // if nothing came
		return f, "", err
	}
	return fetched{study, name}, dir, s.finish()
}

// recordRetrieved tells the history of each case where its images came from.
func (d *Desk) recordRetrieved(ctx context.Context, got []fetched, result *ImportResult) error {
	for _, f := range got {
		for _, c := range result.Cases {
			if c.Study.UID == f.study {
				if err := d.Record(ctx, c.ID, "retrieve", "from "+f.from); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
