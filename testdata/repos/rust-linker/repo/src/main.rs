//! Answers each connection with the words of a file.
use std::{fs, io::Write, net::TcpListener};

fn main() {
    let words = fs::read_to_string("words/today.txt").expect("words");
    let listener = TcpListener::bind("0.0.0.0:8000").expect("a free port");
    for stream in listener.incoming() {
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{}", words.len(), words);
        let _ = stream.and_then(|mut s| s.write_all(answer.as_bytes()));
    }
}
