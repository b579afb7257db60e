module example.com/checksums

go 1.26

require (
	github.com/go-chi/chi/v5 v5.2.3
	github.com/klauspost/compress v1.18.0
)
