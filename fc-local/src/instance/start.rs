//! How does an instance come to be? Its process is started and its port waited for; when it does not open,
//! why. Its Initializer and its first health check are not run here.

use std::io::{self, ErrorKind};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::attached;
use super::command;
use super::debugger::Debugger;
use super::failure::{IgnoresPort, NotStarted};
use super::function_output::Role;
use super::home::Home;
use super::in_use;
use super::isolation;
use super::network::Network;
use super::port;
use super::process::Process;
use super::readiness::{self, Expected, NotReady};
use super::running::{Identity, Instance};
use super::supervisor::{Idle, Within};
use super::surroundings::{Debugging, Surroundings};
use crate::function::Function;
use crate::function::executable::{self, Fault};
use crate::id;
use crate::log::excerpt;

/// Why an instance did not start.
pub enum StartError {
    NotStarted(NotStarted),
    /// It serves, but not at the port it was told.
    IgnoresPort(IgnoresPort),
    /// It gets no network of its own.
    NoNetwork(io::Error),
    /// Somebody else was faster to open this port, which it was told.
    PortLost(u16),
    /// fc-local itself is stopping.
    Stopping,
}

/// Where an instance listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// On this machine, at a port that it is told.
    Told(u16),
    /// At the configured port of a network of its own, which this port of this machine leads to.
    OwnNetwork(u16),
}

/// Starts the process and waits for its port.
pub fn start(
    surroundings: &Arc<Surroundings>,
    function: &Arc<Function>,
    place: Where,
) -> Result<Instance, StartError> {
    let id = id::instance();
    let recorder = surroundings.log.recorder();
    recorder.start_instance(&id, &function.name, place.outer(), function.memory_mb, function.concurrency);
    let started = begin(id.clone(), surroundings, function, place);
    started.inspect_err(|error| recorder.end_instance(&id, &format!("did not start: {}", error.briefly())))
}

fn begin(
    id: String,
    surroundings: &Arc<Surroundings>,
    function: &Arc<Function>,
    place: Where,
) -> Result<Instance, StartError> {
    let begin = Instant::now();
    let home = surroundings.home(function);
    let (port, has_network) = match place {
        Where::Told(port) => (port, false),
        Where::OwnNetwork(_) => (function.port, true),
    };
    let ordered = |words: &[String]| command::of(function, &home.places, words, &id, port, Role::Function);
    let words = match &surroundings.debugging {
        Debugging::Below(prefix) => below(prefix, &function.command),
        Debugging::Off | Debugging::Attached => function.command.clone(),
    };
    let is_attached = surroundings.debugging == Debugging::Attached;
    let order = if is_attached { attached::order(port) } else { ordered(&words) };
    let (idle, network) = match place {
        Where::Told(_) => (None, None),
        Where::OwnNetwork(outer) => {
            let (idle, network) =
                enter_network(surroundings, &home, outer, port).map_err(StartError::NoNetwork)?;
            (Some(idle), Some(network))
        }
    };
    let run = || match idle {
        None => surroundings.run(&home, &order),
        Some(idle) => idle.run(&order).map_err(|error| io::Error::other(error.to_string()))?,
    };
    let process = Process::spawn(run, &id, Role::Function, surroundings)
        .map_err(|error| StartError::NotStarted(not_spawned(function, &words, &error)))?;
    let spawned = begin.elapsed();
    let (pid, line) = (process.pid.as_raw_nonzero(), function.command_line());
    surroundings.log.recorder().set_process(&id, pid.get());
    let own = if has_network { " of its own network" } else { "" };
    let text = match &surroundings.debugging {
        Debugging::Attached => format!("waiting until your function listens on port {port}"),
        _ => format!("process {pid} started on port {port}{own}: {}", excerpt::first_line(&line)),
    };
    surroundings.log.event(Some(&id), &text);
    let debugger = Debugger::new(&surroundings.log, &id, process.family(), surroundings.debugging.is_on());
    let deadline = debugger.deadline(surroundings.times.start_timeout);
    let expected = Expected { instance: &id, port, configured: function.port, has_network };
    match readiness::wait(&process, expected, &deadline, surroundings) {
        Ok(host) => {
            let account = vec![("process", spawned), ("port", begin.elapsed().saturating_sub(spawned))];
            let identity = Identity { id, host, port, home, network, outer: place.outer() };
            Ok(Instance::new(identity, process, debugger, function, surroundings, account))
        }
        Err(why) => {
            process.end(Duration::ZERO);
            let logs = process.output.last_lines();
            // Nobody of it is left that could have the port.
            let is_taken = !has_network && !port::is_free(function.port);
            Err(not_ready(why, function, port, is_taken, surroundings.times.start_timeout, logs))
        }
    }
}

/// The command below a debugger's. A debugger that is an interpreter's own takes the place of the interpreter: node in
/// `node --inspect-brk`, python3 in `python3 -m debugpy --listen 5678`.
fn below(prefix: &[String], command: &[String]) -> Vec<String> {
    let program =
        |words: &[String]| words.first().and_then(|word| word.rsplit('/').next()).map(str::to_owned);
    let is_same = program(prefix).is_some() && program(prefix) == program(command);
    prefix.iter().chain(command.iter().skip(usize::from(is_same))).cloned().collect()
}

impl StartError {
    fn briefly(&self) -> String {
        match self {
            StartError::NotStarted(not_started) => excerpt::first_line(&not_started.to_string()),
            StartError::IgnoresPort(ignores) => ignores.to_string(),
            StartError::NoNetwork(error) => format!("no network of its own: {error}"),
            StartError::PortLost(port) => format!("port {port} was lost to another program"),
            StartError::Stopping => "fc-local stops".to_owned(),
        }
    }
}

impl Where {
    /// The port of this machine.
    pub fn outer(self) -> u16 {
        match self {
            Where::Told(port) | Where::OwnNetwork(port) => port,
        }
    }
}

/// A supervisor in a network of its own, and what connects that.
fn enter_network(
    surroundings: &Arc<Surroundings>,
    home: &Home,
    outer: u16,
    inner: u16,
) -> io::Result<(Idle, Network)> {
    let mut idle = match &home.space {
        Some(space) => Idle::start(Within::SpaceWithNetwork(space))?,
        None => Idle::start(Within::SpaceWithNetwork(&isolation::space(None, None)?))?,
    };
    idle.wait()?;
    let network = Network::connect(surroundings, idle.pid(), outer, inner)?;
    Ok((idle, network))
}

/// Of a command that the system refused.
fn not_spawned(function: &Function, words: &[String], error: &io::Error) -> NotStarted {
    let command = function.command_line();
    let errno = error.raw_os_error().unwrap_or(0);
    let fault = executable::fault_after_refusal(function, words, errno);
    // The system says the same of a file that is not there and of one whose interpreter is not.
    match error.kind() {
        ErrorKind::NotFound if fault.as_ref().is_none_or(Fault::is_absence) => {
            NotStarted::CommandNotFound { command, errno, fault: fault.map(Box::new) }
        }
        _ => NotStarted::NotSpawned { command, errno, fault: fault.map(Box::new) },
    }
}

/// What it means, whether or not somebody else has the configured port.
fn not_ready(
    why: NotReady,
    function: &Function,
    told: u16,
    is_taken: bool,
    timeout: Duration,
    logs: String,
) -> StartError {
    let ignores = StartError::IgnoresPort;
    let is_told_another = told != function.port;
    match why {
        NotReady::Exited(_) if is_told_another && in_use::is_said(&logs) => {
            ignores(IgnoresPort::FoundInUse { told })
        }
        NotReady::Exited(_) if is_taken && in_use::is_said(&logs) => StartError::PortLost(told),
        NotReady::Exited(status) => {
            let command = function.command_line();
            let fault = executable::fault_after_exit(function, &function.command, &logs);
            // Many a server says nothing of it that is known here, or nothing at all.
            if is_told_another && is_taken && fault.is_none() {
                return ignores(IgnoresPort::ExitedEarly { told, status, said: excerpt::last_line(&logs) });
            }
            StartError::NotStarted(NotStarted::Exited { status, command, logs, fault: fault.map(Box::new) })
        }
        NotReady::OpenedConfigured => ignores(IgnoresPort::ListensAt { opened: function.port, told }),
        NotReady::FoundInUse => ignores(IgnoresPort::FoundInUse { told }),
        NotReady::Closed(listens) => {
            StartError::NotStarted(NotStarted::PortClosed { port: told, timeout, listens, logs })
        }
        NotReady::Lost => StartError::PortLost(told),
        NotReady::Stopping => StartError::Stopping,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt as _;
    use std::process::ExitStatus;

    use super::*;
    use crate::instance::failure::Listens;

    fn failed(why: NotReady, told: u16, is_taken: bool, logs: &str) -> StartError {
        not_ready(why, &Function::example(), told, is_taken, Duration::from_secs(1), logs.to_owned())
    }

    fn exited() -> NotReady {
        NotReady::Exited(ExitStatus::from_raw(1 << 8))
    }

    #[test]
    fn a_debugger_stands_before_the_command_or_in_the_place_of_its_interpreter() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (prefix, command, wanted) in [
            ("gdbserver :1234", "./bootstrap -x", "gdbserver :1234 ./bootstrap -x"),
            ("dlv exec --listen=:2345 --", "/code/main", "dlv exec --listen=:2345 -- /code/main"),
            ("node --inspect-brk", "/usr/bin/node app.js", "node --inspect-brk app.js"),
            ("node --inspect-brk", "./app.js", "node --inspect-brk ./app.js"),
            ("python3 -m debugpy --listen 5678", "python3 app.py", "python3 -m debugpy --listen 5678 app.py"),
        ] {
            assert_eq!(below(&words(prefix), &words(command)), words(wanted));
        }
    }

    #[test]
    fn an_exit_is_judged_by_what_was_said_and_by_who_has_the_configured_port() {
        let in_use = "OSError: [Errno 98] Address already in use";
        for is_taken in [false, true] {
            let found = failed(exited(), 9001, is_taken, in_use);
            assert!(matches!(found, StartError::IgnoresPort(IgnoresPort::FoundInUse { told: 9001 })));
        }
        assert!(matches!(failed(exited(), 9000, true, in_use), StartError::PortLost(9000)));
        for logs in ["Error: That port is already in use.", ""] {
            let StartError::IgnoresPort(IgnoresPort::ExitedEarly { told: 9001, said, .. }) =
                failed(exited(), 9001, true, logs)
            else {
                panic!("{logs}");
            };
            assert_eq!(said, logs);
        }
        for (told, is_taken, logs) in
            [(9000, false, in_use), (9001, false, "no such table"), (9000, true, "no such table")]
        {
            let failed = failed(exited(), told, is_taken, logs);
            assert!(matches!(failed, StartError::NotStarted(NotStarted::Exited { .. })), "{told} {logs}");
        }
    }

    #[test]
    fn a_port_that_stays_closed_is_a_start_that_failed() {
        assert!(matches!(
            failed(NotReady::Closed(Listens::Nowhere), 9000, false, ""),
            StartError::NotStarted(NotStarted::PortClosed { port: 9000, .. })
        ));
        assert!(matches!(
            failed(NotReady::OpenedConfigured, 9001, true, ""),
            StartError::IgnoresPort(IgnoresPort::ListensAt { opened: 9000, told: 9001 })
        ));
        assert!(matches!(failed(NotReady::Lost, 9001, true, ""), StartError::PortLost(9001)));
        assert!(matches!(failed(NotReady::Stopping, 9000, false, ""), StartError::Stopping));
    }

    #[test]
    fn a_command_that_is_not_there_is_told_from_one_that_may_not_run() {
        let words = ["/no/such/file".to_owned()];
        let not_spawned =
            |errno| not_spawned(&Function::example(), &words, &io::Error::from_raw_os_error(errno));
        assert!(matches!(not_spawned(2), NotStarted::CommandNotFound { errno: 2, .. }));
        assert!(matches!(not_spawned(13), NotStarted::NotSpawned { errno: 13, .. }));
    }
}
