//! Time as it is written: the present second in a Date field and in a log line, and how long something took.

use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The Date field of the current second (RFC 9110 section 5.6.7), formatted once a second.
pub(crate) struct Date {
    second: u64,
    text: [u8; 29],
}

impl Date {
    pub(crate) fn new() -> Date {
        Date { second: u64::MAX, text: [b' '; 29] }
    }

    pub(crate) fn now(&mut self) -> &[u8] {
        let second = since_epoch().as_secs();
        if second != self.second {
            self.second = second;
            self.text = imf_fixdate(second);
        }
        &self.text
    }
}

/// A duration for people, in seconds. What `Debug` would show of it is a kilobyte of code in the binary.
pub(crate) struct Seconds(pub Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0.as_secs(), self.0.subsec_millis()) {
            (whole, 0) => write!(f, "{whole} s"),
            (whole, milliseconds) => write!(f, "{whole}.{milliseconds:03} s"),
        }
    }
}

/// Time since 1970, zero for a clock set before it.
pub(crate) fn since_epoch() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn imf_fixdate(second: u64) -> [u8; 29] {
    const DAYS: &[u8] = b"ThuFriSatSunMonTueWed";
    const MONTHS: &[u8] = b"JanFebMarAprMayJunJulAugSepOctNovDec";
    let (days, time) = (second / 86_400, second % 86_400);
    let (year, month, day) = civil(days);
    let mut text = *b"Thu, 00 Jan 0000 00:00:00 GMT";
    name(&mut text[..3], DAYS, days % 7);
    digits(&mut text[5..7], day);
    name(&mut text[8..11], MONTHS, month - 1);
    digits(&mut text[12..16], year);
    digits(&mut text[17..19], time / 3600);
    digits(&mut text[20..22], time / 60 % 60);
    digits(&mut text[23..25], time % 60);
    text
}

/// `1994-11-06T08:49:37.123Z`
#[cfg_attr(not(feature = "logger"), allow(dead_code))]
pub(crate) fn iso_8601(time: Duration) -> [u8; 24] {
    let (days, rest) = (time.as_secs() / 86_400, time.as_secs() % 86_400);
    let (year, month, day) = civil(days);
    let mut text = *b"0000-00-00T00:00:00.000Z";
    digits(&mut text[..4], year);
    digits(&mut text[5..7], month);
    digits(&mut text[8..10], day);
    digits(&mut text[11..13], rest / 3600);
    digits(&mut text[14..16], rest / 60 % 60);
    digits(&mut text[17..19], rest % 60);
    digits(&mut text[20..23], u64::from(time.subsec_millis()));
    text
}

/// The name with this number, of three letters like all.
fn name(out: &mut [u8], names: &[u8], number: u64) {
    for (out, letter) in out.iter_mut().zip(names.iter().skip(number as usize * 3)) {
        *out = *letter;
    }
}

fn digits(out: &mut [u8], mut number: u64) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// Year, month and day of a day since 1970, by counting in years that start in March so that the
/// leap day comes last.
fn civil(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_shown_in_seconds_to_the_millisecond() {
        for (milliseconds, shown) in [(25_000, "25 s"), (200, "0.200 s"), (1_005, "1.005 s"), (0, "0 s")] {
            assert_eq!(Seconds(Duration::from_millis(milliseconds)).to_string(), shown);
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (second, text) in [
            (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
            (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
            (951_827_696, "Tue, 29 Feb 2000 12:34:56 GMT"),
            (1_709_251_199, "Thu, 29 Feb 2024 23:59:59 GMT"),
            (4_107_542_400, "Mon, 01 Mar 2100 00:00:00 GMT"),
        ] {
            assert_eq!(String::from_utf8_lossy(&imf_fixdate(second)), text);
        }
        let time = Duration::from_millis(784_111_777_089);
        assert_eq!(String::from_utf8_lossy(&iso_8601(time)), "1994-11-06T08:49:37.089Z");
    }
}
