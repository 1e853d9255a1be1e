//! A time as it was sent, and what it means.

use super::loose::number_or_text;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Numbers below it count seconds (until the year 5138).
const MILLISECONDS: i64 = 100_000_000_000;
/// Numbers from it on count microseconds.
const MICROSECONDS: i64 = 100_000_000_000_000;

/// A time, kept as it was sent: in the vendor's samples one is text in RFC 3339, or a number of seconds, milliseconds or
/// microseconds, or something else (`2022-08-10T08:31:17.233Asia/Shanghai`).
///
/// ```
/// # use fc_runtime::events::Time;
/// let time: Time = serde_json::from_str("\"2018-03-16T14:19:55+08:00\"")?;
/// assert_eq!(time.parse(), Time::Number(1_521_181_195).parse());
/// assert_eq!(time.to_string(), "2018-03-16T14:19:55+08:00");
/// # anyhow::Ok(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Time {
    /// Sent as text.
    Text(String),
    /// Sent as a number.
    Number(i64),
}

impl Time {
    /// The time that is meant: text as RFC 3339 with any offset, a number (digits as text too) since 1970 in seconds, milliseconds from
    /// 10^11 on, microseconds from 10^14 on. `None` for anything else, which `Display` still shows.
    pub fn parse(&self) -> Option<SystemTime> {
        match self {
            Time::Number(number) => since_epoch(*number),
            Time::Text(text) => match text.parse() {
                Ok(number) => since_epoch(number),
                Err(_) => text.parse::<jiff::Timestamp>().ok()?.try_into().ok(),
            },
        }
    }
}

fn since_epoch(number: i64) -> Option<SystemTime> {
    let count = u64::try_from(number).ok()?;
    let time = match number {
        ..MILLISECONDS => Duration::from_secs(count),
        MILLISECONDS..MICROSECONDS => Duration::from_millis(count),
        MICROSECONDS.. => Duration::from_micros(count),
    };
    UNIX_EPOCH.checked_add(time)
}

impl Default for Time {
    fn default() -> Time {
        Time::Text(String::new())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Time::Text(text) => f.write_str(text),
            Time::Number(number) => number.fmt(f),
        }
    }
}

impl From<&str> for Time {
    fn from(text: &str) -> Time {
        Time::Text(text.to_owned())
    }
}

impl From<i64> for Time {
    fn from(number: i64) -> Time {
        Time::Number(number)
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Time::Text(text) => serializer.serialize_str(text),
            Time::Number(number) => serializer.serialize_i64(*number),
        }
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        number_or_text(deserializer, Time::Number, Time::Text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_a_time_mean_the_same() {
        let expected = UNIX_EPOCH + Duration::from_secs(1_767_322_800);
        for time in [
            Time::from("2026-01-02T03:00:00Z"),
            Time::from("2026-01-02T03:00:00.000Z"),
            Time::from("2026-01-02T11:00:00+08:00"),
            Time::from("1767322800"),
            Time::from("1767322800000"),
            Time::from(1_767_322_800),
            Time::from(1_767_322_800_000),
            Time::from(1_767_322_800_000_000),
        ] {
            assert_eq!(time.parse(), Some(expected), "{time}");
        }
    }

    #[test]
    fn what_is_no_time_is_kept_all_the_same() {
        for time in
            ["", "int64", "2022-08-10T08:31:17.233Asia/Shanghai", "2026-01-02", "99999999999999999999"]
        {
            assert_eq!(Time::from(time).parse(), None, "{time}");
            assert_eq!(Time::from(time).to_string(), time);
        }
        assert_eq!(Time::from(-1).parse(), None);
        assert!(Time::from(i64::MAX).parse().is_some());
    }
}
