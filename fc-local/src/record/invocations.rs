//! The newest invocations, and of those that fit the room what was sent. What becomes of one is decided elsewhere.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;

/// What heads and bodies may take in all, in bytes.
const MAX_DETAILS: usize = 16 * 1024 * 1024;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// For an instance.
    Waiting,
    Running,
    Ended,
}

#[derive(Clone, Debug, Serialize)]
pub struct Invocation {
    /// What tells it from others, attempts of one request included.
    pub key: u64,
    pub request_id: Arc<str>,
    pub function: Arc<str>,
    /// `http`, `api`, `async`, or a trigger's type.
    pub trigger: &'static str,
    pub method: Cow<'static, str>,
    /// With its query.
    pub path: Arc<str>,
    /// How often it was tried before.
    pub retries: u32,
    pub stage: Stage,
    pub instance: Option<Arc<str>>,
    /// Milliseconds since the epoch.
    pub accepted_at: f64,
    pub started_at: Option<f64>,
    pub ended_at: Option<f64>,
    /// What it waited for an instance.
    pub queue_ms: Option<f64>,
    /// Whether it waited for the start of its instance.
    pub cold: bool,
    pub status: Option<u16>,
    pub x_fc_status: Option<Arc<str>>,
    pub error_type: Option<Arc<str>>,
    pub error: Option<Arc<str>>,
    pub duration_ms: Option<f64>,
    pub billed_ms: Option<u64>,
    /// Of its instance, as last seen.
    pub memory_mb: Option<f64>,
    #[serde(skip)]
    pub details: Option<Arc<Details>>,
}

impl Invocation {
    pub fn has_failed(&self) -> bool {
        self.error_type.is_some()
            || self.x_fc_status.is_some()
            || self.status.is_some_and(|status| status >= 500)
    }
}

/// What was sent: heads as lines that end in a line feed, the body where it was short enough to be kept.
#[derive(Clone, Debug, Default)]
pub struct Details {
    pub request_head: Vec<u8>,
    pub request_body: Option<Vec<u8>>,
    pub response_head: Vec<u8>,
}

impl Details {
    fn size(&self) -> usize {
        let body = self.request_body.as_ref().map_or(0, Vec::len);
        size_of::<Details>() + self.request_head.len() + self.response_head.len() + body
    }
}

/// A ring: the key of the first is known, and they go up by one.
pub struct Invocations {
    limit: usize,
    first: u64,
    all: VecDeque<Invocation>,
    /// Those with details, oldest first.
    detailed: VecDeque<(u64, usize)>,
    details: usize,
}

impl Invocations {
    pub fn new(limit: usize) -> Invocations {
        Invocations { limit, first: 1, all: VecDeque::new(), detailed: VecDeque::new(), details: 0 }
    }

    /// The key of the next one.
    pub fn next_key(&self) -> u64 {
        self.first + self.all.len() as u64
    }

    /// Adds one, which has the next key.
    pub fn push(&mut self, invocation: Invocation) {
        if self.all.len() == self.limit {
            self.all.pop_front();
            self.first += 1;
        }
        self.all.push_back(invocation);
    }

    pub fn get(&self, key: u64) -> Option<&Invocation> {
        self.all.get(usize::try_from(key.checked_sub(self.first)?).ok()?)
    }

    pub fn get_mut(&mut self, key: u64) -> Option<&mut Invocation> {
        self.all.get_mut(usize::try_from(key.checked_sub(self.first)?).ok()?)
    }

    /// Keeps what was sent, and forgets that of the oldest ones when there is no room.
    pub fn keep(&mut self, key: u64, details: Details) {
        let size = details.size();
        let Some(invocation) = self.get_mut(key) else { return };
        invocation.details = Some(Arc::new(details));
        self.detailed.push_back((key, size));
        self.details += size;
        while self.details > MAX_DETAILS {
            let Some((oldest, size)) = self.detailed.pop_front() else { return };
            self.details -= size;
            if let Some(invocation) = self.get_mut(oldest) {
                invocation.details = None;
            }
        }
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Invocation> {
        self.all.iter()
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// How many have gone.
    pub fn forgotten(&self) -> u64 {
        self.first - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn invocation(key: u64) -> Invocation {
        Invocation {
            key,
            request_id: key.to_string().into(),
            function: "shop".into(),
            trigger: "http",
            method: "GET".into(),
            path: "/".into(),
            retries: 0,
            stage: Stage::Waiting,
            instance: None,
            accepted_at: 0.0,
            started_at: None,
            ended_at: None,
            queue_ms: None,
            cold: false,
            status: None,
            x_fc_status: None,
            error_type: None,
            error: None,
            duration_ms: None,
            billed_ms: None,
            memory_mb: None,
            details: None,
        }
    }

    #[test]
    fn the_newest_are_found_by_their_keys_and_the_oldest_go() {
        let mut all = Invocations::new(3);
        for key in 1..=5 {
            assert_eq!(all.next_key(), key);
            all.push(invocation(key));
        }
        assert_eq!(all.iter().map(|one| one.key).collect::<Vec<_>>(), [3, 4, 5]);
        assert!(all.get(2).is_none() && all.get(0).is_none() && all.get(6).is_none());
        assert_eq!(all.get(3).map(|one| one.key), Some(3));
        assert_eq!((all.len(), all.forgotten()), (3, 2));
    }

    #[test]
    fn what_was_sent_is_kept_as_long_as_there_is_room() {
        let mut all = Invocations::new(10);
        let megabytes =
            |count: usize| Details { request_head: vec![b'x'; count << 20], ..Details::default() };
        for key in 1..=3 {
            all.push(invocation(key));
            all.keep(key, megabytes(7));
        }
        let has = |all: &Invocations| {
            (1..=3).map(|key| all.get(key).is_some_and(|one| one.details.is_some())).collect::<Vec<_>>()
        };
        assert_eq!(has(&all), [false, true, true]);
        all.keep(9, megabytes(1));
        all.keep(3, megabytes(17));
        assert_eq!(has(&all), [false, false, false], "one that is too long for all");
        assert_eq!(all.details, 0);
    }
}
