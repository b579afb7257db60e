package ecosystem

import (
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/slipway-build/slipway/internal/config"
)

// TestDefaultPlacesOfData: defaults of every kind of setting give the user their
// directory; files that are read, kinds of databases and paths elsewhere do not.
func TestDefaultPlacesOfData(t *testing.T) {
	for _, c := range []struct {
		source string
		want   []string
	}{
		{`flag.String("data-dir", "./data", "where data lies")`, []string{"/app/data"}},
		{`cmd.Flags().StringVarP(&dir, "storage-path", "s", "var/storage", "")`, []string{"/app/var/storage"}},
		{`viper.SetDefault("datafolder", filepath.Join(".", "data"))`, []string{"/app/data"}},
		{`viper.SetDefault("server.upload_dir", "uploads")`, []string{"/app/uploads"}},
		{`dir := getEnv("DATA_DIR", "./state")`, []string{"/app/state"}},
		{`dir := cmp.Or(os.Getenv("DATA_DIR"), "./state")`, []string{"/app/state"}},
		{`if dataDir == "" { dataDir = "/data" }`, []string{"/data"}},
		{`p.Data = "."`, []string{"/app"}},
		{"DataDir string `env:\"DATA_DIR\" envDefault:\"./files\"`", []string{"/app/files"}},
		{`DefaultDataDir: filepath.Join(baseDir, "pb_data"),`, []string{"/app/pb_data"}},
		{`const dbPath = "app.db"`, []string{"/app"}},
		{`dsn := "file:shop.sqlite?cache=shared"`, []string{"/app"}},
		{`flag.StringVar(&db, "db", "store.bolt", "")`, []string{"/app"}},
		{`db, err := badger.Open(badger.DefaultOptions("kv"))`, []string{"/app/kv"}},
		{`f, err := os.OpenFile("audit.log", os.O_CREATE|os.O_APPEND, 0o600)`, []string{"/app"}},
		{`pub const DATA_DIR: &str = "./data";`, []string{"/app/data"}},
		{`env::var("UPLOAD_DIR").unwrap_or_else(|_| "uploads".into())`, []string{"/app/uploads"}},
		{`    data_folder: String, false, def, "data".to_owned();`, []string{"/app/data"}},
		{"#[arg(long, env = \"DATA_DIR\", default_value = \"var\")]\n    pub data_dir: PathBuf,", []string{"/app/var"}},
		{`#[builder(default = r#"Url::from("sqlite://users.db?mode=rwc")"#)]`, []string{"/app"}},
		{`let tree = sled::open("cache")?;`, []string{"/app/cache"}},

		{`flag.String("data-dir", "", "where data lies")`, nil},
		{`flag.String("db", "sqlite", "kind of database")`, nil},
		{`viper.SetDefault("database.path", "postgres")`, nil},
		{`dataFile := "data/words.txt"`, nil},
		{`seed := filepath.Join(dataDir, "seed.json")`, nil},
		{`if dataDir == "backup" { return }`, nil},
		{`dbPath = ":memory:"`, nil},
		{`url := "sqlite::memory:"`, nil},
		{`templateDir := "templates"`, nil},
		{`os.ReadFile("words.txt")`, nil},
		{`dataDir := "../other/data"`, nil},
		{`metadata := "path"`, nil},
		{`DB_PATH: "/etc/app/db"`, nil},
	} {
		s := Open(fstest.MapFS{}, config.Service{Name: "a"}, nil)
		s.WritesDefaults("main.go", []byte(c.source))
		if diff := cmp.Diff(c.want, s.Writable()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.source, diff)
		}
	}
}
