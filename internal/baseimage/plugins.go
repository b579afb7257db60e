package baseimage

import (
	_ "embed"
	"path"
	"strings"
)

// The lists of plugins that gdk-pixbuf-query-loaders 2.42.12 and dot 2.42.4 of Debian
// trixie write when they are installed (2026-11-29), a paragraph a plugin after the
// name of its file. These programs run each plugin; nothing runs here.
var (
	//go:embed pixbufs.txt
	pixbufs string
	//go:embed graphviz.txt
	graphviz string
)

// plugins writes the lists of plugins that programs of the tree read: image loaders,
// without which librsvg, GTK and others read no format but those built in, and layouts
// and formats of Graphviz, without which dot draws nothing. A plugin that the tables
// lack is left out.
func (t tree) plugins() {
	lists := map[string]string{}
	for _, p := range sorted(t) {
		dir, name := path.Split(p)
		if ok, _ := path.Match("usr/lib/*/gdk-pixbuf-2.0/*/loaders/", dir); ok {
			if formats := paragraphOf(pixbufs, name); formats != "" {
				lists[path.Dir(path.Dir(dir))+"/loaders.cache"] += `"/` + p + "\"\n" + formats + "\n"
			}
		}
		if ok, _ := path.Match("usr/lib/*/graphviz/", dir); ok {
			lists[dir+"config6a"] += paragraphOf(graphviz, name)
		}
	}
	for _, at := range sorted(lists) {
		if t[at] == nil && lists[at] != "" {
			t.file(at, 0o644, []byte(lists[at]))
		}
	}
}

// paragraphOf is what follows a name in a table, with a line's end; "" without it.
func paragraphOf(table, name string) string {
	_, rest, ok := strings.Cut("\n\n"+table, "\n\n"+name+"\n")
	if !ok {
		return ""
	}
	text, _, _ := strings.Cut(rest, "\n\n")
	return strings.TrimSuffix(text, "\n") + "\n"
}
