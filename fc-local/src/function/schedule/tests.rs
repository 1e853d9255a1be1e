use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// The next times of an expression after `from`, in UTC.
fn times(expression: &str, from: &str, count: usize) -> Vec<String> {
    let schedule = Schedule::parse(expression).unwrap_or_else(|error| panic!("{expression}: {error:#}"));
    let mut moment = at(from);
    let next = || {
        moment = schedule.after(moment)?;
        Some(moment.to_string())
    };
    std::iter::from_fn(next).take(count).collect()
}

#[test]
fn six_fields_begin_with_seconds_and_are_in_utc() {
    let from = "2026-01-02T03:04:05Z"; // a Friday
    for (expression, wanted) in [
        ("0 0 4 * * *", vec!["2026-01-02T04:00:00Z", "2026-01-03T04:00:00Z"]),
        ("* * * * * *", vec!["2026-01-02T03:04:06Z", "2026-01-02T03:04:07Z"]),
        ("5 4 3 2 1 *", vec!["2027-01-02T03:04:05Z"]),
        ("*/20 * * * * *", vec!["2026-01-02T03:04:20Z", "2026-01-02T03:04:40Z", "2026-01-02T03:05:00Z"]),
        ("0 3/25 * * * *", vec!["2026-01-02T03:28:00Z", "2026-01-02T03:53:00Z", "2026-01-02T04:03:00Z"]),
        ("0 0 8-10/2 * * ?", vec!["2026-01-02T08:00:00Z", "2026-01-02T10:00:00Z", "2026-01-03T08:00:00Z"]),
        ("0 0 0 1,15 * ?", vec!["2026-01-15T00:00:00Z", "2026-02-01T00:00:00Z"]),
        ("0 30 9 ? FEB,mar MON-WED", vec!["2026-02-02T09:30:00Z", "2026-02-03T09:30:00Z"]),
        ("0 0 0 29 2 *", vec!["2028-02-29T00:00:00Z", "2032-02-29T00:00:00Z"]),
        // Where both are given, either is enough, as in every cron.
        ("0 0 0 13 * FRI", vec!["2026-01-09T00:00:00Z", "2026-01-13T00:00:00Z"]),
        (" 0  0 4 *\t* * ", vec!["2026-01-02T04:00:00Z"]),
    ] {
        assert_eq!(times(expression, from, wanted.len()), wanted, "{expression}");
    }
}

#[test]
fn days_of_the_week_are_one_to_seven_from_monday_and_zero_is_sunday_too() {
    let from = "2026-01-02T00:00:00Z"; // a Friday
    for (day, wanted) in [
        ("1", "2026-01-05"),
        ("MON", "2026-01-05"),
        ("6", "2026-01-03"),
        ("7", "2026-01-04"),
        ("0", "2026-01-04"),
        ("sun", "2026-01-04"),
        ("SUN-TUE", "2026-01-04"),
        ("SAT-SUN", "2026-01-03"),
        ("6-7", "2026-01-03"),
        ("MON-SUN", "2026-01-03"),
    ] {
        let found = times(&format!("0 0 0 ? * {day}"), from, 1);
        assert!(found[0].starts_with(wanted), "{day}: {found:?}");
    }
    assert_eq!(times("0 0 0 ? * SAT-SUN", from, 3)[2], "2026-01-10T00:00:00Z");
}

#[test]
fn an_interval_counts_from_the_time_before() {
    for (expression, seconds) in [
        ("@every 4m", 240),
        ("@every 1h30m", 5400),
        ("@every 90s", 90),
        ("@every 1.5h", 5400),
        ("@every  1s", 1),
        ("@every 2500ms", 2),
        ("CRON_TZ=Asia/Shanghai @every 1m", 60),
    ] {
        let schedule = Schedule::parse(expression).expect(expression);
        let from = at("2026-01-02T03:04:05.5Z");
        assert_eq!(schedule.interval(), Some(SignedDuration::from_secs(seconds)), "{expression}");
        assert_eq!(schedule.after(from), Some(from + SignedDuration::from_secs(seconds)), "{expression}");
    }
}

#[test]
fn a_zone_has_its_own_clock() {
    for (expression, from, wanted) in [
        ("CRON_TZ=Asia/Shanghai 0 0 4 * * *", "2026-01-01T00:00:00Z", "2026-01-01T20:00:00Z"),
        ("CRON_TZ=America/New_York 0 0 4 1 * *", "2026-06-15T00:00:00Z", "2026-07-01T08:00:00Z"),
        ("CRON_TZ=asia/kolkata 0 0 0 * * *", "2026-01-01T00:00:00Z", "2026-01-01T18:30:00Z"),
        ("CRON_TZ=UTC 0 0 4 * * *", "2026-01-01T00:00:00Z", "2026-01-01T04:00:00Z"),
    ] {
        assert_eq!(times(expression, from, 1), [wanted], "{expression}");
    }
    let schedule = Schedule::parse("CRON_TZ=Asia/Shanghai 0 0 4 * * *").expect("a schedule");
    assert_eq!(schedule.shown(at("2026-01-01T20:00:00Z")), "2026-01-02T04:00:00+08:00");
    let utc = Schedule::parse("@every 4m").expect("a schedule");
    assert_eq!(utc.shown(at("2026-01-01T20:00:00.7Z")), "2026-01-01T20:00:00Z");
}

#[test]
fn a_time_that_a_change_of_the_clock_leaves_out_does_not_come() {
    // Berlin goes from 02:00 to 03:00 on 29 March 2026, at 01:00 UTC.
    let daily = times("CRON_TZ=Europe/Berlin 0 30 2 * * *", "2026-03-28T00:00:00Z", 3);
    assert_eq!(daily, ["2026-03-28T01:30:00Z", "2026-03-30T00:30:00Z", "2026-03-31T00:30:00Z"]);
    let hourly = times("CRON_TZ=Europe/Berlin 0 0 * * * *", "2026-03-28T23:30:00Z", 3);
    assert_eq!(hourly, ["2026-03-29T00:00:00Z", "2026-03-29T01:00:00Z", "2026-03-29T02:00:00Z"]);
}

#[test]
fn a_time_that_a_change_of_the_clock_repeats_comes_twice() {
    // Berlin goes from 03:00 back to 02:00 on 25 October 2026, at 01:00 UTC.
    let daily = times("CRON_TZ=Europe/Berlin 0 30 2 * * *", "2026-10-24T12:00:00Z", 3);
    assert_eq!(daily, ["2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z", "2026-10-26T01:30:00Z"]);
    let half_hourly = times("CRON_TZ=Europe/Berlin 0 */30 * * * *", "2026-10-25T00:10:00Z", 4);
    assert_eq!(
        half_hourly,
        ["2026-10-25T00:30:00Z", "2026-10-25T01:00:00Z", "2026-10-25T01:30:00Z", "2026-10-25T02:00:00Z"]
    );
    // At the very moment of the change.
    assert_eq!(
        times("CRON_TZ=Europe/Berlin 0 0 3 * * *", "2026-10-24T23:00:00Z", 2),
        ["2026-10-25T02:00:00Z", "2026-10-26T02:00:00Z"]
    );
    let new_york = times("CRON_TZ=America/New_York 0 0 1 * * *", "2026-11-01T00:00:00Z", 2);
    assert_eq!(new_york, ["2026-11-01T05:00:00Z", "2026-11-01T06:00:00Z"]);
}

#[test]
fn zones_are_known_without_a_database_of_the_machines() {
    let bundled = jiff::tz::TimeZoneDatabase::bundled();
    assert!(bundled.get("Asia/Shanghai").is_ok() && bundled.get("America/New_York").is_ok());
}

#[test]
fn what_is_wrong_is_named_with_its_field() {
    for (expression, wanted) in [
        ("", "'' has 0 fields"),
        ("0 4 * * *", "'0 4 * * *' has 5 fields, and a cron expression here has six"),
        ("0 4 * * *", "seconds come first, as in '0 0 4 * * *'"),
        ("0 0 4 * * * 2026", "has 7 fields"),
        ("60 0 4 * * *", "seconds: '60' is not a number from 0 to 59"),
        ("-1 0 4 * * *", "seconds: '' is not a number from 0 to 59"),
        ("0 x 4 * * *", "minutes: 'x' is not a number from 0 to 59"),
        ("0 0 24 * * *", "hours: '24' is not a number from 0 to 23"),
        ("0 0 4 0 * *", "day of month: '0' is not a number from 1 to 31"),
        ("0 0 4 L * *", "day of month: 'L' is not a number from 1 to 31"),
        ("0 0 4 15W * *", "day of month: '15W' is not a number"),
        ("0 0 4 * 13 *", "month: '13' is not a number from 1 to 12, nor one of JAN to DEC"),
        ("0 0 4 * MON *", "month: 'MON' is not a number from 1 to 12"),
        ("0 0 4 * * 8", "day of week: '8' is not a number from 0 to 7, nor one of SUN to SAT"),
        ("0 0 4 * * MONDAY", "day of week: 'MONDAY' is not"),
        ("0 0 4 * * 5#2", "day of week: '5#2' is not"),
        ("0 0 4 ? ? *", "month: '?' is for the day of month and the day of week alone"),
        ("0 0 8-4 * * *", "hours: the range '8-4' ends before it begins"),
        ("0 0 4-8-9 * * *", "hours: '8-9' is not a number"),
        ("0 */0 4 * * *", "minutes: the step '0' is not a number from 1 to 59"),
        ("0 */x 4 * * *", "minutes: the step 'x'"),
        ("0 /5 4 * * *", "minutes: '' is not a number"),
        ("0 1,,2 4 * * *", "minutes: '' is not a number"),
        ("0 +1 4 * * *", "minutes: '+1' is not a number"),
        ("0 0 0 30 2 *", "'0 0 0 30 2 *' never comes"),
        ("CRON_TZ=Asia/Shangai 0 0 4 * * *", "there is no time zone 'Asia/Shangai'; is it 'Asia/Shanghai'?"),
        (
            "CRON_TZ=nowhere 0 0 4 * * *",
            "there is no time zone 'nowhere'; it is a name as in CRON_TZ=Asia/Shanghai",
        ),
        ("CRON_TZ= 0 0 4 * * *", "there is no time zone ''"),
        ("CRON_TZ=Asia/Shanghai", "'' has 0 fields"),
        ("@daily", "'@daily' is not an interval such as '@every 4m'"),
        ("@every", "'@every' is not an interval"),
        ("@every 4", "'@every 4' is not an interval"),
        ("@every 4d", "the units are h, m and s"),
        ("@every -4m", "is not an interval"),
        ("@every 1.2.3m", "is not an interval"),
        ("@every 0s", "'@every 0s' is too short"),
        ("@every 999ms", "is too short"),
        ("@every 99999999h", "is too long"),
    ] {
        let error = Schedule::parse(expression).expect_err(expression).to_string();
        assert!(error.contains(wanted), "{expression}: {error}");
    }
}
