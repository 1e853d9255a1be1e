//! Has a process found an address in use? Nothing but its output tells why a process of somebody else's does not serve.
//! What follows from it is not decided here.

/// How runtimes say EADDRINUSE: libc's text, Node's and Python's names for it, gunicorn's own.
const PHRASES: [&str; 4] = ["address already in use", "eaddrinuse", "address in use", "connection in use"];

/// Whether it says so of any address.
pub fn is_said(output: &str) -> bool {
    output.lines().any(has_phrase)
}

/// Whether it says so of `port` in one line. A process may go on after that, with or without the port: of another one
/// it says nothing.
pub fn is_said_of(port: u16, output: &str) -> bool {
    let port = port.to_string();
    let has_port = |line: &str| line.split(|c: char| !c.is_ascii_digit()).any(|number| number == port);
    output.lines().any(|line| has_phrase(line) && has_port(line))
}

fn has_phrase(line: &str) -> bool {
    let line = line.to_lowercase();
    PHRASES.iter().any(|phrase| line.contains(phrase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_say_it_in_their_own_words() {
        for (output, is_of_9000) in [
            ("OSError: [Errno 98] Address already in use", false),
            ("Error: listen EADDRINUSE: address already in use 0.0.0.0:9000", true),
            ("up\nnginx: [emerg] bind() to 0.0.0.0:9000 failed (98: Address already in use)\n", true),
            ("[ERROR] Connection in use: ('0.0.0.0', 9000)", true),
            ("metrics on :9090: address in use\nserving on 9000", false),
            ("address in use: 0.0.0.0:19000", false),
        ] {
            assert_eq!((is_said(output), is_said_of(9000, output)), (true, is_of_9000), "{output}");
        }
        assert!(!is_said("no such table: address\nin use"));
    }
}
