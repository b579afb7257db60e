package deno

// settleFile is where settle lies in the builder.
const settleFile = "/usr/local/lib/settle.js"

// packagesHost stands for the npm registry in production, whatever the build took
// packages from: Deno keeps them below the name of their registry. No machine has that
// name (RFC 2606), and nothing is asked for there.
const packagesHost = "packages.invalid"

// settle is a program for Deno that makes its downloads the same on every machine.
const settle = `// Makes what Deno has downloaded the same on every machine: packages of npm lie below
// the address of their registry, beside a list of all versions of that day, and each file
// that came from an address ends with the time and the headers of its download.
const cache = Deno.env.get("DENO_DIR"), host = Deno.args[0];
const home = cache + "/npm/" + host;

function* found(dir, name) {
  let entries = [];
  try { entries = [...Deno.readDirSync(dir)]; } catch { return; }
  if (name && entries.some((e) => e.name === name)) { yield dir; return; }
  for (const e of entries) {
    if (e.isDirectory) yield* found(dir + "/" + e.name, name);
    else if (!name && e.isFile) yield dir + "/" + e.name;
  }
}

function copy(from, to) {
  Deno.mkdirSync(to, { recursive: true });
  for (const e of [...Deno.readDirSync(from)]) {
    if (e.isDirectory) copy(from + "/" + e.name, to + "/" + e.name);
    else Deno.copyFileSync(from + "/" + e.name, to + "/" + e.name);
  }
}

// Deno installs what a lock file lists even when the registry did not answer for the list
// of versions; starting needs one, so it is made from the packages themselves.
function list(dir) {
  let entries = [];
  try { entries = [...Deno.readDirSync(dir)]; } catch { return; }
  const versions = {};
  let name;
  for (const e of entries) {
    let one;
    try { one = JSON.parse(Deno.readTextFileSync(dir + "/" + e.name + "/package.json")); } catch { continue; }
    if (!one.name || !dir.endsWith("/" + one.name)) continue;
    name = one.name;
    const { version, dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta, bin, os, cpu } = one;
    versions[e.name] = { version, dependencies, optionalDependencies, peerDependencies, peerDependenciesMeta, bin, os, cpu, dist: {} };
  }
  if (!name) {
    for (const e of entries) if (e.isDirectory) list(dir + "/" + e.name);
  } else if (!entries.some((e) => e.name === "registry.json")) {
    Deno.writeTextFileSync(dir + "/registry.json", JSON.stringify({ name, versions, "dist-tags": {} }));
  }
}
list(cache + "/npm");

for (const dir of [...found(cache + "/npm", "registry.json")]) {
  const document = JSON.parse(Deno.readTextFileSync(dir + "/registry.json"));
  const name = document.name;
  if (!name || !dir.endsWith("/" + name)) continue;
  const present = (version) => { try { return Deno.statSync(dir + "/" + version).isDirectory; } catch { return false; } };
  const versions = Object.fromEntries(Object.entries(document.versions ?? {}).filter(([version]) => present(version)));
  const tags = Object.fromEntries(Object.entries(document["dist-tags"] ?? {}).filter(([, version]) => version in versions));
  for (const [version, one] of Object.entries(versions)) {
    if (one.dist) one.dist = { ...one.dist, tarball: "https://" + host + "/" + name + "/-/" + name.split("/").pop() + "-" + version + ".tgz" };
  }
  Deno.writeTextFileSync(dir + "/registry.json", JSON.stringify({ name, versions, "dist-tags": tags }));
  const to = home + "/" + name;
  if (dir !== to) {
    copy(dir, to); // another step wrote it, and its directories cannot be renamed
  }
}
try {
  for (const e of [...Deno.readDirSync(cache + "/npm")]) {
    if (e.name !== host) Deno.removeSync(cache + "/npm/" + e.name, { recursive: true });
  }
} catch { /* it has no packages of npm */ }

const mark = new TextEncoder().encode("\n// denoCacheMetadata=");
for (const file of [...found(cache + "/remote", "")]) {
  const data = Deno.readFileSync(file);
  let at = data.length - mark.length;
  while (at >= 0 && !mark.every((b, i) => data[at + i] === b)) at--;
  if (at < 0) continue;
  try {
    const note = JSON.parse(new TextDecoder().decode(data.subarray(at + mark.length)));
    const kept = ["content-type", "location", "x-typescript-types", "x-deno-warning"];
    note.headers = Object.fromEntries(Object.entries(note.headers ?? {}).filter(([k]) => kept.includes(k)));
    if ("time" in note) note.time = 0;
    const text = new TextEncoder().encode(JSON.stringify(note));
    const out = new Uint8Array(at + mark.length + text.length);
    out.set(data.subarray(0, at + mark.length));
    out.set(text, at + mark.length);
    Deno.writeFileSync(file, out);
  } catch { /* a file of another form stays as it is */ }
}
`
