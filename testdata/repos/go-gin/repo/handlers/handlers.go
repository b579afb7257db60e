// Package handlers answers requests.
package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// Home shows the page.
func Home(c *gin.Context) { c.HTML(http.StatusOK, "home.html", gin.H{"title": "Shop"}) }

// Products lists what there is.
func Products(c *gin.Context) { c.JSON(http.StatusOK, []gin.H{{"name": "tea", "price": 3}}) }
