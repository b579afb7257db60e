// Command shop shows a page and a JSON answer with Gin.
package main

import (
	"log"
	"net/http"

	"github.com/gin-gonic/gin"

	"example.com/shop/handlers"
)

func main() {
	r := gin.Default()
	r.LoadHTMLGlob("templates/*")
	r.GET("/health", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok"}) })
	r.GET("/", handlers.Home)
	r.GET("/api/products", handlers.Products)
	if err := r.Run(); err != nil {
		log.Fatal(err)
	}
}
