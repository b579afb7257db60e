package store

import "os"

func Get(k string) string { return os.Getenv("DATABASE_URL") + k }
