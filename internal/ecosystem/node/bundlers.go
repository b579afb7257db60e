package node

import (
	"regexp"

	"github.com/slipway-build/slipway/internal/ecosystem/static"
)

// Names that bundlers give to files by their content. Vite's are eight
// characters of base64url: one that could be a word is not taken for a digest.
const (
	viteDigest    = `^/assets/.*-(?=[\w-]*(?:[0-9_-]|[a-z][A-Z]))[\w-]{8}\.\w+$`
	angularDigest = `-[A-Z2-7]{8}\.\w+$`
)

// bundler is a tool whose build leaves files to be served.
type bundler struct {
	name     string
	command  string // in the build script
	dir      string // default of what it writes
	fallback string // of its single-page apps
	hashed   []string
	env      string                // NAME=value for the build: it calls nobody
	configs  []string              // files that may name another directory, without extension
	only     func() *regexp.Regexp // what one of those files has to say; nil for nothing
}

// bundlers are asked in order: those that use another one come before it.
func bundlers() []bundler {
	const page = "/index.html"
	return []bundler{
		{name: "Angular", command: "ng build", env: "NG_CLI_ANALYTICS=false", fallback: page, hashed: []string{angularDigest, static.HexDigest}},
		{name: "React Router", command: "react-router build", dir: "build/client", fallback: page, hashed: []string{viteDigest}, configs: []string{"react-router.config"}, only: ssrOff},
		{name: "VitePress", command: "vitepress build", dir: ".vitepress/dist", hashed: []string{`^/assets/.*\.[\w-]{8}\.\w+$`}},
		{name: "Vite", command: "vite build", dir: "dist", fallback: page, hashed: []string{viteDigest}, configs: []string{"vite.config"}},
		{name: "Create React App", command: "react-scripts build", dir: "build", fallback: page, hashed: []string{static.HexDigest}},
		{name: "Vue CLI", command: "vue-cli-service build", dir: "dist", fallback: page, hashed: []string{static.HexDigest}, configs: []string{"vue.config"}},
		{name: "Parcel", command: "parcel build", dir: "dist", fallback: page, hashed: []string{static.HexDigest}},
		{name: "Rsbuild", command: "rsbuild build", dir: "dist", fallback: page, hashed: []string{static.HexDigest}},
		{name: "Astro", command: "astro build", env: "ASTRO_TELEMETRY_DISABLED=1", dir: "dist", hashed: []string{`^/_astro/`}, configs: []string{"astro.config"}},
		{name: "Next.js", command: "next build", env: "NEXT_TELEMETRY_DISABLED=1", dir: "out", hashed: []string{`^/_next/static/`}, configs: []string{"next.config"}, only: outputExport},
		{name: "Nuxt", command: "nuxt generate", env: "NUXT_TELEMETRY_DISABLED=1", dir: ".output/public", hashed: []string{`^/_nuxt/`}},
		{name: "Gatsby", command: "gatsby build", env: "GATSBY_TELEMETRY_DISABLED=1", dir: "public", hashed: []string{static.HexDigest}},
		{name: "Docusaurus", command: "docusaurus build", dir: "build", hashed: []string{static.HexDigest}},
		{name: "Eleventy", command: "eleventy", dir: "_site", hashed: []string{static.HexDigest}},
		{name: "Hexo", command: "hexo g", dir: "public"},
		{name: "VuePress", command: "vuepress build", dir: ".vuepress/dist", hashed: []string{viteDigest, static.HexDigest}},
		{name: "Rspress", command: "rspress build", dir: "doc_build", hashed: []string{static.HexDigest}, configs: []string{"rspress.config"}},
		{name: "Gridsome", command: "gridsome build", dir: "dist", hashed: []string{static.HexDigest}},
		{name: "Slidev", command: "slidev build", dir: "dist", fallback: page, hashed: []string{viteDigest}},
		{name: "Ember", command: "ember build", dir: "dist", fallback: page, hashed: []string{static.HexDigest}},
		{name: "Preact CLI", command: "preact build", dir: "build", fallback: page, hashed: []string{static.HexDigest}},
		{name: "Quasar", command: "quasar build", dir: "dist/spa", fallback: page, hashed: []string{static.HexDigest}},
		{name: "Expo", command: "expo export", dir: "dist", fallback: page, env: "EXPO_NO_TELEMETRY=1", hashed: []string{static.HexDigest}},
		{name: "webpack", command: "webpack", dir: "dist", fallback: page, hashed: []string{static.HexDigest}, configs: []string{"webpack.config", "webpack.prod", "webpack.production"}, only: webpackPage},
	}
}

// servers are packages of programs that listen; with one of them a build is the
// server's, whatever else it bundles.
func servers() []string {
	return []string{
		"express", "fastify", "koa", "hono", "@nestjs/core", "@hapi/hapi", "@grpc/grpc-js", "polka", "h3", "elysia",
		"@remix-run/node", "@remix-run/serve", "@tanstack/react-start", "@tanstack/solid-start", "@solidjs/start", "@builder.io/qwik-city", "@qwik.dev/router",
		"vike", "vinxi", "nitropack", "@astrojs/node", "@sveltejs/adapter-node", "@angular/ssr", "@react-router/serve",
	}
}
