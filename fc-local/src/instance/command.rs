//! What is a process of an instance started with? Its command, its environment, whether all that it started goes with
//! it. What becomes of the process is in `process.rs`.

use std::os::unix::ffi::OsStrExt as _;

use super::function_output::Role;
use super::supervisor::Order;
use crate::function::{Function, environment, places::Places};

/// The command `words` in the environment of the instance, whose code and layers are in `places`. A function takes what is left of it along; an Initializer
/// may have started something that is to stay.
pub fn of(
    function: &Function,
    places: &Places,
    words: &[String],
    instance_id: &str,
    port: u16,
    role: Role,
) -> Order {
    Order {
        words: words.iter().map(|word| places.seen(word)).collect(),
        directory: places.directory.as_os_str().as_bytes().to_vec(),
        environment: environment::of(function, places, instance_id, port).into_iter().collect(),
        takes_all_along: role == Role::Function,
    }
}
