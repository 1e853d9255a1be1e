//! What is said of how a function finds its code and its layers. How it does is decided in `instance`.

use anyhow::{Result, bail};

use crate::function::Function;
use crate::instance::{Isolate, NotIsolated, Surroundings};

/// Tries whether the processes of `function` can have file systems of their own, and says once what comes of it. An
/// error where the author insists on it.
pub fn settle(surroundings: &Surroundings, isolate: Isolate, function: &Function) -> Result<()> {
    if isolate == Isolate::On && !function.maps_code {
        bail!(
            "--isolate=on: nothing stands for /code; name its directory with --code DIR, or a template with -t FILE"
        );
    }
    let missing = || surroundings.isolate(function).err().or_else(|| surroundings.without_networks());
    if isolate == Isolate::On
        && let Some(reason) = missing()
    {
        bail!("--isolate=on: {reason}");
    }
    if !function.maps_code {
        return Ok(());
    }
    match surroundings.isolate(function) {
        Ok(()) => surroundings.log.event(None, &isolated(function)),
        Err(NotIsolated::Off) => surroundings.log.event(None, &substituted(function, &NotIsolated::Off)),
        Err(reason) if function.names_places() || !function.layers.is_empty() => {
            surroundings.log.warn(None, &substituted(function, &reason));
        }
        Err(_) => {}
    }
    Ok(())
}

fn isolated(function: &Function) -> String {
    let (places, are) = if function.layers.is_empty() { ("/code", "is") } else { ("/code and /opt", "are") };
    format!("isolated: {places} {are} mounted (bubblewrap)")
}

fn substituted(function: &Function, reason: &NotIsolated) -> String {
    let places = if function.layers.is_empty() { "/code" } else { "/code and /opt" };
    format!(
        "not isolated: {reason}; {places} in command, arguments and variables is written as the directory that stands for it here, \
         and is not found by scripts and programs that have it inside"
    )
}
