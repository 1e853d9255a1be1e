//! How are a function's asynchronous invocations treated? `asyncInvokeConfig`, with the platform's defaults. What runs them is not
//! known here.

use std::ops::RangeInclusive;
use std::time::Duration;

/// How often an invocation that failed is tried again.
pub const RETRIES: RangeInclusive<u32> = 0..=8;
pub const DEFAULT_RETRIES: u32 = 3;

/// How long an invocation may wait, in seconds.
pub const MAX_AGE: RangeInclusive<u64> = 1..=2_592_000;

/// The default of the API; one page has 86,400 seconds.
pub const DEFAULT_MAX_AGE: Duration = Duration::from_secs(18_000);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asynchronous {
    pub retries: u32,
    pub max_age: Duration,
    pub on_success: Option<Destination>,
    pub on_failure: Option<Destination>,
    /// Whether its tasks can be asked for, and stopped: `asyncTask`.
    pub tracks_tasks: bool,
}

/// Where a result goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    pub arn: String,
    /// The function that it names; others are services of the platform.
    pub function: Option<String>,
}

impl Default for Asynchronous {
    fn default() -> Asynchronous {
        Asynchronous {
            retries: DEFAULT_RETRIES,
            max_age: DEFAULT_MAX_AGE,
            on_success: None,
            on_failure: None,
            tracks_tasks: false,
        }
    }
}

impl Destination {
    /// From `acs:fc:REGION:ACCOUNT:functions/NAME`, after which a version or an alias may stand, or the ARN of something else.
    /// FC 2.0's is `services/SERVICE/functions/NAME`.
    pub fn of(arn: &str) -> Destination {
        Destination { arn: arn.to_owned(), function: function_of(arn) }
    }

    /// Whether the platform would send a CloudEvent.
    pub fn is_event_bus(&self) -> bool {
        self.arn.starts_with("acs:eventbridge:")
    }
}

fn function_of(arn: &str) -> Option<String> {
    let resource = arn.strip_prefix("acs:fc:")?.splitn(3, ':').nth(2)?;
    let mut parts = resource.split('/');
    let mut kind = parts.next()?;
    if kind.starts_with("services") {
        (_, kind) = (parts.next()?, parts.next()?);
    }
    let name = parts.next().filter(|name| kind == "functions" && !name.is_empty())?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_a_function_or_something_else() {
        for (arn, wanted) in [
            ("acs:fc:cn-hangzhou:123:functions/g", Some("g")),
            ("acs:fc:cn-hangzhou:123:functions/g/LATEST", Some("g")),
            ("acs:fc:::functions/g", Some("g")),
            ("acs:fc:cn-hangzhou:123:services/s.prod/functions/g", Some("g")),
            ("acs:fc:cn-hangzhou:123:functions/", None),
            ("acs:fc:cn-hangzhou:123:layers/g", None),
            ("acs:fc:functions/g", None),
            ("acs:mns:cn-hangzhou:123:/queues/q/messages", None),
            ("g", None),
        ] {
            assert_eq!(Destination::of(arn).function.as_deref(), wanted, "{arn}");
        }
        assert!(Destination::of("acs:eventbridge:cn-hangzhou:123:eventbus/b").is_event_bus());
    }
}
