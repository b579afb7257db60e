// Package orders has the orders of a shop: what one is, what it costs, and where orders
// are kept.
package orders

import (
	"errors"
	"fmt"
	"net/mail"
)

// Item is a line of an order.
type Item struct {
	Article  string `json:"article"`
	Quantity int    `json:"quantity"`
	Cents    int    `json:"cents"` // of one piece
}

// Order is an order of a customer.
type Order struct {
	ID         int64  `json:"id"`
	Customer   string `json:"customer"` // e-mail address
	Items      []Item `json:"items"`
	TotalCents int    `json:"totalCents"`
}

// Check says what is wrong with a new order.
func (o Order) Check() error {
	var problems []error
	if _, err := mail.ParseAddress(o.Customer); err != nil {
		problems = append(problems, fmt.Errorf("customer: %w", err))
	}
	if len(o.Items) == 0 || len(o.Items) > 100 {
		problems = append(problems, fmt.Errorf("items: %d, want 1 to 100", len(o.Items)))
	}
	for n, i := range o.Items {
		switch {
		case i.Article == "" || len(i.Article) > 64:
			problems = append(problems, fmt.Errorf("items[%d]: no article", n))
		case i.Quantity < 1 || i.Quantity > 1000:
			problems = append(problems, fmt.Errorf("items[%d]: quantity %d, want 1 to 1000", n, i.Quantity))
		case i.Cents < 0 || i.Cents > 100_000_000:
			problems = append(problems, fmt.Errorf("items[%d]: it costs %d cents", n, i.Cents))
		}
	}
	return errors.Join(problems...)
}

// Total is the price of items in cents. From 10 pieces of an article on, it costs 5 %
// less; halves of a cent go to the customer.
func Total(items []Item) int {
	total := 0
	for _, i := range items {
		full := i.Quantity * i.Cents
		if i.Quantity >= 10 {
			full -= (full*5 + 99) / 100
		}
		total += full
	}
	return total
}
