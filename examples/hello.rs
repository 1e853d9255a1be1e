//! Answers every request with `Hello, World!`.

fn main() {
    fc_runtime::logger::init();
    fc_runtime::serve_fn(|_, _| Ok("Hello, World!".into()))
}
