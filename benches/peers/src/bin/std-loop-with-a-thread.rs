//! The same with one thread made before the first response, as a server has it that goes on answering meanwhile.

use std::sync::Once;
use std::thread;

fn main() -> std::io::Result<()> {
    let once = Once::new();
    peers::std_loop::serve(|| once.call_once(|| drop(thread::spawn(thread::park))))
}
