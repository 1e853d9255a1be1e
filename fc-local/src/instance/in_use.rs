//! Has a process found an address in use? Nothing but its output tells why a process of somebody else's does not serve.
//! What follows from it is not decided here.

/// How runtimes say EADDRINUSE: libc's text, Node's and Python's names for it, gunicorn's own.
const PHRASES: [&str; 4] = ["address already in use", "eaddrinuse", "address in use", "connection in use"];

/// Whether it says so of any address.
pub fn is_said(output: &str) -> bool {
    output.lines().any(has_phrase)
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
        for output in [
            "OSError: [Errno 98] Address already in use",
            "Error: listen EADDRINUSE: address already in use 0.0.0.0:9000",
            "up\nnginx: [emerg] bind() to 0.0.0.0:9000 failed (98: Address already in use)\n",
            "[ERROR] Connection in use: ('0.0.0.0', 9000)",
            "metrics on :9090: address in use\nserving on 9000",
            "address in use: 0.0.0.0:19000",
        ] {
            assert!(is_said(output), "{output}");
        }
        assert!(!is_said("no such table: address\nin use"));
    }
}
