//! Answers with the version of Debian's SQLite, which it is linked with.

use std::ffi::{c_char, CStr};
use std::io::{Read, Write};
use std::net::TcpListener;

#[link(name = "sqlite3")]
extern "C" {
    fn sqlite3_libversion() -> *const c_char;
}

fn main() {
    let version = unsafe { CStr::from_ptr(sqlite3_libversion()) }.to_string_lossy();
    let body = if cfg!(feature = "verbose") {
        format!("this is SQLite {version}")
    } else {
        version.into_owned()
    };
    for stream in TcpListener::bind("0.0.0.0:8080").expect("port 8080").incoming() {
        let Ok(mut stream) = stream else { continue };
        let _ = stream.read(&mut [0; 1024]);
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len());
    }
}
