//! hyper 1 on tokio's multi-thread runtime, as `#[tokio::main]` starts it.

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    match runtime.block_on(peers::hyper_service::serve())? {}
}
