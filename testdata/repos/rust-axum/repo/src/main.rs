mod catalogue;

use axum::{Json, Router, extract::Path, http::StatusCode, routing::get};

async fn price(Path(item): Path<String>) -> Result<Json<catalogue::Price>, StatusCode> {
    let found = catalogue::prices().into_iter().find(|p| p.item == item);
    found.map(Json).ok_or(StatusCode::NOT_FOUND)
}

// Names are resolved by the C library that is linked in.
async fn resolve(Path(name): Path<String>) -> String {
    match tokio::net::lookup_host((name.as_str(), 80)).await {
        Ok(found) => found.map(|a| a.ip().to_string()).collect::<Vec<_>>().join(" "),
        Err(err) => err.to_string(),
    }
}

async fn stop() {
    let mut term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .expect("a handler of SIGTERM");
    term.recv().await;
}

#[tokio::main]
async fn main() {
    let app = Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/prices/{item}", get(price))
        .route("/resolve/{name}", get(resolve));
    let port = std::env::var("PORT").unwrap_or_else(|_| "8080".to_string());
    let listener = tokio::net::TcpListener::bind(format!("0.0.0.0:{port}"))
        .await
        .expect("a free port");
    println!("listening on {port}");
    axum::serve(listener, app)
        .with_graceful_shutdown(stop())
        .await
        .expect("serving");
}
