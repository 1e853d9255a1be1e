//! How is a process of an instance made? A command with the instance's environment, directory and pipes. What
//! becomes of the process is in `process.rs`.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use crate::function::{Function, environment};

/// The command `words` in the environment of the instance, in a process group of its own.
pub fn of(function: &Function, words: &[String], instance_id: &str, port: u16) -> Command {
    let mut words = words.iter().map(|word| function.mapped(word));
    let mut command = Command::new(words.next().unwrap_or_default());
    command
        .args(words)
        .current_dir(&function.code)
        .env_clear()
        .envs(environment::of(function, instance_id, port))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command
}
