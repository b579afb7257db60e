package detect_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/slipway-build/slipway/internal/detect"
	"github.com/slipway-build/slipway/internal/dockerfile"
)

// TestQualityAsItsPeopleRunIt: forms of checks in public projects, each with the command
// that it becomes, or the reason why it cannot run and the next command.
func TestQualityAsItsPeopleRunIt(t *testing.T) {
	node := func(scripts, dev string) map[string]string {
		return map[string]string{
			"package.json":      `{"name": "web", "main": "server.js", "scripts": {` + scripts + `}, "devDependencies": {` + dev + `}}`,
			"package-lock.json": `{"lockfileVersion": 3, "packages": {"": {"name": "web"}}}`, "server.js": "require('http').createServer().listen(3000)",
		}
	}
	with := func(files map[string]string, more ...string) map[string]string {
		for i := 0; i < len(more); i += 2 {
			files[more[i]] = more[i+1]
		}
		return files
	}
	flask := func(more ...string) map[string]string {
		return with(map[string]string{"requirements.txt": "flask==3.0.3\ngunicorn==22.0.0\n", "app.py": "from flask import Flask\napp = Flask(__name__)\n"}, more...)
	}
	for name, c := range map[string]struct {
		files map[string]string
		want  []string
		not   []string
	}{
		"Biome leaves a report, and prints what it has found": {
			files: with(node("", `"@biomejs/biome": "^1.9.0"`), "biome.json", "{}"),
			want:  []string{"biome ci . --reporter=junit --colors=off > /reports/lint/biome-junit.xml 2> /dev/null", "\n       || PATH=/app/node_modules/.bin:$PATH biome ci . || status=$?"},
		},
		"the browser is there": {
			files: with(node(`"test:e2e": "npx playwright install --with-deps chromium && playwright test"`, `"@playwright/test": "1.56.0"`), "e2e/a.spec.ts", ""),
			want:  []string{"playwright test", "--reporter=list,junit"}, not: []string{"--with-deps", "npm run test:e2e"},
		},
		"another command of Playwright has no reporter": {
			files: with(node(`"test:e2e": "playwright merge-reports x && playwright test"`, `"@playwright/test": "1.56.0"`), "e2e/a.spec.ts", ""),
			want:  []string{"npm run test:e2e"},
		},
		"failed tests have covered something": {
			files: with(node(`"test": "nyc mocha"`, `"mocha": "10", "nyc": "17"`), "test/a.test.js", ""),
			want:  []string{"|| code=$?; PATH=/app/node_modules/.bin:$PATH nyc report --reporter=lcovonly"},
		},
		"c8 reports where it has measured": {
			files: with(node(`"test": "c8 --reporter=html --report-dir=cov --temp-directory=x mocha -R dot"`, `"mocha": "10", "c8": "10"`), "test/a.test.js", ""),
			want:  []string{"c8 --reporter=lcovonly --reporter=text-summary --report-dir=/reports/unit-tests/coverage --temp-directory=/tmp/c8 --reporter=html mocha -R dot "}, not: []string{"c8 report"},
		},
		"c8 has values of its own": {
			files: with(node(`"test": "c8 --check-coverage --lines 90 --reporter text -o cov mocha"`, `"mocha": "10", "c8": "10"`), "test/a.test.js", ""),
			want:  []string{"--temp-directory=/tmp/c8 --check-coverage --lines 90 --reporter text mocha", "--reporter-option output=/reports/unit-tests/junit.xml"}, not: []string{"npm run", "cov mocha"},
		},
		"node starts a tool with a module": {
			files: with(node(`"test": "node -r dotenv/config node_modules/.bin/jest"`, `"jest": "29"`), "test/a.test.js", ""), want: []string{"node -r dotenv/config node_modules/.bin/jest", "--outputFile=/reports/unit-tests/jest.json"},
		},
		"a script that prints TAP": {
			files: with(node(`"test": "tape test/*.js"`, `"tape": "5"`), "test/a.js", ""), want: []string{"{ ( export TAP=1; node --run test ) 2>&1; echo $? > /tmp/code; }", "| tee /reports/unit-tests/test.txt; ( exit $(cat /tmp/code) )"},
		},
		"Node.js reports where Slipway reads": {
			files: with(node(`"test": "node --test --test-reporter=spec --test-reporter-destination stdout test/"`, ``), "test/a.test.js", "require('node:test')"),
			want:  []string{"node --test --test-reporter=spec --test-reporter-destination=stdout --test-reporter=junit"}, not: []string{"destination stdout", "lcov.info --test-reporter=spec"},
		},
		"Jest's own reports make room": {
			files: with(node(`"test": "jest --coverage --coverageDirectory=cov --outputFile out.json --json --coverage-directory x"`, `"jest": "29"`), "a.test.js", ""),
			want:  []string{"{ PATH=/app/node_modules/.bin:$PATH jest --coverage ", "--coverageDirectory=/reports/unit-tests/coverage"}, not: []string{"cov ", "out.json", "--coverage-directory", "--coverageThreshold"},
		},
		"options stay in front of two dashes": {
			files: with(node(`"test": "jest -- a", "lint": "eslint -f stylish -- src"`, `"jest": "29", "eslint": "9"`), "a.test.js", ""),
			want:  []string{"--coverageThreshold='{}' -- a", "--output-file /reports/lint/eslint.json -- src", "eslint -f stylish -- src; ( exit $code )"}, not: []string{"stylish --format"},
		},
		"Vitest's own reports make room": {
			files: with(node(`"test": "vitest run --coverage --outputFile=x.json"`, `"vitest": "2", "@vitest/coverage-v8": "2"`), "a.test.js", ""), want: []string{"vitest run ", "--coverage.enabled"}, not: []string{"x.json", "run --coverage ", "thresholds"},
		},
		"Vitest has no threshold where it does not measure": {
			files: with(node(`"test": "vitest run"`, `"vitest": "2", "@vitest/coverage-v8": "2"`), "a.test.js", "", "vitest.config.ts", "export default {test: {coverage: {thresholds: {lines: 80}}}}"), want: []string{"--coverage.thresholds.100=false", "--coverage.thresholds.lines=0"},
		},
		"Vitest without a threshold": {
			files: with(node(`"test": "vitest run"`, `"vitest": "2", "@vitest/coverage-v8": "2"`), "a.test.js", ""), want: []string{"--coverage.enabled"}, not: []string{"thresholds"},
		},
		"Vitest's settings measure": {
			files: with(node(`"test": "vitest run"`, `"vitest": "2", "@vitest/coverage-v8": "2"`), "a.test.js", "", "vitest.config.ts", "export default {test: {coverage: {enabled: true, thresholds: {lines: 80}}}}"), not: []string{"thresholds"},
		},
		"Jest has no threshold where it does not measure": {
			files: with(node(`"test": "jest"`, `"jest": "29"`), "a.test.js", "", "jest.config.js", "module.exports = {coverageThreshold: {global: {lines: 80}}}"), want: []string{"--coverageThreshold='{}'"},
		},
		"Jest's settings measure": {
			files: with(node(`"test": "jest"`, `"jest": "29"`), "a.test.js", "", "jest.config.js", "module.exports = {collectCoverage: true, coverageThreshold: {global: {lines: 80}}}"), not: []string{"--coverageThreshold"},
		},
		"a part of the tests has no threshold": {
			files: with(node(`"test": "jest --coverage"`, `"jest": "29"`), "tests/unit/a.test.js", "", "tests/integration/b.test.js", ""), want: []string{"jest /integration/ --coverage ", "--coverageThreshold='{}'"},
		},
		"two runs of Playwright": {
			files: with(node(`"test:e2e": "playwright test && playwright test --config other.ts"`, `"@playwright/test": "1.56.0"`), "e2e/a.spec.ts", ""),
			want:  []string{"{ PATH=/app/node_modules/.bin:$PATH playwright test", "{ PLAYWRIGHT_JUNIT_OUTPUT_FILE=/reports/e2e-tests/2/junit.xml PATH=/app/node_modules/.bin:$PATH playwright test --config other.ts"},
		},
		"two linters with one file": {
			files: with(node(`"lint": "next lint && eslint ."`, `"next": "14", "eslint": "9"`), "a.js", ""), want: []string{"--output-file /reports/lint/eslint.json", "--output-file /reports/lint/2/eslint.json"},
		},
		"two runners with one file": {
			files: with(node(`"test": "vitest run && node --test test/"`, `"vitest": "2"`), "test/a.test.js", ""), want: []string{"--outputFile.junit=/reports/unit-tests/junit.xml", "destination=/reports/unit-tests/2/junit.xml"},
		},
		"pytest's limit is for all tests": {
			files: flask("tests/test_a.py", "", "tests/integration/test_b.py", "", "requirements-dev.txt", "pytest\npytest-cov\n", "pytest.ini", "[pytest]\naddopts = -q --cov=app --cov-fail-under=80\n"),
			want:  []string{"--cov-report=term --cov-fail-under=0"},
		},
		"pytest's limit is for what it measures": {
			files: flask("tests/test_a.py", "", "requirements-dev.txt", "pytest\npytest-cov\n", "pyproject.toml", "[tool.pytest.ini_options]\naddopts = \"-q\"\n[tool.coverage.report]\nfail_under = 80\n"),
			want:  []string{"--cov-report=term --cov-fail-under=0"},
		},
		"pytest's limit stays": {
			files: flask("tests/test_a.py", "", "requirements-dev.txt", "pytest\npytest-cov\n", "pyproject.toml", "[tool.pytest.ini_options]\naddopts = [\n  \"-q\",\n  \"--cov\",\n]\n[tool.coverage.report]\nfail_under = 80\n"),
			want:  []string{"--cov-report=term"}, not: []string{"--cov-fail-under"},
		},
		"linters of Maven have the settings of their executions": {
			files: map[string]string{
				"pom.xml": `<project><modelVersion>4.0.0</modelVersion><groupId>a</groupId><artifactId>app</artifactId><version>1</version><properties><maven.compiler.release>21</maven.compiler.release></properties><build>
<pluginManagement><plugins><plugin><groupId>com.github.spotbugs</groupId><artifactId>spotbugs-maven-plugin</artifactId><executions><execution><id>managed</id><goals><goal>check</goal></goals></execution></executions></plugin></plugins></pluginManagement>
<plugins><plugin><artifactId>maven-checkstyle-plugin</artifactId><executions><execution><id>style</id><phase>validate</phase><goals><goal>check</goal></goals><configuration><configLocation>own.xml</configLocation></configuration></execution><execution><goals><goal>check</goal></goals></execution><execution><id>off</id><phase>none</phase><goals><goal>check</goal></goals></execution></executions></plugin>
<plugin><groupId>com.github.spotbugs</groupId><artifactId>spotbugs-maven-plugin</artifactId></plugin><plugin><artifactId>maven-pmd-plugin</artifactId></plugin></plugins></build></project>`,
				"src/main/java/App.java": "class App { public static void main(String[] a) throws Exception { new java.net.ServerSocket(8080).accept(); } }",
			},
			want: []string{"org.apache.maven.plugins:maven-checkstyle-plugin:check@style org.apache.maven.plugins:maven-checkstyle-plugin:check@default \\\n", "compile com.github.spotbugs:spotbugs-maven-plugin:check@managed \\\n", "compile org.apache.maven.plugins:maven-pmd-plugin:check \\\n"},
			not:  []string{"check@off", "maven-checkstyle-plugin:check "},
		},
		"an option of the package manager is none of the tool": {
			files: node(`"lint": "pnpm -w exec tsc -w"`, `"typescript": "5"`), want: []string{"pnpm -w exec tsc > "},
		},
		"tests of a directory need more": {
			files: with(node(`"test": "jest -i --colors"`, `"jest": "29"`), "tests/unit/a.test.js", "", "tests/integration/b.test.js", ""),
			want:  []string{"jest --testPathIgnorePatterns=/node_modules/ --testPathIgnorePatterns=/integration/ -i --colors", "jest /integration/ -i --colors", "/reports/integration-tests/jest.json"},
		},
		"the same with Vitest": {
			files: with(node(`"test": "vitest run"`, `"vitest": "2"`), "src/a.test.ts", "", "test/integration/b.test.ts", ""),
			want:  []string{"vitest run --exclude='**/integration/**' ", "vitest run /integration/ "},
		},
		"nothing but integration tests": {
			files: with(node(`"test": "jest"`, `"jest": "29"`), "tests/integration/b.test.js", ""),
			want:  []string{"--ci --json --outputFile=/reports/unit-tests/jest.json"}, not: []string{"AS integration-tests"},
		},
		"a command that names its tests": {
			files: with(node(`"test": "jest tests"`, `"jest": "29"`), "tests/unit/a.test.js", "", "tests/integration/b.test.js", ""),
			want:  []string{"jest tests"}, not: []string{"AS integration-tests", "IgnorePatterns"},
		},
		"run is a word of the package manager": {
			files: with(node(`"test": "yarn run jest"`, `"jest": "29"`), "tests/unit/a.test.js", "", "tests/integration/b.test.js", ""),
			want:  []string{"yarn run jest --testPathIgnorePatterns=/node_modules/ ", "yarn run jest /integration/ "},
		},
		"run is a word of both": {
			files: with(node(`"test": "pnpm run vitest run --silent"`, `"vitest": "2"`), "tests/unit/a.test.js", "", "tests/integration/b.test.js", ""),
			want:  []string{"pnpm run vitest run --exclude='**/integration/**' --silent ", "pnpm run vitest run /integration/ --silent "},
		},
		"run is a word of what sets variables": {
			files: with(node(`"test": "dotenvx run -- jest"`, `"jest": "29"`), "tests/unit/a.test.js", "", "tests/integration/b.test.js", ""),
			want:  []string{"dotenvx run -- jest --testPathIgnorePatterns=/node_modules/ ", "dotenvx run -- jest /integration/ "},
		},
		"settings of Jest choose tests": {
			files: with(node(`"test": "jest"`, `"jest": "29"`), "jest.config.js", "module.exports = {testPathIgnorePatterns: ['/integration/']}", "tests/unit/a.test.js", "", "tests/integration/b.test.js", ""),
			not:   []string{"AS integration-tests", "IgnorePatterns"},
		},
		"settings of Jest in package.json choose tests": {
			files: with(node(`"test": "jest"}, "jest": {"testMatch": ["**/unit/*.js"]}, "config": {"a": "b"`, `"jest": "29"`), "tests/unit/a.test.js", "", "tests/integration/b.test.js", ""),
			not:   []string{"AS integration-tests", "IgnorePatterns"},
		},
		"settings of Vitest choose tests": {
			files: with(node(`"test": "vitest run"`, `"vitest": "2"`), "vite.config.ts", "export default {test: {exclude: ['test/integration/**']}}", "src/a.test.ts", "", "test/integration/b.test.ts", ""),
			not:   []string{"AS integration-tests", "--exclude"},
		},
		"settings of Jest leave the tests alone": {
			files: with(node(`"test": "jest"`, `"jest": "29"`), "jest.config.js", "module.exports = {preset: 'ts-jest', moduleNameMapper: {'^@/(.*)$': '<rootDir>/src/$1'}}", "tests/unit/a.test.js", "", "tests/integration/b.test.js", ""),
			want:  []string{"jest /integration/ "},
		},
		"Cypress has no browser in any registry": {
			files: node(`"cy:run": "cypress run"`, `"cypress": "13"`),
			want:  []string{"/xvfb:", "ARG CYPRESS_INSTALL_BINARY", "--build-arg CYPRESS_INSTALL_BINARY=ADDRESS", "target=/root/.cache/Cypress"}, not: []string{"chromium", "CYPRESS_INSTALL_BINARY=0"},
		},
		"the output of a failed download stays": {
			files: node(`"cy:run": "cypress run"`, `"cypress": "13"`), want: []string{"cypress install > /tmp/cypress-install.txt 2>&1; then ", "else tail -n 20 /tmp/cypress-install.txt; "},
		},
		"a script that runs Cypress among others": {
			files: node(`"test:e2e": "playwright test && cypress run && ./more"`, `"cypress": "13", "@playwright/test": "1.50.0"`), want: []string{"cypress install"},
		},
		"Cypress is not what its tests run by": {
			files: node(`"test:e2e": "playwright test"`, `"cypress": "13", "@playwright/test": "1.50.0"`), not: []string{"cypress install", "ARG CYPRESS_INSTALL_BINARY", "xvfb"}, want: []string{"{ PATH=/app/node_modules/.bin:$PATH playwright test"},
		},
		"the download is for the commands of Cypress": {
			files: node(`"test:e2e": "playwright test && cypress run"`, `"cypress": "13", "@playwright/test": "1.50.0"`),
			want:  []string{"{ PATH=/app/node_modules/.bin:$PATH playwright test", "{ if PATH=/app/node_modules/.bin:$PATH cypress install"},
		},
		"a window of Cypress is no test": {
			files: node(`"e2e": "npm run cypress", "cypress": "cypress open"`, `"cypress": "13"`), want: []string{"no e2e-tests: the script e2e opens Cypress's window: "}, not: []string{"AS e2e-tests"},
		},
		"a window of Cypress beside its tests": {
			files: node(`"e2e": "cypress run", "cypress": "cypress open"`, `"cypress": "13"`), want: []string{"cypress run ", "AS e2e-tests"},
		},
		"an official image has no browser": {
			files: with(node(`"e2e": "cypress run"`, `"cypress": "13"`), "slipway.yaml", "version: 1\nfleet: demo\nbases: official\nservices: {web: {path: .}}\n"),
			want:  []string{"no e2e-tests: node:22-trixie lacks what Cypress runs a browser with: write bases: debian"}, not: []string{"AS e2e-tests", "cypress install"},
		},
		"an image of a map may have one": {
			files: with(node(`"e2e": "cypress run"`, `"cypress": "13"`), "slipway.yaml", "version: 1\nfleet: demo\nbases: {node-toolchain: cypress/base, node-runtime: \"node:22-slim\"}\nservices: {web: {path: .}}\n"),
			want:  []string{"cypress install"},
		},
		"redirects of a site that a build makes": {
			files: map[string]string{
				"package.json": `{"name": "web", "scripts": {"build": "vite build"}, "devDependencies": {"vite": "5"}}`, "package-lock.json": `{"lockfileVersion": 3, "packages": {"": {"name": "web"}}}`,
				"index.html": "<p>", "vite.config.js": "", "public/_redirects": "/old /new 301\n",
			},
			want: []string{"lint: nginx -t", "--mount=type=bind,from=production,target=/image", "chroot --userspec=1001:1001 /image /usr/sbin/nginx -t"},
		},
		"Alpine's chroot changes no user": {
			files: map[string]string{"index.html": "<p>", "slipway.yaml": "version: 1\nfleet: demo\nbases: alpine\nservices: {web: {path: .}}\n"},
			want:  []string{"no lint: nginx -t not run: the chroot of node:22-alpine cannot change the user", "html-validate"}, not: []string{"chroot --userspec"},
		},
		"a site whose server lists directories": {
			files: map[string]string{"index.html": "<p>", "Staticfile": "directory: visible\n"}, want: []string{"node /opt/slipway/check.mjs /src -listing > "},
		},
		"that of Debian's images does": {
			files: map[string]string{"index.html": "<p>", "slipway.yaml": "version: 1\nfleet: demo\nbases: official\nservices: {web: {path: .}}\n"}, want: []string{"chroot --userspec=1001:1001"},
		},
		"pytest does not look for tests.py": {files: flask("tests.py", "import unittest\n"), want: []string{"-o python_files='test_*.py *_test.py tests.py'"}},
		"Django's tests leave their text": {
			files: map[string]string{"requirements.txt": "django==5.1\ngunicorn==22.0.0\n", "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'web.settings')\n", "web/__init__.py": "", "web/settings.py": "ROOT_URLCONF = 'web.urls'\nWSGI_APPLICATION = 'web.wsgi.application'\n", "web/wsgi.py": "application = get_wsgi_application()\n", "pages/tests.py": ""},
			want:  []string{"manage.py test --noinput -v 2 > /reports/unit-tests/unittest.txt 2>&1", "cat /reports/unit-tests/unittest.txt"}, not: []string{"pytest"},
		},
		"settings say what it looks for": {files: flask("tests.py", "", "tox.ini", "[pytest]\npython_files = tests.py\n"), want: []string{"-m pytest"}, not: []string{"-o python_files"}},
		"tox.ini alone names packages": {
			files: flask("tests/test_a.py", "", "tox.ini", "[testenv]\ndeps =\n    -r{toxinidir}/requirements.txt\n    py313: freezegun>=1 # of time\n    {[base]deps}\ncommands = pytest\n[testenv:docs]\ndeps = sphinx\n[testenv:lint]\ndeps = flake8\n"),
			want:  []string{"install --no-compile -c /tmp/packages.txt 'freezegun>=1' flake8", "flake8 --tee"}, not: []string{"sphinx", "{[base]"},
		},
		"tox.ini has lines for other Pythons": {
			files: flask("tests/test_a.py", "", ".python-version", "3.13\n", "tox.ini", "[testenv]\ndeps =\n    py27: pytest<5\n    py3: pytest>=8\n    !py27: freezegun\n    !py313: nose\n    py{36,37}-lint,py38: tox-a\n    py{311,313}-lint,py38: tox-b\n    pypy3: tox-c\n    lint: pylint<2\n    lint: pylint<4\n[testenv:py27-lint]\ndeps = flake8<4\n[testenv:py313-lint]\ndeps = flake8\n"),
			want:  []string{"install --no-compile -c /tmp/packages.txt 'pytest>=8' freezegun tox-b 'pylint<4' flake8 "},
		},
		"Pylint without settings": {
			files: flask("requirements-dev.txt", "pylint\nisort\n"),
			want:  []string{"isort --check-only .", "no lint: Pylint has no settings"}, not: []string{"pylint --recursive"},
		},
		"golangci-lint is not there": {
			files: map[string]string{"go.mod": "module a\n\ngo 1.24\n", "main.go": "package main\n\nimport \"net/http\"\n\nfunc main() { http.ListenAndServe(\":8080\", nil) }\n", ".golangci.yml": ""},
			want:  []string{"no lint: .golangci.yml configures golangci-lint, which go.mod does not name as a tool: go get -tool github.com/golangci"},
		},
		"tests of a workspace's other crates, without a library": {
			files: map[string]string{
				"Cargo.toml": "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n", "Cargo.lock": "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n",
				"src/main.rs": "fn main() { let url = std::env::var(\"DATABASE_URL\").unwrap(); std::net::TcpListener::bind(\"0.0.0.0:80\"); }\n#[test]\nfn a() {}\n", "tests/a.rs": "#[test]\nfn a() {}\n",
			},
			want: []string{"--package app --bins ", "--test '*'"}, not: []string{"--lib"},
		},
		"a crate beside the program, outside of any workspace": {
			files: map[string]string{
				"Cargo.toml": "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[dependencies]\nshared = {path = \"shared\"}\n", "Cargo.lock": "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"shared\"\nversion = \"0.1.0\"\n",
				"shared/Cargo.toml": "[package]\nname = \"shared\"\nversion = \"0.1.0\"\nedition = \"2021\"\n", "shared/src/lib.rs": "#[test]\nfn a() {}\n",
				"src/main.rs": "fn main() { let url = std::env::var(\"DATABASE_URL\").unwrap(); std::net::TcpListener::bind(\"0.0.0.0:80\"); }\n#[test]\nfn a() {}\n", "tests/a.rs": "#[test]\nfn a() {}\n",
			},
			want: []string{"--package app --bins ", "--test '*'", "COPY shared/ shared/"}, not: []string{"-fail-fast --package app --package shared", "check --package app --package shared", "--lib"},
		},
		"a crate that is a workspace of its own": {
			files: map[string]string{
				"Cargo.toml": "[package]\nname = \"app\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n[dependencies]\nshared = {path = \"shared\"}\nnear = {path = \"near\"}\n", "Cargo.lock": "version = 4\n\n[[package]]\nname = \"app\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"near\"\nversion = \"0.1.0\"\n\n[[package]]\nname = \"shared\"\nversion = \"0.1.0\"\n",
				"shared/Cargo.toml": "[package]\nname = \"shared\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n", "shared/src/lib.rs": "",
				"near/Cargo.toml": "[package]\nname = \"near\"\nversion = \"0.1.0\"\nedition = \"2021\"\n", "near/src/lib.rs": "#[test]\nfn a() {}\n",
				"src/main.rs": "fn main() { std::net::TcpListener::bind(\"0.0.0.0:80\"); }\n",
			},
			want: []string{"cargo test --no-fail-fast --package app --package near"}, not: []string{"cargo test --no-fail-fast --package app --package near --package shared"},
		},
		"a task of Deno that does more": {
			files: map[string]string{"deno.json": `{"tasks": {"start": "deno run main.ts", "lint": "deno lint && ./more.sh", "test": "deno test -A > out"}}`, "main.ts": "Deno.serve(() => new Response());"},
			want:  []string{"{ deno task lint || status", "{ deno task test || status", "deno check main.ts"}, not: []string{"--json"},
		},
		"a task of Deno that tests twice": {
			files: map[string]string{"deno.json": `{"tasks": {"start": "deno run main.ts", "test": "deno test a && deno test b", "check": "deno check a.ts"}}`, "main.ts": "Deno.serve(() => new Response());", "a/a_test.ts": "", "b/b_test.ts": "", "a.ts": ""},
			want: []string{
				"deno test --junit-path=/reports/unit-tests/junit.xml --coverage=/tmp/coverage a ", "mkdir -p /reports/unit-tests/2 ", "deno test --junit-path=/reports/unit-tests/2/junit.xml --coverage=/tmp/coverage b ", "--output=/reports/unit-tests/2/lcov.info",
			},
		},
		"two scripts of one linter": {
			files: node(`"lint": "tsc", "typecheck": "tsc -p test"`, `"typescript": "5"`), want: []string{"tsc > /reports/lint/tsc.txt", "tsc -p test > /reports/lint/2/tsc.txt"},
		},
		"a task of Deno that repairs": {
			files: map[string]string{"deno.json": `{"tasks": {"start": "deno run main.ts", "lint": "deno lint --fix"}}`, "main.ts": "Deno.serve(() => new Response());"},
			want:  []string{"deno lint --json >"}, not: []string{"--fix"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			tree := fstest.MapFS{}
			for at, text := range c.files {
				tree[at] = &fstest.MapFile{Data: []byte(text)}
			}
			plans, findings := load(t, tree, detect.WithQuality)
			if findings.Errors() != nil || len(plans) != 1 {
				t.Fatal(plans, findings)
			}
			text := qualityText(plans[0])
			for _, w := range c.want {
				if !strings.Contains(text, w) {
					t.Errorf("want %q:\n%s", w, text)
				}
			}
			for _, n := range c.not {
				if strings.Contains(text, n) {
					t.Errorf("do not want %q:\n%s", n, text)
				}
			}
			if len(plans[0].Quality) > 0 {
				lint(t, dockerfile.RenderAll(plans[0]))
			}
		})
	}
}
