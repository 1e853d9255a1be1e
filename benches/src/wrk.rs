//! Load from `wrk`: how it is called, and what it said.

use crate::folders;
use std::{fs, io, process::Command};

#[derive(Default)]
pub struct Load {
    pub connections: usize,
    /// The length of the body that every request carries to be echoed; without one they are GETs of /.
    pub body: Option<usize>,
    /// A field that every request carries.
    pub field: Option<&'static str>,
}

/// Says why there can be no load, if so.
pub fn available() -> Result<(), String> {
    let missing = "wrk: not installed, so no load is measured (Debian: apt-get install wrk)";
    Command::new("wrk").arg("--version").output().map_or(Err(missing.into()), |_| Ok(()))
}

impl Load {
    /// Runs wrk against a port, with a thread for one connection and two for more; the figures are those of `parse`.
    pub fn run(&self, port: u16) -> io::Result<[f64; 5]> {
        let script = folders::output()?.join("wrk.lua");
        fs::write(&script, include_str!("wrk.lua"))?;
        let mut command = Command::new("wrk");
        command.arg(format!("-t{}", self.connections.min(2))).arg(format!("-c{}", self.connections));
        let target = if self.body.is_some() { "/echo" } else { "/" };
        command.args(self.field.iter().flat_map(|field| ["-H", *field]));
        command.args(["-d1s", "-s"]).arg(script).arg(format!("http://127.0.0.1:{port}{target}"));
        command.envs(self.body.map(|length| ("BODY_BYTES", length.to_string())));
        let output = command.output()?;
        let [text, errors] =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        parse(&text).ok_or_else(|| io::Error::other(format!("wrk said {text}{errors}")))
    }
}

/// The line that wrk.lua prints: requests, the microseconds of all together, the median and p99 of each, and errors.
pub fn parse(text: &str) -> Option<[f64; 5]> {
    let line = text.lines().find_map(|line| line.strip_prefix("result "))?;
    let numbers: Vec<f64> = line.split(' ').map_while(|number| number.parse().ok()).collect();
    numbers.try_into().ok()
}
