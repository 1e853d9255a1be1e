//! What happens from now on, as server-sent events. Whoever takes them slowly gets fewer of them, and is told how many it
//! missed: the record waits for nobody.

use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;

use fc_runtime::{Request, Response};

use super::query;
use super::refusal::Refusal;
use super::served::Served;
use crate::front::Caller;
use crate::instance::client::Recipient as _;
use crate::record::{Update, Wanted};
use crate::sync::{Condvar, Mutex};

/// Streams at once: each holds a thread of the console's.
pub const MAX_STREAMS: usize = 16;

/// How often a stream looks, and how often while there is much to tell: the functions' time is not spent on on-lookers.
const LOOK_EVERY: Duration = Duration::from_millis(100);
const LOOK_EVERY_WHEN_BUSY: Duration = Duration::from_secs(1);

/// What one event has at the most of each kind, and how much of it is much.
const MOST: usize = 200;
const MUCH: usize = 50;

/// Looks without news before a comment shows both ends that the other is there: 10 s.
const QUIET_LOOKS: u32 = 100;

/// The streams that there are, until all of them end.
#[derive(Default)]
pub struct Streams {
    state: Mutex<State>,
    closed: Condvar,
}

#[derive(Default)]
struct State {
    open: usize,
    is_closed: bool,
}

/// A stream that is counted.
struct Open(Arc<Streams>);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.state.lock().open -= 1;
    }
}

impl Streams {
    fn open(streams: &Arc<Streams>) -> Option<Open> {
        let mut state = streams.state.lock();
        if state.is_closed || state.open >= MAX_STREAMS {
            return None;
        }
        state.open += 1;
        Some(Open(Arc::clone(streams)))
    }

    /// Ends all of them.
    pub fn close(&self) {
        self.state.lock().is_closed = true;
        self.closed.notify_all();
    }

    /// Waits; whether they end.
    fn wait(&self, time: Duration) -> bool {
        self.closed.wait_timeout_while(self.state.lock(), time, |state| !state.is_closed).is_closed
    }
}

/// What somebody follows.
struct Followed {
    seq: u64,
    second: u64,
    wanted: Wanted,
    /// Log lines alone.
    only_lines: bool,
}

pub fn stream(
    served: &Arc<Served>,
    streams: &Arc<Streams>,
    request: &Request<'_>,
) -> Result<Response, Refusal> {
    let newest = served.recorder.seq();
    let since = query::number(request, "since", newest)?;
    let last = request.header("last-event-id").and_then(|id| id.parse().ok()).unwrap_or(since);
    let mut followed = Followed {
        seq: if last <= newest { last } else { 0 }, // a number of another run, of which nothing is here
        second: (served.recorder.now() / 1000.0) as u64,
        wanted: query::wanted(request)?,
        only_lines: query::switch(request, "only_lines")?,
    };
    let Some(open) = Streams::open(streams) else {
        let text =
            format!("{MAX_STREAMS} streams of events are open, which is all that there can be; close one");
        return Err(Refusal::new(503, text));
    };
    let (served, caller) = (Arc::clone(served), Caller::of(request));
    let run = move |out: &mut dyn Write| {
        let open = open;
        let _ = follow(&served, &open.0, &mut followed, &caller, out); // who does not read on has gone
    };
    Ok(Response::stream(move |_, out| {
        run(out);
        Ok(())
    })
    .with_header("content-type", "text/event-stream"))
}

fn follow(
    served: &Served,
    streams: &Streams,
    followed: &mut Followed,
    caller: &Caller,
    out: &mut dyn Write,
) -> io::Result<()> {
    writeln!(out, "retry: 1000\n")?;
    out.flush()?;
    let mut quiet = 0;
    loop {
        let update = followed.next(served);
        let is_busy = update.invocations.len() > MUCH || update.lines.len() > MUCH;
        if has_news(&update) {
            write!(out, "id: {}\nevent: update\ndata: ", update.seq)?;
            serde_json::to_writer(&mut *out, &update)?;
            write!(out, "\n\n")?;
            quiet = 0;
        } else if caller.has_gone() {
            return Ok(()); // a write would show it late, and its place is another's
        } else {
            quiet += 1;
            if quiet % QUIET_LOOKS == 0 {
                write!(out, ": still here\n\n")?;
            }
        }
        out.flush()?;
        if streams.wait(if is_busy { LOOK_EVERY_WHEN_BUSY } else { LOOK_EVERY }) {
            let update = followed.next(served);
            write!(out, "id: {}\nevent: update\ndata: {}\n\n", update.seq, serde_json::to_string(&update)?)?;
            write!(out, "event: end\ndata: fc-local stops\n\n")?;
            return out.flush();
        }
    }
}

fn has_news(update: &Update) -> bool {
    !update.invocations.is_empty()
        || !update.instances.is_empty()
        || !update.lines.is_empty()
        || !update.samples.is_empty()
}

impl Followed {
    fn next(&mut self, served: &Served) -> Update {
        let before = self.seq;
        let mut update = served.recorder.since(self.seq, MOST, &self.wanted);
        self.seq = update.seq;
        if self.only_lines {
            (update.invocations, update.instances) = (Vec::new(), Vec::new());
            update.missed.invocations = 0;
        } else if update.seq > before {
            // The second that goes on is told again with what it becomes.
            update.samples = served.recorder.samples(self.second);
            self.second = update.samples.last().map_or(self.second, |sample| sample.second);
        }
        update
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_limit_to_streams_and_all_of_them_end() {
        let streams = Arc::new(Streams::default());
        let mut open: Vec<Open> = (0..MAX_STREAMS).filter_map(|_| Streams::open(&streams)).collect();
        assert!(open.len() == MAX_STREAMS && Streams::open(&streams).is_none());
        open.pop();
        open.extend(Streams::open(&streams));
        assert_eq!(open.len(), MAX_STREAMS);
        assert!(!streams.wait(Duration::ZERO));
        streams.close();
        assert!(streams.wait(Duration::MAX));
        open.pop();
        assert!(Streams::open(&streams).is_none(), "none begins any more");
    }
}
