package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/slipway-build/slipway/bench/peer"
)

// nginx is Debian's, in front of one upstream, with connections that stay open. It writes an
// access log in JSON, as a host does.
type nginx struct {
	address string
	dir     string
	daemon  *peer.Daemon
}

// startNginx starts one with a worker for each core, as Debian's configuration has it. Stop
// it.
func (b *bench) startNginx(ctx context.Context, upstream string) (*nginx, error) {
	dir, err := b.scratch("nginx")
	if err != nil {
		return nil, err
	}
	n := &nginx{dir: dir}
	if n.address, err = freeAddress(); err != nil {
		return nil, err
	}
	if err := n.write(upstream); err != nil {
		return nil, err
	}
	if n.daemon, err = peer.StartDaemon(filepath.Join(dir, "log"), nil, "nginx", "-p", dir, "-c", "nginx.conf"); err != nil {
		return nil, fmt.Errorf("%w; scripts/install-deps.sh bench installs it", err)
	}
	err = n.daemon.Until(ctx, func() bool {
		c, err := net.DialTimeout("tcp", n.address, time.Second)
		if err != nil {
			return false
		}
		return c.Close() == nil
	})
	if err != nil {
		n.stop()
		return nil, err
	}
	return n, nil
}

func (n *nginx) stop() {
	n.daemon.Stop()
	_ = os.RemoveAll(n.dir) // else it goes with the working directory
}

// write writes the configuration.
func (n *nginx) write(upstream string) error {
	config := `user root; worker_processes auto; daemon off; pid nginx.pid; error_log stderr crit; events { worker_connections 1024; }
http { log_format json escape=json '{"time":"$time_iso8601","client":"$remote_addr","protocol":"$server_protocol","method":"$request_method","host":"$host","path":"$uri",'
'"user_agent":"$http_user_agent","upstream":"$upstream_addr","status":$status,"in_bytes":$request_length,"out_bytes":$body_bytes_sent,'
'"answer_ms":"$upstream_header_time","duration_ms":$request_time}';
access_log access.log json; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3; uwsgi_temp_path t4; scgi_temp_path t5; keepalive_requests 1000000;
upstream up { server ` + upstream + `; keepalive 256; keepalive_requests 1000000; }
server { listen ` + n.address + `; location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; } } }
`
	return os.WriteFile(filepath.Join(n.dir, "nginx.conf"), []byte(config), 0o600)
}

// turn gives it another upstream.
func (n *nginx) turn(ctx context.Context, upstream string) error {
	if err := n.write(upstream); err != nil {
		return err
	}
	_, err := peer.Execute(ctx, peer.Command{Argv: []string{"nginx", "-p", n.dir, "-c", "nginx.conf", "-s", "reload"}})
	return err
}
