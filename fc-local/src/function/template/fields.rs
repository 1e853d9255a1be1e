//! Fields of a mapping with the type they must have; a refusal names the line. Which fields there are is not
//! known here.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::node::{Line, Node, Value};
use crate::function::header_text;

/// The line of the field `key`, or of the mapping without it.
pub fn line_of<'a>(node: &'a Node, key: &str) -> &'a Line {
    node.get(key).map_or(&node.line, |node| &node.line)
}

/// Refuses a value that could not be made out.
fn check_whole(node: &Node, key: &str) -> Result<()> {
    match &node.value {
        Value::Broken { reason, .. } => bail!("line {}: {key}: {reason}", node.line),
        _ => Ok(()),
    }
}

/// A scalar as text of one line, which may become a header; `None` is "not written", here and below.
pub fn string(node: &Node, key: &str) -> Result<Option<String>> {
    let Some(value) = node.get(key) else {
        return Ok(None);
    };
    check_whole(value, key)?;
    let Some(text) = value.text() else {
        bail!("line {}: {key} must be a text", value.line);
    };
    header_text::check_value(key, &text).with_context(|| format!("line {}", value.line))?;
    Ok(Some(text))
}

/// A whole number within `range`.
pub fn integer<T>(node: &Node, key: &str, range: RangeInclusive<T>) -> Result<Option<T>>
where
    T: TryFrom<i128> + PartialOrd + Display,
{
    let Some(value) = node.get(key) else {
        return Ok(None);
    };
    check_whole(value, key)?;
    let number = match &value.value {
        Value::Int(number) => Some(*number),
        Value::Float(number) if number.fract() == 0.0 && number.abs() < 1e15 => Some(*number as i128),
        // What `${env(…)}` gives is always text.
        Value::Text(text) => text.parse().ok(),
        _ => None,
    };
    match number.and_then(|number| T::try_from(number).ok()) {
        Some(number) if range.contains(&number) => Ok(Some(number)),
        _ => bail!(
            "line {}: {key} must be a whole number from {} to {}, not {}",
            value.line,
            range.start(),
            range.end(),
            value.text().unwrap_or_else(|| "a list or mapping".to_owned())
        ),
    }
}

/// A time of whole seconds within `range`.
pub fn seconds(node: &Node, key: &str, range: RangeInclusive<u64>) -> Result<Option<Duration>> {
    Ok(integer(node, key, range)?.map(Duration::from_secs))
}

/// A list of texts; empty when it is not written.
pub fn strings(node: &Node, key: &str) -> Result<Vec<String>> {
    let Some(value) = node.get(key) else {
        return Ok(Vec::new());
    };
    check_whole(value, key)?;
    let Value::List(items) = &value.value else {
        bail!("line {}: {key} must be a list, as in ['python3', 'app.py']", value.line);
    };
    items
        .iter()
        .map(|item| match item.text() {
            None => check_whole(item, key).and_then(|()| bail!("line {}: {key} takes texts only", item.line)),
            Some(text) if text.contains('\0') => bail!("line {}: {key} has a NUL, which ends one", item.line),
            Some(text) => Ok(text),
        })
        .collect()
}
