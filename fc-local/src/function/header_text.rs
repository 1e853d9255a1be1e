//! What may stand in a header or a request line that the platform sends? A template and the options are written
//! by hand, or by somebody else: none of their values may become a line of its own. Where they come from is not
//! known here.

use anyhow::{Result, bail};

/// Refuses a value that cannot be a header's (RFC 9110 section 5.5): one with a control character.
pub fn check_value(what: &str, value: &str) -> Result<()> {
    if value.contains(char::is_control) {
        bail!("{what} {value:?} has a control character");
    }
    Ok(())
}

/// Refuses what cannot be the target of a request (RFC 9112 section 3.2.1): no path, or what a URL encodes.
pub fn check_path(what: &str, path: &str) -> Result<()> {
    if !path.starts_with('/') {
        bail!("{what} must start with '/', not {path:?}");
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#') {
        bail!("{what} {path:?} has a character that is percent-encoded in a path");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_no_control_character() {
        for value in ["", "cn-hangzhou", "a b\u{e9}", "名"] {
            assert!(check_value("region", value).is_ok(), "{value:?}");
        }
        for value in
            ["a\r\nx-fc-status: 404", "a\nb", "a\rb", "a\0", "\x1b]52;c;\x07", "\x7f", "a\u{9b}31m", "a\tb"]
        {
            let error = check_value("region", value).expect_err(value).to_string();
            assert!(error.starts_with("region \"") && !error.contains(char::is_control), "{error:?}");
        }
    }

    #[test]
    fn a_path_is_one_word_of_ascii() {
        for path in ["/", "/health?x=%20&y", "/a:b@c"] {
            assert!(check_path("--health-check", path).is_ok(), "{path:?}");
        }
        for path in
            ["", "health", "http://x/", "/a b", "/a HTTP/1.1\r\nx: y", "/\0", "/\t", "/é", "/a#b", "/\x7f"]
        {
            assert!(check_path("--health-check", path).is_err(), "{path:?}");
        }
    }
}
