//! actix-web with one worker per core, which is its default.

use actix_web::web::{self, Bytes, PayloadConfig};
use actix_web::{App, HttpResponse, HttpServer};

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
    let _ = web::block(peers::block).await; // it cannot panic
    hello().await
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    HttpServer::new(|| {
        App::new()
            .app_data(PayloadConfig::new(64 << 20))
            .route("/", web::get().to(hello))
            .route("/echo", web::to(echo))
            .route("/sleep", web::to(sleep))
            .default_service(web::to(posted))
    })
    .bind(peers::address())?
    .run()
    .await
}
