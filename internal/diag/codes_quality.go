package diag

func testreportCodes() []Code {
	return []Code{
		{Code: "SLP550", Name: "broken report", Meaning: "A report of tests, coverage or a linter is broken, cut off, empty or too large."},
	}
}

func gateCodes() []Code {
	return []Code{
		{Code: "SLP600", Name: "coverage", Meaning: "Tests run a smaller share of the lines than required."},
		{Code: "SLP601", Name: "coverage of changes", Meaning: "Tests run a smaller share of the changed lines than required."},
		{Code: "SLP602", Name: "failed test", Meaning: "A test failed."},
		{Code: "SLP603", Name: "too few tests", Meaning: "Fewer tests ran than required."},
		{Code: "SLP604", Name: "skipped test", Meaning: "A test is skipped, and nothing says why."},
		{Code: "SLP605", Name: "flaky test", Meaning: "A test failed and passed in the same run."},
		{Code: "SLP606", Name: "lint error", Meaning: "A linter reports an error."},
		{Code: "SLP607", Name: "known vulnerability", Meaning: "A package of the image has a known vulnerability."},
		{Code: "SLP608", Name: "secret", Meaning: "A secret is in the image, in its history or in the sources."},
		{Code: "SLP609", Name: "denied licence", Meaning: "A package of the image has a licence that slipway.yaml denies."},
		{Code: "SLP610", Name: "size", Meaning: "The image is larger than allowed."},
		{Code: "SLP611", Name: "growth", Meaning: "The image grew by more than allowed since the last release."},
		{Code: "SLP612", Name: "waste", Meaning: "Later layers of the image hide more bytes than allowed."},
		{Code: "SLP613", Name: "efficiency", Meaning: "The layers of the image are less efficient than required."},
		{Code: "SLP614", Name: "number of layers", Meaning: "The image has more layers than allowed."},
		{Code: "SLP615", Name: "start-up time", Meaning: "The started image takes longer to become healthy than allowed."},
		{Code: "SLP616", Name: "memory at rest", Meaning: "The started image holds more memory than allowed."},
		{Code: "SLP617", Name: "build time", Meaning: "The build took longer than the last release's by more than allowed."},
		{Code: "SLP618", Name: "root user", Meaning: "The image runs as root."},
		{Code: "SLP619", Name: "setuid in the image", Meaning: "A gate forbids programs that run with rights of another user."},
		{Code: "SLP620", Name: "shell", Meaning: "The image has a shell that nobody asked for."},
		{Code: "SLP621", Name: "no health check", Meaning: "The image has no health check."},
		{Code: "SLP622", Name: "old base", Meaning: "The base of the image is older than allowed."},
		{Code: "SLP623", Name: "structure test", Meaning: "A structure test of the image fails."},
		{Code: "SLP624", Name: "policy", Meaning: "A policy denies the image."},
		{Code: "SLP625", Name: "not known", Meaning: "What a gate looks at is not known."},
		{Code: "SLP627", Name: "tests not seen", Meaning: "A report of tests cannot be read, so that the gate may not see all tests."},
	}
}

func gateContentsCodes() []Code {
	return []Code{
		{Code: "SLP626", Name: "broken rules", Meaning: "A file of structure tests or of dive's rules cannot be read."},
	}
}

func scanCodes() []Code {
	return []Code{
		{Code: "SLP630", Name: "old database", Meaning: "The database of vulnerabilities is more than seven days old."},
		{Code: "SLP631", Name: "ecosystem not in database", Meaning: "The database of vulnerabilities has no advisories for an ecosystem of the image."},
		{Code: "SLP632", Name: "history searched in part", Meaning: "Not all commits of the repository were searched for secrets."},
		{Code: "SLP633", Name: "unpinned dependencies", Meaning: "No lock file that Slipway reads pins the dependencies of a manifest, so that the scan does not cover them."},
		{Code: "SLP634", Name: "file searched in part", Meaning: "A file is too long to search all of it for secrets."},
		{Code: "SLP635", Name: "packages not listed", Meaning: "The packages of an image's system are in a format that Slipway does not read, so that they are not in its SBOM."},
	}
}
