package companion

import "strings"

// base is the image of a server from Debian: its packages over what scripts call.
func base(suite string, packages ...string) string {
	return "slipway/companion/" + strings.Join(packages, "/") + ":" + suite
}

// postgresRecipe makes a cluster with the account and database, runs the seeds in
// it, and stops it cleanly, so that a copy of it starts without recovery. Nothing
// in a companion survives its run, so nothing waits for a disk.
func postgresRecipe(v Version) Recipe {
	bin := "/usr/lib/postgresql/" + v.Name + "/bin/"
	return Recipe{
		Base: base(v.Suite, "postgresql-"+v.Name), User: "postgres",
		Prepare: `set -e
umask 077
printf '%s' "$COMPANION_PASSWORD" > /tmp/password
` + bin + `initdb -D /data/db -U "$COMPANION_USER" --pwfile=/tmp/password --auth-local=trust --auth-host=scram-sha-256 -E UTF8 --locale=C.UTF-8 --no-sync > /tmp/initdb.log || { cat /tmp/initdb.log >&2; exit 1; }
echo 'host all all all scram-sha-256' >> /data/db/pg_hba.conf
` + bin + `pg_ctl -D /data/db -w -s -l /tmp/server.log -o "-c listen_addresses= -c fsync=off -c jit=off -k /tmp" start || { cat /tmp/server.log >&2; exit 1; }
` + bin + `createdb -h /tmp -U "$COMPANION_USER" "$COMPANION_DATABASE"
for file in /seed/*; do
  [ -e "$file" ] || continue
  ` + bin + `psql -X -q -v ON_ERROR_STOP=1 -h /tmp -U "$COMPANION_USER" -d "$COMPANION_DATABASE" -f "$file" > /tmp/seed.log
done
` + bin + `pg_ctl -D /data/db -w -s -m fast stop
`,
		Command: []string{bin + "postgres", "-D", "/data/db", "-k", "/tmp", "-c", "listen_addresses=*", "-c", "fsync=off", "-c", "synchronous_commit=off",
			"-c", "full_page_writes=off", "-c", "jit=off", "-c", "max_connections=200"},
	}
}

// mariadbRecipe does the same for MariaDB, which speaks MySQL's protocol.
func mariadbRecipe(v Version) Recipe {
	const quick = " --innodb-flush-log-at-trx-commit=0 --innodb-log-file-size=16M --skip-log-bin"
	return Recipe{
		Base: base(v.Suite, "mariadb-server"), User: "mysql",
		Prepare: `set -e
mariadb-install-db --no-defaults --datadir=/data/db --auth-root-authentication-method=normal --skip-test-db` + quick + ` > /tmp/install.log 2>&1 || { cat /tmp/install.log >&2; exit 1; }
mariadbd --no-defaults --datadir=/data/db --socket=/tmp/prepare.sock --pid-file=/tmp/prepare.pid --skip-networking` + quick + ` > /tmp/server.log 2>&1 &
server=$!
client="mariadb --no-defaults --socket=/tmp/prepare.sock -u root"
until $client -e 'SELECT 1' > /dev/null 2>&1; do
  kill -0 $server 2> /dev/null || { cat /tmp/server.log >&2; exit 1; }
  sleep 0.1
done
$client -e "CREATE DATABASE \` + "`$COMPANION_DATABASE\\`" + `; CREATE USER '$COMPANION_USER'@'%' IDENTIFIED BY '$COMPANION_PASSWORD'; GRANT ALL PRIVILEGES ON *.* TO '$COMPANION_USER'@'%' WITH GRANT OPTION"
for file in /seed/*; do
  [ -e "$file" ] || continue
  $client "$COMPANION_DATABASE" < "$file" > /tmp/seed.log
done
mariadb-admin --no-defaults --socket=/tmp/prepare.sock -u root shutdown
wait $server
`,
		Command: strings.Fields("mariadbd --no-defaults --datadir=/data/db --socket=/tmp/mysqld.sock --pid-file=/tmp/mysqld.pid --bind-address=0.0.0.0 --skip-name-resolve" + quick),
	}
}

func valkeyRecipe(v Version) Recipe {
	server := "valkey"
	if v.Suite == "bookworm" {
		server = "redis"
	}
	return Recipe{
		Base: base(v.Suite, server+"-server"), User: server,
		Command: []string{server + "-server", "--bind", "0.0.0.0", "--port", "6379", "--protected-mode", "no", "--save", "", "--appendonly", "no", "--dir", "/tmp"},
	}
}

func memcachedRecipe(v Version) Recipe {
	return Recipe{
		Base: base(v.Suite, "memcached"), User: "memcache",
		Command: []string{"memcached", "-l", "0.0.0.0", "-p", "11211", "-m", "64"},
	}
}

// rabbitmqRecipe keeps the node's name independent of the host, and lets the account
// come from other hosts, which RabbitMQ's own "guest" may not.
func rabbitmqRecipe(v Version) Recipe {
	return Recipe{
		Base: base(v.Suite, "rabbitmq-server"), User: "rabbitmq", SlowStart: true,
		Command: []string{"sh", "-c", `printf 'default_user = %s\ndefault_pass = %s\nloopback_users = none\nlog.console = true\nlog.console.level = warning\nlog.file = false\ndisk_free_limit.absolute = 50MB\n' "$COMPANION_USER" "$COMPANION_PASSWORD" > /tmp/rabbitmq.conf
exec /usr/lib/rabbitmq/bin/rabbitmq-server`},
		Env: map[string]string{
			"HOME": "/tmp", "RABBITMQ_CONFIG_FILE": "/tmp/rabbitmq.conf", "RABBITMQ_NODENAME": "rabbit@localhost", "RABBITMQ_MNESIA_BASE": "/tmp/mnesia",
			"RABBITMQ_LOG_BASE": "/tmp/log", "RABBITMQ_LOGS": "-", "RABBITMQ_ENABLED_PLUGINS_FILE": "/tmp/enabled_plugins", "RABBITMQ_PID_FILE": "/tmp/rabbitmq.pid",
		},
	}
}
