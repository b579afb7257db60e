package diag

import (
	"slices"
	"strings"
)

// Code is a kind of finding. Codes are for searching and for waivers, so each has
// one meaning for ever: a kind that no longer occurs keeps its line, as Retired.
type Code struct {
	Code    string // "SLP" and three digits
	Name    string // a few words
	Meaning string // one sentence
	Package string // below internal, that reports it
	Retired bool   // nothing reports it any more
}

// Codes lists every code, in order. To add one, declare it as a constant in its
// package, add its line to that package's list below and run `go test
// ./internal/diag -update`, which writes docs/FINDINGS.md. The ranges: 1xx
// slipway.yaml; 20x–29x and 31x–35x what detection finds; 30x slipway.lock;
// 36x–38x the built image; 40x own Dockerfiles and running services; 44x waivers and
// the built image; 46x–48x what can be built and is unwise; 60x–62x gates.
func Codes() []Code {
	var all []Code
	for pkg, codes := range map[string][]Code{
		"baseimage":        baseimageCodes(),
		"config":           configCodes(),
		"detect":           detectCodes(),
		"dockerfile":       dockerfileCodes(),
		"ecosystem":        ecosystemCodes(),
		"ecosystem/golang": goCodes(),
		"ecosystem/java":   javaCodes(),
		"ecosystem/deno":   denoCodes(),
		"ecosystem/node":   nodeCodes(),
		"ecosystem/python": pythonCodes(),
		"ecosystem/rust":   rustCodes(),
		"ecosystem/static": staticCodes(),
		"dotenv":           dotenvCodes(),
		"fleet":            fleetCodes(),
		"gate":             gateCodes(),
		"gate/contents":    gateContentsCodes(),
		"pipeline":         pipelineCodes(),
		"proof":            slices.Concat(proofCodes(), proofMoreCodes()),
		"localrun":         localrunCodes(),
		"scan":             scanCodes(),
		"testreport":       testreportCodes(),
	} {
		for _, c := range codes {
			c.Package = pkg
			all = append(all, c)
		}
	}
	slices.SortFunc(all, func(a, b Code) int { return strings.Compare(a.Code, b.Code) })
	return all
}

func configCodes() []Code {
	return []Code{
		{Code: "SLP101", Name: "syntax", Meaning: "slipway.yaml is not valid YAML, or is too large."},
		{Code: "SLP102", Name: "unknown key", Meaning: "slipway.yaml has a key that does not exist."},
		{Code: "SLP103", Name: "duplicate key", Meaning: "slipway.yaml has the same key twice in one map."},
		{Code: "SLP104", Name: "wrong type", Meaning: "A value in slipway.yaml has the wrong type for its key."},
		{Code: "SLP105", Name: "unknown word", Meaning: "A value is not a valid word for its key."},
		{Code: "SLP106", Name: "bad port", Meaning: "A port is not a number from 1 to 65535."},
		{Code: "SLP107", Name: "duplicate port", Meaning: "Two services of one run group have the same port."},
		{Code: "SLP108", Name: "bad memory", Meaning: "A memory limit is not a size."},
		{Code: "SLP109", Name: "bad platform", Meaning: "A platform is not supported."},
		{Code: "SLP110", Name: "two health checks", Meaning: "A service has more than one kind of health check."},
		{Code: "SLP111", Name: "impossible combination", Meaning: "Two keys exclude each other."},
		{Code: "SLP112", Name: "path outside", Meaning: "A path leads outside the repository."},
		{Code: "SLP113", Name: "duplicate path", Meaning: "Two services have the same path and the same command."},
		{Code: "SLP114", Name: "format version", Meaning: "slipway.yaml uses a format version that this Slipway does not support."},
		{Code: "SLP115", Name: "no services", Meaning: "slipway.yaml lists no services."},
		{Code: "SLP116", Name: "bad name", Meaning: "The name of a fleet or service cannot be part of an image name, or that of an environment is a command of slipway deploy."},
		{Code: "SLP117", Name: "bad user", Meaning: "The user of production images has an invalid name or id, or is root."},
		{Code: "SLP118", Name: "bad duration", Meaning: "A time span is not a duration, or is out of range."},
		{Code: "SLP119", Name: "YAML feature", Meaning: "slipway.yaml uses an anchor, alias, merge key or tag, which Slipway does not read."},
		{Code: "SLP120", Name: "bad reference", Meaning: "A registry, tag or image reference is invalid."},
		{Code: "SLP121", Name: "bad variable", Meaning: "The name or value of an environment variable is invalid."},
		{Code: "SLP122", Name: "bad command", Meaning: "A command is empty, or needs a shell to run."},
		{Code: "SLP123", Name: "bad health check", Meaning: "The path, service name or number of retries of a health check is invalid."},
		{Code: "SLP124", Name: "possible secret", Meaning: "The value of an environment variable looks like a secret, which images must not contain."},
		{Code: "SLP125", Name: "bad package", Meaning: "A word is not the name of a Debian package."},
		{Code: "SLP130", Name: "bad target", Meaning: "The target of an environment is neither host nor kubernetes nor the address of a host, or names no cluster that can be."},
		{Code: "SLP131", Name: "bad order", Meaning: "An environment is after one that does not exist, or environments are after each other."},
		{Code: "SLP132", Name: "bad strategy", Meaning: "A strategy cannot be followed: its steps do not rise, or nothing may be replaced."},
		{Code: "SLP133", Name: "bad amount", Meaning: "A number of an environment is out of range, such as its replicas, cores or limits of a canary."},
		{Code: "SLP134", Name: "bad secret source", Meaning: "A secret of an environment has no source, more than one, or is written in plain text."},
		{Code: "SLP135", Name: "bad route", Meaning: "The host or path of a route is invalid, or two routes take the same requests."},
		{Code: "SLP136", Name: "bad check", Meaning: "A check of an environment asks nothing, asks several things, or cannot be asked."},
		{Code: "SLP137", Name: "bad freeze", Meaning: "A freeze of an environment is no span of time."},
		{Code: "SLP138", Name: "canary without traffic", Meaning: "A canary is of a service without a port, whose traffic cannot be divided."},
		{Code: "SLP650", Name: "bad signatures", Meaning: "signatures: in slipway.yaml names no key, or a statement that does not exist."},
		{Code: "SLP440", Name: "bad waiver", Meaning: "A waiver in slipway.yaml has no reason, or names a finding or date that does not exist."},
		{Code: "SLP555", Name: "bad quality stage", Meaning: "A quality stage in slipway.yaml has no command, or one that cannot be a line of a Dockerfile."},
		{Code: "SLP575", Name: "unknown companion", Meaning: "needs: names neither a kind of the catalogue, nor an image, nor a service of the fleet."},
		{Code: "SLP576", Name: "unknown companion version", Meaning: "needs: names a version of a server that the catalogue does not have."},
		{Code: "SLP577", Name: "useless companion setting", Meaning: "needs: gives a companion a database or seed that it does not take."},
		{Code: "SLP578", Name: "bad companion name", Meaning: "A name in needs: cannot be a host or database, or is taken."},
		{Code: "SLP628", Name: "invalid limit", Meaning: "A value below gates: in slipway.yaml cannot be the limit of that gate."},
	}
}

func denoCodes() []Code {
	return []Code{
		{Code: "SLP468", Name: "unreadable deno.json", Meaning: "deno.json cannot be read."},
		{Code: "SLP469", Name: "no start", Meaning: "No task or file specifies how a Deno service starts, or the file does not exist."},
		{Code: "SLP470", Name: "no deno.lock", Meaning: "A Deno service that imports packages has no deno.lock."},
		{Code: "SLP471", Name: "missing permission", Meaning: "The start command of a Deno service does not permit what the program does."},
	}
}

func nodeCodes() []Code {
	return []Code{
		{Code: "SLP201", Name: "unreadable package.json", Meaning: "package.json cannot be read."},
		{Code: "SLP202", Name: "no lock file", Meaning: "A Node.js service has no lock file."},
		{Code: "SLP203", Name: "package manager", Meaning: "The version of the package manager is not supported."},
		{Code: "SLP204", Name: "Node.js version", Meaning: "The requested version of Node.js is not supported."},
		{Code: "SLP205", Name: "stale lock file", Meaning: "The lock file does not match package.json."},
		{Code: "SLP206", Name: "no start", Meaning: "No script or field of package.json specifies how the service starts."},
		{Code: "SLP207", Name: "start needs a shell", Meaning: "The start script needs a shell or a tool that the image does not have."},
		{Code: "SLP210", Name: "dependency outside", Meaning: "A dependency is outside the service's directory."},
		{Code: "SLP211", Name: "unreadable lock file", Meaning: "package-lock.json cannot be read."},
		{Code: "SLP212", Name: "no compiler", Meaning: "A service has TypeScript sources, but no script compiles them."},
		{Code: "SLP213", Name: "install script", Meaning: "The plan runs install scripts at another time, or not at all."},
		{Code: "SLP214", Name: "credential in .npmrc", Meaning: ".npmrc contains a credential."},
		{Code: "SLP215", Name: "package layout", Meaning: "Packages are installed in a different layout than on the developer's machine."},
		{Code: "SLP216", Name: "no server output", Meaning: "A framework's configuration produces no server, or the build overrides it to produce one."},
		{Code: "SLP284", Name: "missing .env", Meaning: "The start reads a file of variables that the image does not contain."},
		{Code: "SLP285", Name: "missing file", Meaning: "An option of the start command names a file that the image does not contain."},
		{Code: "SLP286", Name: "no shell", Meaning: "The sources start a shell, and the image has none."},
		{Code: "SLP287", Name: "output outside", Meaning: "The build writes its output above the service's directory."},
		{Code: "SLP288", Name: "private key", Meaning: "The image contains a private key that the sources read."},
		{Code: "SLP289", Name: "old lock file", Meaning: "package-lock.json has the format of npm 6."},
		{Code: "SLP472", Name: "git over SSH", Meaning: "The install fetches a git dependency by HTTPS, because a build has no SSH key."},
		{Code: "SLP473", Name: "package without lock file", Meaning: "A package above the service's directory has dependencies and no lock file."},
		{Code: "SLP474", Name: "several members", Meaning: "A service is the root of a workspace of which several members start."},
		{Code: "SLP475", Name: "adapter added", Meaning: "SvelteKit's adapter builds no server for containers, and the build adds one that does."},
		{Code: "SLP476", Name: "other package manager", Meaning: "packageManager names another package manager than that of the lock file."},
		{Code: "SLP290", Name: "missing files", Meaning: "files: of slipway.yaml names a path that does not exist."},
		{Code: "SLP291", Name: "default port", Meaning: "No source names a port; the program gets one through PORT."},
		{Code: "SLP292", Name: "process manager", Meaning: "The start uses a process manager, which an image does not need."},
		{Code: "SLP293", Name: "prestart script", Meaning: "A script before the start script does not run in the image."},
		{Code: "SLP410", Name: "further applications", Meaning: "nest-cli.json has further applications, which slipway.yaml does not list."},
	}
}

func ecosystemCodes() []Code {
	return []Code{
		{Code: "SLP208", Name: "ignored input", Meaning: ".dockerignore cannot be read, or excludes a file that the build needs."},
		{Code: "SLP209", Name: "no port", Meaning: "No source or setting specifies the port that a server listens on."},
		{Code: "SLP225", Name: "entry not read", Meaning: "Slipway does not read an entry of the repository: it is too large, not a regular file, or a link out of the repository."},
		{Code: "SLP228", Name: "other processes", Meaning: "A Procfile has processes besides the one of this service."},
		{Code: "SLP257", Name: "loopback only", Meaning: "A server listens on the loopback address only and cannot be reached from outside its container."},
		{Code: "SLP320", Name: "private key", Meaning: "The image contains a private key that the sources name."},
		{Code: "SLP321", Name: "missing files", Meaning: "files: of slipway.yaml matches nothing."},
		{Code: "SLP322", Name: "unbuilt front end", Meaning: "The program opens a directory that the build of a front end writes, and no build runs."},
		{Code: "SLP323", Name: "excluded file", Meaning: "The ignore rules or exclude: leave out a file that the program opens."},
		{Code: "SLP330", Name: "system directory", Meaning: "writable: of slipway.yaml names a directory of the system."},
		{Code: "SLP460", Name: "nearest version", Meaning: "The requested version is not available, and a near one is used."},
		{Code: "SLP461", Name: "ended version", Meaning: "The version gets no security fixes any more."},
		{Code: "SLP520", Name: "value not on one line", Meaning: "A version, licence or description spans lines, has control characters or is too long; the image has it shortened to one line."},
		{Code: "SLP467", Name: "runtime version", Meaning: "The requested version of Bun or Deno is not available."},
	}
}

func detectCodes() []Code {
	return []Code{
		{Code: "SLP220", Name: "missing directory", Meaning: "The directory of a configured service does not exist."},
		{Code: "SLP221", Name: "unrecognised directory", Meaning: "No ecosystem recognises a directory."},
		{Code: "SLP222", Name: "repository too large", Meaning: "Detection stopped at its limit of directories."},
		{Code: "SLP223", Name: "nothing found", Meaning: "A repository has no services that Slipway recognises."},
		{Code: "SLP224", Name: "unreadable directory", Meaning: "A directory cannot be read."},
		{Code: "SLP226", Name: "unusable name", Meaning: "A file name cannot be written in a Dockerfile."},
		{Code: "SLP521", Name: "word too long", Meaning: "A command, name or version of a service is longer than a line of a Dockerfile may be."},
		{Code: "SLP227", Name: "misplaced key", Meaning: "A key of slipway.yaml has no effect for this ecosystem."},
		{Code: "SLP230", Name: "unsupported language", Meaning: "A directory looks like a program, but its language is not supported or its manifest is missing."},
		{Code: "SLP231", Name: "foreign .dockerignore", Meaning: "A .dockerignore belongs to another Dockerfile than the planned one."},
		{Code: "SLP232", Name: "unusable output", Meaning: "files: names a service whose output cannot be used."},
		{Code: "SLP233", Name: "circular files", Meaning: "Services take files from each other."},
		{Code: "SLP234", Name: "own Dockerfile", Meaning: "files: or exclude: has no effect on a service that is built from its own Dockerfile."},
		{Code: "SLP235", Name: "other version", Meaning: "A Dockerfile starts from a version that the bases do not have; the nearest is planned."},
	}
}

func goCodes() []Code {
	return []Code{
		{Code: "SLP240", Name: "unreadable module", Meaning: "go.mod or go.work cannot be read."},
		{Code: "SLP241", Name: "no module", Meaning: "A main package belongs to no module."},
		{Code: "SLP242", Name: "Go version", Meaning: "The requested version of Go is not available."},
		{Code: "SLP243", Name: "no main package", Meaning: "A directory that must hold a main package has none."},
		{Code: "SLP244", Name: "several main packages", Meaning: "Several main packages could be the service, and no setting selects one."},
		{Code: "SLP245", Name: "no go.sum", Meaning: "A module with dependencies has no go.sum."},
		{Code: "SLP246", Name: "module outside", Meaning: "A replaced or workspace module is outside the repository."},
		{Code: "SLP247", Name: "C library", Meaning: "cgo needs a library or compiler that no base has."},
		{Code: "SLP248", Name: "unreadable source", Meaning: "A Go source file cannot be read."},
		{Code: "SLP324", Name: "requires .env", Meaning: "The program exits without a .env file, which no image contains."},
		{Code: "SLP325", Name: "missing embed", Meaning: "go:embed names a path that does not exist in the repository."},
		{Code: "SLP326", Name: "other programs", Meaning: "A module has programs besides the service."},
		{Code: "SLP329", Name: "other port", Meaning: "The port in slipway.yaml differs from the port that the program listens on."},
		{Code: "SLP481", Name: "stale modules", Meaning: "go.mod, go.sum or vendor lack a module that the program needs."},
	}
}

func rustCodes() []Code {
	return []Code{
		{Code: "SLP249", Name: "unknown feature", Meaning: "A requested feature does not exist in the package."},
		{Code: "SLP250", Name: "unreadable manifest", Meaning: "Cargo.toml or Cargo.lock cannot be read."},
		{Code: "SLP251", Name: "Rust version", Meaning: "The requested version of Rust is not available."},
		{Code: "SLP252", Name: "no program", Meaning: "A package that must build a program has none."},
		{Code: "SLP253", Name: "several programs", Meaning: "Several programs could be the service, and no setting selects one."},
		{Code: "SLP254", Name: "no Cargo.lock", Meaning: "A Rust service has no Cargo.lock."},
		{Code: "SLP255", Name: "package outside", Meaning: "A path dependency is outside the repository."},
		{Code: "SLP256", Name: "system library", Meaning: "A crate needs a system library or tool that no base has."},
		{Code: "SLP258", Name: "stale Cargo.lock", Meaning: "Cargo.lock does not match Cargo.toml."},
		{Code: "SLP259", Name: "unknown linker", Retired: true, Meaning: ".cargo/config.toml names a program that the bases do not have."},
		{Code: "SLP327", Name: "overridden tool", Meaning: ".cargo/config.toml names a linker or wrapper that the toolchain lacks; the build does not use it."},
		{Code: "SLP328", Name: "other programs", Meaning: "A package or workspace has programs besides the service."},
		{Code: "SLP480", Name: "other target", Meaning: ".cargo/config.toml names a target that the toolchain cannot compile for; the build is for the image's platform."},
		{Code: "SLP482", Name: "query without .sqlx", Meaning: "SQLx checks a query against a database while it compiles, and what was prepared for that is not committed."},
	}
}

func pythonCodes() []Code {
	return []Code{
		{Code: "SLP260", Name: "unreadable manifest", Meaning: "A manifest or lock file of a Python service cannot be read."},
		{Code: "SLP261", Name: "no lock file", Meaning: "A package manager's lock file is missing."},
		{Code: "SLP262", Name: "Python version", Meaning: "The requested version of Python is not supported."},
		{Code: "SLP263", Name: "unpinned requirements", Meaning: "Requirements have no exact versions, so the image depends on the day of the build."},
		{Code: "SLP264", Name: "stale lock file", Meaning: "A lock file does not match its manifest."},
		{Code: "SLP265", Name: "local requirement", Meaning: "A requirement is a directory that the build does not have."},
		{Code: "SLP266", Name: "system library", Meaning: "A package needs a system library that the base does not have."},
		{Code: "SLP267", Name: "no server", Meaning: "An application has no server to run it."},
		{Code: "SLP268", Name: "no start", Meaning: "No file or setting specifies how the service starts."},
		{Code: "SLP269", Name: "start needs a shell", Meaning: "The start command needs a shell."},
		{Code: "SLP270", Name: "static files", Meaning: "Django's static files are not collected, or nothing serves them."},
		{Code: "SLP271", Name: "assets not built", Meaning: "A Python service has a package.json whose build the plan does not run."},
		{Code: "SLP272", Name: "another program", Meaning: "The service starts the Python program that starts the server, not this one."},
		{Code: "SLP273", Name: "key in the image", Meaning: "The sources read a private key of the repository, so the image contains it."},
		{Code: "SLP274", Name: "start file missing", Meaning: "The start command of a Python service names a file that the image does not contain."},
		{Code: "SLP275", Name: "commands before the start", Meaning: "A Procfile or script runs commands before the server; the image starts the server alone."},
		{Code: "SLP276", Name: "developer's database", Meaning: "The settings name an SQLite file of the repository as the database; the image does not contain it."},
		{Code: "SLP277", Name: "production settings", Meaning: "A Django project names development settings; the image uses the production settings."},
		{Code: "SLP420", Name: "server added", Meaning: "A Python application has no production server among its dependencies; the build adds one."},
		{Code: "SLP421", Name: "development server", Meaning: "A Python service starts the development server of its framework."},
		{Code: "SLP422", Name: "no allowed host", Meaning: "The settings of a Django project make it refuse every request."},
		{Code: "SLP423", Name: "development settings", Meaning: "A Django project has DEBUG on, or a secret key that its sources reveal."},
		{Code: "SLP462", Name: "no version", Meaning: "A file for the version of Python names no version."},
		{Code: "SLP463", Name: "unsuitable Python", Meaning: "A pinned package has no wheel for the version of Python, or does not support it."},
		{Code: "SLP464", Name: "conda environment", Meaning: "Only an environment of conda lists the packages of a Python service."},
		{Code: "SLP465", Name: "private git dependency", Meaning: "A dependency comes from git with a key that the build does not have."},
		{Code: "SLP466", Name: "no GPU", Meaning: "PyTorch is installed without its CUDA libraries, because nothing asks for a GPU."},
	}
}

func staticCodes() []Code {
	return []Code{
		{Code: "SLP280", Name: "no pages", Meaning: "A static site has no pages to serve."},
		{Code: "SLP281", Name: "start command", Meaning: "A static site has a start command, but nginx serves it."},
		{Code: "SLP282", Name: "no base", Meaning: "The bases: map has no image that serves static sites."},
		{Code: "SLP283", Name: "health check", Meaning: "A static site has a health check that nginx does not answer."},
		{Code: "SLP491", Name: "rule not applied", Meaning: "A site's settings contain a redirect, rewrite or header that nginx cannot answer with."},
		{Code: "SLP492", Name: "site not protected", Meaning: "A password protects the site elsewhere, but its image would serve it to everybody."},
		{Code: "SLP493", Name: "generator incomplete", Meaning: "A site generator requires a file, theme or program that the build does not have."},
		{Code: "SLP494", Name: "generator not pinned", Meaning: "No file of the repository fixes the version of its site generator, or the build uses another one."},
	}
}

func baseimageCodes() []Code {
	return []Code{
		{Code: "SLP301", Name: "damaged slipway.lock", Meaning: "slipway.lock is damaged."},
	}
}

func javaCodes() []Code {
	return []Code{
		{Code: "SLP310", Name: "unreadable build file", Meaning: "A build file of Maven or Gradle cannot be read."},
		{Code: "SLP311", Name: "Java version", Meaning: "The requested version of Java is not available."},
		{Code: "SLP312", Name: "no main class", Meaning: "No file or setting specifies which class starts."},
		{Code: "SLP313", Name: "several main classes", Meaning: "Several classes could start, and no setting selects one."},
		{Code: "SLP314", Name: "module outside", Meaning: "A module or parent is outside the repository."},
		{Code: "SLP315", Name: "servlet archive", Meaning: "The build produces an archive for a servlet container, which the image does not have."},
		{Code: "SLP316", Name: "no Gradle wrapper", Meaning: "Gradle has no wrapper, or one that names no version."},
		{Code: "SLP317", Name: "build tool version", Meaning: "The build requires a version of its tool that the base does not have."},
		{Code: "SLP340", Name: "missing jar", Meaning: "The start command names a jar that the image does not contain."},
		{Code: "SLP341", Name: "thin jar", Meaning: "The start command starts a jar whose libraries the image does not contain."},
		{Code: "SLP477", Name: "Gradle and Java", Meaning: "The wrapper's Gradle does not run on the Java that the build requires."},
		{Code: "SLP478", Name: "vendor of the JDK", Meaning: "The build requires the JDK of a vendor, and the bases have that of Debian."},
	}
}

func dockerfileCodes() []Code {
	return []Code{
		{Code: "SLP401", Name: "broken Dockerfile", Meaning: "A Dockerfile cannot be parsed."},
		{Code: "SLP540", Name: "expansion too large", Meaning: "The variables of a Dockerfile expand to an unreasonable length."},
		{Code: "SLP541", Name: "too many stages", Meaning: "A Dockerfile has more stages than Slipway reads."},
	}
}

func fleetCodes() []Code {
	return []Code{
		{Code: "SLP402", Name: "unknown base", Meaning: "A Dockerfile names a base of Slipway that does not exist."},
		{Code: "SLP405", Name: "unreadable env_file", Meaning: "A file that env_file: names does not exist or cannot be read."},
	}
}

func dotenvCodes() []Code {
	return []Code{
		{Code: "SLP403", Name: "bad variable line", Meaning: "A line of a variables file is not NAME=VALUE."},
	}
}

func localrunCodes() []Code {
	return []Code{
		{Code: "SLP404", Name: "unknown host", Meaning: "A variable names a host that is neither a service of the group nor found elsewhere."},
	}
}
func proofMoreCodes() []Code {
	return []Code{
		{Code: "SLP443", Name: "other module system", Meaning: "A source uses require in an ES module, or import declarations in a CommonJS module."},
		{Code: "SLP444", Name: "not a program", Meaning: "The start command runs a file that is neither a program nor a script, or starts in a path that is no directory."},
		{Code: "SLP445", Name: "time zone or locale missing", Meaning: "The image lacks a time zone or locale that a variable or source names."},
		{Code: "SLP446", Name: "variable not expanded", Meaning: "An argument of the start command names a variable, and no shell expands it."},
		{Code: "SLP447", Name: "runtime too old", Meaning: "A program needs a newer runtime or C library than the one in the image."},
		{Code: "SLP448", Name: "nothing to serve", Meaning: "The directory that nginx serves does not exist in the image, or has no page."},
	}
}

func pipelineCodes() []Code {
	return []Code{
		{Code: "SLP441", Name: "useless waiver", Meaning: "A waiver in slipway.yaml waives nothing in the image."},
		{Code: "SLP442", Name: "ended waiver", Meaning: "The last day of a waiver in slipway.yaml is over."},
	}
}

func proofCodes() []Code {
	return []Code{
		{Code: "SLP360", Name: "program missing", Meaning: "The image lacks the program that its start command runs."},
		{Code: "SLP361", Name: "program not executable", Meaning: "The image's user cannot execute the program, or cannot enter its directory."},
		{Code: "SLP362", Name: "interpreter missing", Meaning: "The image lacks the interpreter that a script names in its first line."},
		{Code: "SLP363", Name: "loader missing", Meaning: "The image lacks the dynamic loader that a program requires."},
		{Code: "SLP364", Name: "library missing", Meaning: "The image lacks a shared library that the start command needs."},
		{Code: "SLP365", Name: "extension's library missing", Meaning: "The image lacks a shared library that an extension or another program in it needs."},
		{Code: "SLP366", Name: "wrong architecture", Meaning: "A program is compiled for a different architecture than the image."},
		{Code: "SLP367", Name: "start command's file missing", Meaning: "The image lacks a file or module that the start command names."},
		{Code: "SLP368", Name: "module missing", Meaning: "The image lacks a module that a source imports."},
		{Code: "SLP369", Name: "incomplete Java program", Meaning: "The image lacks the main class of a Java program, or libraries that it uses."},
		{Code: "SLP370", Name: "called program missing", Meaning: "The image lacks a program that the sources run."},
		{Code: "SLP371", Name: "secret in a layer", Meaning: "A layer of the image contains a secret, even when a later layer deletes it."},
		{Code: "SLP372", Name: "setuid program", Meaning: "A program in the image runs with rights that its user does not have."},
		{Code: "SLP373", Name: "device node", Meaning: "The image contains a device node."},
		{Code: "SLP374", Name: "world-writable file", Meaning: "Any user in the container can write to a file in the image."},
		{Code: "SLP375", Name: "read-only home", Meaning: "The image's user cannot write to its home, but a program in the image does."},
		{Code: "SLP376", Name: "read-only directory", Meaning: "The sources write to a directory that belongs to another user."},
		{Code: "SLP377", Name: "health check without TLS", Meaning: "The server speaks TLS and its health check does not."},
		{Code: "SLP378", Name: "file not readable", Meaning: "The image's user cannot read a file that the start command needs."},
		{Code: "SLP379", Name: "health check's program missing", Meaning: "The image lacks the program of its health check, or the user cannot execute it."},
		{Code: "SLP380", Name: "unknown user", Meaning: "The image runs as a user or group that its accounts do not list."},
		{Code: "SLP381", Name: "nothing to start", Meaning: "The image has neither an entrypoint nor a command."},
	}
}
