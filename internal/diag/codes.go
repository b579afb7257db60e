package diag

// Code is a kind of finding. Codes are for searching and for waivers, so each has
// one meaning for ever: a kind that no longer occurs keeps its line, as Retired.
type Code struct {
	Code    string // "SLP" and three digits
	Name    string // a word or two
	Meaning string // one sentence
	Package string // below internal, that reports it
	Retired bool   // nothing reports it any more
}

// Codes lists every code, in order. To add one, declare it as a constant in its
// package, add its line here and run `go test ./internal/diag -update`, which
// writes docs/FINDINGS.md. The ranges: 1xx slipway.yaml; 20x–29x, 31x–35x what
// detection finds; 30x slipway.lock; 36x–38x the built image; 40x own Dockerfiles
// and running services.
func Codes() []Code {
	return []Code{
		{Code: "SLP101", Name: "syntax", Package: "config", Meaning: "slipway.yaml is not valid YAML, or is larger than Slipway reads."},
		{Code: "SLP102", Name: "unknown key", Package: "config", Meaning: "slipway.yaml has a key that does not exist."},
		{Code: "SLP103", Name: "duplicate key", Package: "config", Meaning: "slipway.yaml has the same key twice in one map."},
		{Code: "SLP104", Name: "wrong type", Package: "config", Meaning: "A value in slipway.yaml has another type than its key takes."},
		{Code: "SLP105", Name: "unknown word", Package: "config", Meaning: "A value is not one of the words that its key takes."},
		{Code: "SLP106", Name: "bad port", Package: "config", Meaning: "A port is not a number from 1 to 65535."},
		{Code: "SLP107", Name: "duplicate port", Package: "config", Meaning: "Two services of one run group have the same port."},
		{Code: "SLP108", Name: "bad memory", Package: "config", Meaning: "A memory limit is not a size."},
		{Code: "SLP109", Name: "bad platform", Package: "config", Meaning: "A platform is not supported."},
		{Code: "SLP110", Name: "two health checks", Package: "config", Meaning: "A service has more than one kind of health check."},
		{Code: "SLP111", Name: "impossible combination", Package: "config", Meaning: "Two keys exclude each other."},
		{Code: "SLP112", Name: "path outside", Package: "config", Meaning: "A path leads out of the repository."},
		{Code: "SLP113", Name: "duplicate path", Package: "config", Meaning: "Two services have the same path and the same command."},
		{Code: "SLP114", Name: "format version", Package: "config", Meaning: "slipway.yaml names a version of its format that this Slipway does not read."},
		{Code: "SLP115", Name: "no services", Package: "config", Meaning: "slipway.yaml lists no services."},
		{Code: "SLP116", Name: "bad name", Package: "config", Meaning: "The name of a fleet or service cannot be part of an image name."},
		{Code: "SLP117", Name: "bad user", Package: "config", Meaning: "The user of production images has an invalid name or id, or is root."},
		{Code: "SLP118", Name: "bad duration", Package: "config", Meaning: "A time span is not a duration, or is out of range."},
		{Code: "SLP119", Name: "YAML feature", Package: "config", Meaning: "slipway.yaml uses an anchor, alias, merge key or tag, which Slipway does not read."},
		{Code: "SLP120", Name: "bad reference", Package: "config", Meaning: "A registry, tag or image reference is invalid."},
		{Code: "SLP121", Name: "bad variable", Package: "config", Meaning: "The name or value of an environment variable is invalid."},
		{Code: "SLP122", Name: "bad command", Package: "config", Meaning: "A command is empty, or needs a shell to run."},
		{Code: "SLP123", Name: "bad health check", Package: "config", Meaning: "The path, service name or number of retries of a health check is invalid."},
		{Code: "SLP124", Name: "possible secret", Package: "config", Meaning: "The value of an environment variable looks like a secret, and images are no place for one."},
		{Code: "SLP125", Name: "bad package", Package: "config", Meaning: "A word is not the name of a Debian package."},

		{Code: "SLP201", Name: "unreadable package.json", Package: "ecosystem/node", Meaning: "package.json cannot be read."},
		{Code: "SLP202", Name: "no lock file", Package: "ecosystem/node", Meaning: "A Node.js service has no lock file."},
		{Code: "SLP203", Name: "package manager", Package: "ecosystem/node", Meaning: "The package manager is not supported, or is not the one of the lock file."},
		{Code: "SLP204", Name: "Node.js version", Package: "ecosystem/node", Meaning: "The requested version of Node.js is not supported."},
		{Code: "SLP205", Name: "stale lock file", Package: "ecosystem/node", Meaning: "package-lock.json does not match package.json."},
		{Code: "SLP206", Name: "no start", Package: "ecosystem/node", Meaning: "No script or field of package.json says how the service starts."},
		{Code: "SLP207", Name: "start needs a shell", Package: "ecosystem/node", Meaning: "The start script needs a shell or a tool that the image does not have."},
		{Code: "SLP208", Name: "ignored input", Package: "ecosystem", Meaning: ".dockerignore cannot be read, or excludes a file that the build needs."},
		{Code: "SLP209", Name: "no port", Package: "ecosystem", Meaning: "No source or setting says on which port a server listens."},
		{Code: "SLP210", Name: "dependency outside", Package: "ecosystem/node", Meaning: "A dependency lies outside of the service's directory."},
		{Code: "SLP211", Name: "unreadable lock file", Package: "ecosystem/node", Meaning: "package-lock.json cannot be read."},
		{Code: "SLP212", Name: "no compiler", Package: "ecosystem/node", Meaning: "A service has TypeScript sources, and no script compiles them."},
		{Code: "SLP213", Name: "install script", Package: "ecosystem/node", Meaning: "The service has install scripts that the plan runs at another moment, or not at all."},
		{Code: "SLP214", Name: "credential in .npmrc", Package: "ecosystem/node", Meaning: ".npmrc contains a credential."},
		{Code: "SLP215", Name: "package layout", Package: "ecosystem/node", Meaning: "Packages are laid out in another way than on the developer's machine."},
		{Code: "SLP216", Name: "no server output", Package: "ecosystem/node", Meaning: "The configuration of a framework makes no server, or the build overrides it to make one."},
		{Code: "SLP220", Name: "missing directory", Package: "detect", Meaning: "The directory of a configured service does not exist."},
		{Code: "SLP221", Name: "unrecognised directory", Package: "detect", Meaning: "No ecosystem recognises a directory."},
		{Code: "SLP222", Name: "repository too large", Package: "detect", Meaning: "Detection stopped at its limit of directories."},
		{Code: "SLP223", Name: "nothing found", Package: "detect", Meaning: "A repository has no services that Slipway recognises."},
		{Code: "SLP224", Name: "unreadable directory", Package: "detect", Meaning: "A directory cannot be read."},
		{Code: "SLP225", Name: "entry not read", Package: "ecosystem", Meaning: "An entry of the repository is not read: too large, no ordinary file, or a link that leads out."},
		{Code: "SLP226", Name: "unusable name", Package: "detect", Meaning: "A file name cannot be written in a Dockerfile."},
		{Code: "SLP227", Name: "misplaced key", Package: "detect", Meaning: "A key of slipway.yaml has no effect for this ecosystem."},
		{Code: "SLP228", Name: "other processes", Package: "ecosystem", Meaning: "A Procfile has further processes beside the one that this service is."},
		{Code: "SLP240", Name: "unreadable module", Package: "ecosystem/golang", Meaning: "go.mod or go.work cannot be read."},
		{Code: "SLP241", Name: "no module", Package: "ecosystem/golang", Meaning: "A main package belongs to no module."},
		{Code: "SLP242", Name: "Go version", Package: "ecosystem/golang", Meaning: "The requested version of Go is not available."},
		{Code: "SLP243", Name: "no main package", Package: "ecosystem/golang", Meaning: "A directory that must hold a main package has none."},
		{Code: "SLP244", Name: "several main packages", Package: "ecosystem/golang", Meaning: "Several main packages could be the service, and nothing chooses one."},
		{Code: "SLP245", Name: "no go.sum", Package: "ecosystem/golang", Meaning: "A module with dependencies has no go.sum."},
		{Code: "SLP246", Name: "module outside", Package: "ecosystem/golang", Meaning: "A replaced or workspace module lies outside of the repository."},
		{Code: "SLP247", Name: "C library", Package: "ecosystem/golang", Meaning: "cgo needs a library or compiler that no base has."},
		{Code: "SLP248", Name: "unreadable source", Package: "ecosystem/golang", Meaning: "A Go source file cannot be read."},
		{Code: "SLP249", Name: "unknown feature", Package: "ecosystem/rust", Meaning: "A requested feature does not exist in the package."},
		{Code: "SLP250", Name: "unreadable manifest", Package: "ecosystem/rust", Meaning: "Cargo.toml or Cargo.lock cannot be read."},
		{Code: "SLP251", Name: "Rust version", Package: "ecosystem/rust", Meaning: "The requested version of Rust is not available."},
		{Code: "SLP252", Name: "no program", Package: "ecosystem/rust", Meaning: "A package that must build a program has none."},
		{Code: "SLP253", Name: "several programs", Package: "ecosystem/rust", Meaning: "Several programs could be the service, and nothing chooses one."},
		{Code: "SLP254", Name: "no Cargo.lock", Package: "ecosystem/rust", Meaning: "A Rust service has no Cargo.lock."},
		{Code: "SLP255", Name: "package outside", Package: "ecosystem/rust", Meaning: "A path dependency lies outside of the repository."},
		{Code: "SLP256", Name: "system library", Package: "ecosystem/rust", Meaning: "A crate needs a system library or tool that no base has."},
		{Code: "SLP257", Name: "loopback only", Package: "ecosystem/rust", Meaning: "A server listens on the loopback address only and cannot be reached from outside of its container."},
		{Code: "SLP258", Name: "stale Cargo.lock", Package: "ecosystem/rust", Meaning: "Cargo.lock does not match Cargo.toml."},
		{Code: "SLP259", Name: "unknown linker", Package: "ecosystem/rust", Meaning: ".cargo/config.toml names a program that the bases do not have."},
		{Code: "SLP260", Name: "unreadable manifest", Package: "ecosystem/python", Meaning: "A manifest or lock file of a Python service cannot be read."},
		{Code: "SLP261", Name: "no lock file", Package: "ecosystem/python", Meaning: "A package manager's lock file is missing."},
		{Code: "SLP262", Name: "Python version", Package: "ecosystem/python", Meaning: "The requested version of Python is not supported."},
		{Code: "SLP263", Name: "unpinned requirements", Package: "ecosystem/python", Meaning: "Requirements have no exact versions, so the image depends on the day of the build."},
		{Code: "SLP264", Name: "stale lock file", Package: "ecosystem/python", Meaning: "A lock file does not match its manifest."},
		{Code: "SLP265", Name: "local requirement", Package: "ecosystem/python", Meaning: "A requirement is a directory or needs git."},
		{Code: "SLP266", Name: "system library", Package: "ecosystem/python", Meaning: "A package needs a system library that the base does not have."},
		{Code: "SLP267", Name: "no server", Package: "ecosystem/python", Meaning: "An application has no server to run it."},
		{Code: "SLP268", Name: "no start", Package: "ecosystem/python", Meaning: "No file or setting says how the service starts."},
		{Code: "SLP269", Name: "start needs a shell", Package: "ecosystem/python", Meaning: "The start command needs a shell."},
		{Code: "SLP270", Name: "static files", Package: "ecosystem/python", Meaning: "Django's static files are not collected, or nothing serves them."},
		{Code: "SLP271", Name: "assets not built", Package: "ecosystem/python", Meaning: "A Python service has a package.json whose build the plan does not run."},
		{Code: "SLP280", Name: "no pages", Package: "ecosystem/static", Meaning: "A static site has no pages to serve."},
		{Code: "SLP281", Name: "start command", Package: "ecosystem/static", Meaning: "A static site has a start command, and nginx serves it."},
		{Code: "SLP282", Name: "no base", Package: "ecosystem/static", Meaning: "A map of bases has no image that serves static sites."},
		{Code: "SLP283", Name: "health check", Package: "ecosystem/static", Meaning: "A static site has a health check that nginx does not answer."},

		{Code: "SLP301", Name: "damaged slipway.lock", Package: "baseimage", Meaning: "slipway.lock is damaged."},
		{Code: "SLP310", Name: "unreadable build file", Package: "ecosystem/java", Meaning: "A build file of Maven or Gradle cannot be read."},
		{Code: "SLP311", Name: "Java version", Package: "ecosystem/java", Meaning: "The requested version of Java is not available."},
		{Code: "SLP312", Name: "no main class", Package: "ecosystem/java", Meaning: "No file or setting says which class starts."},
		{Code: "SLP313", Name: "several main classes", Package: "ecosystem/java", Meaning: "Several classes could start, and nothing chooses one."},
		{Code: "SLP314", Name: "module outside", Package: "ecosystem/java", Meaning: "A module or parent lies outside of the repository."},
		{Code: "SLP315", Name: "servlet archive", Package: "ecosystem/java", Meaning: "The build makes an archive for a servlet container, which the image does not have."},
		{Code: "SLP316", Name: "no Gradle wrapper", Package: "ecosystem/java", Meaning: "Gradle has no wrapper, or one that names no version."},
		{Code: "SLP317", Name: "build tool version", Package: "ecosystem/java", Meaning: "The build asks for another version of its tool than the base has."},

		{Code: "SLP401", Name: "broken Dockerfile", Package: "dockerfile", Meaning: "A Dockerfile cannot be parsed."},
		{Code: "SLP402", Name: "unknown base", Package: "fleet", Meaning: "A Dockerfile names a base of Slipway that does not exist."},
	}
}
