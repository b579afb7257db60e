package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestRunStartsWhatServicesNeed: companions are ready before the services start, are
// reached by name and by the variables of clients, are fresh for each run, and leave
// nothing. A service's own settings win.
func TestRunStartsWhatServicesNeed(t *testing.T) {
	real(t)
	before := traces(t)
	dir := t.TempDir()
	for name, text := range map[string]string{
		"slipway.yaml": `version: 1
fleet: needy
services:
  visits:
    type: job
    needs:
      cache: redis
      db: {postgres: 17, database: orders, seed: schema.sql}
    env: {PGAPPNAME: visits, REDIS_HOST: mine}
`,
		"schema.sql": "CREATE TABLE items (name text);\nINSERT INTO items VALUES ('ink');\n",
		"visits/Dockerfile": `FROM slipway/companion/valkey-server/postgresql-17:trixie
COPY start.sh /
CMD ["sh", "/start.sh"]
`,
		"visits/start.sh": `set -e
echo "visits=$(valkey-cli -u "$REDIS_URL" INCR visits) host=$REDIS_HOST"
/usr/lib/postgresql/17/bin/psql -At -c "INSERT INTO items VALUES ('pen')" -c "SELECT 'items=' || count(*) || ' in ' || current_database() FROM items"
`,
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	invocation{dir: dir, args: []string{"build"}}.run(t).must(t, 0)
	for range 2 {
		r := invocation{dir: dir, args: []string{"run"}}.run(t)
		r.must(t, 0)
		for _, want := range []string{"visits=1 host=mine", "items=2 in orders"} {
			if !strings.Contains(r.stdout, want) {
				t.Errorf("no %q in\n%s\n%s", want, r.stdout, r.stderr)
			}
		}
	}
	noContainersLeft(t, before)
	if err := os.WriteFile(filepath.Join(dir, "schema.sql"), []byte("CREATE TABLE items (\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	r := invocation{dir: dir, args: []string{"run"}}.run(t)
	r.must(t, 5)
	if !strings.Contains(r.stderr, "schema.sql:") || !strings.Contains(r.stderr, "correct schema.sql") {
		t.Errorf("a seed that fails:\n%s", r.stderr)
	}
	noContainersLeft(t, before)
}

// TestStagesReachTheirCompanions: slipway test starts what a stage needs, fresh for
// each attempt, says why a stage failed, and does not run a stage again whose inputs
// are the same, although its companions have other addresses.
func TestStagesReachTheirCompanions(t *testing.T) {
	real(t)
	before := traces(t)
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("slipway.yaml", "version: 1\nfleet: needy\nservices:\n  orders:\n    needs: {db: {postgres: 17, seed: schema.sql}}\n")
	write("schema.sql", "CREATE TABLE items (name text);\n")
	write("orders/tests.sh", `mkdir -p /reports/integration-tests
psql -At -c "INSERT INTO items VALUES ('pen')" -c "SELECT 'items=' || count(*) FROM items" | tee /tmp/out
grep -q '^items=1$' /tmp/out && code=0 || code=1
printf '<testsuite name="orders" tests="1"><testcase name="fresh"/></testsuite>' > /reports/integration-tests/junit.xml
echo $code > /reports/integration-tests/status
exit $code
`)
	write("orders/Dockerfile", `FROM slipway/companion/postgresql-17:trixie AS builder
COPY tests.sh /
RUN test -z "$PGHOST"
FROM builder AS integration-tests
RUN sh /tests.sh
FROM builder AS production
CMD ["sh"]
`)
	for range 2 {
		invocation{dir: dir, args: []string{"test", "--again", "--no-image"}}.run(t).must(t, 0)
	}
	r := invocation{dir: dir, args: []string{"test", "--no-image"}}.run(t)
	r.must(t, 0)
	if !strings.Contains(r.stdout, "unchanged") || strings.Contains(r.stderr, "preparing PostgreSQL") {
		t.Errorf("the stage ran again:\n%s\n%s", r.stdout, r.stderr)
	}
	write("orders/tests.sh", "psql -At -c 'SELECT 1 FROM nowhere'\n")
	r = invocation{dir: dir, args: []string{"test", "--no-image"}}.run(t)
	r.must(t, 3)
	if !strings.Contains(r.stdout+r.stderr, `relation "nowhere" does not exist`) {
		t.Errorf("no reason:\n%s\n%s", r.stdout, r.stderr)
	}
	noContainersLeft(t, before)
}
