//! How is a program run that is just being written? It is waited for: a linker has its file open for a while, and so has
//! whatever that forks. What the program is for is not known here.

use std::io::{self, ErrorKind};
use std::process::{Child, Command};
use std::thread;
use std::time::{Duration, Instant};

/// How long a file may be open for writing after somebody has asked for it to be run: longer than a linker writes.
const LONGEST_WRITE: Duration = Duration::from_secs(10);

/// The pause between two tries.
const TRY_EVERY: Duration = Duration::from_millis(10);

/// Spawns `command` when nobody has its file open for writing any more.
pub fn when_written(command: &mut Command) -> io::Result<Child> {
    while_busy(|| command.spawn())
}

fn while_busy<T>(mut run: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let began = Instant::now();
    loop {
        match run() {
            Err(error)
                if error.kind() == ErrorKind::ExecutableFileBusy && began.elapsed() < LONGEST_WRITE =>
            {
                thread::park_timeout(TRY_EVERY);
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use crate::tests::Scratch;

    use super::*;

    #[test]
    fn a_program_that_is_being_written_is_run_when_it_has_been() {
        let scratch = Scratch::new();
        let program = scratch.path("program");
        fs::copy("/bin/true", &program).expect("a program");
        fs::set_permissions(&program, Permissions::from_mode(0o755)).expect("a mode");
        let mut written = File::options().write(true).open(&program).ok();
        let mut tries = 0;
        let child = while_busy(|| {
            tries += 1;
            let result = Command::new(&program).spawn();
            assert_eq!(result.is_err(), written.is_some(), "try {tries}: {result:?}");
            written.take_if(|_| tries == 3);
            result
        });
        assert!(child.expect("a child").wait().expect("its end").success());
        assert_eq!(tries, 4);
    }
}
