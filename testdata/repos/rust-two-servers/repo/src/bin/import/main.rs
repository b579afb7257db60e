use std::{io::Write, net::TcpListener};

fn main() {
    let listener = TcpListener::bind("0.0.0.0:9998").unwrap();
    for stream in listener.incoming() {
        let _ = stream.unwrap().write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nimport");
    }
}
