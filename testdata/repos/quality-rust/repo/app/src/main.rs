fn main() {
    let server = tiny_http::Server::http("0.0.0.0:8000").unwrap();
    for request in server.incoming_requests() {
        let response = tiny_http::Response::from_string(lib::add(1, 2).to_string());
        let _ = request.respond(response);
    }
}
