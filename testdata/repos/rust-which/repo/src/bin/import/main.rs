fn main() { println!("{} imported", books::shelf()); }
