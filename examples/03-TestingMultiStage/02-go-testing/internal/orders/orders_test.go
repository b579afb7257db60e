package orders

import (
	"strings"
	"testing"
)

func TestTotal(t *testing.T) {
	for _, c := range []struct {
		name  string
		items []Item
		want  int
	}{
		{"one article", []Item{{"tea", 3, 350}}, 1050},
		{"nine pieces cost what they cost", []Item{{"tea", 9, 100}}, 900},
		{"ten pieces cost 5 % less", []Item{{"tea", 10, 100}}, 950},
		{"half a cent goes to the customer", []Item{{"tea", 10, 1}}, 9},
		{"each article counts by itself", []Item{{"tea", 10, 100}, {"cup", 1, 100}}, 1050},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := Total(c.items); got != c.want {
				t.Errorf("Total = %d, want %d", got, c.want)
			}
		})
	}
}

func TestCheck(t *testing.T) {
	good := Order{Customer: "ada@example.com", Items: []Item{{"tea", 3, 350}}}
	if err := good.Check(); err != nil {
		t.Errorf("a good order: %v", err)
	}
	for what, order := range map[string]Order{
		"customer":         {Customer: "ada", Items: good.Items},
		"items: 0":         {Customer: good.Customer},
		"no article":       {Customer: good.Customer, Items: []Item{{"", 1, 1}}},
		"quantity 0":       {Customer: good.Customer, Items: []Item{{"tea", 0, 1}}},
		"it costs -1 cent": {Customer: good.Customer, Items: []Item{{"tea", 1, -1}}},
	} {
		if err := order.Check(); err == nil || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
