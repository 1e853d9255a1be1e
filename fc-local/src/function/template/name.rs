//! What is a template's function called? What it does is not known here.

use anyhow::{Result, bail};

use super::fields::line_of;
use super::node::Node;

/// The most characters of a name.
const LENGTH: usize = 64;

/// The name of the function of a resource, which `props` has as `written`; without one, the resource's own, as far as
/// it is one. The platform's rule for it is `[A-Za-z_][A-Za-z0-9_-]{0,63}`.
pub fn of(props: &Node, written: Option<String>, resource: &str) -> Result<String> {
    if let Some(name) = written {
        // A function of FC 2.0 is SERVICE$FUNCTION in 3.0.
        let (service, function) = name.split_once('$').unwrap_or(("_", &name));
        if !fits(service) || !fits(function) {
            bail!(
                "line {}: functionName '{name}' is refused: up to {LENGTH} letters, digits, _ and -, no digit and no - first",
                line_of(props, "functionName")
            );
        }
        return Ok(name);
    }
    let name: String = resource.chars().map(|c| if is_of_name(c) { c } else { '_' }).collect();
    let name = if starts_well(&name) { name } else { format!("_{name}") };
    Ok(name.chars().take(LENGTH).collect())
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '-'
}

fn starts_well(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

fn fits(name: &str) -> bool {
    starts_well(name) && name.len() <= LENGTH && name.chars().all(is_of_name)
}
