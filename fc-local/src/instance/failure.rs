//! How can an instance fail? As data, so that nobody has to look for the kind of a failure in its text. What
//! a caller is answered with is not known here.

use std::fmt;
use std::net::IpAddr;
use std::process::ExitStatus;
use std::time::Duration;

use super::exit;
use crate::function::executable::Fault;
use crate::log::excerpt;

/// Why an instance did not start. The text is the platform's.
#[derive(Clone, Debug, PartialEq)]
pub enum NotStarted {
    /// The command's file does not exist.
    CommandNotFound { command: String, errno: i32, fault: Option<Box<Fault>> },
    /// The system refused to run the command.
    NotSpawned { command: String, errno: i32, fault: Option<Box<Fault>> },
    /// The process exited before its port was open.
    Exited { status: ExitStatus, command: String, logs: String, fault: Option<Box<Fault>> },
    /// The port was not open in time, or where the platform cannot reach it.
    PortClosed { port: u16, timeout: Duration, listens: Listens, logs: String },
    /// The port is another program's, and the function insists on it if there is a reason to think so.
    PortTaken { port: u16, ignores: Option<IgnoresPort> },
    /// The port was open, and the first health check failed.
    Unhealthy(String),
}

/// Where a process listens that should listen on all interfaces at its port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Listens {
    Nowhere,
    /// At its port, on this address alone.
    OnlyOn(IpAddr),
    AtOtherPorts(Vec<u16>),
}

/// A function that serves, and not at the port it was told: there can be only one instance of it here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IgnoresPort {
    /// It said that an address was in use, which cannot have been the port it was told.
    FoundInUse {
        told: u16,
    },
    /// It exited before it opened the port it was told, and the configured one is somebody else's.
    ExitedEarly {
        told: u16,
        status: ExitStatus,
        said: String,
    },
    ListensAt {
        opened: u16,
        told: u16,
    },
}

/// Why an instance is not initialized.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotInitialized {
    pub message: String,
    /// Whether the platform tries again on this instance (400, 404); otherwise the next call gets a new one.
    pub keep_instance: bool,
}

/// The process exited, or dropped the connection, before a request was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct UnexpectedExit {
    pub after: Duration,
    pub memory_mb: f64,
}

impl NotStarted {
    /// What is wrong with the command.
    pub fn fault(&self) -> Option<&Fault> {
        match self {
            NotStarted::CommandNotFound { fault, .. }
            | NotStarted::NotSpawned { fault, .. }
            | NotStarted::Exited { fault, .. } => fault.as_deref(),
            NotStarted::PortClosed { .. } | NotStarted::PortTaken { .. } | NotStarted::Unhealthy(_) => None,
        }
    }

    /// In the platform's words alone.
    pub fn unexplained(&self) -> NotStarted {
        let mut plain = self.clone();
        if let NotStarted::CommandNotFound { fault, .. }
        | NotStarted::NotSpawned { fault, .. }
        | NotStarted::Exited { fault, .. } = &mut plain
        {
            *fault = None;
        }
        plain
    }

    /// How the process ended, which the platform reads as an errno, in plain words.
    pub fn end(&self) -> Option<String> {
        match self {
            NotStarted::Exited { status, .. } => Some(format!("the process {}", exit::plainly(*status))),
            _ => None,
        }
    }

    /// For the log, where it takes a line: of `Logs:`, whose lines are there already, the last one if there is any.
    pub fn in_the_log(&self) -> String {
        let mut shown = self.clone();
        if let NotStarted::Exited { logs, .. } | NotStarted::PortClosed { logs, .. } = &mut shown {
            *logs = excerpt::last_line(logs);
        }
        if let NotStarted::Exited { command, .. }
        | NotStarted::NotSpawned { command, .. }
        | NotStarted::CommandNotFound { command, .. } = &mut shown
        {
            *command = excerpt::first_line(command);
        }
        let text = shown.unexplained().to_string();
        let mut lines = vec![text.strip_suffix("Logs:").unwrap_or(&text).trim_end().to_owned()];
        lines.extend(self.end().map(|end| format!("fc-local: {end}")));
        lines.extend(self.fault().map(|fault| format!("fc-local: {fault}; {}", fault.remedy())));
        lines.join("\n")
    }
}

impl fmt::Display for NotStarted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NotStarted::CommandNotFound { command, errno, fault } => {
                write!(f, "The start command '{command}' was not found: {}", exit::strerror(*errno))?;
                explain(f, fault.as_deref())
            }
            NotStarted::NotSpawned { command, errno, fault } => {
                let reason = format!("code {errno}, message:{}", exit::strerror(*errno));
                exited_unexpectedly(f, &reason, command, "")?;
                explain(f, fault.as_deref())
            }
            NotStarted::Exited { status, command, logs, fault } => {
                exited_unexpectedly(f, &exit::describe(*status), command, logs)?;
                explain(f, fault.as_deref())
            }
            NotStarted::PortClosed { port, timeout, listens, logs } => {
                write!(f, "Function instance health check failed on port {port}")?;
                // An address is known at once.
                if !matches!(listens, Listens::OnlyOn(_)) {
                    write!(f, " in {} seconds", timeout.as_secs())?;
                }
                write!(f, "{listens}.\nLogs:{logs}")
            }
            NotStarted::PortTaken { port, ignores } => {
                write!(f, "port {port} is taken by another program")?;
                if let Some(ignores) = ignores {
                    write!(f, ", and {ignores}")?;
                }
                f.write_str("; free it, or let function and --port agree on another one")
            }
            NotStarted::Unhealthy(reason) => {
                write!(f, "The function http server cannot be started. {reason}")
            }
        }
    }
}

/// A line of our own behind the platform's.
fn explain(f: &mut fmt::Formatter<'_>, fault: Option<&Fault>) -> fmt::Result {
    match fault {
        Some(fault) => write!(f, "\nfc-local: {fault}; {}", fault.remedy()),
        None => Ok(()),
    }
}

fn exited_unexpectedly(f: &mut fmt::Formatter<'_>, reason: &str, command: &str, logs: &str) -> fmt::Result {
    write!(f, "Function instance exited unexpectedly({reason}) with start command '{command}'. Logs:{logs}")
}

impl fmt::Display for Listens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listens::Nowhere => Ok(()),
            Listens::OnlyOn(address) => write!(
                f,
                ": it listens on {address} only, where the platform cannot reach it; listen on 0.0.0.0"
            ),
            Listens::AtOtherPorts(ports) => {
                let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
                write!(f, ": it listens on {} instead", ports.join(", "))
            }
        }
    }
}

impl fmt::Display for IgnoresPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if let IgnoresPort::ExitedEarly { .. } = self { "seems to ignore" } else { "ignores" };
        write!(f, "the function {verb} FC_CUSTOM_LISTEN_PORT and FC_SERVER_PORT (")?;
        match self {
            IgnoresPort::FoundInUse { told } => {
                write!(f, "it found an address in use, port {told} was its own)")
            }
            IgnoresPort::ExitedEarly { told, status, said } => {
                write!(f, "it exited ({}) before it opened {told}", exit::describe(*status))?;
                if said.is_empty() { f.write_str(")") } else { write!(f, ": {said})") }
            }
            IgnoresPort::ListensAt { opened, told } => write!(f, "it listens on {opened} instead of {told})"),
        }
    }
}

impl fmt::Display for UnexpectedExit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Process exited unexpectedly before completing request (duration: {}ms, maxMemoryUsage: {:.2}MB)",
            self.after.as_millis(),
            self.memory_mb
        )
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::os::unix::process::ExitStatusExt as _;

    use super::*;

    fn closed(listens: Listens) -> NotStarted {
        let timeout = Duration::from_secs(120);
        NotStarted::PortClosed { port: 9000, timeout, listens, logs: "up".to_owned() }
    }

    #[test]
    fn an_instance_that_did_not_start_is_described_in_the_platforms_words() {
        let command = || "./x".to_owned();
        let exited = NotStarted::Exited {
            status: ExitStatus::from_raw(2 << 8),
            command: command(),
            logs: "bye".to_owned(),
            fault: None,
        };
        for (failure, wanted) in [
            (
                NotStarted::CommandNotFound { command: command(), errno: 2, fault: None },
                "The start command './x' was not found: no such file or directory",
            ),
            (
                NotStarted::NotSpawned { command: command(), errno: 13, fault: None },
                "Function instance exited unexpectedly(code 13, message:permission denied) with start command './x'. Logs:",
            ),
            (
                exited,
                "Function instance exited unexpectedly(code 2, message:no such file or directory) with start command './x'. Logs:bye",
            ),
            (
                closed(Listens::Nowhere),
                "Function instance health check failed on port 9000 in 120 seconds.\nLogs:up",
            ),
            (
                closed(Listens::OnlyOn(Ipv4Addr::LOCALHOST.into())),
                "Function instance health check failed on port 9000: it listens on 127.0.0.1 only, where the platform cannot reach it; listen on 0.0.0.0.\nLogs:up",
            ),
            (
                closed(Listens::AtOtherPorts(vec![80, 8080])),
                "Function instance health check failed on port 9000 in 120 seconds: it listens on 80, 8080 instead.\nLogs:up",
            ),
            (
                NotStarted::PortTaken { port: 9000, ignores: Some(IgnoresPort::FoundInUse { told: 9001 }) },
                "port 9000 is taken by another program, and the function ignores FC_CUSTOM_LISTEN_PORT and FC_SERVER_PORT (it found an address in use, port 9001 was its own); free it, or let function and --port agree on another one",
            ),
            (
                NotStarted::Unhealthy("check function health failed with status code: 500".to_owned()),
                "The function http server cannot be started. check function health failed with status code: 500",
            ),
        ] {
            assert_eq!(failure.to_string(), wanted);
        }
    }

    #[test]
    fn the_log_has_the_last_line_of_what_it_has_had_already() {
        let exited = |logs: &str| NotStarted::Exited {
            status: ExitStatus::from_raw(1 << 8),
            command: "./x".to_owned(),
            logs: logs.to_owned(),
            fault: None,
        };
        let platforms = "Function instance exited unexpectedly(code 1, message:operation not permitted) with start command './x'.";
        let failure = exited("Traceback\n  in line 1\nKeyError: 'a'");
        let shown =
            format!("{platforms} Logs:22 bytes and …KeyError: 'a'\nfc-local: the process exited with 1");
        assert_eq!(failure.in_the_log(), shown);
        let all = format!("{platforms} Logs:Traceback\n  in line 1\nKeyError: 'a'");
        assert_eq!(failure.to_string(), all, "a caller gets all");
        let silent = exited("");
        assert_eq!(silent.in_the_log(), format!("{platforms}\nfc-local: the process exited with 1"));
        assert_eq!(silent.to_string(), format!("{platforms} Logs:"), "as the platform has it");
    }

    #[test]
    fn a_port_that_is_ignored_is_named_with_the_one_that_is_opened() {
        assert_eq!(
            IgnoresPort::ListensAt { opened: 9000, told: 9001 }.to_string(),
            "the function ignores FC_CUSTOM_LISTEN_PORT and FC_SERVER_PORT (it listens on 9000 instead of 9001)"
        );
        let exited = |said: &str| {
            let (told, status) = (9001, ExitStatus::from_raw(1 << 8));
            IgnoresPort::ExitedEarly { told, status, said: said.to_owned() }.to_string()
        };
        let silent = "the function seems to ignore FC_CUSTOM_LISTEN_PORT and FC_SERVER_PORT (it exited (code 1, message:operation not permitted) before it opened 9001";
        assert_eq!(exited(""), format!("{silent})"));
        assert_eq!(exited("KeyError: 'a'"), format!("{silent}: KeyError: 'a')"));
    }

    #[test]
    fn an_unexpected_exit_tells_duration_and_memory() {
        let exit = UnexpectedExit { after: Duration::from_micros(45_900), memory_mb: 49.0 };
        assert_eq!(
            exit.to_string(),
            "Process exited unexpectedly before completing request (duration: 45ms, maxMemoryUsage: 49.00MB)"
        );
    }
}
