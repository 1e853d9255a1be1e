//! Ctrl-C and its kin: the first one stops in order, the second one at once; what is left
//! of instances is then killed by their supervisors. What a stop is, is not known here.

use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::channel;
use std::thread;

use anyhow::{Context as _, Result};

use super::console;

/// The exit code of a program that Ctrl-C ended, as shells report it.
pub const INTERRUPTED: u8 = 130;

/// Runs `stop` at the first signal, and ends the process at the second.
pub fn at_first(stop: impl FnOnce() + Send + 'static) -> Result<()> {
    let (mut signals, writer) = UnixStream::pair().context("cannot make a socket pair")?;
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::low_level::pipe::register(signal, writer.try_clone()?)
            .context("cannot handle signals")?;
    }
    // `stop` may take its time, and the second signal does not wait for it. Its thread is there before it is needed.
    let (first, stopping) = channel();
    let stop = move || {
        if stopping.recv().is_ok() {
            stop();
        }
    };
    thread::Builder::new().name("stop".to_owned()).spawn(stop).context("cannot start a thread")?;
    let wait = move || {
        if signals.read_exact(&mut [0]).is_ok() {
            let _ = first.send(()); // it waits for this alone
        }
        if signals.read_exact(&mut [0]).is_ok() {
            console::finish(console::NO_PATIENCE);
            std::process::exit(INTERRUPTED.into());
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait).context("cannot start a thread")?;
    Ok(())
}
