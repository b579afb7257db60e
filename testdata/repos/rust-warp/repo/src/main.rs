use warp::Filter;

#[tokio::main]
async fn main() {
    let health = warp::path!("health").map(|| "ok");
    let hello = warp::path!("hello" / String).map(|name| format!("hello {name}"));
    warp::serve(health.or(hello)).run(([0, 0, 0, 0], 3030)).await;
}
