package baseimage

import (
	"context"

	"github.com/slipway-build/slipway/internal/baseimage/spec"
)

// probePart is one of slipway's own programs.
func (a *Assembler) probePart(l Locked, t spec.Target) part {
	if l.Ref == spec.ScanRef {
		return a.scannerPart(l, t)
	}
	return part{
		key: a.keyOf("probe", t.Platform, l.Probe), comment: "slipway: the readiness probe",
		fetch: func(context.Context) error { return nil },
		make: func(context.Context) (tree, error) {
			data, err := a.probe(t.Arch, l.Ref == spec.TLSProbeRef)
			if err != nil {
				return nil, err
			}
			made := tree{}
			made.file("usr/local/bin/slipway-probe", 0o755, data)
			made.symlink("usr/local/bin/grpc_health_probe", "slipway-probe")
			return made, nil
		},
	}
}

// scannerPart is the program security-scan.
func (a *Assembler) scannerPart(l Locked, t spec.Target) part {
	return part{
		key: a.keyOf("scan", t.Platform, l.Probe), comment: "slipway: security-scan",
		fetch: func(context.Context) error { return nil },
		make: func(context.Context) (tree, error) {
			data, err := a.scanner(t.Arch)
			if err != nil {
				return nil, err
			}
			made := tree{}
			made.file("usr/local/bin/security-scan", 0o755, data)
			return made, nil
		},
	}
}
