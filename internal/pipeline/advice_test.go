package pipeline

import "testing"

func TestAdvice(t *testing.T) {
	for log, want := range map[string]string{
		"error Error: getaddrinfo ENOTFOUND registry.mirror.example":                                                                                     "this machine cannot resolve registry.mirror.example; if the lock file names that host, write the lock file anew with a registry that you reach",
		"Error: connect ECONNREFUSED 127.0.0.1:5432\n":                                                                                                   own("127.0.0.1:5432"),
		"Error: connect ECONNREFUSED ::1:5432":                                                                                                           own("::1:5432"),
		"Get \"http://localhost:8080/\": dial tcp [::1]:8080: connect: connection refused":                                                               own("[::1]:8080"),
		"curl: (7) Failed to connect to localhost port 8080 after 0 ms: Couldn't connect to server":                                                      own("localhost"),
		"HTTPConnectionPool(host='localhost', port=80): Max retries exceeded":                                                                            own("localhost"),
		"connection to server at \"localhost\" (127.0.0.1), port 5432 failed: Connection refused":                                                        own("localhost"),
		"org.postgresql.util.PSQLException: Connection to localhost:5432 refused.":                                                                       own("localhost:5432"),
		"connect ECONNREFUSED 10.0.0.7:5432":                                                                                                             seeAbove,
		"Error: getaddrinfo EAI_AGAIN binaries.example\n    at x":                                                                                        "this machine cannot resolve binaries.example; if the lock file names that host, write the lock file anew with a registry that you reach",
		"curl: (6) Could not resolve host: files.example":                                                                                                "this machine cannot resolve files.example; if the lock file names that host, write the lock file anew with a registry that you reach",
		"dial tcp: lookup proxy.example: no such host":                                                                                                   "this machine cannot resolve proxy.example; if the lock file names that host, write the lock file anew with a registry that you reach",
		"npm warn old lockfile\nnpm error Exit handler never called!\nnpm error This is an error":                                                        "npm itself crashed, which it does when the registry is slow: build again; and with lock files of npm 6: npm install --package-lock-only with npm 7 or newer writes the current format",
		`error @a/ipc@9.2.2: The engine "node" is incompatible with this module. Expected`:                                                               "@a/ipc@9.2.2 refuses this Node.js: write version: for the service in slipway.yaml, update the package, or write `ignore-engines true` into .yarnrc",
		"src/main.ts(3,1): error TS2304: Cannot find name 'x'":                                                                                           seeAbove,
		"/app/node_modules/dprint/dprint: error while loading shared libraries: liblzma.so.5: cannot open shared object file: No such file or directory": "write packages: {build: [liblzma5]} for the service in slipway.yaml: it has liblzma.so.5",
		"tool: error while loading shared libraries: libofnobody.so.9: cannot open shared object file: No such file or directory":                        seeAbove,
		"": seeAbove,
	} {
		if got := advice([]byte(log)); got != want {
			t.Errorf("%q: %q, not %q", log, got, want)
		}
	}
}

// own is the advice about a port of the step's own loopback.
func own(place string) string {
	return "nothing listens on " + place + " in the step, whose network leads out only; what this machine serves is reached with: slipway build --network host"
}
