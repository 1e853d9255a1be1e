//! What fc-local costs: a request through its gateway against the same request made directly, a freeze and thaw, and a
//! whole `fc-local invoke`. Rounds of both sides alternate, so that a drift of the machine meets both.
//!
//! `cargo bench --package benches --bench local`; it builds nothing but itself: run `cargo build --release
//! --package fc-local` and `cargo build --release --example hello` first.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::reserved_port;

const ROUNDS: usize = 21;
const REQUESTS: usize = 1000;
const INVOKES: usize = 51;

/// Well past the 10 ms after which an idle instance is frozen.
const FROZEN: Duration = Duration::from_millis(25);

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Killed, its watcher takes the function with it.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn main() {
    let hello = built("examples/hello");
    let direct_port = reserved_port();
    let direct = Command::new(&hello)
        .env("FC_CUSTOM_LISTEN_PORT", direct_port.to_string())
        .env("LIFECYCLE_MARKS", "off")
        .stdout(Stdio::null())
        .spawn()
        .expect("the example");
    let _direct = Running(direct);
    let (_gateway, through) = gateway(&hello);
    let mut direct = connect(SocketAddr::from(([127, 0, 0, 1], direct_port)));
    let mut through = connect(through);
    let (mut directly, mut relayed, mut frozen) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        directly.push(median((0..REQUESTS).map(|_| request(&mut direct)).collect()));
        request(&mut through);
        relayed.push(median((0..REQUESTS).map(|_| request(&mut through)).collect()));
        std::thread::sleep(FROZEN);
        frozen.push(request(&mut through));
    }
    let (directly, relayed, frozen) = (median(directly), median(relayed), median(frozen));
    println!("request directly           {:8.1} µs", micros(directly));
    println!(
        "request through fc-local   {:8.1} µs  {:.2}x, {:+.1} µs",
        micros(relayed),
        relayed.as_secs_f64() / directly.as_secs_f64(),
        micros(relayed) - micros(directly)
    );
    println!(
        "request after a freeze     {:8.1} µs  {:+.1} µs for the thaw",
        micros(frozen),
        micros(frozen) - micros(relayed)
    );
    let invokes = median((0..INVOKES).map(|_| invoke(&hello)).collect());
    println!("fc-local invoke            {:8.2} ms", invokes.as_secs_f64() * 1000.0);
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// A release build, beside this program's own directory.
fn built(program: &str) -> PathBuf {
    let own = std::env::current_exe().expect("this program has a path");
    let path = own.parent().and_then(|deps| deps.parent()).expect("target/release/deps").join(program);
    assert!(path.is_file(), "build it first, as the first lines of this file say");
    path
}

/// fc-local with `hello`, and where it listens.
fn gateway(hello: &PathBuf) -> (Running, SocketAddr) {
    let mut child = Command::new(built("fc-local"))
        .args(["start", "--listen", "127.0.0.1:0", "--env", "LIFECYCLE_MARKS=off", "--port"])
        .arg(reserved_port().to_string())
        .arg("--")
        .arg(hello)
        .stdout(Stdio::piped())
        .spawn()
        .expect("fc-local");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe")).lines().map_while(Result::ok);
    let address = lines
        .find_map(|line| line.split("http://").nth(1)?.split('/').next()?.parse().ok())
        .expect("the line with its address");
    // Its log goes on, and must be read to the end.
    std::thread::spawn(move || lines.for_each(drop));
    (Running(child), address)
}

fn connect(address: SocketAddr) -> TcpStream {
    let end = Instant::now() + Duration::from_secs(10);
    loop {
        match TcpStream::connect(address) {
            Ok(stream) => {
                stream.set_nodelay(true).expect("a socket");
                return stream;
            }
            Err(error) => assert!(Instant::now() < end, "{address}: {error}"),
        }
    }
}

/// One GET over a kept connection.
fn request(stream: &mut TcpStream) -> Duration {
    let start = Instant::now();
    stream.write_all(b"GET / HTTP/1.1\r\nhost: bench\r\n\r\n").expect("a peer");
    let mut buffer = [0; 4096];
    let mut filled = 0;
    loop {
        filled += stream.read(&mut buffer[filled..]).expect("an answer");
        let text = std::str::from_utf8(&buffer[..filled]).expect("text");
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok())
            .expect("a length");
        if body.len() >= length {
            assert!(head.starts_with("HTTP/1.1 200"), "{head}");
            return start.elapsed();
        }
    }
}

fn invoke(hello: &PathBuf) -> Duration {
    let start = Instant::now();
    let output = Command::new(built("fc-local"))
        .args(["invoke", "--port", &reserved_port().to_string(), "--"])
        .arg(hello)
        .output()
        .expect("fc-local");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    start.elapsed()
}
