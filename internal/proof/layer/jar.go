package layer

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"hash/fnv"
	"io"
	"slices"
	"strings"
)

// Jar is what the start of a Java program depends on.
type Jar struct {
	Main      string     `json:"main,omitempty"`       // Main-Class
	Start     string     `json:"start,omitempty"`      // Start-Class, of Spring Boot
	ClassPath []string   `json:"class_path,omitempty"` // as written: relative to the jar
	Classes   string     `json:"classes,omitempty"`    // digests of its class names, see Has
	Major     int        `json:"major,omitempty"`      // version of the main class's format: 65 for Java 21
	Inner     int        `json:"inner,omitempty"`      // jars within it
	Packages  []Artifact `json:"packages,omitempty"`   // of Maven, of this jar and those within
	Refers    []string   `json:"refers,omitempty"`     // classes that the main class refers to, without those of the JDK
}

// Limits of what is read of a jar.
const (
	maxJar        = 256 << 20
	maxJarEntries = 200_000
	maxManifest   = 1 << 20
	maxClass      = 4 << 20
)

// readJar reads a jar; nil for what is none.
func readJar(name string, data []byte) *Jar {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil || len(z.File) > maxJarEntries {
		return nil
	}
	out := &Jar{}
	var sums []uint32
	for _, f := range z.File {
		switch class, ok := className(f.Name); {
		case ok:
			sums = append(sums, classSum(class))
		case f.Name == "META-INF/MANIFEST.MF":
			out.manifest(unzip(f, maxManifest))
		case strings.HasSuffix(f.Name, ".jar"):
			out.Inner++
		}
	}
	slices.Sort(sums)
	out.Classes = packSums(slices.Compact(sums))
	out.Packages = artifacts(z, name, 2)
	main := out.Main
	if out.Start != "" {
		main = out.Start
	}
	for _, f := range z.File {
		if class, ok := className(f.Name); ok && class == main {
			data := unzip(f, maxClass)
			out.Refers, out.Major = references(data), classMajor(data)
		}
	}
	return out
}

// className turns the name of a class file into that of the class; those of a
// web or Spring Boot archive are below a directory.
func className(file string) (string, bool) {
	name, ok := strings.CutSuffix(file, ".class")
	if !ok || strings.HasPrefix(name, "META-INF/") {
		return "", false
	}
	for _, dir := range []string{"BOOT-INF/classes/", "WEB-INF/classes/"} {
		name = strings.TrimPrefix(name, dir)
	}
	return strings.ReplaceAll(name, "/", "."), true
}

// unzip returns at most limit bytes of an entry, nil when it is damaged.
func unzip(f *zip.File, limit int64) []byte {
	r, err := f.Open()
	if err != nil {
		return nil
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, limit))
	if err != nil {
		return nil
	}
	return data
}

// manifest reads the main section (JAR File Specification, "Notes on manifest").
func (j *Jar) manifest(data []byte) {
	fields := manifestFields(data)
	j.Main, j.Start, j.ClassPath = fields["main-class"], fields["start-class"], strings.Fields(fields["class-path"])
}

func classSum(name string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // never fails
	return h.Sum32()
}

func packSums(sums []uint32) string {
	data := make([]byte, 0, 4*len(sums))
	for _, s := range sums {
		data = binary.LittleEndian.AppendUint32(data, s)
	}
	return base64.StdEncoding.EncodeToString(data)
}

// Has tells whether the jar holds a class, "com.example.Main". The digest of a
// name has 32 bits, so a class that is missing is taken for present once in some
// hundred thousand times.
func (j *Jar) Has(class string) bool {
	return j.hasSum(classSum(class))
}

func (j *Jar) hasSum(want uint32) bool {
	data, err := base64.StdEncoding.DecodeString(j.Classes)
	if err != nil {
		return false
	}
	low, high := 0, len(data)/4
	for low < high {
		mid := (low + high) / 2
		switch at := binary.LittleEndian.Uint32(data[4*mid:]); {
		case at == want:
			return true
		case at < want:
			low = mid + 1
		default:
			high = mid
		}
	}
	return false
}

// references lists the classes that a class file names in its constant pool (JVM
// specification, section 4.4), without those of the JDK and its own.
func references(class []byte) []string {
	if len(class) < 10 || binary.BigEndian.Uint32(class) != 0xCAFEBABE {
		return nil
	}
	count := int(binary.BigEndian.Uint16(class[8:]))
	words := map[int]string{}
	var classes []int
	at := 10
	for i := 1; i < count && at < len(class); i++ {
		tag := class[at]
		size := constantSize(tag)
		if tag == 1 && at+3 <= len(class) {
			n := int(binary.BigEndian.Uint16(class[at+1:]))
			if at+3+n > len(class) {
				return nil
			}
			words[i] = string(class[at+3 : at+3+n])
			size = 3 + n
		}
		if size == 0 || at+size > len(class) {
			return nil
		}
		if tag == 7 {
			classes = append(classes, int(binary.BigEndian.Uint16(class[at+1:])))
		}
		if tag == 5 || tag == 6 { // long and double take two places
			i++
		}
		at += size
	}
	var out []string
	for _, c := range classes {
		if name := strings.ReplaceAll(words[c], "/", "."); name != "" && !strings.HasPrefix(name, "[") && !ofJDK(name) {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// classMajor is the major version of a class file (JVM specification, table 4.1-A),
// 0 for what is none.
func classMajor(class []byte) int {
	if len(class) < 10 || binary.BigEndian.Uint32(class) != 0xCAFEBABE {
		return 0
	}
	return int(binary.BigEndian.Uint16(class[6:]))
}

// constantSize is that of an entry of the constant pool with its tag; 0 for what
// the specification does not know.
func constantSize(tag byte) int {
	switch tag {
	case 7, 8, 16, 19, 20:
		return 3
	case 15:
		return 4
	case 3, 4, 9, 10, 11, 12, 17, 18:
		return 5
	case 5, 6:
		return 9
	}
	return 0
}

// ofJDK tells whether a class may be one of the JDK itself.
func ofJDK(name string) bool {
	for _, prefix := range []string{"java.", "javax.", "jdk.", "sun.", "com.sun.", "netscape.javascript.", "org.w3c.dom.", "org.xml.sax.", "org.ietf.jgss."} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
