//! Why a reference has no value. What becomes of it is not known here.

use super::node::Value;

/// Why a reference has no value.
pub enum Trouble {
    /// It leads nowhere, which only stops whoever needs it.
    Broken(String),
    /// It leads to more than a template may be.
    TooLarge(anyhow::Error),
}

pub type Resolved<T> = Result<T, Trouble>;

/// A reference that leads nowhere.
pub fn broken<T>(reason: impl Into<String>) -> Resolved<T> {
    Err(Trouble::Broken(reason.into()))
}

/// A value as a part of a text, which `code` refers to.
pub fn joined(value: &Value, code: &str) -> Resolved<String> {
    if let Value::List(items) = value {
        let items = items.iter().map(|item| joined(&item.value, code)).collect::<Resolved<Vec<_>>>()?;
        return Ok(items.join(","));
    }
    match value {
        Value::Broken { reason, .. } => broken(reason.clone()),
        _ => {
            value.text().map_or_else(|| broken(format!("'${{{code}}}' is a mapping, not a plain value")), Ok)
        }
    }
}
