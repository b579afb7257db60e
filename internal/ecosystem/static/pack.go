package static

import "fmt"

// packFile is where the build keeps the script below.
const packFile = "/opt/slipway/pack.mjs"

// packScript lays out a site for nginx. Arguments: the directory that holds the
// site, the one to write site/ and the included configurations into, and options:
// -plain, -hidden, and types of paths as PATTERN=TYPE. Text becomes smaller where esbuild is installed beside
// the script, as in plain sites, whose own build does not do it: names that a page
// can see stay as they are. Files of which a compressed copy would save nothing get
// none. nginx serves NAME.gz and NAME.br as NAME: a file of the site with such a
// name that is not NAME compressed lies in apart/, under a number, and has a
// location of its own; so do files whose name has no extension that nginx knows.
// The release is the digest of all names and contents, so equal sites have equal
// releases.
const packScript = `import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { chmodSync, constants as fsConstants, copyFileSync, createReadStream, existsSync, lstatSync, mkdirSync, readdirSync, readFileSync, realpathSync, statSync, writeFileSync } from "node:fs";
import { dirname, extname, join, relative, sep } from "node:path";
import { pipeline } from "node:stream/promises";
import { promisify } from "node:util";
import { brotliCompress, brotliDecompressSync, constants, gunzipSync, gzip } from "node:zlib";

const [from, to, ...more] = process.argv.slice(2);
const plain = more.includes("-plain"); // no compressed copies
const hidden = more.includes("-hidden"); // names with a leading dot too
if (!existsSync(from)) fail("the build wrote nothing to " + from);
const root = realpathSync(from);
const text = new Set(".html .htm .css .js .mjs .json .map .geojson .jsonld .webmanifest .svg .xml .atom .rss .txt .md .csv .ics .vtt .wasm .ttf .otf .eot .ico .bmp .gltf .glb".split(" "));
const unserved = /^(node_modules|package(-lock)?\.json|slipway\.(yaml|lock)|(Dockerfile|docker-compose|compose)[^/]*|Makefile|README\.md|_redirects|_headers|_routes\.json|CNAME|Staticfile(\.auth)?|netlify\.toml|vercel\.json|firebase\.json|staticwebapp\.config\.json|wrangler\.(toml|jsonc?))$/;
const kept = /^\.(git.*|env.*|svn|hg|npmrc|dockerignore|cfignore|DS_Store)$/;
const esbuild = ["x64", "arm64"].map((arch) => join(import.meta.dirname, "node_modules/@esbuild/linux-" + arch + "/bin/esbuild")).find(existsSync);
const huge = 64 << 20; // bytes; larger files are copied as they are

function fail(why) {
  console.error(why + "; set output: for the service in slipway.yaml to the directory that the build writes");
  process.exit(1);
}

function* files(dir) {
  for (const name of readdirSync(dir).sort()) {
    const path = join(dir, name);
    if ((name.startsWith(".") && name !== ".well-known" && (!hidden || kept.test(name))) || (dir === root && unserved.test(name))) continue;
    const entry = lstatSync(path, { throwIfNoEntry: false });
    if (!entry) {
      console.warn("skipped: the name of " + relative(root, path) + " is not UTF-8");
    } else if (entry.isSymbolicLink() && (!existsSync(path) || !realpathSync(path).startsWith(root + sep))) {
      console.warn("skipped: " + relative(root, path) + " links to a path outside the site");
    } else if (statSync(path).isDirectory()) {
      if (!entry.isSymbolicLink()) yield* files(path);
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

function duplicate(path, target) {
  copyFileSync(path, target, fsConstants.COPYFILE_FICLONE);
  chmodSync(target, 0o644);
}
const isDirectory = (path) => statSync(path, { throwIfNoEntry: false })?.isDirectory();
const digest = (content) => createHash("sha256").update(content).digest("hex");
async function digestOf(path) {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

// The type of a file by its content, for names without an extension.
function sniffed(content) {
  const start = content.subarray(0, 1 << 16).toString("utf8").trimStart();
  if (content.includes(0) || (content.length < 1 << 16 && !content.equals(Buffer.from(content.toString("utf8"))))) return;
  if (/^<(!doctype html|html)\b/i.test(start)) return "text/html; charset=utf-8";
  if (/^<\?xml\b/.test(start)) return "text/xml; charset=utf-8";
  try {
    if (/^[[{]/.test(start) && JSON.parse(content.toString("utf8"))) return "application/json";
  } catch {} // no JSON
  return "text/plain; charset=utf-8";
}

const globs = more.filter((arg) => arg.startsWith("/")).map((arg) => {
  const at = arg.lastIndexOf("=");
  const pattern = arg.slice(0, at).replace(/[.+?^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*");
  return [new RegExp("^" + pattern + "$"), arg.slice(at + 1)];
});
const located = new Map(); // path of a request to the lines of its location
const quoted = (s) => '"' + s.replace(/["\\]/g, "\\$&") + '"';
function locate(name, line) {
  if (!/[\x00-\x1f]/.test(name)) located.set("/" + name, (located.get("/" + name) ?? "") + "    " + line + "\n");
}
function typeOf(name, content) {
  const said = globs.findLast(([pattern]) => pattern.test("/" + name))?.[1];
  if (said) return "types {} default_type " + quoted(said) + ";";
  const type = !extname(name) && content ? sniffed(content) : undefined;
  return type && "default_type " + quoted(type) + ";";
}

async function write(path) {
  const name = relative(root, path);
  const target = join(to, "site", name);
  mkdirSync(dirname(target), { recursive: true });
  if (statSync(path).size > huge) {
    duplicate(path, target);
    if (typeOf(name)) locate(name, typeOf(name));
    return [name, await digestOf(path)];
  }
  const content = minified(path, readFileSync(path));
  writeFileSync(target, content, { mode: 0o644 });
  const type = typeOf(name, content);
  if (type) locate(name, type);
  if (!plain && (text.has(extname(path).toLowerCase()) || (type && !extname(path))) && content.length >= 256) {
    const small = {
      ".gz": await promisify(gzip)(content, { level: 9 }),
      ".br": await promisify(brotliCompress)(content, { params: { [constants.BROTLI_PARAM_QUALITY]: 11, [constants.BROTLI_PARAM_SIZE_HINT]: content.length } }),
    };
    for (const [suffix, data] of Object.entries(small)) {
      if (data.length < content.length && !isDirectory(path + suffix)) writeFileSync(target + suffix, data, { mode: 0o644 });
    }
  }
  return [name, digest(content)];
}

// A file that is named like a compressed copy, and may be something else: that is
// served as what it is, and never in place of another file.
const apart = [];
async function copy(path) {
  const name = relative(root, path);
  const target = join(to, "site", name);
  if (!expands(path, target.slice(0, -3))) {
    console.warn("kept apart: " + name + " is not a compressed copy of " + name.slice(0, -3));
    locate(name, "alias /app/apart/" + apart.length + ";");
    if (typeOf(name)) locate(name, typeOf(name));
    mkdirSync(join(to, "apart"), { recursive: true });
    duplicate(path, join(to, "apart", String(apart.length)));
    apart.push("/" + name);
  } else if (!existsSync(target)) {
    duplicate(path, target);
  }
  return [name, await digestOf(path)];
}

function expands(path, original) {
  if (!existsSync(original) || Math.max(statSync(original).size, statSync(path).size) > huge) return false;
  const expand = path.endsWith(".gz") ? gunzipSync : brotliDecompressSync;
  const whole = readFileSync(original);
  try {
    return expand(readFileSync(path), { maxOutputLength: whole.length + 1 }).equals(whole);
  } catch {
    return false; // not compressed, or larger than the original
  }
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
const copies = all.filter(isCopy).sort((a, b) => a.length - b.length || (a < b ? -1 : 1)); // app.js.gz before app.js.gz.br
for (const path of copies) written.push(await copy(path));
const sorted = [...located].sort(([a], [b]) => (a < b ? -1 : 1));
const release = digest(JSON.stringify([written.sort(), sorted])).slice(0, 32);
writeFileSync(join(to, "release.conf"), ` + "`" + `map $uri $asked {
    default $http_if_none_match;
${apart.map((name) => "    " + quoted(name) + ' "";\n').join("")}}
map $asked $unchanged {
    default "";
    "~${release}" 1;
}
map "" $release {
    default 'W/"${release}"';
}
` + "`" + `);
writeFileSync(join(to, "files.conf"), sorted.map(([path, lines]) => "location = " + quoted(path) + " {\n" + lines + "}\n").join(""));
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
