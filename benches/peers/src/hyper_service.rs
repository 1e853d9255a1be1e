//! The service that both flavours of hyper run; they differ in the runtime below it.

use std::convert::Infallible;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (body, media_type) = match request.uri().path() {
        "/echo" => (
            request.into_body().collect().await?.to_bytes(),
            crate::BYTES,
        ),
        "/sleep" => {
            let _ = tokio::task::spawn_blocking(crate::block).await; // it cannot panic
            (Bytes::from_static(crate::HELLO.as_bytes()), crate::TEXT)
        }
        _ => (Bytes::from_static(crate::HELLO.as_bytes()), crate::TEXT),
    };
    let mut response = Response::new(Full::new(body));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    Ok(response)
}

/// Serves one connection to its end.
async fn connection(stream: TcpStream) {
    let service = service_fn(answer);
    let mut http = http1::Builder::new();
    let _ = http
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await; // a peer that went away
}

/// Accepts for ever, each connection a task.
pub async fn serve() -> Result<Infallible, std::io::Error> {
    let listener = TcpListener::bind(crate::address()).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        tokio::spawn(connection(stream));
    }
}
