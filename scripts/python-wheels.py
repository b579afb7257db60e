#!/usr/bin/env python3
"""Writes the table of compiled packages, internal/ecosystem/python/wheels_table.go.

For each release of the packages below it says which CPythons have a wheel for
glibc on amd64, from the names of the files in the index that pip is configured
with; nothing is downloaded but the lists of files.

    python3 scripts/python-wheels.py > internal/ecosystem/python/wheels_table.go
"""

import re
import sys
import time

from pip._internal.commands.install import InstallCommand
from pip._internal.index.collector import LinkCollector, parse_links
from pip._vendor.packaging.version import InvalidVersion, Version

PACKAGES = """
aiohttp cffi cryptography greenlet grpcio httptools lxml markupsafe matplotlib numpy orjson pandas pillow
psycopg2-binary pydantic-core pyyaml regex scikit-learn scipy tensorflow torch ujson uvloop
""".split()

OPEN = 99  # a wheel for the stable ABI serves every later Python


def files(name, collector):
    for location in collector.search_scope.get_index_urls_locations(name):
        page = collector.fetch_response(__import__("pip._internal.models.link", fromlist=["Link"]).Link(location))
        for link in parse_links(page):
            if not link.is_yanked:
                yield link.filename


def minors(filename):
    """The minor versions of Python 3 that a wheel serves, "pure", or nothing."""
    parts = filename[: -len(".whl")].split("-")
    pythons, abi, platform = parts[-3:]
    if platform == "any":
        return {"pure"}
    if "x86_64" not in platform or "linux" not in platform or "musllinux" in platform and "manylinux" not in platform:
        return set()
    if abi == "none" and "py3" in pythons.split("."):
        return {"pure"}
    found = {int(m) for m in re.findall(r"cp3(\d+)(?=\.|$)", pythons)}
    if abi == "abi3":
        return {n for low in found for n in range(low, OPEN + 1)}
    return found if re.fullmatch(r"cp3\d+m?|none", abi) else set()


def main():
    command = InstallCommand("install", "")
    options, _ = command.parse_args([])
    collector = LinkCollector.create(command._build_session(options), options)
    print("package python\n\n// wheelTable is written by scripts/python-wheels.py.\nconst wheelTable = `# Compiled packages: a release and those after it, and the minor versions of Python 3 that have wheels")
    print("# (8-12, 7+ for the stable ABI, * for any Python, - for none). Written by scripts/python-wheels.py.")
    for name in PACKAGES:
        releases = {}
        for file in files(name, collector):
            if file.endswith(".whl"):
                version, serves = file.split("-")[1], minors(file)
            else:
                m = re.fullmatch(r"(?i)[\w.-]+?-(\d[\w.]*)\.(?:tar\.gz|zip|tar\.bz2)", file)
                version, serves = m[1] if m else "", set()
            try:
                v = Version(version)
            except InvalidVersion:
                continue
            if not v.is_prerelease and not v.is_devrelease:
                releases.setdefault(v.release, set()).update(serves)
        words, last = [], None
        for release in sorted(releases):
            serves = releases[release]
            numbers = {n for n in serves if n != "pure"}
            span = "*" if "pure" in serves else "-" if not numbers else f"{min(numbers)}+" if OPEN in numbers else f"{min(numbers)}-{max(numbers)}"
            if span != last:
                words.append(".".join(map(str, release)) + ":" + span)
                last = span
        print(name, *words)
        time.sleep(0.5)
    print("`")


main()
