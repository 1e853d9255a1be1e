//! The newest invocations, and of those that fit the room what was sent. What becomes of one is decided elsewhere.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;

use super::segments::{Place, SEGMENT, Segments};

/// What heads and bodies may take in all, in bytes.
const MAX_DETAILS: usize = 16 * 1024 * 1024;

/// Room of a path that is used again, in bytes: a long one is no reason to keep its room.
const USUAL_PATH: usize = 256;

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
    pub request_id: String,
    pub function: Arc<str>,
    /// `http`, `api`, `async`, or a trigger's type.
    pub trigger: &'static str,
    pub method: Cow<'static, str>,
    /// With its query.
    pub path: String,
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
    pub error_type: Option<&'static str>,
    pub error: Option<Arc<str>>,
    pub duration_ms: Option<f64>,
    pub billed_ms: Option<u64>,
    /// Of its instance, as last seen.
    pub memory_mb: Option<f64>,
    #[serde(skip)]
    pub instance_number: Option<u64>,
    #[serde(skip)]
    pub sent: Option<Sent>,
}

/// A call as it comes.
pub struct NewCall<'a> {
    pub request_id: &'a str,
    pub function: &'a str,
    pub trigger: &'static str,
    pub method: &'a str,
    /// With its query.
    pub path: &'a str,
    pub retries: u32,
}

/// Most calls have one of a few.
const METHODS: [&str; 7] = ["GET", "POST", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS"];

impl Invocation {
    pub fn has_failed(&self) -> bool {
        self.error_type.is_some()
            || self.x_fc_status.is_some()
            || self.status.is_some_and(|status| status >= 500)
    }
}

/// Where what was sent is kept.
#[derive(Clone, Copy, Debug)]
pub struct Sent {
    request_head: Place,
    request_body: Option<Place>,
    response_head: Option<Place>,
}

/// What was sent: heads as lines that end in a line feed, the body where it was short enough to be kept.
#[derive(Clone, Debug, Default)]
pub struct Details {
    pub request_head: Vec<u8>,
    pub request_body: Option<Vec<u8>>,
    pub response_head: Vec<u8>,
}

/// A ring: keys go up, nearly always by one.
pub struct Invocations {
    limit: usize,
    forgotten: u64,
    all: VecDeque<Invocation>,
    sent: Segments,
}

impl Invocations {
    pub fn new(limit: usize) -> Invocations {
        Invocations { limit, forgotten: 0, all: VecDeque::new(), sent: Segments::new(MAX_DETAILS / SEGMENT) }
    }

    /// Adds one that waits, whose key is higher than all before it.
    pub fn push(&mut self, key: u64, call: &NewCall<'_>, now: f64) {
        let (mut request_id, mut path) = self.make_room();
        request_id.push_str(call.request_id);
        path.push_str(call.path);
        let newest = self.all.back().filter(|newest| *newest.function == *call.function);
        let known = METHODS.into_iter().find(|known| *known == call.method);
        self.all.push_back(Invocation {
            key,
            request_id,
            function: newest.map_or_else(|| Arc::from(call.function), |newest| Arc::clone(&newest.function)),
            trigger: call.trigger,
            method: known.map_or_else(|| Cow::Owned(call.method.to_owned()), Cow::Borrowed),
            path,
            retries: call.retries,
            stage: Stage::Waiting,
            instance: None,
            accepted_at: now,
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
            instance_number: None,
            sent: None,
        });
    }

    /// Has the oldest one go if need be; its texts, empty, are room for others.
    fn make_room(&mut self) -> (String, String) {
        if self.all.len() < self.limit {
            return Default::default();
        }
        let Some(Invocation { mut request_id, mut path, .. }) = self.all.pop_front() else {
            return Default::default();
        };
        self.forgotten += 1;
        request_id.clear();
        path.clear();
        path.shrink_to(USUAL_PATH);
        (request_id, path)
    }

    pub fn get(&self, key: u64) -> Option<&Invocation> {
        self.all.get(self.place(key)?)
    }

    pub fn get_mut(&mut self, key: u64) -> Option<&mut Invocation> {
        let place = self.place(key)?;
        self.all.get_mut(place)
    }

    fn place(&self, key: u64) -> Option<usize> {
        let first = self.all.front()?.key;
        let guess = usize::try_from(key.checked_sub(first)?).ok()?;
        match self.all.get(guess) {
            Some(found) if found.key == key => Some(guess),
            _ => self.all.binary_search_by_key(&key, |one| one.key).ok(),
        }
    }

    /// Keeps what is sent to the function, as long as there is room.
    pub fn keep_request(&mut self, key: u64, head: &[u8], body: Option<&[u8]>) {
        let Some(place) = self.sent.push(&[head, body.unwrap_or_default()]) else { return };
        let (request_head, rest) = place.split(head.len());
        let request_body = body.map(|_| rest);
        if let Some(invocation) = self.get_mut(key) {
            invocation.sent = Some(Sent { request_head, request_body, response_head: None });
        }
    }

    /// Keeps the head that came back.
    pub fn keep_response(&mut self, key: u64, head: &[u8]) {
        let place = self.sent.push(&[head]);
        if let Some(sent) = self.get_mut(key).and_then(|invocation| invocation.sent.as_mut()) {
            sent.response_head = place;
        }
    }

    /// What was sent, unless it has made room.
    pub fn details(&self, sent: Sent) -> Option<Details> {
        let bytes = |place: Place| self.sent.get(place).map(<[u8]>::to_vec);
        Some(Details {
            request_head: bytes(sent.request_head)?,
            request_body: sent.request_body.and_then(bytes),
            response_head: sent.response_head.and_then(bytes).unwrap_or_default(),
        })
    }

    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Invocation> {
        self.all.iter()
    }

    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// How many have gone.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(all: &mut Invocations, key: u64) {
        let (request_id, function, trigger, method, path) = ("1-2", "shop", "http", "GET", "/");
        all.push(key, &NewCall { request_id, function, trigger, method, path, retries: 0 }, 0.0);
    }

    #[test]
    fn the_newest_are_found_by_their_keys_and_the_oldest_go() {
        let mut all = Invocations::new(3);
        [1, 2, 3, 5, 6].into_iter().for_each(|key| push(&mut all, key));
        assert_eq!(all.iter().map(|one| one.key).collect::<Vec<_>>(), [3, 5, 6]);
        assert!([0, 2, 4, 7, u64::MAX].into_iter().all(|key| all.get(key).is_none()));
        for key in [3, 5, 6] {
            assert_eq!(all.get(key).map(|one| one.key), Some(key));
        }
        assert_eq!((all.len(), all.forgotten()), (3, 2));
    }

    #[test]
    fn what_was_sent_is_kept_as_long_as_there_is_room() {
        let mut all = Invocations::new(1000);
        let head = vec![b'x'; SEGMENT];
        let count = (MAX_DETAILS / SEGMENT) as u64 + 2;
        for key in 1..=count {
            push(&mut all, key);
            all.keep_request(key, &head, None);
        }
        let details = |all: &Invocations, key| all.get(key).and_then(|one| all.details(one.sent?));
        assert!(details(&all, 2).is_none() && details(&all, 3).is_some());
        push(&mut all, count + 1);
        all.keep_request(count + 1, b"GET /", Some(b"body"));
        all.keep_response(count + 1, b"200");
        let kept = details(&all, count + 1).expect("the newest");
        assert_eq!((&*kept.request_head, kept.request_body.as_deref()), (&b"GET /"[..], Some(&b"body"[..])));
        assert_eq!(kept.response_head, b"200");
        all.keep_request(count + 1, &head, Some(b"longer than any"));
        assert!(details(&all, count + 1).is_some(), "it is left as it was");
    }
}
