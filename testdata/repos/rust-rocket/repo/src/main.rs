#[macro_use]
extern crate rocket;

use rocket::fs::FileServer;

#[get("/healthz")]
fn healthz() -> &'static str {
    "ok"
}

#[launch]
fn rocket() -> _ {
    rocket::build().mount("/", routes![healthz]).mount("/static", FileServer::from("static"))
}
