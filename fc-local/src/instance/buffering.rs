//! Will what a function prints ever be seen? Python keeps what goes to a pipe until there are 8 KB of it, and loses it
//! when its process is killed. When that is looked at is not known here.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;

use rustix::process::Pid;

use super::procfs;

const VARIABLE: &[u8] = b"PYTHONUNBUFFERED=";

/// Whether one of these processes is a Python that keeps what it prints.
pub fn keeps_output(pids: &[Pid]) -> bool {
    pids.iter().any(|pid| {
        let is_python = procfs::executable(*pid).is_some_and(|path| {
            path.file_name().map(OsStr::as_bytes).is_some_and(|name| name.starts_with(b"python"))
        });
        is_python && !is_unbuffered(&procfs::arguments(*pid), &procfs::environment(*pid))
    })
}

fn is_unbuffered(arguments: &[Vec<u8>], environment: &[Vec<u8>]) -> bool {
    let is_set = |variable: &Vec<u8>| variable.strip_prefix(VARIABLE).is_some_and(|value| !value.is_empty());
    has_option(arguments.get(1..).unwrap_or_default()) || environment.iter().any(is_set)
}

/// Whether `-u` is among the interpreter's own options: those before the script, the module or the text of a program.
fn has_option(arguments: &[Vec<u8>]) -> bool {
    let mut arguments = arguments.iter();
    while let Some(letters) = arguments.next().and_then(|argument| argument.strip_prefix(b"-")) {
        if letters.is_empty() {
            return false; // the program comes on standard input
        }
        for (at, letter) in letters.iter().enumerate() {
            match letter {
                b'u' => return true,
                b'c' | b'm' => return false,
                b'W' | b'X' if at + 1 == letters.len() => drop(arguments.next()),
                // The rest is a long option, or this one's value.
                b'W' | b'X' | b'-' => break,
                _ => {}
            }
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<Vec<u8>> {
        text.split(' ').map(|word| word.as_bytes().to_vec()).collect()
    }

    #[test]
    fn the_option_stands_before_the_program() {
        for unbuffered in
            ["python3 -u app.py", "python3 -Bu app.py", "python -W ignore -u -m app", "p -Xdev -u", "p -uc x"]
        {
            assert!(is_unbuffered(&words(unbuffered), &[]), "{unbuffered}");
        }
        for buffered in [
            "python3 app.py -u",
            "p -m app -u",
            "p -c u",
            "p -Wu app.py",
            "p -X u app.py",
            "p --u x",
            "p",
            "p - -u",
        ] {
            assert!(!is_unbuffered(&words(buffered), &[]), "{buffered}");
        }
    }

    #[test]
    fn the_variable_says_so_unless_it_is_empty() {
        let python = words("python3 app.py");
        assert!(is_unbuffered(&python, &words("A=b PYTHONUNBUFFERED=0")));
        assert!(!is_unbuffered(&python, &words("PYTHONUNBUFFERED= XPYTHONUNBUFFERED=1 PYTHONUNBUFFERED")));
    }
}
