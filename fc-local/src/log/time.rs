//! Times as they are printed. What happened then is not known here.

use std::time::{Duration, SystemTime};

use jiff::ZonedDateTime;
use jiff::tz::TimeZone;

/// Whose clock the log shows. The platform's is UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogTime {
    #[default]
    Utc,
    /// That of `TZ` or `/etc/localtime`.
    Local,
}

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Milliseconds with one digit behind the point.
pub fn rounded(time: Duration) -> f64 {
    (milliseconds(time) * 10.0).round() / 10.0
}

/// Whole milliseconds, those begun included and one at the least: what is billed of an invocation.
pub fn billed(time: Duration) -> u64 {
    (milliseconds(time).ceil() as u64).max(1)
}

/// A moment in a time zone, which both of its forms name.
pub struct Time(ZonedDateTime);

impl Time {
    pub fn of(moment: SystemTime, zone: LogTime) -> Time {
        let zone = match zone {
            LogTime::Utc => TimeZone::UTC,
            LogTime::Local => TimeZone::system(),
        };
        // Outside of what has a calendar date it is the epoch.
        Time(jiff::Timestamp::try_from(moment).unwrap_or_default().to_zoned_datetime(zone))
    }

    /// The time of day.
    pub fn clock(&self) -> String {
        self.written("%H:%M:%S%.3f")
    }

    /// RFC 3339.
    pub fn timestamp(&self) -> String {
        self.written("%Y-%m-%dT%H:%M:%S%.3f")
    }

    fn written(&self, format: &str) -> String {
        let offset = if *self.0.time_zone() == TimeZone::UTC { "Z" } else { "%:z" };
        self.0.strftime(&format!("{format}{offset}")).to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64, zone: TimeZone) -> Time {
        let moment = SystemTime::UNIX_EPOCH + Duration::from_millis(millis);
        Time(jiff::Timestamp::try_from(moment).expect("a date").to_zoned_datetime(zone))
    }

    #[test]
    fn timestamps_are_in_iso_8601_and_name_their_zone() {
        for (millis, timestamp) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400_123, "2000-02-29T00:00:00.123Z"),
            (1_735_689_599_000, "2024-12-31T23:59:59.000Z"),
        ] {
            assert_eq!(at(millis, TimeZone::UTC).timestamp(), timestamp);
        }
        let shanghai = || TimeZone::fixed(jiff::tz::offset(8));
        assert_eq!(at(1_735_689_599_001, shanghai()).timestamp(), "2025-01-01T07:59:59.001+08:00");
        assert_eq!(at(1_735_689_599_001, shanghai()).clock(), "07:59:59.001+08:00");
        assert_eq!(at(1_735_689_599_001, TimeZone::UTC).clock(), "23:59:59.001Z");
    }

    #[test]
    fn a_moment_outside_of_the_calendar_is_printed_all_the_same() {
        let far = SystemTime::UNIX_EPOCH + Duration::from_secs(1 << 50);
        assert_eq!(Time::of(far, LogTime::Utc).clock(), "00:00:00.000Z");
    }

    #[test]
    fn milliseconds_that_have_begun_are_billed_and_one_at_the_least() {
        for (micros, millis) in [(0, 1), (1, 1), (1000, 1), (1001, 2), (5500, 6)] {
            assert_eq!(billed(Duration::from_micros(micros)), millis, "{micros} µs");
        }
    }
}
