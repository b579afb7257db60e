package e2e

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "github.com/google/go-containerregistry/pkg/v1"

	"github.com/slipway-build/slipway/internal/image"
)

// line runs build-services.sh with arguments, from a foreign directory.
func line(t *testing.T, env []string, args ...string) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, filepath.Join(fast(), "build-services.sh"), args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(append(os.Environ(), "SLIPWAY="+slipwayBinary()), shared(env...)...)
	r := finish(t, cmd).must(t, 0)
	t.Logf("%s build-services.sh %s: %v", strings.Join(env, " "), strings.Join(args, " "), r.took.Round(time.Millisecond))
	return r
}

// built are the services that the statistics of a build name.
func (r result) built() []string {
	var names []string
	for l := range strings.Lines(r.stdout) {
		if name, _, ok := strings.Cut(l, ": Size="); ok {
			names = append(names, name)
		}
	}
	return names
}

// without returns the services of the matrix without one.
func without(service string) []string {
	return slices.DeleteFunc(slices.Clone(services), func(s string) bool { return s == service })
}

// images opens the image store of a state directory.
func images(t *testing.T, dir string) *image.Store {
	t.Helper()
	s, err := image.Open(filepath.Join(dir, "images"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// stored opens one platform of a stored image.
func stored(t *testing.T, dir, name, platform string) v1.Image {
	t.Helper()
	img, err := images(t, dir).Image(context.Background(), name, platform)
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// platforms are those of an image in the shared store.
func platforms(t *testing.T, name string) []string {
	t.Helper()
	p, err := images(t, state).Platforms(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(p)
	return p
}

// eachFile calls see for every entry of every layer of an image. A path is
// without leading slash.
func eachFile(t *testing.T, img v1.Image, see func(h *tar.Header, content io.Reader)) {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		eachFileOfLayer(t, l, see)
	}
}

func eachFileOfLayer(t *testing.T, l v1.Layer, see func(h *tar.Header, content io.Reader)) {
	t.Helper()
	r, err := l.Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	tr := tar.NewReader(r)
	for {
		h, err := tr.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		h.Name = strings.TrimPrefix(path.Clean("/"+h.Name), "/")
		see(h, tr)
	}
}

// machineOfNode is the architecture in the ELF header of an image's node.
func machineOfNode(t *testing.T, img v1.Image) elf.Machine {
	t.Helper()
	machine := elf.EM_NONE
	eachFile(t, img, func(h *tar.Header, content io.Reader) {
		if path.Base(h.Name) != "node" || h.Typeflag != tar.TypeReg || machine != elf.EM_NONE {
			return
		}
		data, err := io.ReadAll(content)
		if err != nil {
			t.Fatal(err)
		}
		f, err := elf.NewFile(bytes.NewReader(data))
		if err != nil {
			t.Fatalf("%s: %v", h.Name, err)
		}
		machine = f.Machine
	})
	return machine
}

func TestLineWithoutArgumentsBuildsTheFleet(t *testing.T) {
	builtFleet(t)
	r := line(t, nil)
	if d := cmp.Diff(services, r.built()); d != "" {
		t.Errorf("services (-want +got):\n%s", d)
	}
	for _, s := range services {
		if p := platforms(t, fleetImage(s)); len(p) == 0 {
			t.Errorf("%s has no platform", fleetImage(s))
		}
	}
}

func TestLineWithAServiceBuildsThatOne(t *testing.T) {
	builtFleet(t)
	r := line(t, nil, "fast-requesthandler-service")
	if d := cmp.Diff([]string{"fast-requesthandler-service"}, r.built()); d != "" {
		t.Errorf("services (-want +got):\n%s", d)
	}
}

func TestLineWithRegistryAndPushFillsTheRegistry(t *testing.T) {
	builtFleet(t)
	for name, serve := range map[string]func(*testing.T) string{
		"slipway registry serve": slipwayRegistry,
		"distribution":           distributionRegistry,
	} {
		t.Run(name, func(t *testing.T) {
			registry := serve(t)
			first := line(t, nil, "--registry", registry, "--push")
			if d := cmp.Diff(services, first.built()); d != "" {
				t.Errorf("services (-want +got):\n%s", d)
			}
			inRegistry(t, registry, "latest")
			second := line(t, nil, "--registry", registry, "--push")
			if second.took > 10*time.Second {
				t.Errorf("pushing an unchanged fleet took %v", second.took)
			}
		})
	}
}

// inRegistry fails the test unless a registry has the ten services, each with
// the one tag and with the digest that the store has under that name.
func inRegistry(t *testing.T, registry, tag string) {
	t.Helper()
	var catalog struct{ Repositories []string }
	fromRegistry(t, registry, "_catalog?n=100", &catalog)
	slices.Sort(catalog.Repositories)
	var want []string
	for _, s := range services {
		want = append(want, "gpp-g3/"+s)
	}
	if d := cmp.Diff(want, catalog.Repositories); d != "" {
		t.Errorf("repositories (-want +got):\n%s", d)
	}
	for _, repo := range want {
		var tags struct{ Tags []string }
		fromRegistry(t, registry, repo+"/tags/list", &tags)
		if d := cmp.Diff([]string{tag}, tags.Tags); d != "" {
			t.Errorf("tags of %s (-want +got):\n%s", repo, d)
		}
		desc, err := images(t, state).Resolve(context.Background(), registry+"/"+repo+":"+tag)
		if err != nil {
			t.Fatal(err)
		}
		var manifest struct{ MediaType string }
		fromRegistry(t, registry, repo+"/manifests/"+desc.Digest.String(), &manifest)
		if manifest.MediaType != string(desc.MediaType) {
			t.Errorf("%s is %q in the registry, want %q", repo, manifest.MediaType, desc.MediaType)
		}
	}
}

func TestLineWithTagAndPlatformBuildsForARM64(t *testing.T) {
	builtFleet(t)
	line(t, nil, "--tag", "v1.2.3", "--platform", "linux/arm64")
	for _, s := range services {
		name := "localhost:5000/gpp-g3/" + s + ":v1.2.3"
		if d := cmp.Diff([]string{"linux/arm64"}, platforms(t, name)); d != "" {
			t.Errorf("platforms of %s (-want +got):\n%s", name, d)
		}
	}
	img := stored(t, state, "localhost:5000/gpp-g3/fast-requesthandler-service:v1.2.3", "linux/arm64")
	if m := machineOfNode(t, img); m != elf.EM_AARCH64 {
		t.Errorf("node is a program for %s", m)
	}
	config, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if got := config.Config.Labels["service.version"]; got != "v1.2.3" {
		t.Errorf("label service.version is %q, want the tag", got)
	}
}

func TestLineWithTwoPlatformsMakesOneIndex(t *testing.T) {
	builtFleet(t)
	line(t, nil, "--platform", "linux/amd64,linux/arm64")
	both := []string{"linux/amd64", "linux/arm64"}
	for _, s := range services {
		index, err := images(t, state).Index(context.Background(), fleetImage(s))
		if err != nil {
			t.Fatal(err)
		}
		manifest, err := index.IndexManifest()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range manifest.Manifests {
			got = append(got, m.Platform.String())
		}
		slices.Sort(got)
		if d := cmp.Diff(both, got); d != "" {
			t.Errorf("platforms of %s (-want +got):\n%s", s, d)
		}
	}
	for platform, want := range map[string]elf.Machine{"linux/amd64": elf.EM_X86_64, "linux/arm64": elf.EM_AARCH64} {
		if m := machineOfNode(t, stored(t, state, fleetImage("fast-orchestrator-service"), platform)); m != want {
			t.Errorf("node of %s is a program for %s", platform, m)
		}
	}
	registry := slipwayRegistry(t)
	line(t, nil, "--platform", "linux/amd64,linux/arm64", "--registry", registry, "--push")
	var pushed struct {
		MediaType string
		Manifests []struct{ Platform struct{ Architecture string } }
	}
	fromRegistry(t, registry, "gpp-g3/fast-orchestrator-service/manifests/latest", &pushed)
	if pushed.MediaType != "application/vnd.oci.image.index.v1+json" || len(pushed.Manifests) != 2 {
		t.Errorf("the registry has no index of two: %+v", pushed)
	}
	line(t, nil) // the other tests' images have one platform
}

func TestLineWithParallelBuildsTheFleet(t *testing.T) {
	builtFleet(t)
	r := line(t, nil, "--parallel", "5")
	if d := cmp.Diff(services, r.built()); d != "" {
		t.Errorf("services (-want +got):\n%s", d)
	}
}

func TestLineWithServicesToSkipLeavesOneOut(t *testing.T) {
	builtFleet(t)
	const skipped = "fast-mdzmediation-service"
	r := line(t, []string{"SERVICES_TO_SKIP=" + skipped}, "--tag", "skip")
	if d := cmp.Diff(without(skipped), r.built()); d != "" {
		t.Errorf("services (-want +got):\n%s", d)
	}
	_, err := images(t, state).Resolve(context.Background(), "localhost:5000/gpp-g3/"+skipped+":skip")
	if !errors.Is(err, image.ErrNotFound) {
		t.Errorf("the skipped service has an image: %v", err)
	}
}
