//! How do `status` and `logs` ask a console? One request on a connection of its own; events come until one side ends. What
//! is asked and shown is not known here.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, bail};
use serde_json::Value;

use crate::instance::client::{Deadline, Error, Patience, Pool, Reply, RequestBody};
use crate::instance::headers;

/// How long an answer may take: the longest has 50 MB.
const PATIENCE: Duration = Duration::from_secs(60);

/// How long somebody follows: until Ctrl-C.
const FOR_EVER: Duration = Duration::from_secs(u32::MAX as u64);

/// What an answer or an event takes at the most, in bytes: the longest has 10,000 log lines.
const MAX_ANSWER: u64 = 512 * 1024 * 1024;

/// What is asked first: no other server's JSON looks like it.
pub const STATUS: &str = "/api/v1/status";

/// A console at an address.
pub struct Client(pub SocketAddr);

/// What stands at a place of a value (RFC 6901); null where nothing does.
pub fn at<'v>(value: &'v Value, place: &str) -> &'v Value {
    value.pointer(place).unwrap_or(&Value::Null)
}

impl Client {
    /// What it answers to a GET.
    pub fn get(&self, target: &str) -> Result<Value> {
        let mut reply = self.send(target, PATIENCE)?;
        let body = reply.body.read_all(MAX_ANSWER).context("the console's answer")?;
        let value: Value = serde_json::from_slice(&body).map_err(|_| anyhow!(self.is_none()))?;
        match (reply.status, at(&value, "/error").as_str()) {
            (200, _) if target == STATUS && at(&value, "/record").is_null() => bail!(self.is_none()),
            (200, _) => Ok(value),
            (_, Some(refusal)) => bail!("the console says: {refusal}"),
            (_, None) => bail!(self.is_none()), // another server's JSON
        }
    }

    /// Hands every event's data to `take`, until that is false or the console ends the stream.
    pub fn follow(&self, target: &str, mut take: impl FnMut(&Value) -> Result<bool>) -> Result<()> {
        let reply = self.send(target, FOR_EVER)?;
        if reply.status != 200 {
            return self.get(target).map(drop);
        }
        let mut lines = BufReader::new(reply.body);
        let mut line = String::new();
        loop {
            line.clear();
            // fc-local has ended, in order or not.
            if (&mut lines).take(MAX_ANSWER).read_line(&mut line).unwrap_or(0) == 0 {
                return Ok(());
            }
            let data = line.strip_prefix("data: ").and_then(|data| serde_json::from_str(data).ok());
            if let Some(data) = data
                && !take(&data)?
            {
                return Ok(());
            }
        }
    }

    fn send(&self, target: &str, time: Duration) -> Result<Reply> {
        let address = self.0;
        let head = headers::of_a_client("GET", target, &address.to_string(), &[])?;
        let pool = Pool::new(address.ip(), address.port());
        pool.send(&head, RequestBody::Bytes(b""), &Patience::of(Deadline::after(time))).map_err(|error| match error {
            Error::BadReply(_) => anyhow!(self.is_none()),
            Error::TimedOut => anyhow!("no answer has come from {address} in {} s", time.as_secs()),
            _ => anyhow!(
                "nothing answers at {address}: is 'fc-local start' running? It prints its console's address; name it with --console"
            ),
        })
    }

    fn is_none(&self) -> String {
        format!(
            "what answers at {} is no console of fc-local; name the one that 'fc-local start' prints with --console",
            self.0
        )
    }
}
