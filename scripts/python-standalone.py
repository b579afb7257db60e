#!/usr/bin/env python3
"""Writes the table of standalone Pythons, internal/ecosystem/python/standalone_table.go.

The facts (version, date of the release, SHA-256) come from the package
pbs-installer, whose own table is under the MIT licence:

    pip download --no-deps -d /tmp/pbs pbs-installer
    python3 scripts/python-standalone.py /tmp/pbs/pbs_installer-*.whl > internal/ecosystem/python/standalone_table.go
"""

import json
import re
import sys
import zipfile

OLDEST = 9  # the minor version of the oldest Python 3 that bases exist for
NAME = re.compile(r"cpython-[\d.]+\+(\d{8})-(x86_64|aarch64)-unknown-linux-gnu-install_only(_stripped)?\.tar\.gz")


def main(wheel):
    versions = json.loads(zipfile.ZipFile(wheel).read("pbs_installer/versions.json"))
    rows = {}
    for entry in versions:
        v = entry["python_version"]
        if v["implementation"] != "cpython" or v["freethreaded"] or v["major"] != 3 or v["minor"] < OLDEST:
            continue
        found = {}
        for file in entry["files"]:
            m = NAME.fullmatch(file["filename"])
            if m and file["sha256"]:
                found[m[2]] = (m[1], m[3], file["sha256"])
        if set(found) == {"x86_64", "aarch64"} and found["x86_64"][:2] == found["aarch64"][:2]:
            rows[v["major"], v["minor"], v["micro"]] = found
    print("package python\n\n// standaloneTable is written by scripts/python-standalone.py.\nconst standaloneTable = `# Releases of python-build-standalone: version, release, kind of archive, SHA-256 for amd64 and for arm64.")
    print(f"# Written by scripts/python-standalone.py from {wheel.rsplit('/', 1)[-1]}.")
    for version, found in sorted(rows.items(), reverse=True):
        release, stripped, digest = found["x86_64"]
        kind = "install_only" + (stripped or "")
        print(".".join(map(str, version)), release, kind, digest, found["aarch64"][2])
    print("`")


main(sys.argv[1])
