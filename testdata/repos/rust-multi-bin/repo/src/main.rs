fn main() {
    let listener = std::net::TcpListener::bind("0.0.0.0:9100").unwrap();
    println!("HTTP/1.1 {} {:?}", library::shelf(), listener);
}
