package cli

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/assets"
	"github.com/slipway-build/slipway/internal/sbom"
)

// Version is set by the linker from the nearest tag.
var Version = "0.1.0-dev"

func (a *app) versionCommand() *cobra.Command {
	var asJSON, asSBOM bool
	cmd := &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Example: "  slipway version\n" +
			"  slipway version --sbom > slipway.spdx.json",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if asSBOM {
				return a.printSBOM()
			}
			if asJSON {
				return a.printJSON(map[string]string{
					"version": Version, "go": runtime.Version(), "platform": runtime.GOOS + "/" + runtime.GOARCH,
				})
			}
			_, err := fmt.Fprintf(a.Stdout, "slipway %s (%s, %s/%s)\n", Version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&asSBOM, "sbom", false, "print the modules, programs and libraries in this binary (SPDX 2.3, JSON)")
	return cmd
}

// printSBOM prints what this program consists of.
func (a *app) printSBOM() error {
	digest, err := ownDigest()
	if err != nil {
		return fmt.Errorf("reading slipway's own file: %w", err)
	}
	carried, err := assets.Programs()
	if err != nil {
		return err
	}
	build, _ := debug.ReadBuildInfo() // a program built without modules has none to list
	doc, err := sbom.Document(sbom.Subject{Version: Version, SHA256: digest, Build: build, Carried: carried, Made: time.Now()})
	if err != nil {
		return err
	}
	return a.printJSON(doc)
}

// ownDigest returns the SHA-256 of the running program's file.
func ownDigest() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", err
	}
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	sum := sha256.New()
	if _, err := io.Copy(sum, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
