//! hyper 1 on tokio's current-thread runtime.

fn main() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    match runtime.block_on(peers::hyper_service::serve())? {}
}
