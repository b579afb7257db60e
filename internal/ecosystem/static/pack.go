package static

import "fmt"

// packFile is where the build keeps the script below.
const packFile = "/opt/slipway/pack.mjs"

// packScript lays out a site for nginx. Arguments: the directory that holds the
// site and the one to write site/ and release.conf into. Text becomes smaller
// where esbuild is installed beside the script, as in plain sites, whose own
// build does not do it: names that a page can see stay as they are. Files of
// which a compressed copy would save nothing get none. nginx serves NAME.gz and
// NAME.br as NAME: a file of the site with such a name is only kept where it is
// NAME compressed. The release is the digest of all names and contents, so equal
// sites have equal releases.
const packScript = `import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { dirname, extname, join, relative, sep } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, brotliDecompressSync, constants, gunzipSync, gzip } from "node:zlib";

const [from, to] = process.argv.slice(2);
if (!existsSync(from)) fail("the build wrote nothing to " + from);
const root = realpathSync(from);
const text = new Set(".html .htm .css .js .mjs .json .map .geojson .jsonld .webmanifest .svg .xml .atom .rss .txt .md .csv .ics .vtt .wasm .ttf .otf .eot .ico .bmp .gltf .glb".split(" "));
const unserved = /^(node_modules|package(-lock)?\.json|slipway\.(yaml|lock)|(Dockerfile|docker-compose|compose)[^/]*|Makefile|README\.md)$/;
const esbuild = ["x64", "arm64"].map((arch) => join(import.meta.dirname, "node_modules/@esbuild/linux-" + arch + "/bin/esbuild")).find(existsSync);

function fail(why) {
  console.error(why + "; set output: for the service in slipway.yaml to the directory that the build writes");
  process.exit(1);
}

function* files(dir) {
  for (const name of readdirSync(dir).sort()) {
    const path = join(dir, name);
    if ((name.startsWith(".") && name !== ".well-known") || (dir === root && unserved.test(name))) continue;
    if (lstatSync(path).isSymbolicLink() && (!existsSync(path) || !realpathSync(path).startsWith(root + sep))) {
      console.warn("skipped: " + relative(root, path) + " links to a path outside the site");
    } else if (statSync(path).isDirectory()) {
      if (!lstatSync(path).isSymbolicLink()) yield* files(path);
    } else {
      yield path;
    }
  }
}

function minified(path, content) {
  const loader = { ".css": "css", ".js": "js", ".mjs": "js" }[extname(path)];
  if (!esbuild || !loader || /\.min\./.test(path)) return content;
  try {
    const out = execFileSync(esbuild, ["--minify", "--charset=utf8", "--log-level=error", "--loader=" + loader], { input: content, maxBuffer: 1 << 28 });
    return out.length < content.length ? out : content;
  } catch {
    console.warn("not minified: " + relative(root, path) + ", which esbuild rejects");
    return content;
  }
}

async function write(path) {
  const name = relative(root, path);
  const content = minified(path, readFileSync(path));
  const target = join(to, "site", name);
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, content, { mode: 0o644 });
  if (text.has(extname(path).toLowerCase()) && content.length >= 256) {
    const small = {
      ".gz": await promisify(gzip)(content, { level: 9 }),
      ".br": await promisify(brotliCompress)(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length } }),
    };
    for (const [suffix, data] of Object.entries(small)) {
      if (data.length < content.length) writeFileSync(target + suffix, data, { mode: 0o644 });
    }
  }
  return [name, createHash("sha256").update(content).digest("hex")];
}

// Keeps a compressed copy that the site already contains.
function copy(path) {
  const name = relative(root, path);
  const target = join(to, "site", name);
  if (existsSync(target)) return; // written above
  const content = readFileSync(path);
  if (existsSync(target.slice(0, -3))) {
    const original = readFileSync(target.slice(0, -3));
    const expand = path.endsWith(".gz") ? gunzipSync : brotliDecompressSync;
    let same = false;
    try {
      same = expand(content, { maxOutputLength: original.length + 1 }).equals(original);
    } catch {} // not compressed, or larger than the original
    if (!same) {
      console.warn("skipped: " + name + " is not a compressed copy of " + name.slice(0, -3) + ", but nginx would serve it instead");
      return;
    }
  }
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(target, content, { mode: 0o644 });
  return [name, createHash("sha256").update(content).digest("hex")];
}

const all = [...files(root)];
if (all.length === 0) fail("the build wrote no file to " + from);
const names = new Set(all);
const isCopy = (path) => /\.(gz|br)$/.test(path) && names.has(path.slice(0, -3));
const queue = all.filter((path) => !isCopy(path));
const written = [];
await Promise.all(Array.from({ length: 4 }, async () => {
  for (let path; (path = queue.shift()); ) written.push(await write(path));
}));
const copies = all.filter(isCopy).sort((a, b) => a.length - b.length); // app.js.gz before app.js.gz.br
written.push(...copies.map(copy).filter(Boolean));
const release = createHash("sha256").update(JSON.stringify(written.sort())).digest("hex").slice(0, 32);
writeFileSync(join(to, "release.conf"), ` + "`" + `map $http_if_none_match $unchanged {
    default "";
    "~${release}" 1;
}
map "" $release {
    default 'W/"${release}"';
}
` + "`" + `);
console.log(` + "`${written.length} files`" + `);
`

// The minifier of plain sites: esbuild's binary packages, pinned by digest.
const (
	esbuildVersion = "0.25.12"
	esbuildX64     = "sha512-uqZMTLr/zR/ed4jIGnwSLkaHmPjOjJvnm6TVVitAa08SLS9Z0VM8wIRx7gWbJB5/J54YuIMInDquWyYvQLZkgw=="
	esbuildARM64   = "sha512-8bwX7a8FghIgrupcxb4aUmYDLp8pX06rGh5HqDT7bB+8Rdells6mHvrFHHW2JAOPZUbnjUpKTLg6ECyzvas2AQ=="
)

// minifierManifest and minifierLock are what npm ci installs it from.
func minifierManifest() string {
	return fmt.Sprintf(`{
  "private": true,
  "optionalDependencies": {"@esbuild/linux-arm64": %[1]q, "@esbuild/linux-x64": %[1]q}
}
`, esbuildVersion)
}

func minifierLock() string {
	return fmt.Sprintf(`{
  "lockfileVersion": 3,
  "requires": true,
  "packages": {
    "": {"optionalDependencies": {"@esbuild/linux-arm64": %[1]q, "@esbuild/linux-x64": %[1]q}},
    "node_modules/@esbuild/linux-arm64": {"version": %[1]q, "integrity": %[2]q, "cpu": ["arm64"], "os": ["linux"], "optional": true},
    "node_modules/@esbuild/linux-x64": {"version": %[1]q, "integrity": %[3]q, "cpu": ["x64"], "os": ["linux"], "optional": true}
  }
}
`, esbuildVersion, esbuildARM64, esbuildX64)
}
