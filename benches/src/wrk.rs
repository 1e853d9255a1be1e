//! Load from `wrk`: how it is called, and what it said.

use std::fs;
use std::io;
use std::process::Command;

use crate::folders;

/// A second of load.
pub struct Load {
    pub connections: usize,
    /// The request target.
    pub target: &'static str,
    /// The length of the body that every request carries; without one they are GETs.
    pub body: Option<usize>,
}

/// What wrk counted. Times in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    pub requests: f64,
    pub per_second: f64,
    pub p50: f64,
    pub p99: f64,
    pub errors: f64,
}

/// Says why there can be no load, if so.
pub fn available() -> Result<(), String> {
    match Command::new("wrk").arg("--version").output() {
        Ok(_) => Ok(()),
        Err(_) => Err("wrk: not installed, so no load is measured (Debian: apt-get install wrk)".into()),
    }
}

impl Load {
    /// Runs wrk against a port, with a thread for one connection and two for more.
    pub fn run(&self, port: u16) -> io::Result<Outcome> {
        let script = folders::output()?.join("wrk.lua");
        fs::write(&script, include_str!("wrk.lua"))?;
        let mut command = Command::new("wrk");
        command.arg(format!("-t{}", self.connections.min(2))).arg(format!("-c{}", self.connections));
        command.args(["-d1s", "-s"]).arg(script).arg(format!("http://127.0.0.1:{port}{}", self.target));
        command.envs(self.body.map(|length| ("BODY_BYTES", length.to_string())));
        let output = command.output()?;
        let (text, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        parse(&text).ok_or_else(|| io::Error::other(format!("wrk said {text}{errors}")))
    }
}

/// Reads the line that wrk.lua prints.
pub fn parse(text: &str) -> Option<Outcome> {
    let line = text.lines().find_map(|line| line.strip_prefix("result "))?;
    let numbers: Vec<f64> = line.split(' ').map_while(|number| number.parse().ok()).collect();
    let &[requests, duration, p50, p99, _max, errors] = numbers.as_slice() else {
        return None;
    };
    Some(Outcome { requests, per_second: requests / (duration / 1e6), p50, p99, errors })
}
