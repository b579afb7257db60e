use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    BufReader::new(&stream).read_line(&mut String::new())?;
    let body = format!("{}, {} {}\n", macros::greeting!(), money::Cents(1250), env!("CURRENCY"));
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}", body.len())
}

fn main() -> std::io::Result<()> {
    let port: u16 = std::env::var("PORT").ok().and_then(|p| p.parse().ok()).unwrap_or(8081);
    let listener = TcpListener::bind(("0.0.0.0", port))?;
    for stream in listener.incoming().flatten() {
        let _ = answer(stream); // a client that leaves is no failure
    }
    Ok(())
}
