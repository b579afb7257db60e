mod tides;

use tiny_http::{Header, Request, Response, Server};

fn answer(path: &str) -> (u16, String) {
    match path {
        "/healthz" => (200, "ok".to_string()),
        "/tides/highest" => json(&tides::highest()),
        _ => match path.strip_prefix("/tides/").and_then(|h| h.parse().ok()) {
            Some(hour) => json(&tides::level(hour)),
            None => (404, "try /tides/highest or /tides/7\n".to_string()),
        },
    }
}

fn json(tide: &tides::Tide) -> (u16, String) {
    (200, serde_json::to_string(tide).expect("numbers"))
}

fn respond(request: Request) {
    let (status, body) = answer(request.url());
    let kind = if body.starts_with('{') { "application/json" } else { "text/plain" };
    let header = Header::from_bytes("Content-Type", kind).expect("a header");
    let _ = request.respond(Response::from_string(body).with_status_code(status).with_header(header));
}

fn main() {
    let port = std::env::var("PORT").unwrap_or_else(|_| "8080".to_string());
    let server = Server::http(format!("0.0.0.0:{port}")).expect("a free port");
    println!("listening on {port}");
    for request in server.incoming_requests() {
        respond(request);
    }
}
