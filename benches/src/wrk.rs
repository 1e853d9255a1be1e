//! Load from `wrk`: how it is called, and what it said.

use std::fs;
use std::io;
use std::path::PathBuf;
use std::process::Command;

use crate::folders;

/// One run of wrk.
pub struct Load {
    pub connections: usize,
    pub seconds: u64,
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
    let found = Command::new("wrk").arg("--version").output().is_ok();
    found
        .then_some(())
        .ok_or_else(|| "wrk: not installed, so no load is measured (Debian: apt-get install wrk)".into())
}

impl Load {
    /// Runs wrk against a port, with a thread for one connection and two for more.
    pub fn run(&self, port: u16) -> io::Result<Outcome> {
        let mut command = Command::new("wrk");
        command.arg(format!("-t{}", self.connections.min(2))).arg(format!("-c{}", self.connections));
        command.arg(format!("-d{}s", self.seconds)).arg("-s").arg(script()?);
        command.arg(format!("http://127.0.0.1:{port}{}", self.target));
        if let Some(body) = self.body {
            command.env("BODY_BYTES", body.to_string());
        }
        let output = command.output()?;
        let text = String::from_utf8_lossy(&output.stdout);
        parse(&text).ok_or_else(|| {
            io::Error::other(format!("wrk said {text}{}", String::from_utf8_lossy(&output.stderr)))
        })
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

fn script() -> io::Result<PathBuf> {
    let path = folders::output()?.join("wrk.lua");
    fs::write(&path, include_str!("wrk.lua"))?;
    Ok(path)
}
