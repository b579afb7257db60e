package node

// installScript installs what npm's lock file lists, starting from the tree of an
// earlier install. `slipway build` lays it beside the normalised manifests; other
// builders of the Dockerfile run npm ci.
const installScript = `// Installs what package-lock.json lists into the working directory, without install
// scripts: as npm ci --ignore-scripts does, but starting from the tree of an earlier
// install. That is copied from a cache mount; npm changes what differs; and unless the
// result is what the lock file says and nothing else, npm ci runs. No script of a
// package may run while the trees are mounted: it could change them.
//
//	node install.mjs [directory of the trees]
import { spawnSync } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import fs from "node:fs";
import { homedir } from "node:os";
import { basename, dirname, join } from "node:path";

const trees = process.argv[2] ?? "/root/.npm-trees";
const kept = 8; // trees; the oldest go
const lockName = fs.existsSync("npm-shrinkwrap.json") ? "npm-shrinkwrap.json" : "package-lock.json";
const manifests = ["package.json", lockName, ".npmrc"].filter((name) => fs.existsSync(name));
const project = basename(process.cwd()); // npm writes it into the tree
const read = (name) => (fs.existsSync(name) ? fs.readFileSync(name, "utf8") : "");
const readJSON = (name) => JSON.parse(fs.readFileSync(name, "utf8"));
const run = (...command) => spawnSync(command[0], command.slice(1), { stdio: "inherit" }).status ?? 1;
const remove = (path) => fs.rmSync(path, { recursive: true, force: true });

// packagesOf are the packages of a lock file without the project.
const packagesOf = (lock) => Object.entries(lock.packages ?? {}).filter(([path]) => path !== "");

// isPlain reports a lock file of packages of registries alone, pinned by their digests.
const isPlain = (lock) =>
  packagesOf(lock).every(([path, p]) => path.startsWith("node_modules/") && p.integrity && !p.link && !p.inBundle && !p.hasShrinkwrap && /^(https?:|$)/.test(p.resolved ?? ""));

// surroundings is a digest of all but the lock file that a tree depends on.
function surroundings() {
  const prefix = dirname(dirname(process.execPath));
  const files = [".npmrc", join(homedir(), ".npmrc"), join(prefix, "etc/npmrc"), "/etc/npmrc", join(prefix, "lib/node_modules/npm/package.json"), process.argv[1]];
  const settings = Object.entries(process.env).filter(([name]) => /^npm_config_(?!\/\/)|^NODE_/i.test(name)).sort();
  const musl = fs.existsSync("/lib") && fs.readdirSync("/lib").some((name) => name.startsWith("ld-musl-"));
  return createHash("sha256").update(JSON.stringify([process.version, process.arch, musl, process.getuid(), process.umask(), project, settings, files.map(read)])).digest("hex").slice(0, 32);
}

// sealOf is a digest of the metadata of all files: a tree that a kill or a crash has left
// incomplete, or that anybody has touched, has another.
function sealOf(tree) {
  const hash = createHash("sha256");
  (function visit(path) {
    const s = fs.lstatSync(path);
    hash.update(JSON.stringify([path.slice(tree.length), s.mode, s.size, s.ino, s.mtimeMs, s.ctimeMs, s.isSymbolicLink() ? fs.readlinkSync(path) : ""]));
    if (s.isDirectory()) for (const name of fs.readdirSync(path).sort()) visit(join(path, name));
  })(join(tree, project, "node_modules"));
  return hash.digest("hex");
}

// take moves the tree that has most of the wanted packages out of reach of other installs.
function take(prefix, wanted) {
  const want = new Map(packagesOf(wanted));
  fs.mkdirSync(trees, { recursive: true });
  let best, most = want.size / 2; // with less in common, npm ci is as fast
  for (const name of fs.readdirSync(trees).filter((name) => name.startsWith(prefix))) {
    const lock = attempt(() => readJSON(join(trees, name, project, lockName))) ?? {}; // another install has taken it
    const common = packagesOf(lock).filter(([path, p]) => want.get(path)?.integrity === p.integrity).length;
    if (common > most) [best, most] = [name, common];
  }
  if (!best) return undefined;
  const taken = join(trees, ".taken-" + randomUUID());
  fs.renameSync(join(trees, best), taken);
  if (attempt(() => read(join(taken, "seal")) === sealOf(taken))) return taken;
  remove(taken);
}

// keep seals a tree, gives it to later installs, and removes the oldest ones and what
// killed installs have left.
function keep(tree, prefix) {
  fs.writeFileSync(join(tree, "seal"), sealOf(tree));
  fs.utimesSync(tree, new Date(), new Date());
  fs.renameSync(tree, join(trees, prefix + randomUUID()));
  const age = (name) => fs.statSync(join(trees, name)).mtimeMs;
  const [all, taken] = [fs.readdirSync(trees), (name) => name.startsWith(".taken-")];
  const old = all.filter((name) => !taken(name)).sort((a, b) => age(b) - age(a)).slice(kept);
  for (const name of old.concat(all.filter((name) => taken(name) && age(name) < Date.now() - 3600e3))) remove(join(trees, name));
}

// listed are the entries of a directory. npm leaves empty ones where it removes packages.
function listed(dir) {
  const names = fs.readdirSync(dir);
  if (names.length === 0) throw new Error(dir + " is empty");
  return names;
}

// isProven compares a tree with the lock file: what npm says is there, and what is.
function isProven(tree, wanted) {
  const want = new Map(packagesOf(wanted));
  const have = new Map(Object.entries(readJSON(join(tree, "node_modules/.package-lock.json")).packages));
  for (const [path, p] of have) {
    const w = want.get(path);
    const same = (...fields) => fields.every((field) => w[field] === p[field]);
    if (!w || !same("version", "integrity", "link", "dev", "optional", "devOptional", "peer") || (w.resolved && !same("resolved"))) return false;
  }
  for (const [path, p] of want) if (!have.has(path) && !p.optional) return false;
  let found = 0;
  (function visit(modules) {
    const bins = new Map();
    const at = (name) => join(tree, modules, name);
    const names = listed(at("")).filter((name) => !(name === ".bin" || (name === ".package-lock.json" && modules === "node_modules")));
    const scoped = (scope) => listed(at(scope)).map((name) => scope + "/" + name);
    for (const name of names.flatMap((name) => (name.startsWith("@") ? scoped(name) : [name]))) {
      const path = modules + "/" + name;
      if (!have.has(path) || !fs.lstatSync(at(name)).isDirectory()) throw new Error(path + " is not in the lock file");
      found++;
      for (const [bin, file] of Object.entries(have.get(path).bin ?? {})) {
        if (bins.has(bin)) throw new Error("two packages have a program " + bin); // the last one linked wins
        bins.set(bin, join("..", name, file));
      }
      if (fs.existsSync(join(at(name), "node_modules"))) visit(path + "/node_modules");
    }
    const links = fs.existsSync(at(".bin")) ? listed(at(".bin")) : [];
    if (links.length !== bins.size || links.some((bin) => fs.readlinkSync(join(at(".bin"), bin)) !== bins.get(bin))) throw new Error("other programs in " + modules);
  })("node_modules");
  return found === have.size;
}

// bring brings a tree to the lock file and copies it; false when it cannot be proven.
function bring(tree, wanted) {
  const dir = join(tree, project);
  for (const name of manifests) fs.copyFileSync(name, join(dir, name));
  const npm = spawnSync("npm", ["install", "--no-save", "--prefer-offline", "--ignore-scripts", "--no-audit", "--no-fund"], { cwd: dir, encoding: "utf8" });
  if (npm.status !== 0 || !isProven(dir, wanted)) return false;
  remove("node_modules");
  if (run("cp", "-a", join(dir, "node_modules"), ".") !== 0) return false;
  console.log(npm.stdout.trim() + ", starting from an earlier install");
  return true;
}

// attempt runs what may fail: that costs time, and nothing else.
function attempt(what) {
  try {
    return what();
  } catch {
    return undefined;
  }
}

function install() {
  const wanted = attempt(() => readJSON(lockName)) ?? {}; // npm ci reports it
  const plain = wanted.lockfileVersion >= 2 && packagesOf(wanted).length > 0 && isPlain(wanted);
  if (!plain) return run("npm", "ci", "--ignore-scripts");
  const prefix = surroundings() + "-";
  const earlier = attempt(() => take(prefix, wanted));
  if (earlier && attempt(() => bring(earlier, wanted))) {
    attempt(() => keep(earlier, prefix));
    return 0;
  }
  if (earlier) attempt(() => remove(earlier));
  const status = run("npm", "ci", "--ignore-scripts");
  if (status !== 0) return status;
  const tree = join(trees, ".taken-" + randomUUID());
  attempt(() => {
    fs.mkdirSync(join(tree, project), { recursive: true });
    if (run("cp", "-a", ...manifests, "node_modules", join(tree, project)) === 0) keep(tree, prefix);
    else remove(tree); // there is no space for it
  });
  return 0;
}
process.exitCode = install();
`
