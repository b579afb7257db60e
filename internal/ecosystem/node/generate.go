package node

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
	"github.com/slipway-build/slipway/internal/pattern"
)

// generators are the names that scripts which generate code go by, in order.
func generators() []string {
	return []string{"generate", "codegen", "proto", "protos", "proto:generate", "generate:proto", "proto:gen", "gen", "build:proto"}
}

// codeTools are programs that generate code from files of the repository, ask
// nothing and end. Scaffolding tools (plop, hygen), release tools (changeset) and
// those that write migrations go by the same script names, and are none.
func codeTools() []string {
	return []string{
		"proto-loader-gen-types", "pbjs", "pbts", "protoc", "grpc_tools_node_protoc", "grpc_tools_node_protoc_ts", "buf",
		"graphql-codegen", "graphql-code-generator", "gql-gen", "gql.tada", "genql", "relay-compiler", "houdini",
		"openapi", "openapi-generator", "openapi-generator-cli", "openapi-typescript", "openapi-typescript-codegen", "openapi-ts", "swagger-typescript-api", "swagger-cli", "orval", "kubb", "tsoa", "typed-openapi", "oazapfts",
		"json2ts", "json-schema-to-typescript", "quicktype", "typechain", "wasm-pack", "asc", "peggy", "pegjs", "nearley", "nearleyc", "jison", "antlr4ts", "barrelsby", "ctix",
		"paraglide-js", "typesafe-i18n", "i18next-resources-to-backend", "svg-sprite", "tsr", "sanity",
	}
}

// codegen is a generation step whose inputs and output are known, so that it can
// run before the sources are copied. The zero value is one that has to run after.
type codegen struct {
	in  string // directory
	out string // directory
}

// findGenerator looks for the script that generates code.
func (s *service) findGenerator() {
	all := s.pkg.Scripts
	for _, name := range generators() {
		if text, ok := all[name]; !ok || s.runsAlready(name) || !s.generatesCode(text) {
			continue
		}
		s.generate = name
		s.codegen = s.knownCodegen(all[name])
		s.Fact("code generation", "npm run "+name, fmt.Sprintf("%q", all[name]), "package.json", s.pkg.line("scripts", name))
		return
	}
}

var asksSomebody = pattern.Lazy(`['"](?:inquirer|@inquirer/[\w-]+|prompts|enquirer|@clack/prompts|readline|node:readline|node:readline/promises|readline-sync|node-plop|plop|hygen|yargs-interactive)['"]`)

// generatesCode reports a script that surely generates code: each of its commands
// is a known generator, or a program of the repository that asks nobody.
func (s *service) generatesCode(script string) bool {
	sure := false
	for _, command := range commandsOf(s.unfolded(script, 3)) {
		words := strings.Fields(command)
		for len(words) > 0 && (slices.Contains([]string{"npx", "yarn", "pnpm", "exec", "dlx", "--no-install", "--yes", "-y", "cross-env"}, words[0]) || strings.Contains(words[0], "=") && !strings.HasPrefix(words[0], "-")) {
			words = words[1:]
		}
		if len(words) == 0 {
			continue
		}
		switch tool := path.Base(words[0]); {
		case slices.Contains([]string{"cd", "mkdir", "rm", "rimraf", "cp", "mv", "echo", "prettier", "eslint", "biome", "shx", "run", "npm", "del-cli", "sh", "true"}, tool):
			sure = sure || tool == "sh" && len(words) > 1 && ecosystem.Exists(s.Dir, path.Clean(words[1]))
		case slices.Contains(codeTools(), tool), tool == "prisma" && len(words) > 1 && words[1] == "generate":
			sure = true
		case slices.Contains([]string{"node", "tsx", "ts-node", "esno", "vite-node"}, tool):
			file := lastFile(words[1:])
			data, err := ecosystem.Read(s.Dir, path.Clean(file))
			if file == "" || err != nil || asksSomebody().Match(data) {
				return false
			}
			sure = true
		default:
			return false
		}
	}
	return sure
}

// lastFile is the first word that is no option.
func lastFile(words []string) string {
	for i := 0; i < len(words); i++ {
		if slices.Contains(valueFlags(), words[i]) {
			i++
			continue
		}
		if !strings.HasPrefix(words[i], "-") {
			return words[i]
		}
	}
	return ""
}

// commandsOf splits a script at what joins commands.
func commandsOf(script string) []string {
	var out []string
	for _, c := range strings.FieldsFunc(strings.ReplaceAll(script, "||", "\n"), func(r rune) bool { return strings.ContainsRune("&;\n|", r) }) {
		if c = strings.TrimSpace(c); c != "" {
			out = append(out, c)
		}
	}
	return out
}

// runsAlready tells whether the build runs a script by itself.
func (s *service) runsAlready(name string) bool {
	if s.build == "" {
		return false
	}
	text := s.pkg.Scripts["pre"+s.building] + " ; " + s.pkg.Scripts[s.building] + " "
	return strings.Contains(text, "run "+name+" ") || strings.Contains(text, "run "+name+";") || len(s.pkg.Scripts[name]) > 1 && strings.Contains(text, strings.TrimSpace(s.pkg.Scripts[name]))
}

// knownCodegen understands `[cd DIR &&] proto-loader-gen-types … --outDir=OUT …`,
// which reads the protos of its directory and nothing else.
func (s *service) knownCodegen(script string) codegen {
	at := "."
	if cd, rest, ok := strings.Cut(script, "&&"); ok {
		words := strings.Fields(cd)
		if len(words) != 2 || words[0] != "cd" {
			return codegen{}
		}
		at, script = words[1], rest
	}
	words := strings.Fields(script)
	if len(words) == 0 || words[0] != "proto-loader-gen-types" || strings.ContainsAny(script, "&|;<>`$") {
		return codegen{}
	}
	in, out := ecosystem.ProtoDir(s.Dir), ""
	for i, w := range words[1:] {
		switch {
		case strings.HasPrefix(w, "--outDir="):
			out = strings.TrimPrefix(w, "--outDir=")
		case (w == "--outDir" || w == "-O") && i+2 < len(words):
			out = words[i+2]
		case strings.HasSuffix(w, ".proto") && path.Dir(path.Join(at, w)) != in && !strings.HasPrefix(path.Join(at, w), in+"/"):
			return codegen{}
		case strings.HasPrefix(w, "--includeDirs"), w == "-I":
			return codegen{}
		}
	}
	out = path.Join(at, out)
	if in == "" || out == "." || strings.HasPrefix(out, "..") || s.Ignore.Own && !s.Ignore.Excludes(out) {
		return codegen{} // a stale copy from the context would lie over what is generated
	}
	return codegen{in: in, out: out}
}
