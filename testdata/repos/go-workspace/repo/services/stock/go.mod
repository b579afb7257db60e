module example.com/shop/services/stock

go 1.25
