//! What is a process of an instance started with? Its command, its environment, whether all that it started goes with
//! it. What becomes of the process is in `process.rs`.

use std::os::unix::ffi::OsStrExt as _;

use super::function_output::Role;
use super::supervisor::Order;
use crate::function::{Function, environment};

/// The command `words` in the environment of the instance. A function takes what is left of it along; an Initializer
/// may have started something that is to stay.
pub fn of(function: &Function, words: &[String], instance_id: &str, port: u16, role: Role) -> Order {
    Order {
        words: words.iter().map(|word| function.mapped(word)).collect(),
        directory: function.code.as_os_str().as_bytes().to_vec(),
        environment: environment::of(function, instance_id, port).into_iter().collect(),
        takes_all_along: role == Role::Function,
    }
}
