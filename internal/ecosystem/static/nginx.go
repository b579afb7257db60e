package static

import (
	"fmt"
	"slices"
	"strings"

	"github.com/slipway-build/slipway/internal/ecosystem"
)

// Places in the image.
const (
	configFile  = "/etc/nginx/nginx.conf"
	siteDir     = "/app/site"
	releaseFile = "/app/release.conf" // written by the build: it names the release
	filesFile   = "/app/files.conf"   // written by the build: locations of single files
	accountFile = "/etc/nginx/accounts"
)

// config is nginx's configuration. brotli tells whether the base has the module
// that serves files which are compressed with it.
func (s Site) config(port int, brotli bool) string {
	load, serve := "", ""
	if brotli {
		load = "load_module /usr/lib/nginx/modules/ngx_http_brotli_static_module.so;\n"
		serve = "    brotli_static on;\n"
	}
	return load + `daemon off;
worker_processes 2; # "auto" counts the cores of the host, not of the container
pid /tmp/nginx.pid;
error_log stderr;

events {}

http {
    access_log /dev/stdout;
    sendfile on;
    tcp_nopush on;
    server_tokens off;
    absolute_redirect off; # the published port may differ
    map_hash_bucket_size 8192; # paths can be long

    # Only /tmp is writable.
    client_body_temp_path /tmp/nginx-body;
    proxy_temp_path /tmp/nginx-proxy;
    fastcgi_temp_path /tmp/nginx-fastcgi;
    uwsgi_temp_path /tmp/nginx-uwsgi;
    scgi_temp_path /tmp/nginx-scgi;

    default_type application/octet-stream;
    types {
` + mediaTypes() + `    }

    # Serve the files that the build compressed; compress nothing at run time.
    gzip_static on;
    gzip_vary on;
` + serve + `    map $uri $encoding {
        default "";
        "~\.svgz$" gzip;
    }

    # All files in the image have the same modification time, so it cannot identify
    # a version. The build computes a digest of the whole site for the ETag instead.
    etag off;
    if_modified_since off;
    include ` + releaseFile + `;

    # Files with a digest in their name never change. Browsers revalidate all
    # other files, and get 304 until the next release.
    map $uri $cache {
        default no-cache;
` + s.immutable() + `    }

` + s.maps() + s.server(port) + `}
`
}

// server answers requests.
func (s Site) server(port int) string {
	return `    server {
        listen ` + fmt.Sprint(port) + `;
        root ` + siteDir + `;
        index index.html;

` + s.headerLines() + s.switches() + `        # Send the same 304 as nginx would, with the file's headers.
        error_page 418 =304 @unchanged;
        if ($unchanged) {
            return 418;
        }
        location @unchanged {
            try_files ` + s.pages() + " $uri/index.html " + s.rewritten() + ecosystem.Or(s.Fallback, "/index.html") + ` =404;
        }

        location = /healthz {
            access_log off;
` + s.open() + `            default_type text/plain;
            return 200 "ok\n";
        }
        include ` + filesFile + `;
` + s.locations() + `    }
`
}

// immutable are the lines of the map for names that carry a digest.
func (s Site) immutable() string {
	var b strings.Builder
	for _, re := range s.Hashed {
		fmt.Fprintf(&b, "        \"~%s\" \"public, max-age=31536000, immutable\";\n", re)
	}
	return b.String()
}

// locations say what answers a path. In a single-page app, the app's page
// answers paths that no file has, unless they look like a file's: a missing
// script must not come as HTML.
func (s Site) locations() string {
	last, rules := "=404", s.fallbackRules()
	if rules != "" {
		last = "@rules"
	}
	notFound := ecosystem.Or(s.Rules.NotFound, "/404.html")
	if s.hasStatus(404) {
		notFound = "$not_found"
	}
	if s.Fallback == "" {
		dir := "$uri/"
		if s.Rules.Slash != "" {
			dir = "$page/index.html"
		}
		return `
        error_page 404 ` + notFound + `;
        location / {
            try_files ` + s.pages() + " " + dir + " " + last + `;
        }
` + rules
	}
	unknown := s.Fallback
	if rules != "" {
		unknown, last = last, "@missing"
	}
	return `
        location ~ "\.(?:` + strings.Join(extensions(), "|") + `)$" {
            try_files ` + s.forced() + `$uri ` + last + `;
        }
        location / {
            try_files ` + s.pages() + " " + s.index() + " " + unknown + `;
        }
` + rules
}

// media maps types to the extensions of what sites are made of. Text says that
// it is UTF-8, which nginx's own charset directive leaves out of compressed
// answers.
func media() [][2]string {
	return slices.Concat([][2]string{
		{"text/html; charset=utf-8", "html htm"},
		{"text/css; charset=utf-8", "css"},
		{"text/javascript; charset=utf-8", "js mjs cjs"},
		{"text/plain; charset=utf-8", "txt log asc"},
		{"text/markdown; charset=utf-8", "md markdown"},
		{"text/csv; charset=utf-8", "csv"},
		{"text/xml; charset=utf-8", "xml xsl"},
		{"text/calendar; charset=utf-8", "ics"},
		{"text/vcard; charset=utf-8", "vcf"},
		{"text/vtt; charset=utf-8", "vtt"},
	}, applications(), [][2]string{
		{"font/collection", "ttc"},
		{"font/otf", "otf"},
		{"font/ttf", "ttf"},
		{"font/woff", "woff"},
		{"font/woff2", "woff2"},
		{"image/apng", "apng"},
		{"image/avif", "avif"},
		{"image/bmp", "bmp"},
		{"image/gif", "gif"},
		{"image/heic", "heic"},
		{"image/jpeg", "jpg jpeg"},
		{"image/jxl", "jxl"},
		{"image/png", "png"},
		{"image/svg+xml", "svg svgz"},
		{"image/tiff", "tif tiff"},
		{"image/webp", "webp"},
		{"image/x-icon", "ico"},
		{"audio/aac", "aac"},
		{"audio/flac", "flac"},
		{"audio/mp4", "m4a"},
		{"audio/mpeg", "mp3"},
		{"audio/ogg", "ogg oga opus"},
		{"audio/wav", "wav"},
		{"audio/webm", "weba"},
		{"model/gltf-binary", "glb"},
		{"model/gltf+json", "gltf"},
		{"model/vnd.usdz+zip", "usdz"},
		{"video/mp2t", "ts"},
		{"video/mp4", "mp4 m4v"},
		{"video/ogg", "ogv"},
		{"video/quicktime", "mov"},
		{"video/webm", "webm"},
	})
}

// applications are the types of data and programs.
func applications() [][2]string {
	return [][2]string{
		{"application/json", "json map geojson topojson"},
		{"application/ld+json", "jsonld"},
		{"application/manifest+json", "webmanifest"},
		{"application/yaml", "yaml yml"},
		{"application/toml", "toml"},
		{"application/xhtml+xml", "xhtml"},
		{"application/atom+xml", "atom"},
		{"application/rss+xml", "rss"},
		{"application/wasm", "wasm"},
		{"application/pdf", "pdf"},
		{"application/rtf", "rtf"},
		{"application/epub+zip", "epub"},
		{"application/zip", "zip"},
		{"application/gzip", "gz tgz"},
		{"application/zstd", "zst"},
		{"application/x-bzip2", "bz2"},
		{"application/x-xz", "xz"},
		{"application/x-7z-compressed", "7z"},
		{"application/x-tar", "tar"},
		{"application/java-archive", "jar"},
		{"application/vnd.android.package-archive", "apk"},
		{"application/vnd.apple.mpegurl", "m3u8"},
		{"application/dash+xml", "mpd"},
		{"application/vnd.ms-fontobject", "eot"},
		{"application/msword", "doc"},
		{"application/vnd.ms-excel", "xls"},
		{"application/vnd.ms-powerpoint", "ppt"},
		{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", "docx"},
		{"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "xlsx"},
		{"application/vnd.openxmlformats-officedocument.presentationml.presentation", "pptx"},
	}
}

func mediaTypes() string {
	var b strings.Builder
	for _, m := range media() {
		fmt.Fprintf(&b, "        %q %s;\n", m[0], m[1])
	}
	return b.String()
}

// extensions are those of files that are not pages.
func extensions() []string {
	var out []string
	for _, m := range media() {
		if !strings.HasPrefix(m[0], "text/html") {
			out = append(out, strings.Fields(m[1])...)
		}
	}
	return out
}
