fn main() { println!("{}", books::shelf()); }
