fn main() { std::net::TcpListener::bind("0.0.0.0:9998").unwrap(); }
