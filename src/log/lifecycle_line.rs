//! The Start and End lines by which the platform's console finds a call in the log. What is called between them
//! is not known here.

use crate::log::stdout::{PIPE_BUF, write_line};

/// The Start line of a call is out, and its End line is owed: it is written by [`end`](Self::end), and by an
/// unwinding thread too, since the platform's console counts the two.
pub(crate) struct LifecycleLine<'a> {
    call: &'static str,
    request_id: &'a str,
}

impl<'a> LifecycleLine<'a> {
    /// Writes the Start line of a `call` such as `Invoke`.
    pub(crate) fn start(call: &'static str, request_id: &'a str) -> LifecycleLine<'a> {
        write_line(&line(&["FC ", call, " Start RequestId: ", request_id]));
        LifecycleLine { call, request_id }
    }

    /// Writes the End line of a call that failed with `error`, if it did.
    pub(crate) fn end(self, error: Option<&str>) {
        self.write_end(error);
        std::mem::forget(self); // its Drop would write a second one
    }

    fn write_end(&self, error: Option<&str>) {
        let end = ["FC ", self.call, " End RequestId: ", self.request_id];
        write_line(&match error {
            None => line(&end),
            Some(error) => line(&[&end[..], &[", Error: ", error]].concat()),
        });
    }
}

impl Drop for LifecycleLine<'_> {
    fn drop(&mut self) {
        self.write_end(Some("broken off"));
    }
}

/// One line of text, whatever its parts hold.
fn line(parts: &[&str]) -> Vec<u8> {
    let mut line = Vec::with_capacity(128);
    for part in parts {
        line.extend(part.bytes().map(|b| if b.is_ascii_control() { b' ' } else { b }));
    }
    line.truncate(PIPE_BUF - 1);
    line.push(b'\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::written;
    use std::panic::catch_unwind;

    #[test]
    fn an_end_line_is_written_once_and_by_an_unwinding_thread_too() {
        LifecycleLine::start("Invoke", "id-1").end(None);
        LifecycleLine::start("PreStop", "id-2").end(Some("disk full"));
        let outcome = catch_unwind(|| {
            let _line = LifecycleLine::start("Initialize", "id-3");
            panic!("before its end");
        });
        assert!(outcome.is_err());
        let expected = "FC Invoke Start RequestId: id-1\n\
            FC Invoke End RequestId: id-1\n\
            FC PreStop Start RequestId: id-2\n\
            FC PreStop End RequestId: id-2, Error: disk full\n\
            FC Initialize Start RequestId: id-3\n\
            FC Initialize End RequestId: id-3, Error: broken off\n";
        assert_eq!(written(), expected);
    }

    #[test]
    fn a_line_is_one_line_whatever_its_parts_hold() {
        assert_eq!(
            line(&["FC Invoke Start RequestId: ", "a\nb\r\tc"]),
            b"FC Invoke Start RequestId: a b  c\n"
        );
    }

    #[test]
    fn a_line_is_one_write_to_a_pipe() {
        let line = line(&["FC ", &"x".repeat(10_000)]);
        assert_eq!((line.len(), line.last()), (PIPE_BUF, Some(&b'\n')));
    }
}
