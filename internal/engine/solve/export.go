package solve

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/moby/buildkit/client"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	ocispecs "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/slipway-build/slipway/internal/atomicfile"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/engine"
)

// exportEntry describes where the result goes.
func exportEntry(req engine.Request, images content.Store) (*client.ExportEntry, func(bool, error) error, error) {
	pass := func(_ bool, err error) error { return err }
	switch req.Output.Kind {
	case engine.OutputNone:
		return nil, pass, nil
	case engine.OutputLocal:
		return &client.ExportEntry{Type: client.ExporterLocal, OutputDir: req.Output.Path}, pass, nil
	case engine.OutputStore:
		attrs := imageAttrs(req)
		attrs["tar"] = "false"
		return &client.ExportEntry{Type: client.ExporterOCI, Attrs: attrs, OutputStore: images}, pass, nil
	}
	entry := &client.ExportEntry{Attrs: imageAttrs(req)}
	switch req.Output.Kind {
	case engine.OutputTar:
		entry.Type, entry.Attrs = client.ExporterTar, nil
	case engine.OutputDocker:
		entry.Type = client.ExporterDocker
	default:
		entry.Type = client.ExporterOCI
	}
	if req.Output.To != nil {
		entry.Output = func(map[string]string) (io.WriteCloser, error) { return stream{req.Output.To}, nil }
		return entry, pass, nil
	}
	file, err := atomicfile.Create(req.Output.Path, atomicfile.Options{})
	if err != nil {
		return nil, nil, diag.Fail(diag.ExitUsage, "the output %s cannot be written", req.Output.Path).Because(err)
	}
	entry.Output = func(map[string]string) (io.WriteCloser, error) { return file, nil }
	return entry, func(ok bool, err error) error {
		if ok {
			return file.Commit() // BuildKit closed it
		}
		return errors.Join(err, file.Discard())
	}, nil
}

// imageAttrs are the exporter's options that decide the bytes of an image.
func imageAttrs(req engine.Request) map[string]string {
	attrs := map[string]string{"rewrite-timestamp": "true", "compression": "gzip"}
	if req.Compression != "" {
		attrs["compression"] = req.Compression
	}
	if req.Output.Kind != engine.OutputDocker {
		attrs["oci-mediatypes"] = "true"
	}
	if req.Tag != "" {
		attrs["name"] = req.Tag
	}
	return attrs
}

// UnpackedKey is where an exporter's answer has the sizes of Result.Unpacked, as
// JSON.
const UnpackedKey = "slipway.unpacked"

// ExportedDescriptor reads the image's descriptor from an exporter's answer.
func ExportedDescriptor(resp map[string]string) (ocispecs.Descriptor, error) {
	var desc ocispecs.Descriptor
	raw, err := base64.StdEncoding.DecodeString(resp[exptypes.ExporterImageDescriptorKey])
	if err != nil {
		return desc, fmt.Errorf("decoding the image's descriptor: %w", err)
	}
	if err := json.Unmarshal(raw, &desc); err != nil {
		return desc, fmt.Errorf("decoding the image's descriptor: %w", err)
	}
	return desc, nil
}

// stream is a writer that stays open, such as standard output.
type stream struct{ io.Writer }

// Close implements io.Closer.
func (stream) Close() error { return nil }
