fn main() { println!("{}", library::shelf()) }
