module example.com/shop/libs/unused

go 1.25
