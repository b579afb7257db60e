package detect

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
)

// TestAGPUOfTheDeployment: where the files of a deployment reserve one, the image keeps
// what PyTorch needs for it.
func TestAGPUOfTheDeployment(t *testing.T) {
	const pod = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: pay}\nspec:\n  template:\n    spec:\n      containers:\n      - name: server\n        resources:\n          limits: {nvidia.com/gpu: 1}\n"
	compose := func(rest string) map[string]string {
		return map[string]string{"compose.yaml": "services:\n  money:\n    build: ./pay\n" + rest}
	}
	no := false
	for name, c := range map[string]struct {
		files map[string]string
		gpu   *bool
		want  string
	}{
		"none":                   {nil, nil, "none | default: nothing asks for one, so the image lacks CUDA |"},
		"a reservation":          {compose("    deploy:\n      resources:\n        reservations:\n          devices:\n          - driver: nvidia\n            count: 1\n            capabilities: [gpu]\n"), nil, "needed | the compose file reserves a GPU | compose.yaml"},
		"a capability":           {compose("    deploy: {resources: {reservations: {devices: [{capabilities: [gpu]}]}}}\n"), nil, "needed | the compose file reserves a GPU | compose.yaml"},
		"gpus":                   {compose("    gpus: all\n"), nil, "needed | gpus: all of the compose file | compose.yaml"},
		"a runtime":              {compose("    runtime: nvidia\n"), nil, "needed | runtime: nvidia of the compose file | compose.yaml"},
		"another driver":         {compose("    deploy: {resources: {reservations: {devices: [{driver: cdi, capabilities: [tpu]}]}}}\n"), nil, "none | default: nothing asks for one, so the image lacks CUDA |"},
		"another service's":      {map[string]string{"compose.yaml": "services:\n  other:\n    build: ./other\n    gpus: all\n"}, nil, "none | default: nothing asks for one, so the image lacks CUDA |"},
		"Kubernetes":             {map[string]string{"k8s/pay.yaml": pod}, nil, "needed | nvidia.com/gpu of the Kubernetes manifest | k8s/pay.yaml"},
		"a Dockerfile":           {map[string]string{"pay/Dockerfile": "FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04\nCMD [\"python3\", \"app.py\"]\n"}, nil, "needed | FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04 | pay/Dockerfile"},
		"a Dockerfile of CPUs":   {map[string]string{"pay/Dockerfile": "FROM python:3.13-slim\nCMD [\"python3\", \"app.py\"]\n"}, nil, "none | default: nothing asks for one, so the image lacks CUDA |"},
		"slipway.yaml says more": {map[string]string{"k8s/pay.yaml": pod}, &no, "none | configured |"},
	} {
		files := map[string]string{"pay/requirements.txt": "torch==2.6.0\nflask\ngunicorn\n", "pay/app.py": "import torch\nfrom flask import Flask\napp = Flask(__name__)\n"}
		for n, text := range c.files {
			files[n] = text
		}
		p := plannedPay(t, files, config.Service{GPU: c.gpu})
		if diff := cmp.Diff(map[string]string{"GPU": c.want}, factsOf(p, "GPU")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

// TestGPUIsPythons: elsewhere the key has no effect, which is an error.
func TestGPUIsPythons(t *testing.T) {
	yes := true
	fleet := config.Default("f")
	fleet.Services = []config.Service{{Name: "pay", Path: "pay", GPU: &yes}}
	_, findings := Plan(repo(bareNode(nil)), fleet)
	if len(findings) != 1 || findings[0].Text != "pay: gpu: applies to Python services, not to node services" || findings[0].Hint != "delete gpu:" {
		t.Errorf("%v", findings)
	}
}
