package cli

import (
	"cmp"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/slipway-build/slipway/internal/config"
	"github.com/slipway-build/slipway/internal/deploy"
	"github.com/slipway-build/slipway/internal/diag"
	"github.com/slipway-build/slipway/internal/fleet"
	"github.com/slipway-build/slipway/internal/generated"
	"github.com/slipway-build/slipway/internal/manifest"
	"github.com/slipway-build/slipway/internal/shipping"
)

// manifestsFlags are the flags of `slipway manifests`.
type manifestsFlags struct {
	dir, format, gateway, autoscale string
	force, diff                     bool
}

func (a *app) manifestsCommand() *cobra.Command {
	var f manifestsFlags
	cmd := &cobra.Command{
		Use:   "manifests ENVIRONMENT VERSION",
		Short: "Write a release as Kubernetes manifests",
		Long: `Write a release as the objects of Kubernetes that run it in an environment:
Deployment, Service, ServiceAccount, ConfigMap, NetworkPolicy, PodDisruptionBudget,
Ingress, and a Job for each hook. Images go by digest. Pods run under the Pod Security
Standard "restricted".

Without --output they go to standard output, without the hooks. With it, --format chooses
between a file for each service, a base with an overlay for kustomize, and a Helm chart.
Slipway replaces only files that it wrote and that nobody edited since.

A NetworkPolicy lets in the services that are known to talk to a service. A service that
none is known to talk to is open to everybody. No value of a secret is written: the pods
refer to Secrets, and a note names those that you create.`,
		Example: `  slipway manifests production v1.2.3 >shop.yaml
  slipway manifests production v1.2.3 -o deploy --format kustomize
  slipway manifests production v1.2.3 -o chart --format helm`,
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error { return a.manifests(args[0], args[1], f) },
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.dir, "output", "o", "", "write files below this directory")
	fl.StringVar(&f.format, "format", string(manifest.Plain), "format of the files: "+strings.Join(manifest.Formats(), ", "))
	fl.StringVar(&f.gateway, "gateway", "", "write HTTPRoutes for this Gateway ([NAMESPACE/]NAME) in place of Ingresses, over gateway: of the environment")
	fl.StringVar(&f.autoscale, "autoscale", "", "write a HorizontalPodAutoscaler for each service, with MIN-MAX pods, over autoscale: of the environment")
	fl.BoolVar(&f.force, "force", false, "replace files that Slipway did not write, and keep a backup")
	fl.BoolVar(&f.diff, "diff", false, "print the changes and write nothing")
	return cmd
}

func (a *app) manifests(environment, version string, f manifestsFlags) error {
	format := manifest.Format(f.format)
	switch {
	case !slices.Contains(manifest.Formats(), f.format):
		return diag.Fail(diag.ExitUsage, "there is no format %q", f.format).WithHint("use %s", strings.Join(manifest.Formats(), ", "))
	case f.dir == "" && (format != manifest.Plain || f.diff || f.force):
		return diag.Fail(diag.ExitUsage, "--format %s, --diff and --force are for files", f.format).WithHint("name a directory: --output deploy")
	}
	m, err := a.manifestsOf(environment, version, f)
	if err != nil {
		return err
	}
	a.noteManifests(m)
	if f.dir == "" {
		objects, err := m.Objects()
		if err != nil {
			return err
		}
		_, err = a.Stdout.Write(manifest.YAML(objects))
		return err
	}
	files, err := m.Files(format)
	if err != nil {
		return err
	}
	var out []generated.File
	for _, file := range files {
		text := append([]byte(generated.Line(m.Name)), file.Text...)
		out = append(out, generated.File{Path: filepath.Join(a.path(f.dir), filepath.FromSlash(file.Path)), Text: text, Is: generated.Is})
	}
	w := generated.Writer{Out: a.Stdout, Force: f.force, Shown: a.shown}
	if f.diff {
		return w.Diff(out...)
	}
	return w.Write(out...)
}

// manifestsOf reads the release and the environment.
func (a *app) manifestsOf(environment, version string, f manifestsFlags) (m manifest.Fleet, err error) {
	fl, err := a.fleets().Read(a.Dir, fleet.Overrides{})
	if err != nil {
		return m, err
	}
	env, err := fl.Environment(environment)
	if err != nil {
		return m, err
	}
	r, err := a.state.Releases(fl.Name).Get(version)
	if err != nil {
		return m, err
	}
	order := shipping.Order{Fleet: fl, Environment: env, Release: r, Lookup: a.lookup}
	if m, err = order.Manifests(); err != nil {
		return m, err
	}
	m.Gateway = cmp.Or(f.gateway, m.Gateway)
	if f.autoscale == "" {
		return m, nil
	}
	pods := deploy.Autoscale{CPU: config.DefaultCPU}
	if _, err := fmt.Sscanf(f.autoscale, "%d-%d", &pods.Min, &pods.Max); err != nil || fmt.Sprintf("%d-%d", pods.Min, pods.Max) != f.autoscale {
		return m, diag.Fail(diag.ExitUsage, "%q is no range of pods", f.autoscale).WithHint("write the least and the most pods, such as --autoscale 2-10")
	}
	for i := range m.Services {
		m.Services[i].Placement.Autoscale = pods
	}
	return m, m.Check()
}

// noteManifests says what is to be done beside applying them.
func (a *app) noteManifests(m manifest.Fleet) {
	for _, s := range m.Services {
		var keys []string
		for _, secret := range s.Secrets {
			if secret.Kubernetes == "" {
				keys = append(keys, manifest.SecretKey(secret))
			}
		}
		if len(keys) > 0 {
			fmt.Fprintf(a.Stderr, "note: %s needs the Secret %s with %s: kubectl create secret generic %[2]s --from-file=…\n", s.Name, manifest.SecretName(s), strings.Join(keys, ", "))
		}
	}
	if images := m.Unpushed(); len(images) > 0 {
		fmt.Fprintf(a.Stderr, "note: a cluster cannot pull %s: set registry: in %s to one that it reaches, then slipway push\n", strings.Join(images, ", "), config.FileName)
	}
}
