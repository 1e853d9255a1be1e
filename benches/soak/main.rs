//! `make soak`: the figures of what the server promises under load, attack, failure and exhaustion, between two processes.
//! `SOAK=short` is for busy machines, and judges no times; names of scenarios as arguments choose some of them.

mod author;
mod busy;
mod exhaustion;
mod freeze;
mod hostile;
mod load;
mod scene;

use harness::subject;
use hostile::attack;
use scene::Scene;
use std::io::{self, Read, Write};
use std::{env, error::Error, time::Instant};

const UPLOAD: &[u8] = b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000000\r\n\r\n";
const LARGE: &[u8] = b"GET /large HTTP/1.1\r\nHost: h\r\n\r\n";

type Scenario = fn(&mut Scene) -> io::Result<()>;

/// Name, what the shell does before it starts the server, and what is done to that.
const SCENARIOS: [(&str, &str, Scenario); 14] = [
    ("idle", ":", load::idle_connections),
    ("fairness", ":", load::fairness),
    ("suddenly-slow", ":", author::suddenly_slow),
    ("all-slow", ":", author::all_slow_at_once),
    ("blocked", ":", author::all_workers_blocked),
    ("slow-drops", ":", author::slow_drops),
    ("failures", subject::WITH_PANICKING_LOGGER, author::failures),
    // Heads and uploads that come, and responses that are taken, a few bytes at a time.
    ("slow-heads", ":", |scene| {
        attack(scene, b"GET / HTTP/1.1\r\nHost: h\r\nX: ", |it| drop(it.write(b"x")))
    }),
    ("slow-uploads", ":", |scene| attack(scene, UPLOAD, |stream| drop(stream.write(b"x")))),
    ("slow-readers", ":", |scene| attack(scene, LARGE, |stream| drop(stream.read(&mut [0; 64])))),
    ("descriptors", ":", exhaustion::no_descriptors),
    ("threads", ":", exhaustion::no_threads),
    ("freezes", freeze::LIMITS, freeze::freezes),
    ("leaks", ":", load::leaks),
];

fn main() -> Result<(), Box<dyn Error>> {
    subject::serve_if_told();
    let chosen: Vec<String> = env::args().skip(1).filter(|name| !name.starts_with("--")).collect();
    let is_short = env::var("SOAK").is_ok_and(|it| it == "short");
    let (mut within, mut beyond, mut not_judged) = (0, Vec::new(), 0);
    let is_chosen = |name: &str| chosen.is_empty() || chosen.iter().any(|argument| argument == name);
    for (name, first, scenario) in SCENARIOS.into_iter().filter(|(name, ..)| is_chosen(name)) {
        println!("{name}");
        let began = Instant::now();
        let mut scene = Scene::start(first, is_short)?;
        if let Err(error) = scenario(&mut scene) {
            println!("  FAILED: {error}");
            scene.beyond.push(format!("broken off: {error}"));
        }
        let is_as_told = scene.server.end().is_none() == scene.is_to_live;
        scene.holds("the server lives, or has ended as told", is_as_told);
        (within, not_judged) = (within + scene.within, not_judged + scene.not_judged);
        beyond.extend(scene.beyond.iter().map(|failure| format!("{name}: {failure}")));
        println!("  ({:.1} s)", began.elapsed().as_secs_f64());
    }
    if !beyond.is_empty() {
        println!("beyond their limits:\n  {}", beyond.join("\n  "));
    }
    println!("{within} figures hold, {} do not; {not_judged} were not judged and may not", beyond.len());
    if beyond.is_empty() && within > 0 { Ok(()) } else { Err("not within the limits".into()) }
}
