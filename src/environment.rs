//! The process's environment: this file alone reads it. What a variable is for is said where it is used.

use std::env;
use std::ffi::OsString;
use std::time::Duration;

/// The value of a variable. An empty one counts as absent; one that is not UTF-8 is shown with replacement
/// characters by the error it leads to.
#[cfg_attr(not(feature = "logger"), allow(dead_code, reason = "the logger reads RUST_LOG"))]
pub(crate) fn variable(name: &str) -> Option<String> {
    Variables::of_process().text(name)
}

/// Looks at the names of all variables that begin so.
pub(crate) fn for_each_with_prefix(prefix: &str, look: impl Fn(&str)) {
    for (name, _) in env::vars_os() {
        match name.to_str() {
            Some(name) if name.starts_with(prefix) => look(name),
            _ => {}
        }
    }
}

/// A variable, or an option, whose value means nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Invalid {
    pub name: &'static str,
    pub value: String,
    pub expected: &'static str,
}

/// Typed values of variables, looked up one by one: a copy of the environment would be a hundred allocations
/// at a start.
pub(crate) struct Variables<'a>(&'a dyn Fn(&str) -> Option<OsString>);

impl Variables<'static> {
    pub(crate) fn of_process() -> Variables<'static> {
        Variables(&|name| env::var_os(name))
    }
}

impl<'a> Variables<'a> {
    #[cfg(test)]
    pub(crate) fn of_test(look_up: &'a dyn Fn(&str) -> Option<OsString>) -> Variables<'a> {
        Variables(look_up)
    }

    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let value = (self.0)(name)?;
        (!value.is_empty()).then(|| value.to_string_lossy().into_owned())
    }

    pub(crate) fn port(&self, name: &'static str) -> Result<Option<u16>, Invalid> {
        let port = self.number_to(name, "a port from 1 to 65535", u16::MAX.into())?;
        Ok(port.map(|port| port as u16))
    }

    pub(crate) fn number(&self, name: &'static str) -> Result<Option<usize>, Invalid> {
        self.number_to(name, "a whole number from 1", usize::MAX)
    }

    fn number_to(
        &self,
        name: &'static str,
        expected: &'static str,
        max: usize,
    ) -> Result<Option<usize>, Invalid> {
        self.parsed(name, expected, |value| unsigned(value).filter(|number| (1..=max).contains(number)))
    }

    /// Without floating point, whose parser and tables are a tenth of the binary.
    pub(crate) fn seconds(&self, name: &'static str) -> Result<Option<Duration>, Invalid> {
        let is_above_0 = |seconds: &Duration| !seconds.is_zero();
        self.parsed(name, "seconds above 0, such as 25 or 0.5", |value| seconds(value).filter(is_above_0))
    }

    /// As [`seconds`](Self::seconds), and 0.
    pub(crate) fn seconds_or_0(&self, name: &'static str) -> Result<Option<Duration>, Invalid> {
        self.parsed(name, "seconds, such as 0 or 0.5", seconds)
    }

    pub(crate) fn switch(&self, name: &'static str) -> Result<Option<bool>, Invalid> {
        self.parsed(name, "on or off", |value| match value {
            "on" | "true" | "1" | "yes" => Some(true),
            "off" | "false" | "0" | "no" => Some(false),
            _ => None,
        })
    }

    pub(crate) fn path(&self, name: &'static str) -> Result<Option<String>, Invalid> {
        self.text(name).map(|value| path(name, value)).transpose()
    }

    fn parsed<T>(
        &self,
        name: &'static str,
        expected: &'static str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, Invalid> {
        let Some(value) = self.text(name) else { return Ok(None) };
        match parse(&value) {
            Some(parsed) => Ok(Some(parsed)),
            None => Err(Invalid { name, value, expected }),
        }
    }
}

/// A path that a request can ask for.
pub(crate) fn path(name: &'static str, value: String) -> Result<String, Invalid> {
    if value.starts_with('/') && value.bytes().all(|b| b.is_ascii_graphic() && b != b'?' && b != b'#') {
        return Ok(value);
    }
    Err(Invalid { name, value, expected: "a path that starts with /" })
}

fn seconds(value: &str) -> Option<Duration> {
    let (whole, fraction) = value.split_once('.').unwrap_or((value, "0"));
    let milliseconds = unsigned(&format!("{fraction:0<3}")).filter(|_| (1..=3).contains(&fraction.len()))?;
    Some(Duration::new(unsigned(whole)? as u64, milliseconds as u32 * 1_000_000))
}

/// `parse` alone would take a leading `+`.
fn unsigned(value: &str) -> Option<usize> {
    value.bytes().all(|b| b.is_ascii_digit()).then(|| value.parse().ok()).flatten()
}

/// What the platform says of the function in the environment, for what a request does not say.
#[derive(Default)]
pub(crate) struct PlatformVariables {
    pub function_name: Option<String>,
    pub function_memory: Option<String>,
    pub region: Option<String>,
    pub account_id: Option<String>,
    pub version_id: Option<String>,
    pub access_key_id: Option<String>,
    pub access_key_secret: Option<String>,
    pub security_token: Option<String>,
}

impl PlatformVariables {
    pub(crate) fn read() -> PlatformVariables {
        PlatformVariables::of(&Variables::of_process())
    }

    fn of(variables: &Variables<'_>) -> PlatformVariables {
        let text = |name| variables.text(name);
        PlatformVariables {
            function_name: text("FC_FUNCTION_NAME"),
            function_memory: text("FC_FUNCTION_MEMORY_SIZE"),
            region: text("FC_REGION"),
            account_id: text("FC_ACCOUNT_ID"),
            version_id: text("FC_VER_ID").or_else(|| text("FC_FUNCTION_VERSION")),
            access_key_id: text("ALIBABA_CLOUD_ACCESS_KEY_ID"),
            access_key_secret: text("ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
            security_token: text("ALIBABA_CLOUD_SECURITY_TOKEN"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_up(variables: &'static [(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
        |name| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into())
    }

    /// The outcome of reading a variable called X.
    fn read<T>(
        value: &'static str,
        read: impl Fn(&Variables<'_>, &'static str) -> Result<Option<T>, Invalid>,
    ) -> Result<Option<T>, Invalid> {
        let look_up = |name: &str| (name == "X").then(|| value.into());
        read(&Variables::of_test(&look_up), "X")
    }

    #[test]
    fn an_empty_variable_counts_as_absent() {
        assert_eq!(read("", |it, name| it.number(name)), Ok(None));
        assert_eq!(read("", |it, name| it.switch(name)), Ok(None));
        let look_up = look_up(&[("A", ""), ("B", "b")]);
        let variables = Variables::of_test(&look_up);
        assert_eq!((variables.text("A"), variables.text("B")), (None, Some("b".into())));
    }

    #[test]
    fn an_error_names_variable_value_and_what_would_be_valid() {
        let invalid = Invalid { name: "X", value: "0".into(), expected: "a whole number from 1" };
        assert_eq!(read("0", |it, name| it.number(name)), Err(invalid));
    }

    #[test]
    fn numbers_are_digits_alone() {
        assert_eq!(read("16", |it, name| it.number(name)), Ok(Some(16)));
        for value in ["+1", "-1", "1 ", "0x1", "1.0", "auto", "99999999999999999999"] {
            assert!(read(value, |it, name| it.number(name)).is_err(), "{value}");
        }
    }

    #[test]
    fn a_port_is_from_1_to_65535() {
        assert_eq!(read("65535", |it, name| it.port(name)), Ok(Some(65535)));
        for value in ["0", "65536", "+80", "x"] {
            assert!(read(value, |it, name| it.port(name)).is_err(), "{value}");
        }
    }

    #[test]
    fn seconds_have_at_most_three_decimals() {
        for (value, milliseconds) in [("25", 25_000), ("0.5", 500), ("0.05", 50), ("1.234", 1234)] {
            let expected = Duration::from_millis(milliseconds);
            assert_eq!(read(value, |it, name| it.seconds(name)), Ok(Some(expected)), "{value}");
        }
        for value in ["0", "0.0", ".5", "1.", "1.2345", "1,5", "1s", "-1", "+1", "1e3", " 1"] {
            assert!(read(value, |it, name| it.seconds(name)).is_err(), "{value}");
        }
    }

    #[test]
    fn nothing_is_seconds_too_where_that_is_something() {
        for value in ["0", "0.0", "0.5"] {
            assert!(read(value, |it, name| it.seconds_or_0(name)).is_ok(), "{value}");
        }
        assert!(read("-1", |it, name| it.seconds_or_0(name)).is_err());
    }

    #[test]
    fn a_switch_has_four_words_for_each_side() {
        for (values, on) in [(["on", "true", "1", "yes"], true), (["off", "false", "0", "no"], false)] {
            for value in values {
                assert_eq!(read(value, |it, name| it.switch(name)), Ok(Some(on)), "{value}");
            }
        }
        assert!(read("2", |it, name| it.switch(name)).is_err());
    }

    #[test]
    fn a_path_starts_with_a_slash_and_is_ascii() {
        assert_eq!(read("/a-b", |it, name| it.path(name)), Ok(Some("/a-b".into())));
        for value in ["a", "/a b", "/\u{e9}", "/a?b", "/a#b"] {
            assert!(read(value, |it, name| it.path(name)).is_err(), "{value}");
        }
    }

    #[test]
    fn the_platforms_version_has_two_names() {
        let version = |variables| {
            let look_up = look_up(variables);
            PlatformVariables::of(&Variables::of_test(&look_up)).version_id
        };
        assert_eq!(version(&[("FC_FUNCTION_VERSION", "1")]).as_deref(), Some("1"));
        assert_eq!(version(&[("FC_FUNCTION_VERSION", "1"), ("FC_VER_ID", "2")]).as_deref(), Some("2"));
    }
}
