module example.com/team/shop/v2

go 1.26
