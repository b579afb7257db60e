// Package manifests reads the golden files of internal/manifest with the engines that
// they are for: kustomize and Helm make the same objects of them as the plain files have.
package manifests

import (
	"fmt"
	"maps"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	chartcommon "helm.sh/helm/v4/pkg/chart/common"
	chartutil "helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/loader"
	chart "helm.sh/helm/v4/pkg/chart/v2"
	"helm.sh/helm/v4/pkg/engine"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// golden is a golden file as the files that it has.
func golden(t *testing.T, format string) map[string]string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("..", "..", "internal", "manifest", "testdata", format+".golden"))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	name := ""
	for line := range strings.Lines(string(data)) {
		if n, ok := strings.CutPrefix(line, "-- "); ok && strings.HasSuffix(line, " --\n") {
			name = strings.TrimSuffix(n, " --\n")
			continue
		}
		out[name] += line
	}
	return out
}

// objects are those of a text, by kind and name.
func objects(t *testing.T, texts ...string) map[string]map[string]any {
	t.Helper()
	out := map[string]map[string]any{}
	for _, text := range texts {
		d := yaml.NewDecoder(strings.NewReader(text))
		for {
			var o map[string]any
			if err := d.Decode(&o); err != nil {
				break
			}
			meta, _ := o["metadata"].(map[string]any)
			out[fmt.Sprintf("%s %s", o["kind"], meta["name"])] = o
		}
	}
	return out
}

// plain are the objects of the plain files, without the hooks.
func plain(t *testing.T) map[string]map[string]any {
	t.Helper()
	var texts []string
	for name, text := range golden(t, "yaml") {
		if path.Dir(name) == "." {
			texts = append(texts, text)
		}
	}
	out := objects(t, texts...)
	if len(out) < 15 {
		t.Fatalf("only %d objects: %v", len(out), slices.Sorted(maps.Keys(out)))
	}
	return out
}

func TestKustomize(t *testing.T) {
	disk := filesys.MakeFsInMemory()
	for name, text := range golden(t, "kustomize") {
		if err := disk.WriteFile("/k/"+name, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	built, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, "/k/overlays/production")
	if err != nil {
		t.Fatal(err)
	}
	text, err := built.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(plain(t), objects(t, string(text))); diff != "" {
		t.Errorf("plain (-) and kustomize (+) differ:\n%s", diff)
	}
	if _, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(disk, "/k/base"); err != nil {
		t.Errorf("the base alone: %v", err)
	}
}

func TestHelm(t *testing.T) {
	dir := t.TempDir()
	for name, text := range golden(t, "helm") {
		at := filepath.Join(dir, "shop", name)
		if err := os.MkdirAll(filepath.Dir(at), 0o755); err == nil {
			err = os.WriteFile(at, []byte(text), 0o644)
		}
	}
	loaded, err := loader.Load(filepath.Join(dir, "shop"))
	if err != nil {
		t.Fatal(err)
	}
	c := loaded.(*chart.Chart)
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	values, err := chartutil.ToRenderValues(c, nil, chartcommon.ReleaseOptions{Name: "production", Namespace: "payments", IsInstall: true}, nil)
	if err != nil {
		t.Fatal(err)
	}
	rendered, err := engine.Render(c, values)
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	hooks := 0
	for name, text := range rendered {
		if strings.Contains(name, "/hook-") {
			hooks++
			for at, o := range objects(t, text) {
				annotations, _ := o["metadata"].(map[string]any)["annotations"].(map[string]any)
				if annotations["helm.sh/hook"] == nil {
					t.Errorf("%s of %s is no hook", at, name)
				}
			}
			continue
		}
		texts = append(texts, text)
	}
	if hooks != 3 {
		t.Errorf("%d hooks", hooks)
	}
	want, got := plain(t), objects(t, texts...)
	for _, all := range []map[string]map[string]any{want, got} {
		for name, o := range maps.Clone(all) {
			delete(all, name)
			all[strings.Replace(name, "web-env-9a7c31d9", "web-env", 1)] = neutral(o)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("plain (-) and Helm (+) differ:\n%s", diff)
	}
}

// neutral is an object without what a chart leaves to Helm.
func neutral(o map[string]any) map[string]any {
	delete(o, "immutable")
	meta := o["metadata"].(map[string]any)
	delete(meta, "namespace")
	return strip(o).(map[string]any)
}

func strip(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for key, below := range v {
			switch {
			case key == "app.kubernetes.io/managed-by", key == "annotations":
				delete(v, key)
			case key == "name" && below == "web-env-9a7c31d9":
				v[key] = "web-env"
			default:
				v[key] = strip(below)
			}
		}
	case []any:
		for i := range v {
			v[i] = strip(v[i])
		}
	}
	return v
}
