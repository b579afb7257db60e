use actix_web::{App, HttpServer, Responder, get};

#[get("/healthz")]
async fn healthz() -> impl Responder {
    "ok"
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    HttpServer::new(|| App::new().service(healthz)).bind(("127.0.0.1", 8070))?.run().await
}
