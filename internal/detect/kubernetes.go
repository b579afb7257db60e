package detect

import (
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// podded is what Kubernetes manifests say of one container.
type podded struct {
	names  []string // of the container, of what makes its pods, of the image without registry and tag
	ports  []ecosystem.Hit
	env    []ecosystem.Hit // Text is NAME=value
	route  ecosystem.Hit   // Text is the path that a probe asks for
	grpc   ecosystem.Hit   // Text is the service that a probe asks for, "" for the whole server
	health ecosystem.Hit   // Text is the command of a probe
	gpu    ecosystem.Hit   // a limit or request
}

// Limits of what is read of manifests.
const (
	maxManifests     = 300
	maxManifestDepth = 3
)

// manifestDirs are the directories that manifests lie in, relative to the
// repository or a service.
func manifestDirs() []string {
	return []string{"k8s", "kubernetes", "kube", "kubernetes-manifests", "k8s-manifests", "manifests", "deploy", "deployment", "deployments", "infra/k8s", "infra/kubernetes", "deploy/kubernetes"}
}

// readManifests reads the manifests of a directory's usual places.
func readManifests(root fs.FS, dir string) []podded {
	var out []podded
	files := 0
	read := func(file string) {
		if ext := path.Ext(file); ext != ".yaml" && ext != ".yml" || files >= maxManifests {
			return
		}
		files++
		data, err := ecosystem.Read(root, file)
		if err != nil || !bytes.Contains(data, []byte("containers:")) {
			return
		}
		for _, doc := range yamlDocuments(data) {
			out = append(out, podsOf(file, doc)...)
		}
	}
	for _, name := range manifestDirs() {
		at := path.Join(dir, name)
		if !ecosystem.IsDir(root, at) {
			continue
		}
		_ = fs.WalkDir(root, at, func(p string, e fs.DirEntry, err error) error {
			switch {
			case err != nil || e.IsDir() && strings.Count(strings.TrimPrefix(p, at), "/") > maxManifestDepth:
				return fs.SkipDir
			case !e.IsDir():
				read(p)
			}
			return nil
		})
	}
	entries, _ := fs.ReadDir(root, dir)
	for _, e := range entries {
		if !e.IsDir() {
			read(path.Join(dir, e.Name()))
		}
	}
	return out
}

// podsOf are the containers that a manifest describes.
func podsOf(file string, doc yamlNode) []podded {
	var out []podded
	for _, item := range append(doc.at("items").items(), doc) {
		kind, spec := item.at("kind").text(), item.at("spec", "template", "spec")
		switch {
		case kind == "Pod":
			spec = item.at("spec")
		case kind == "CronJob":
			spec = item.at("spec", "jobTemplate", "spec", "template", "spec")
		case !slices.Contains([]string{"Deployment", "StatefulSet", "DaemonSet", "Job", "ReplicaSet", "Rollout", "Service"}, kind): // Service is Knative's
			continue
		}
		containers := spec.at("containers").items()
		for _, c := range containers {
			p := containerOf(file, c)
			if len(containers) == 1 {
				p.names = append(p.names, item.at("metadata", "name").text())
			}
			out = append(out, p)
		}
	}
	return out
}

func containerOf(file string, c yamlNode) podded {
	image := path.Base(c.at("image").text())
	image, _, _ = strings.Cut(image, "@")
	image, _, _ = strings.Cut(image, ":")
	p := podded{names: []string{c.at("name").text(), image}}
	hit := func(y yamlNode, text, why string) ecosystem.Hit {
		return ecosystem.Hit{Text: text, File: file, Line: y.line(), Why: why}
	}
	for _, port := range c.at("ports").items() {
		n := port.at("containerPort")
		if protocol := port.at("protocol").text(); containerPort(n.text()) != "" && (protocol == "" || protocol == "TCP") {
			p.ports = append(p.ports, hit(n, n.text(), "containerPort of the Kubernetes manifest"))
		}
	}
	for _, e := range c.at("env").items() {
		if value := e.at("value"); value.node != nil {
			p.env = append(p.env, hit(value, e.at("name").text()+"="+value.text(), "env of the Kubernetes manifest"))
		}
	}
	for _, kind := range []string{"limits", "requests"} {
		if at := c.at("resources", kind, "nvidia.com/gpu"); at.node != nil {
			p.gpu.Keep(hit(at, "", "nvidia.com/gpu of the Kubernetes manifest"))
		}
	}
	for _, name := range []string{"readinessProbe", "livenessProbe", "startupProbe"} {
		probe := c.at(name)
		if at := probe.at("httpGet", "path"); at.node != nil {
			p.route.Keep(hit(at, at.text(), name+" of the Kubernetes manifest"))
		}
		if grpc := probe.at("grpc"); grpc.node != nil {
			p.grpc.Keep(hit(grpc, grpc.at("service").text(), name+" of the Kubernetes manifest"))
		}
		if exec := probe.at("exec", "command"); exec.node != nil {
			p.health.Keep(hit(exec, strings.Join(exec.words(), " "), name+" of the Kubernetes manifest"))
		}
	}
	return p
}
