package gauge

import (
	"fmt"
	"slices"
	"strings"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/dockerfile"
	"github.com/slipway-build/slipway/internal/gate"
	"github.com/slipway-build/slipway/internal/ledger"
)

// image reads what manifest, configuration and the record of builds say.
func (g Gauge) image(t Target, stored v1.Image) (gate.Image, error) {
	img := gate.Image{Name: t.Image, Dockerfile: t.Dockerfile}
	digest, err := stored.Digest()
	if err != nil {
		return img, err
	}
	manifest, err := stored.Manifest()
	if err != nil {
		return img, fmt.Errorf("reading image %s: %w", t.Image, err)
	}
	file, err := stored.ConfigFile()
	if err != nil {
		return img, fmt.Errorf("reading image %s: %w", t.Image, err)
	}
	img.Digest = digest.String()
	for _, l := range manifest.Layers {
		img.PackedBytes += l.Size
		img.Layers = append(img.Layers, gate.Layer{Digest: l.Digest.String()})
	}
	c := file.Config
	img.User, img.Env, img.Entrypoint, img.Cmd, img.Workdir, img.Labels = c.User, c.Env, c.Entrypoint, c.Cmd, c.WorkingDir, c.Labels
	for p := range c.ExposedPorts {
		img.Ports = append(img.Ports, p)
	}
	for p := range c.Volumes {
		img.Volumes = append(img.Volumes, p)
	}
	slices.Sort(img.Ports)
	slices.Sort(img.Volumes)
	img.Healthcheck = c.Healthcheck != nil && len(c.Healthcheck.Test) > 0 && c.Healthcheck.Test[0] != "NONE"
	history(&img, file.History)
	if err := lines(&img, t); err != nil {
		return img, err
	}
	if img.BaseCreated, err = g.baseCreated(file, manifest); err != nil {
		return img, err
	}
	return img, g.built(t, &img)
}

// history names the instruction of each layer.
func history(img *gate.Image, all []v1.History) {
	var by []string
	for _, h := range all {
		if !h.EmptyLayer {
			by = append(by, h.CreatedBy)
		}
	}
	if len(by) != len(img.Layers) {
		return
	}
	for i := range by {
		img.Layers[i].By = strings.TrimSpace(strings.TrimSuffix(by[i], "# buildkit"))
	}
}

// lines finds the lines of the Dockerfile that layers come from.
func lines(img *gate.Image, t Target) error {
	if len(t.Text) == 0 {
		return nil
	}
	file, err := dockerfile.Read(t.Dockerfile, t.Text)
	if err != nil {
		return err
	}
	var by []string
	for _, l := range img.Layers {
		by = append(by, l.By)
	}
	for i, line := range dockerfile.Lines(file.Chain(""), by) {
		img.Layers[i].Line = line
	}
	return nil
}

// baseCreated is the time that the image's history gives its first layer. Bases that
// Slipway assembles have no time in them; they are as old as the first layer on this
// machine. Zero: not known.
func (g Gauge) baseCreated(file *v1.ConfigFile, manifest *v1.Manifest) (time.Time, error) {
	const epoch = 24 * time.Hour // times that stand for none
	for _, h := range file.History {
		if h.EmptyLayer {
			continue
		}
		if h.Created.Unix() > int64(epoch.Seconds()) {
			return h.Created.Time, nil
		}
		break
	}
	if len(manifest.Layers) == 0 {
		return time.Time{}, nil
	}
	return g.Store.Stored(manifest.Layers[0].Digest)
}

// built adds the time of the build that made the image.
func (g Gauge) built(t Target, img *gate.Image) error {
	if t.Service == "" {
		return nil
	}
	return g.Ledger.View(func(v ledger.View) error {
		last, ok := v.Last(t.Root, t.Service)
		if ok && !last.Service.Skipped && last.Service.Err == "" && last.Service.Image == t.Image {
			img.BuildTime, img.Steps, img.Cached = last.Service.Duration, last.Service.Result.Steps, last.Service.Cached
		}
		return nil
	})
}
