module example.com/router

go 1.25.0

toolchain go1.26.2

require github.com/go-chi/chi/v5 v5.5.0
