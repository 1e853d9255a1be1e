//! axum on tokio's multi-thread runtime.

use axum::Router;
use axum::body::Bytes;
use axum::extract::DefaultBodyLimit;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::any;
use tokio::net::TcpListener;

async fn hello() -> impl IntoResponse {
    ([(CONTENT_TYPE, peers::TEXT)], peers::HELLO)
}

async fn echo(body: Bytes) -> impl IntoResponse {
    ([(CONTENT_TYPE, peers::BYTES)], body)
}

async fn sleep() -> impl IntoResponse {
    let _ = tokio::task::spawn_blocking(peers::block).await; // it cannot panic
    hello().await
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let router = Router::new()
        .route("/echo", any(echo).layer(DefaultBodyLimit::disable()))
        .route("/sleep", any(sleep))
        .fallback(hello);
    let listener = TcpListener::bind(peers::address()).await?;
    let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
        let _ = stream.set_nodelay(true); // it would only be slower without
    });
    axum::serve(listener, router).await
}
