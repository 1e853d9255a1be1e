//! What unit tests share. The package is tested without the checkout, so that it is not what integration tests share.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU16, Ordering};
use std::{env, fs, io, mem, process};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt};

/// A directory that goes with the test.
pub struct Scratch(PathBuf);

impl Scratch {
    pub fn new() -> Scratch {
        static COUNTER: AtomicU16 = AtomicU16::new(0);
        let number = COUNTER.fetch_add(1, Ordering::Relaxed);
        let path = env::temp_dir().join(format!("fc-local-unit-test-{}-{number}", process::id()));
        let _ = fs::remove_dir_all(&path); // of a process of the same number
        fs::create_dir_all(&path).expect("a writable directory");
        Scratch(path)
    }

    pub fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }

    pub fn write(&self, name: &str, text: &str) -> String {
        fs::write(self.0.join(name), text).expect("a writable directory");
        self.path(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0); // what is left goes with the machine's temporary files
    }
}

/// Says on the terminal that something was not tested; a failure when FC_REQUIRE, a list with commas, names it.
pub fn skip(what: &str, reason: &str) {
    let required = env::var("FC_REQUIRE").unwrap_or_default();
    assert!(!required.split(',').any(|word| word == what), "{what} is required, but {reason}");
    // Past the harness, which shows what a test prints only when it fails.
    let _ = writeln!(io::stderr(), "skipped: {what}: {reason}");
}

/// A port that nobody listens on, and that the system gives nobody else until the process ends.
pub fn reserved_port() -> u16 {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None);
    let socket = socket.expect("a socket");
    sockopt::set_socket_reuseaddr(&socket, true).expect("an option of every socket");
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)).expect("a free port");
    let address = SocketAddrV4::try_from(getsockname(&socket).expect("bound")).expect("of this family");
    mem::forget(socket);
    address.port()
}

/// Somebody who listens at a port of this address.
pub fn listener(host: &str) -> (TcpListener, u16) {
    let listener = TcpListener::bind((host, 0)).expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    (listener, port)
}
