// Package price adds prices.
package price

// Line is a line of an order.
type Line struct{ Price, Count int }

// Total is the price of an order.
func Total(lines []Line) (sum int) {
	for _, l := range lines {
		sum += l.Price * l.Count
	}
	return sum
}
