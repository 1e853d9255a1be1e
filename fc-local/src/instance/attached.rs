//! What stands for a function that somebody else starts? A process that lives for as long as that one listens: this
//! program started again, so that whoever looks for the function's end finds it as always. Who starts the function is not
//! known here.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use super::procfs;
use super::supervisor::Order;

/// What its first argument is instead of a command's name.
pub const NAME: &str = "attached-function";

/// How often it looks whether the function listens.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The process that stands for the function at `port`.
pub fn order(port: u16) -> Order {
    Order {
        words: vec!["/proc/self/exe".to_owned(), NAME.to_owned(), port.to_string()],
        directory: b"/".to_vec(),
        environment: Vec::new(),
        takes_all_along: true,
    }
}

/// That process: ends when nobody listens any longer on the port that is the argument, or somebody else does.
pub fn run(port: Option<String>) -> ExitCode {
    let Some(port) = port.and_then(|port| port.parse().ok()) else { return ExitCode::FAILURE };
    let mut listens = None;
    loop {
        let listener = procfs::listener(port);
        match (listens, listener) {
            (None, first) => listens = first,
            (Some(_), same) if same == listens => {}
            _ => return ExitCode::SUCCESS,
        }
        thread::sleep(LOOK_EVERY);
    }
}
