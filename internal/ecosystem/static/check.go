package static

import "fmt"

// checkFile is where the lint stage has the script below.
const checkFile = "/opt/slipway/check.mjs"

// checkScript looks for what breaks a site: references of its pages and style sheets to
// files that do not exist, and scripts and style sheets that browsers reject. Arguments:
// the site's directory, and options: -rules, where redirects answer paths that no file
// has, -hidden, -listing, where the server lists directories. It prints a line for each
// finding as compilers do, and fails when one is an error. HTML itself is html-validate's.
const checkScript = `import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, extname, join, normalize, relative } from "node:path";

const [root, ...more] = process.argv.slice(2);
const rules = more.includes("-rules");
const hidden = more.includes("-hidden");
const listing = more.includes("-listing");
const skipped = /^(node_modules|bower_components)$/;
let failed = false;

function report(file, line, column, severity, text, rule) {
  if (severity === "error") failed = true;
  console.log(relative(root, file) + ":" + line + ":" + column + ": " + severity + ": " + text + " [" + rule + "]");
}

function* files(dir) {
  for (const entry of readdirSync(dir, { withFileTypes: true })) {
    if (skipped.test(entry.name) || (entry.name.startsWith(".") && !hidden)) continue;
    if (entry.isDirectory()) yield* files(join(dir, entry.name));
    else if (entry.isFile()) yield join(dir, entry.name);
  }
}
const all = [...files(root)].sort();

// What esbuild says of scripts and style sheets. Nothing is bundled or written.
const esbuild = ["x64", "arm64"].map((arch) => join(import.meta.dirname, "node_modules/@esbuild/linux-" + arch + "/bin/esbuild")).find(existsSync);
if (!esbuild) throw new Error("there is no esbuild beside " + import.meta.filename);
const sources = all.filter((f) => /\.(css|m?js)$/.test(f) && !/[.-]min\./.test(f));
const runs = [];
for (const some of [sources.filter((f) => !f.endsWith(".mjs")), sources.filter((f) => f.endsWith(".mjs"))]) { // both would become .js
  for (let i = 0; i < some.length; i += 200) runs.push(some.slice(i, i + 200));
}
for (const some of runs) {
  const run = spawnSync(esbuild, ["--outdir=/tmp/checked", "--allow-overwrite", "--color=false", "--log-level=warning", "--log-limit=0", ...some], { encoding: "utf8", cwd: root, maxBuffer: 1 << 28 });
  if (run.error) throw run.error;
  let errors = 0;
  for (const m of run.stderr.matchAll(/^. \[(WARNING|ERROR)\] (.*)\n\n\s+(.+?):(\d+):(\d+):\n/gmu)) {
    const [text, rule] = m[2].match(/^(.*) \[([a-z-]+)\]$/)?.slice(1) ?? [m[2], "syntax"];
    report(join(root, m[3]), m[4], Number(m[5]) + 1, m[1] === "ERROR" ? "error" : "warning", text, rule);
    if (m[1] === "ERROR") errors++;
  }
  if (run.status === null || (run.status !== 0 && errors === 0)) throw new Error("esbuild ended with " + (run.signal ?? run.status) + "\n" + run.stderr);
}

// Files that pages and style sheets name. Another server may answer a path from the root
// that does not end as files of a site do. References that a script or a template fills
// in later are not checked.
const blank = (text) => text.replace(/[^\n]/g, " ");
const attribute = /\s(href|src|poster|srcset)\s*=\s*("[^"]*"|'[^']*')/gi;
const inStyle = /\burl\(\s*("[^"]*"|'[^']*'|[^\s"')]+)\s*\)|@import\s+("[^"]*"|'[^']*')/gi;
const ofSite = /\.(html?|css|m?js|png|jpe?g|gif|svg|webp|avif|ico|bmp)$/i;
function exists(path) {
  return existsSync(path) && (listing || !statSync(path).isDirectory() || existsSync(join(path, "index.html"))) || existsSync(path.replace(/\/$/, "") + ".html");
}
function look(file, content, pattern) {
  for (const m of content.matchAll(pattern)) {
    const named = (pattern === attribute ? m[2] : (m[1] ?? m[2])).replace(/^["']|["']$/g, "").trim();
    for (const one of /^srcset$/i.test(m[1]) ? named.split(/,\s+/).map((s) => s.trim().split(/\s+/)[0]) : [named]) {
      let path = one.replace(/&amp;/g, "&").replace(/[?#].*$/s, "");
      if (path === "" || /^([a-z][a-z0-9+.-]*:|\/\/)/i.test(one) || /[{}<>$%]{2}|\$\{|^[#?]/.test(one)) continue;
      try { path = decodeURIComponent(path); } catch { /* as it is */ }
      if (rules && !/\.\w{1,5}$/.test(path)) continue;
      const target = path.startsWith("/") ? join(root, path) : normalize(join(dirname(file), path));
      if (exists(target)) continue;
      const before = content.slice(0, m.index + 1).split("\n");
      report(file, before.length, before.at(-1).length + (pattern === attribute ? 1 : 0), rules || (path.startsWith("/") && !ofSite.test(path)) ? "warning" : "error", JSON.stringify(one).slice(1, -1) + " does not exist", "missing-file");
    }
  }
}
for (const file of all) {
  const kind = extname(file).toLowerCase();
  if (kind !== ".html" && kind !== ".htm" && kind !== ".css" || statSync(file).size > 8 << 20) continue;
  const content = readFileSync(file, "utf8");
  if (kind === ".css") {
    look(file, content.replace(/\/\*[^]*?\*\//g, blank), inStyle);
  } else if (!/<base\s[^>]*href/i.test(content)) {
    look(file, content.replace(/<!--[^]*?-->|<(script|template|pre|code|textarea)\b[^>]*>[^]*?<\/\1\s*>/gi, (text) => text.replace(/(<script\b[^>]*>)?([^]*)/i, (_, tag, rest) => (tag ?? "") + blank(rest))), attribute);
  }
}
console.log(all.length + " files checked");
process.exit(failed ? 1 : 0);
`

// htmlVersion is the newest html-validate that runs on every Node.js 22, on 2026-11-29.
const htmlVersion = "9.7.1"

// htmlSettings are for sites without settings of their own: what the HTML standard says.
// What it only advises against is a warning; how a page is written is nobody's matter.
const htmlSettings = `{
  "root": true,
  "extends": ["html-validate:standard"],
  "rules": {"deprecated": "warn", "element-required-attributes": "warn", "element-required-content": "warn", "no-deprecated-attr": "warn"}
}
`

// htmlFile is where they are, and htmlDir what html-validate is installed in.
const (
	htmlDir  = "/opt/slipway/html"
	htmlFile = htmlDir + "/settings.json"
)

// installHTML is the command that installs html-validate.
func installHTML() string {
	return fmt.Sprintf("npm install --prefix %s --no-audit --no-fund --ignore-scripts html-validate@%s", htmlDir, htmlVersion)
}
