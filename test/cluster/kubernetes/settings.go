package kubernetes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// pauseImage is the one of the sandboxes.
const pauseImage = "localhost/pause:1"

// settings writes what the programs read.
func (c *Cluster) settings(p parts) error {
	replace := strings.NewReplacer("$DIR", c.Dir, "$CNI", p.cni, "$PODS", pods, "$NODE", nodeIP, "$PAUSE", pauseImage, "$SOCKET", c.address)
	for name, text := range map[string]string{
		"containerd.toml": containerd, "kubelet.yaml": kubelet, "cni/10-slipway.conflist": plugins,
		"admin.kubeconfig": kubeconfig("admin"), "kubelet.kubeconfig": kubeconfig("kubelet"),
	} {
		if err := os.WriteFile(filepath.Join(c.Dir, name), []byte(replace.Replace(text)), 0o600); err != nil {
			return err
		}
	}
	return nil
}

func kubeconfig(user string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Config
clusters: [{name: test, cluster: {server: "https://127.0.0.1:6443", certificate-authority: $DIR/keys/ca.crt}}]
users: [{name: %[1]s, user: {client-certificate: $DIR/keys/%[1]s.crt, client-key: $DIR/keys/%[1]s.key}}]
contexts: [{name: test, context: {cluster: test, user: %[1]s}}]
current-context: test
`, user)
}

// restrict_oom_score_adj: a machine without CAP_SYS_RESOURCE refuses lower ones.
const containerd = `version = 2
root = "$DIR/containerd/root"
state = "$DIR/containerd/run"
[grpc]
  address = "$SOCKET"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "$PAUSE"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$CNI"
    conf_dir = "$DIR/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
`

const plugins = `{"cniVersion": "1.0.0", "name": "slipway", "plugins": [
  {"type": "bridge", "bridge": "pods0", "isGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$DIR/cni/leases", "ranges": [[{"subnet": "$PODS"}]], "routes": [{"dst": "0.0.0.0/0"}]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}
]}
`

// The test machine has cgroup v1, swap or not, and less than a node of production.
const kubelet = `apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE
cgroupDriver: cgroupfs
cgroupsPerQOS: true
enforceNodeAllocatable: []
failCgroupV1: false
failSwapOn: false
podPidsLimit: -1
containerRuntimeEndpoint: unix://$SOCKET
resolvConf: /etc/resolv.conf
clusterDomain: cluster.local
clusterDNS: [$NODE]
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}, x509: {clientCAFile: $DIR/keys/ca.crt}}
authorization: {mode: AlwaysAllow}
tlsCertFile: $DIR/keys/kubelet.crt
tlsPrivateKeyFile: $DIR/keys/kubelet.key
volumePluginDir: $DIR/plugins
evictionHard: {nodefs.available: "1%", imagefs.available: "1%"}
imageGCHighThresholdPercent: 100
`
