//! The end of a process in the platform's words, and in plain ones. Why it ended is not known here.

use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

/// `code 2, message:no such file or directory`: the platform reads an exit code as an errno.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(0), _) => "code 0, message:success".to_owned(),
        (Some(code), _) => format!("code {code}, message:{}", strerror(code)),
        (None, Some(signal)) => format!("code {}, message:killed by signal {signal}", 128 + signal),
        (None, None) => "code unknown, message:unknown".to_owned(),
    }
}

/// The same as a shell would have it.
pub fn plainly(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exited with {code}"),
        (None, Some(signal)) => format!("was killed by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// The system's text for an errno, in the platform's lower case.
pub fn strerror(errno: i32) -> String {
    let text = io::Error::from_raw_os_error(errno).to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    text.to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_code_is_read_as_an_errno_and_a_signal_as_a_shell_reports_it() {
        // A wait status: the exit code in the second byte, a signal in the first.
        for (raw, wanted, plain) in [
            (0, "code 0, message:success", "exited with 0"),
            (2 << 8, "code 2, message:no such file or directory", "exited with 2"),
            (13 << 8, "code 13, message:permission denied", "exited with 13"),
            (9, "code 137, message:killed by signal 9", "was killed by signal 9"),
        ] {
            assert_eq!(describe(ExitStatus::from_raw(raw)), wanted);
            assert_eq!(plainly(ExitStatus::from_raw(raw)), plain);
        }
    }
}
