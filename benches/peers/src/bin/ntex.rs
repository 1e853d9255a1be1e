//! ntex on tokio with one worker per core, which is its default.

use ntex::util::Bytes;
use ntex::web::types::PayloadConfig;
use ntex::web::{self, App, HttpResponse, HttpServer};

async fn hello() -> HttpResponse {
    HttpResponse::Ok()
        .content_type(peers::TEXT)
        .body(peers::HELLO)
}

/// A body that is not read costs the connection, so a POST's is.
async fn posted(_body: Bytes) -> HttpResponse {
    hello().await
}

async fn echo(body: Bytes) -> HttpResponse {
    HttpResponse::Ok().content_type(peers::BYTES).body(body)
}

async fn sleep() -> HttpResponse {
    let _ = ntex::rt::spawn_blocking(peers::block).await; // it cannot panic
    hello().await
}

#[ntex::main]
async fn main() -> std::io::Result<()> {
    HttpServer::new(async || {
        App::new()
            .state(PayloadConfig::new(64 << 20))
            .route("/", web::get().to(hello))
            .route("/echo", web::to(echo))
            .route("/sleep", web::to(sleep))
            .default_service(web::to(posted))
    })
    .bind(peers::address())?
    .run()
    .await
}
