fn main() {
    let server = tiny_http::Server::http("0.0.0.0:8000").unwrap();
    for r in server.incoming_requests() {
        let _ = r.respond(tiny_http::Response::from_string("hi"));
    }
}
