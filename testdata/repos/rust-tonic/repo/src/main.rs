use tonic::{transport::Server, Request, Response, Status};

pub mod greeter {
    tonic::include_proto!("greeter");
}

use greeter::greeter_server::{Greeter, GreeterServer};

#[derive(Default)]
struct Politely;

#[tonic::async_trait]
impl Greeter for Politely {
    async fn say_hello(&self, request: Request<greeter::HelloRequest>) -> Result<Response<greeter::HelloReply>, Status> {
        let message = format!("Hello {}", request.into_inner().name);
        Ok(Response::new(greeter::HelloReply { message }))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (reporter, health) = tonic_health::server::health_reporter();
    reporter.set_serving::<GreeterServer<Politely>>().await;
    Server::builder()
        .add_service(health)
        .add_service(GreeterServer::new(Politely))
        .serve("0.0.0.0:50051".parse()?)
        .await?;
    Ok(())
}
