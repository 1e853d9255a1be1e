//! When does a timer fire? `cronExpression` as the platform reads it ("Time triggers"): `@every` and a duration, or six fields
//! from seconds to the day of the week, in UTC or in the zone of `CRON_TZ=`. No clock is read here.

use std::cmp::Ordering;
use std::fmt;

use anyhow::{Result, bail};
use croner::errors::CronError;
use croner::parser::{CronParser, Seconds, Year};
use croner::{CivilDate, CivilDateTime, CivilTime, Cron, CronDateTime, Resolution, Weekday};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// The longest interval of `@every`, in seconds: ten years.
const MAX_INTERVAL: f64 = 10.0 * 366.0 * 86_400.0;

/// How many changes of a zone's offset are looked behind for the next time. The rarest one is a 29 February, which the end of a
/// century delays to eight years.
const MAX_CHANGES: usize = 64;

const MONTHS: [&str; 12] =
    ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const DAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// A field of an expression.
struct Field {
    name: &'static str,
    least: u8,
    most: u8,
    /// The first of them stands for `least`.
    names: &'static [&'static str],
    takes_question_mark: bool,
}

/// The vendor's table; in it days of the week are 1 to 7 for MON to SUN. That 0 is SUN too is what cron has everywhere.
const FIELDS: [Field; 6] = [
    Field { name: "seconds", least: 0, most: 59, names: &[], takes_question_mark: false },
    Field { name: "minutes", least: 0, most: 59, names: &[], takes_question_mark: false },
    Field { name: "hours", least: 0, most: 23, names: &[], takes_question_mark: false },
    Field { name: "day of month", least: 1, most: 31, names: &[], takes_question_mark: true },
    Field { name: "month", least: 1, most: 12, names: &MONTHS, takes_question_mark: false },
    Field { name: "day of week", least: 0, most: 7, names: &DAYS, takes_question_mark: true },
];

/// When a timer fires.
#[derive(Clone)]
pub struct Schedule {
    text: String,
    zone: TimeZone,
    rule: Rule,
}

#[derive(Clone)]
enum Rule {
    Every(SignedDuration),
    Cron(Box<Cron>),
}

impl Schedule {
    /// Reads a `cronExpression`.
    pub fn parse(text: &str) -> Result<Schedule> {
        let mut rest = text.trim();
        let mut zone = TimeZone::UTC;
        if let Some(after) = rest.strip_prefix("CRON_TZ=") {
            let (name, expression) = after.split_once(char::is_whitespace).unwrap_or((after, ""));
            (zone, rest) = (time_zone(name)?, expression.trim());
        }
        let rule = match rest.strip_prefix('@') {
            Some(nickname) => Rule::Every(interval(nickname)?),
            None => Rule::Cron(Box::new(cron(rest)?)),
        };
        let schedule = Schedule { text: text.to_owned(), zone, rule };
        if schedule.after(Timestamp::UNIX_EPOCH).is_none() {
            bail!("'{text}' never comes: no month has such a day");
        }
        Ok(schedule)
    }

    /// The first time after `moment`. Of a repeated interval it is that of one which began then.
    ///
    /// It is the first moment at which the zone's clock shows a time that matches. So a time that a change of the clock leaves
    /// out does not come, and one that it repeats comes twice, which is what the platform's page warns of.
    pub fn after(&self, moment: Timestamp) -> Option<Timestamp> {
        let cron = match &self.rule {
            Rule::Every(interval) => return moment.checked_add(*interval).ok(),
            Rule::Cron(cron) => cron,
        };
        let mut from = moment.checked_add(SignedDuration::from_secs(1)).ok()?;
        for _ in 0..MAX_CHANGES {
            let offset = self.zone.to_offset(from);
            let found = cron.find_next_occurrence(&Civil(offset.to_datetime(from)), true).ok()?;
            let found = offset.to_timestamp(found.0).ok()?;
            match self.zone.following(from).next().map(|change| change.timestamp()) {
                Some(change) if change <= found => from = change,
                _ => return Some(found),
            }
        }
        None
    }

    /// The interval of `@every`.
    pub fn interval(&self) -> Option<SignedDuration> {
        match &self.rule {
            Rule::Every(interval) => Some(*interval),
            Rule::Cron(_) => None,
        }
    }

    /// A moment on the clock of the schedule's zone, which its offset names.
    pub fn shown(&self, moment: Timestamp) -> String {
        let shown = moment.to_zoned_datetime(self.zone.clone());
        let offset = if self.zone == TimeZone::UTC { "Z" } else { "%:z" };
        shown.strftime(&format!("%Y-%m-%dT%H:%M:%S{offset}")).to_string()
    }

    /// As it is written.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Schedule) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Schedule").field(&self.text).finish()
    }
}

fn time_zone(name: &str) -> Result<TimeZone> {
    if let Ok(zone) = TimeZone::get(name) {
        return Ok(zone);
    }
    let distance = |known: &str| strsim::damerau_levenshtein(&known.to_lowercase(), &name.to_lowercase());
    let known = jiff::tz::db().available().map(|known| known.to_string());
    match known.min_by_key(|known| distance(known)).filter(|known| distance(known) <= 2) {
        Some(nearest) => bail!("there is no time zone '{name}'; is it '{nearest}'?"),
        None => bail!("there is no time zone '{name}'; it is a name as in CRON_TZ=Asia/Shanghai"),
    }
}

/// `every` and a duration as Go writes it: `4m`, `1h30m`. Parts of a second do not count, and one is the least.
fn interval(text: &str) -> Result<SignedDuration> {
    let wrong = || {
        anyhow::anyhow!(
            "'@{text}' is not an interval such as '@every 4m'; the units are h, m and s, as in 1h30m"
        )
    };
    let words: Vec<&str> = text.split_whitespace().collect();
    let ["every", mut rest] = words[..] else { return Err(wrong()) };
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, after) = rest.split_at(end);
        let end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(end);
        let factor = match unit {
            "h" => 3600.0,
            "m" => 60.0,
            "s" => 1.0,
            "ms" => 0.001,
            _ => return Err(wrong()),
        };
        seconds += number.parse::<f64>().map_err(|_| wrong())? * factor;
        rest = after;
    }
    match seconds.trunc() {
        whole if whole < 1.0 => bail!("'@{text}' is too short: the least is one second"),
        whole if whole > MAX_INTERVAL => bail!("'@{text}' is too long: the most is ten years"),
        whole => Ok(SignedDuration::from_secs(whole as i64)),
    }
}

/// Six fields. Each is checked here, where an error can name it and what the vendor does not have is refused (`L`, `W`, `#`).
fn cron(text: &str) -> Result<Cron> {
    let parts: Vec<&str> = text.split_whitespace().collect();
    if parts.len() != FIELDS.len() {
        let hint = if parts.len() == 5 { ": seconds come first, as in '0 0 4 * * *'" } else { "" };
        bail!(
            "'{text}' has {} fields, and a cron expression here has six (seconds, minutes, hours, day of month, month, day of week){hint}",
            parts.len()
        );
    }
    let fields = parts.iter().zip(&FIELDS).map(|(part, field)| field.numbers(part));
    let pattern = fields.collect::<Result<Vec<_>>>()?.join(" ");
    let parser = CronParser::builder().seconds(Seconds::Required).year(Year::Disallowed).sloppy_ranges(true);
    parser.build().parse(&pattern).map_err(|error| anyhow::anyhow!("'{text}': {error}"))
}

impl Field {
    /// The field with numbers in place of names.
    fn numbers(&self, text: &str) -> Result<String> {
        Ok(text.split(',').map(|item| self.item(item)).collect::<Result<Vec<_>>>()?.join(","))
    }

    fn item(&self, item: &str) -> Result<String> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (item, None),
        };
        let range = match (range, range.split_once('-')) {
            ("*", _) => "*".to_owned(),
            ("?", _) if self.takes_question_mark => "*".to_owned(),
            ("?", _) => {
                bail!("{}: '?' is for the day of month and the day of week alone", self.name)
            }
            (_, None) => self.number(range, false)?.to_string(),
            (_, Some((first, last))) => {
                let (begin, end) = (self.number(first, false)?, self.number(last, true)?);
                if begin > end {
                    bail!("{}: the range '{range}' ends before it begins", self.name);
                }
                format!("{begin}-{end}")
            }
        };
        match step.map(|step| (step, step.parse::<u8>())) {
            None => Ok(range),
            Some((_, Ok(step))) if step >= 1 && step <= self.most => Ok(format!("{range}/{step}")),
            Some((step, _)) => {
                bail!("{}: the step '{step}' is not a number from 1 to {}", self.name, self.most)
            }
        }
    }

    fn number(&self, text: &str, ends_range: bool) -> Result<u8> {
        let name = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        if let Some(place) = name.and_then(|place| u8::try_from(place).ok()) {
            // MON-SUN: a week that ends with Sunday.
            return Ok(if ends_range && place == 0 && self.least == 0 { 7 } else { place + self.least });
        }
        match text.parse() {
            Ok(number)
                if (self.least..=self.most).contains(&number) && text.bytes().all(|b| b.is_ascii_digit()) =>
            {
                Ok(number)
            }
            _ => {
                let names = match self.names {
                    [] => String::new(),
                    [first, .., last] | [first @ last] => format!(", nor one of {first} to {last}"),
                };
                bail!("{}: '{text}' is not a number from {} to {}{names}", self.name, self.least, self.most)
            }
        }
    }
}

/// A clock that nobody changes.
#[derive(Clone)]
struct Civil(DateTime);

impl CronDateTime for Civil {
    fn to_civil(&self) -> CivilDateTime {
        let (date, time) = (self.0.date(), self.0.time());
        let day = CivilDate::from_ymd_opt(date.year().into(), date.month() as u32, date.day() as u32);
        let time = CivilTime::from_hms_opt(time.hour() as u32, time.minute() as u32, time.second() as u32);
        // Both calendars have the same days.
        let epoch = CivilDate::from_parts_unchecked(1970, 1, 1);
        CivilDateTime::new(day.unwrap_or(epoch), time.unwrap_or(CivilTime::MIDNIGHT))
    }

    fn civil_weekday(&self) -> Weekday {
        Weekday::from_days_from_sunday(self.0.weekday().to_sunday_zero_offset() as u32)
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Civil>, CronError> {
        let year = i16::try_from(civil.year()).map_err(|_| CronError::InvalidDate)?;
        let [month, day] = [civil.month(), civil.day()].map(|part| part as i8);
        let [hour, minute, second] = [civil.hour(), civil.minute(), civil.second()].map(|part| part as i8);
        let resolved = DateTime::new(year, month, day, hour, minute, second, 0);
        resolved.map(|resolved| Resolution::Single(Civil(resolved))).map_err(|_| CronError::InvalidDate)
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Civil> {
        self.0.checked_add(SignedDuration::from_secs(seconds)).ok().map(Civil)
    }

    fn cmp_instant(&self, other: &Civil) -> Ordering {
        self.0.cmp(&other.0)
    }
}

#[cfg(test)]
mod tests;
