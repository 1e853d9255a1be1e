//! The program; what it is made of is in the library beside it.

fn main() -> std::process::ExitCode {
    fc_local::run()
}
