use std::{io::Write, net::TcpListener};

fn main() {
    let listener = TcpListener::bind("0.0.0.0:9999").unwrap();
    for stream in listener.incoming() {
        let _ = stream.unwrap().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nadmin");
    }
}
