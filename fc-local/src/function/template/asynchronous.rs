//! What does `asyncInvokeConfig` say of a function? What it means for an invocation is not known here.

use std::time::Duration;

use anyhow::{Result, bail};

use super::fields::{integer, seconds, string};
use super::findings::Findings;
use super::node::{Node, Value};
use super::note::{Kind, Note};
use crate::function::asynchronous::{Destination, MAX_AGE, RETRIES};

/// Its fields; `None` is "not written".
#[derive(Debug, Default)]
pub struct AsyncFields {
    pub retries: Option<u32>,
    pub max_age: Option<Duration>,
    pub on_success: Option<Destination>,
    pub on_failure: Option<Destination>,
    pub tracks_tasks: bool,
}

pub fn of(props: &Node, found: &mut Findings) -> AsyncFields {
    let Some(config) = props.get("asyncInvokeConfig") else { return AsyncFields::default() };
    let retries = integer(config, "maxAsyncRetryAttempts", RETRIES);
    AsyncFields {
        retries: found.of_field("maxAsyncRetryAttempts", retries),
        max_age: found.of(seconds(config, "maxAsyncEventAgeInSeconds", MAX_AGE)),
        on_success: destination(config, "onSuccess", found),
        on_failure: destination(config, "onFailure", found),
        tracks_tasks: found.of(tracks_tasks(config)),
    }
}

/// One that cannot be made out goes nowhere here.
fn destination(config: &Node, key: &str, found: &mut Findings) -> Option<Destination> {
    let node = config.get("destinationConfig")?.get(key)?;
    let field = format!("asyncInvokeConfig.destinationConfig.{key}");
    if let Some((broken, reason)) = node.broken().or_else(|| node.get("destination")?.broken()) {
        found.notes.push(Note::new(Kind::Unresolved, &broken.line, &field, reason));
        return None;
    }
    let arn = found.of(string(node, "destination"))?;
    if arn.is_empty() {
        return None;
    }
    if !arn.starts_with("acs:") {
        let text =
            format!("'{arn}' is no ARN, such as acs:fc:cn-hangzhou:123:functions/NAME: results go nowhere");
        found.notes.push(Note::remark(&node.line, &field, text));
        return None;
    }
    Some(Destination::of(&arn))
}

fn tracks_tasks(config: &Node) -> Result<bool> {
    let Some(node) = config.get("asyncTask") else { return Ok(false) };
    // What `${env(…)}` gives is always text.
    match (&node.value, node.text().as_deref()) {
        (Value::Bool(value), _) => Ok(*value),
        (Value::Text(_), Some("true")) => Ok(true),
        (Value::Text(_), Some("false")) => Ok(false),
        _ => bail!("line {}: asyncTask must be true or false", node.line),
    }
}

#[cfg(test)]
mod tests {
    use super::super::yaml;
    use super::*;

    /// The fields of a text, and what there is to say of them: faults, then notes.
    fn read(config: &str) -> (AsyncFields, Vec<String>) {
        let mut found = Findings::default();
        let text = format!("asyncInvokeConfig: {config}");
        let fields = of(&yaml::parse(&text, None).expect("YAML"), &mut found);
        let faults = found.faults.into_iter().map(|fault| fault.text);
        (fields, faults.chain(found.notes.iter().map(ToString::to_string)).collect())
    }

    #[test]
    fn all_of_it_is_read() {
        let (fields, said) = read(
            "{maxAsyncRetryAttempts: 0, maxAsyncEventAgeInSeconds: 60, asyncTask: true, destinationConfig: {onSuccess: {destination: 'acs:fc:r:1:functions/g'}, onFailure: {destination: 'acs:mns:r:1:/queues/q/messages'}}}",
        );
        assert!(said.is_empty(), "{said:?}");
        assert_eq!((fields.retries, fields.max_age), (Some(0), Some(Duration::from_secs(60))));
        assert_eq!(fields.on_success.and_then(|to| to.function).as_deref(), Some("g"));
        assert_eq!(fields.on_failure.map(|to| to.arn).as_deref(), Some("acs:mns:r:1:/queues/q/messages"));
        assert!(fields.tracks_tasks && !read("{}").0.tracks_tasks);
    }

    #[test]
    fn what_is_outside_of_the_platforms_limits_is_refused_with_its_line() {
        for (config, wanted) in [
            (
                "{maxAsyncRetryAttempts: 9}",
                "line 1: maxAsyncRetryAttempts must be a whole number from 0 to 8",
            ),
            ("{maxAsyncEventAgeInSeconds: 0}", "line 1: maxAsyncEventAgeInSeconds must be"),
            ("{maxAsyncEventAgeInSeconds: 2592001}", "from 1 to 2592000"),
            ("{asyncTask: perhaps}", "line 1: asyncTask must be true or false"),
            ("{destinationConfig: {onSuccess: {destination: g}}}", "'g' is no ARN"),
        ] {
            let (_, said) = read(config);
            assert!(said.len() == 1 && said[0].contains(wanted), "{config}: {said:?}");
        }
    }
}
