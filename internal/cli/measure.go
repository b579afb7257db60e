package cli

import (
	"context"
	"fmt"
	"maps"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/image"
	"github.com/slipway-build/slipway/internal/pipeline"
	"github.com/slipway-build/slipway/internal/report"
)

// named is an image of the store and the service that it is of.
type named struct{ service, image string }

// measure collects the figures of images; each platform of an image counts as
// one, and layers in common are found over all of them.
func measure(ctx context.Context, store *image.Store, images []named) (report.Stats, error) {
	var stats report.Stats
	var all []v1.Image
	for _, n := range images {
		images, err := store.Images(ctx, n.image)
		if err != nil {
			return stats, err
		}
		for range images {
			stats.Services = append(stats.Services, report.ServiceStats{Service: n.service, Image: n.image})
		}
		all = append(all, images...)
	}
	infos, err := store.DescribeAll(ctx, all)
	if err != nil {
		return stats, err
	}
	sharing := image.ShareOf(infos)
	stats.UniqueBytes, stats.UniqueCompressedBytes = sharing.UniqueUnpackedBytes, sharing.UniqueCompressedBytes
	for i, info := range infos {
		s := &stats.Services[i]
		s.Platform, s.Digest, s.SizeBytes, s.CompressedBytes = info.Platform, info.Digest.String(), info.UnpackedBytes, info.CompressedBytes
		s.Layers = len(info.Layers)
		s.SharedBytes, s.OwnBytes = sharing.Images[i].SharedBytes, sharing.Images[i].OwnBytes
	}
	return stats, nil
}

// reportBuild prints what a build made, with its times and cached steps.
func (a *app) reportBuild(ctx context.Context, store *image.Store, built []pipeline.Built, took time.Duration, asJSON bool) error {
	if !asJSON {
		a.tellFindings(built)
	}
	byService := map[string]pipeline.Built{}
	var images []named
	unpacked := map[string]int64{} // what the engine measured already
	for _, b := range built {
		if b.Err == nil && b.Image != "" {
			byService[b.Service] = b
			images = append(images, named{b.Service, b.Image})
			maps.Copy(unpacked, b.Result.Unpacked)
		}
	}
	if len(images) == 0 {
		return nil
	}
	span := a.trace.Start("", "measuring images")
	ctx = context.WithoutCancel(ctx)
	err := store.AddSizes(ctx, unpacked)
	var stats report.Stats
	if err == nil {
		stats, err = measure(ctx, store, images)
	}
	span.End(err)
	if err != nil {
		return err
	}
	stats.Duration = took
	for i := range stats.Services {
		b := byService[stats.Services[i].Service]
		stats.Services[i].Steps, stats.Services[i].CachedSteps = b.Result.Steps, b.Result.CachedSteps
		stats.Services[i].PeakMemory = b.PeakMemory
		stats.Services[i].Findings = b.Findings
		stats.Services[i].Duration, stats.Services[i].Unchanged, stats.Services[i].Reasons = b.Duration, b.Unchanged, b.Reasons
	}
	if asJSON {
		return report.WriteStatsJSON(a.Stdout, stats)
	}
	return report.WriteStats(a.Stdout, stats)
}

// tellFindings prints what images lack perhaps; what they surely lack is the error
// of the build.
func (a *app) tellFindings(built []pipeline.Built) {
	for _, b := range built {
		for _, f := range b.Findings {
			if f.Severity != diag.Error {
				fmt.Fprintln(a.Stderr, f)
			}
		}
	}
}
