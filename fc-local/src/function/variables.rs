//! Which variables may a user set? The platform's rules for them. What else a process finds in its
//! environment is in `environment.rs`.

use anyhow::{Result, bail};

/// The platform's limit for a function's own variables, names and values together.
const MAX_SIZE: usize = 4096;

/// Refuses a name that a user cannot or may not set.
pub fn check_name(name: &str) -> Result<()> {
    if name.is_empty() || name.contains('=') || name.contains(char::is_control) {
        bail!("{name:?} is not a name for an environment variable");
    }
    if name.starts_with("FC_") {
        bail!("the variable {name} is refused: names that start with FC_ are the platform's own");
    }
    Ok(())
}

/// Refuses values that no process can have, and more of them than the platform takes.
pub fn check_values(variables: &[(String, String)]) -> Result<()> {
    if let Some((name, _)) = variables.iter().find(|(_, value)| value.contains('\0')) {
        bail!("the variable {name} has a NUL in its value, which ends one");
    }
    let size: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
    if size > MAX_SIZE {
        bail!("environment variables take {size} bytes, the platform's limit is {MAX_SIZE}");
    }
    Ok(())
}

/// Parts of the names of variables whose values are secrets.
const SECRET: [&str; 11] = [
    "secret",
    "passw",
    "pwd",
    "token",
    "accesskey",
    "access_key",
    "apikey",
    "api_key",
    "private",
    "credential",
    "auth",
];

/// Whether a variable's name, or a password in the address that its value is, says that nobody should see it.
pub fn is_secret(name: &str, value: &str) -> bool {
    let name = name.to_lowercase();
    let has_password = value.split_once("://").is_some_and(|(_, rest)| {
        rest.split('/')
            .next()
            .and_then(|host| host.split_once('@'))
            .is_some_and(|(user, _)| user.contains(':'))
    });
    has_password || SECRET.iter().any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_no_process_can_have_and_the_platforms_own_are_refused() {
        for name in ["", "A=B", "A\0B", "A\nB", "A\x1b[2J", "FC_", "FC_REGION"] {
            assert!(check_name(name).is_err(), "{name:?}");
        }
        for name in ["A", "fc_region", "MY_FC_REGION", "ALIBABA_CLOUD_ACCESS_KEY_ID"] {
            assert!(check_name(name).is_ok(), "{name:?}");
        }
    }

    #[test]
    fn secrets_are_known_by_name_or_by_their_form() {
        for (name, value) in [
            ("DB_PASSWORD", "x"),
            ("ApiKey", "x"),
            ("GITHUB_TOKEN", "x"),
            ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "x"),
            ("ALIBABA_CLOUD_SECURITY_TOKEN", "x"),
            ("URL", "mysql://u:p@host/db"),
        ] {
            assert!(is_secret(name, value), "{name}");
        }
        for (name, value) in [("REGION", "x"), ("URL", "https://host:80/a@b"), ("URL", "https://u@host/")] {
            assert!(!is_secret(name, value), "{name} {value}");
        }
    }

    #[test]
    fn a_value_may_have_lines_and_no_nul() {
        let of = |value: &str| check_values(&[("A".to_owned(), value.to_owned())]);
        assert!(of("-----BEGIN KEY-----\r\nx\n\x1b").is_ok());
        assert!(of("a\0b").is_err());
    }

    #[test]
    fn names_and_values_share_one_limit() {
        let variables = |size: usize| [("A".repeat(96), "x".repeat(size - 96))];
        assert!(check_values(&variables(MAX_SIZE)).is_ok());
        let error = check_values(&variables(MAX_SIZE + 1)).expect_err("over the limit").to_string();
        assert_eq!(error, "environment variables take 4097 bytes, the platform's limit is 4096");
    }
}
