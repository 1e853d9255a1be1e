//! Times as they are printed. The library has the same calendar, and does not offer it.

use std::time::Duration;

pub fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Milliseconds with one digit behind the point.
pub fn rounded(time: Duration) -> f64 {
    (milliseconds(time) * 10.0).round() / 10.0
}

/// The time of day, UTC.
pub fn clock(since_epoch: Duration) -> String {
    let seconds = since_epoch.as_secs();
    format!(
        "{:02}:{:02}:{:02}.{:03}",
        seconds / 3600 % 24,
        seconds / 60 % 60,
        seconds % 60,
        since_epoch.subsec_millis()
    )
}

/// UTC in ISO 8601. The date is counted in the proleptic Gregorian calendar, in eras of 400 years from 1
/// March of year 0.
pub fn timestamp(since_epoch: Duration) -> String {
    let days = since_epoch.as_secs() / 86400 + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}T{}Z", clock(since_epoch))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    pub fn timestamps_are_utc_in_iso_8601() {
        assert_eq!(timestamp(Duration::from_millis(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(timestamp(Duration::from_millis(951_782_400_123)), "2000-02-29T00:00:00.123Z");
        assert_eq!(timestamp(Duration::from_secs(1_735_689_599)), "2024-12-31T23:59:59.000Z");
    }
}
