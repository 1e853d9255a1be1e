//! The least that a server in Rust does: the standard library's listener, one connection after the other.

fn main() -> std::io::Result<()> {
    peers::std_loop::serve(|| ())
}
