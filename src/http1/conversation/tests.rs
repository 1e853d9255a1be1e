use super::super::body::Taken;
use super::super::persistence::CloseReason;
use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn limits() -> Limits {
    Limits { max_body: 100_000, head_timeout: 30 * SECOND, body_timeout: 20 * SECOND, idle_timeout: None }
}

fn at(seconds: u32) -> Moment {
    Moment::default().plus(seconds * SECOND)
}

/// A conversation and the time it is.
struct Scene {
    conversation: Conversation,
    limits: Limits,
    head: Head,
    now: Moment,
}

/// A step without what it carries.
#[derive(Debug, PartialEq, Eq)]
enum Seen {
    /// Method and target.
    Request(String),
    Refuse(Reject),
    Receive,
    EndSending,
    Close(CloseReason),
}

fn scene() -> Scene {
    Scene { conversation: Conversation::new(at(0)), limits: limits(), head: Head::default(), now: at(0) }
}

impl Scene {
    /// What comes of these bytes, at this second.
    fn arrives(&mut self, second: u32, bytes: impl AsRef<[u8]>) -> Seen {
        self.now = at(second);
        let mut bytes = bytes.as_ref();
        while !bytes.is_empty() {
            let space = self.conversation.space();
            let count = space.len().min(bytes.len());
            space[..count].copy_from_slice(&bytes[..count]);
            self.conversation.received(count, self.now);
            bytes = &bytes[count..];
        }
        self.step()
    }

    fn step(&mut self) -> Seen {
        match self.conversation.step(&self.limits, &mut self.head) {
            Step::Request(head) => {
                let seen = Seen::Request(format!("{} {}", head.method(), head.target()));
                self.head = head;
                seen
            }
            Step::Refuse(reject) => Seen::Refuse(reject),
            Step::Receive => Seen::Receive,
            Step::EndSending => Seen::EndSending,
            Step::Close(reason) => Seen::Close(reason),
        }
    }

    /// The exchange is over at this second; what comes of it.
    fn concludes(&mut self, second: u32, next: Next) -> Seen {
        self.now = at(second);
        self.conversation.conclude(next, self.now);
        self.step()
    }

    fn patience(&self) -> (Option<Moment>, Overdue) {
        let Patience { until, then } = self.conversation.patience(&self.limits);
        (until, then)
    }

    /// What can be read of the request's body now.
    fn body(&mut self) -> Result<(Vec<u8>, bool), Reject> {
        let (mut body, mut piece) = (Vec::new(), [0; 7]);
        loop {
            match self.conversation.incoming().read(&mut piece)? {
                Taken::Data(count) => body.extend_from_slice(&piece[..count]),
                Taken::End => return Ok((body, true)),
                Taken::NeedsMore => return Ok((body, false)),
            }
        }
    }
}

fn request(text: &str) -> Seen {
    Seen::Request(text.into())
}

const GET: &str = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";

fn post(length: usize, body: &str) -> String {
    format!("POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n{body}")
}

fn chunked(body: &str) -> String {
    format!("POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n{body}")
}

const LINGERS: Next = Next::Linger(CloseReason::ClientCloses);

/// The rows of the table in the module's documentation.
fn rows() -> Vec<[&'static str; 4]> {
    let lines = include_str!("../conversation.rs").lines().filter_map(|line| line.strip_prefix("//! |"));
    let cells = lines.skip(2).map(|row| row.trim_end_matches('|').split('|').map(str::trim).collect());
    cells.map(|cells: Vec<_>| cells.try_into().expect("four cells")).collect()
}

/// A scene in that state, of a request with a body of four bytes.
fn scene_in(state: &str) -> Scene {
    let mut scene = scene();
    match state {
        "Head" => {}
        "Collect" => assert_eq!(scene.arrives(0, post(4, "")), Seen::Receive),
        "Exchange" | "Discard" | "Linger" => {
            assert_eq!(scene.arrives(0, chunked("4\r\nb")), request("POST /c"));
            match state {
                "Discard" => assert_eq!(scene.concludes(0, Next::Discard), Seen::Receive),
                "Linger" => assert_eq!(scene.concludes(0, LINGERS), Seen::EndSending),
                _ => {}
            }
        }
        other => panic!("no such state: {other}"),
    }
    scene
}

/// What happens in a row of the table, and the step that comes of it.
fn happens(scene: &mut Scene, state: &str, event: &str) -> Seen {
    match (state, event) {
        (_, "a part of a head") => scene.arrives(1, "GE"),
        (_, "an empty line") => scene.arrives(1, "\r\n"),
        (_, "a head") => scene.arrives(1, GET),
        (_, "a head without its small body") => scene.arrives(1, post(4, "")),
        ("Head", "something malformed") => scene.arrives(1, "GET\r\n"),
        (_, "something malformed") => scene.arrives(1, "odyzz\r\n"),
        (_, "a part of the body") => scene.arrives(1, "o"),
        ("Collect", "the rest of the body") => scene.arrives(1, "body"),
        (_, "the rest of the body") => scene.arrives(1, "ody\r\n0\r\n\r\n"),
        (_, "Next::Request") => {
            assert!(scene.conversation.incoming().discard() || state == "Exchange");
            scene.concludes(1, Next::Request)
        }
        (_, "Next::Discard") => scene.concludes(1, Next::Discard),
        (_, "Next::Linger") => scene.concludes(1, LINGERS),
        (_, "Next::Close") => scene.concludes(1, Next::Close(CloseReason::SendingFailed)),
        (_, "nothing for too long") => {
            if state == "Head" {
                scene.arrives(1, "G");
            }
            let (until, then) = scene.patience();
            assert!(until.expect("not for ever") > scene.now, "{state}");
            match then {
                Overdue::Refuse(reject) => Seen::Refuse(reject),
                Overdue::Close(reason) => Seen::Close(reason),
            }
        }
        other => panic!("no such event: {other:?}"),
    }
}

#[test]
fn every_row_of_the_documented_table_holds() {
    let rows = rows();
    assert_eq!(rows.len(), 19);
    for [state, event, step, next] in rows {
        let mut scene = scene_in(state);
        let seen = happens(&mut scene, state, event);
        if let Seen::Refuse(_) = seen {
            scene.conversation.refuse(scene.now); // as whoever has told the peer
        }
        let seen = format!("{seen:?}");
        assert_eq!(seen.split('(').next(), Some(step), "{state}: {event}");
        assert_eq!(scene.conversation.state.name(), next, "{state}: {event}");
    }
}

/// Where a row may lead is what the list above the table says of its state.
#[test]
fn the_documented_list_of_states_has_every_way_of_the_table_and_no_other() {
    let mut ways: Vec<(&str, &str)> = rows().into_iter().map(|[from, _, _, to]| (from, to)).collect();
    ways.retain(|(from, to)| from != to);
    ways.sort_unstable();
    ways.dedup();
    let lines = include_str!("../conversation.rs").lines().filter_map(|line| line.strip_prefix("//! - "));
    let mut listed: Vec<(&str, &str)> = lines
        .flat_map(|line| {
            let (from, to) = line.split_once(" → ").expect("an arrow");
            to.split(", ").map(move |to| (from, to))
        })
        .collect();
    listed.sort_unstable();
    assert_eq!(ways, listed);
}

impl State {
    fn name(&self) -> &'static str {
        match self {
            State::Head => "Head",
            State::Collect { .. } => "Collect",
            State::Exchange => "Exchange",
            State::Discard => "Discard",
            State::Linger { .. } => "Linger",
            State::Over(_) => "Over",
        }
    }
}

#[test]
fn one_request_follows_another() {
    let mut scene = scene();
    for second in 0..3 {
        assert_eq!(scene.arrives(second, GET), request("GET /a"));
        assert_eq!(scene.concludes(second, Next::Request), Seen::Receive);
    }
    assert!(scene.conversation.is_idle() && scene.conversation.has_served());
}

#[test]
fn pipelined_requests_come_one_at_a_time() {
    let mut scene = scene();
    let wire = [GET, &post(5, "hello"), GET].concat();
    assert_eq!(scene.arrives(0, wire), request("GET /a"));
    assert_eq!(scene.concludes(0, Next::Request), request("POST /b"));
    assert_eq!(scene.body(), Ok((b"hello".to_vec(), true)));
    assert_eq!(scene.concludes(0, Next::Request), request("GET /a"));
    assert_eq!(scene.concludes(0, Next::Request), Seen::Receive);
}

#[test]
fn a_request_is_the_same_however_it_is_cut() {
    for (wire, expected) in [
        (post(11, "hello world"), &b"hello world"[..]),
        (chunked("5;x=y\r\nhello\r\n6\r\n world\r\n0\r\nT: v\r\n\r\n"), b"hello world"),
        (GET.to_owned(), b""),
    ] {
        for cut in 0..wire.len() {
            let mut scene = scene();
            let mut seen = scene.arrives(0, &wire[..cut]);
            let (mut body, mut is_whole) = (Vec::new(), false);
            if matches!(seen, Seen::Request(_)) {
                (body, is_whole) = scene.body().unwrap();
                scene.arrives_in_exchange(&wire[cut..]);
            } else {
                seen = scene.arrives(0, &wire[cut..]);
            }
            assert!(matches!(seen, Seen::Request(_)), "cut at {cut}: {seen:?}");
            if !is_whole {
                let (rest, end) = scene.body().unwrap();
                body.extend(rest);
                is_whole = end;
            }
            assert!(is_whole && body == expected, "cut at {cut}: {:?}", body.escape_ascii().to_string());
            assert_eq!(scene.concludes(0, Next::Request), Seen::Receive);
            assert_eq!(scene.arrives(0, GET), request("GET /a"), "cut at {cut}");
        }
    }
}

impl Scene {
    /// More of the body of the request that is being served.
    fn arrives_in_exchange(&mut self, bytes: &str) {
        self.conversation.body_space()[..bytes.len()].copy_from_slice(bytes.as_bytes());
        self.conversation.incoming().received(bytes.len());
    }
}

#[test]
fn a_small_body_is_collected_before_its_request_is_served() {
    let mut scene = scene();
    assert_eq!(scene.arrives(0, post(4, "sl")), Seen::Receive);
    assert!(!scene.conversation.is_idle());
    assert_eq!(scene.arrives(1, "ow"), request("POST /b"));
    assert_eq!(scene.body(), Ok((b"slow".to_vec(), true)));
}

#[test]
fn a_body_that_is_large_chunked_or_to_be_asked_for_is_read_by_who_serves_it() {
    let expects = "POST /d HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    for wire in [post(MAX_COLLECTED as usize + 1, "begun"), chunked("5\r\nbe"), expects.to_owned()] {
        assert!(matches!(scene().arrives(0, wire), Seen::Request(_)));
    }
}

#[test]
fn a_body_over_the_limit_is_refused_before_it_is_read() {
    assert_eq!(scene().arrives(0, post(100_001, "")), Seen::Refuse(Reject::BodyTooLarge));
}

#[test]
fn a_refused_request_ends_the_conversation_and_nothing_behind_it_is_read() {
    let mut scene = scene();
    let wire = ["GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", GET].concat();
    assert_eq!(scene.arrives(0, wire), Seen::Refuse(Reject::Host));
    assert_eq!(scene.concludes(0, LINGERS), Seen::EndSending);
    assert_eq!(scene.step(), Seen::Receive);
    assert_eq!(scene.arrives(1, GET), Seen::Receive);
}

#[test]
fn an_unread_body_is_taken_in_before_the_next_request() {
    for (head, rest) in
        [(post(20_000, ""), "x".repeat(20_000)), (chunked("5\r\nhe"), "llo\r\n0\r\n\r\n".into())]
    {
        let mut scene = scene();
        assert!(matches!(scene.arrives(0, head), Seen::Request(_)));
        assert_eq!(scene.concludes(0, Next::Discard), Seen::Receive);
        assert_eq!(scene.arrives(1, [&rest, GET].concat()), request("GET /a"));
    }
}

#[test]
fn an_unread_body_that_turns_out_to_be_malformed_ends_the_conversation() {
    let mut scene = scene();
    assert_eq!(scene.arrives(0, chunked("")), request("POST /c"));
    assert_eq!(scene.concludes(0, Next::Discard), Seen::Receive);
    assert_eq!(scene.arrives(1, ["zz\r\n", GET].concat()), Seen::EndSending);
    assert_eq!(scene.arrives(2, GET), Seen::Receive);
}

#[test]
fn a_body_that_is_refused_while_it_is_read_stays_refused() {
    let mut scene = scene();
    assert_eq!(scene.arrives(0, chunked("5\r\nhello!")), request("POST /c"));
    for _ in 0..2 {
        assert_eq!(scene.body(), Err(Reject::ChunkEnd));
    }
    assert_eq!(scene.conversation.incoming().reject(), Some(Reject::ChunkEnd));
}

#[test]
fn what_is_over_is_closed() {
    let mut scene = scene();
    assert_eq!(scene.arrives(0, GET), request("GET /a"));
    let reason = CloseReason::SendingFailed;
    assert_eq!(scene.concludes(0, Next::Close(reason)), Seen::Close(reason));
    assert_eq!(scene.conversation.end_reason(), reason);
}

#[test]
fn an_empty_line_between_requests_leaves_the_connection_idle() {
    let mut scene = scene();
    assert_eq!(scene.arrives(0, "\r\n"), Seen::Receive);
    assert!(scene.conversation.is_idle());
    assert_eq!(scene.arrives(0, GET), request("GET /a"));
}

#[test]
fn a_heads_time_counts_from_its_first_byte_and_not_from_accept_or_the_last_one() {
    let mut scene = scene();
    assert_eq!(
        scene.patience(),
        (None, Overdue::Close(CloseReason::IdleTimeout)),
        "a silent connection waits for ever"
    );
    scene.arrives(100, "G");
    scene.arrives(110, "E");
    assert_eq!(scene.patience(), (Some(at(130)), Overdue::Refuse(Reject::HeadTimeout)));
    scene.arrives(111, &GET[2..]);
    scene.concludes(112, Next::Request);
    scene.arrives(140, "G");
    assert_eq!(scene.patience().0, Some(at(170)), "the next head has a time of its own");
}

#[test]
fn a_collected_bodys_time_counts_from_its_last_progress() {
    let mut scene = scene();
    let wire = post(4, "");
    scene.arrives(0, &wire[..10]);
    scene.arrives(29, &wire[10..]);
    assert_eq!(scene.patience(), (Some(at(49)), Overdue::Refuse(Reject::BodyTimeout)), "not from the head's");
    scene.arrives(40, "s");
    assert_eq!(scene.patience().0, Some(at(60)));
}

#[test]
fn an_idle_connection_is_closed_only_when_a_time_is_set() {
    let mut scene = scene();
    scene.limits.idle_timeout = Some(5 * SECOND);
    assert_eq!(scene.patience(), (Some(at(5)), Overdue::Close(CloseReason::IdleTimeout)));
    scene.arrives(3, GET);
    scene.concludes(7, Next::Request);
    assert_eq!(scene.patience(), (Some(at(12)), Overdue::Close(CloseReason::IdleTimeout)));
}

#[test]
fn empty_lines_do_not_keep_an_idle_connection() {
    let mut scene = scene();
    scene.limits.idle_timeout = Some(5 * SECOND);
    for second in 1..5 {
        assert_eq!(scene.arrives(second, "\r\n"), Seen::Receive);
        assert_eq!(scene.patience(), (Some(at(5)), Overdue::Close(CloseReason::IdleTimeout)));
    }
    assert_eq!(scene.arrives(4, "G"), Seen::Receive);
    assert_eq!(scene.patience(), (Some(at(34)), Overdue::Refuse(Reject::HeadTimeout)), "its own first byte");
}

#[test]
fn an_unread_body_has_two_seconds_from_one_byte_to_the_next() {
    let mut scene = scene();
    scene.arrives(0, post(40_000, ""));
    scene.concludes(1, Next::Discard);
    assert_eq!(scene.patience(), (Some(at(3)), Overdue::Close(CloseReason::UnreadBodyTimeout)));
    scene.arrives(2, "x");
    assert_eq!(scene.patience(), (Some(at(4)), Overdue::Close(CloseReason::UnreadBodyTimeout)));
}

#[test]
fn what_follows_an_unread_body_has_its_time_from_that_bodys_end() {
    let mut scene = scene();
    scene.limits.idle_timeout = Some(5 * SECOND);
    scene.arrives(0, chunked(""));
    scene.concludes(0, Next::Discard);
    for second in 1..=40 {
        assert_eq!(scene.arrives(second, "1\r\nx\r\n"), Seen::Receive);
    }
    assert_eq!(scene.arrives(41, "0\r\n\r\n"), Seen::Receive);
    assert_eq!(scene.patience(), (Some(at(46)), Overdue::Close(CloseReason::IdleTimeout)));
    // And if the next head begins in the same piece:
    scene.arrives(42, chunked(""));
    scene.concludes(42, Next::Discard);
    scene.arrives(43, "1\r\nx\r\n");
    assert_eq!(scene.arrives(44, "0\r\n\r\nGET / HT"), Seen::Receive);
    assert_eq!(scene.patience(), (Some(at(74)), Overdue::Refuse(Reject::HeadTimeout)));
}

#[test]
fn a_connection_ends_for_its_last_reason_and_not_because_its_peer_closes_then() {
    let mut scene = scene();
    assert_eq!(scene.conversation.end_reason(), CloseReason::PeerCloses);
    scene.arrives(0, GET);
    scene.concludes(0, LINGERS);
    assert_eq!(scene.conversation.end_reason(), CloseReason::ClientCloses);
}

#[test]
fn a_peer_lingers_for_two_seconds_without_progress_and_for_thirty_in_all() {
    let mut scene = scene();
    scene.arrives(0, GET);
    assert_eq!(scene.concludes(10, LINGERS), Seen::EndSending);
    assert_eq!(scene.patience(), (Some(at(12)), Overdue::Close(CloseReason::ClientCloses)));
    for second in 11..=39 {
        assert_eq!(scene.arrives(second, "x"), Seen::Receive);
        assert_eq!(
            scene.patience(),
            (Some(at((second + 2).min(40))), Overdue::Close(CloseReason::ClientCloses))
        );
    }
}

#[test]
fn a_body_that_becomes_malformed_while_it_is_discarded_lingers_from_then_on() {
    let mut scene = scene();
    scene.arrives(0, chunked(""));
    scene.concludes(0, Next::Discard);
    assert_eq!(scene.arrives(1, "zz\r\n"), Seen::EndSending);
    for second in 2..=30 {
        scene.arrives(second, "x");
    }
    assert_eq!(scene.patience(), (Some(at(31)), Overdue::Close(CloseReason::UnreadBodyMalformed)));
}

#[test]
fn what_is_left_of_a_body_is_known_as_far_as_it_can_be() {
    let left = |wire: String| {
        let mut scene = scene();
        assert!(matches!(scene.arrives(0, wire), Seen::Request(_)));
        scene.conversation.facts().request_body
    };
    let expects = "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n";
    assert_eq!(left(GET.into()), RequestBodyLeft::None);
    assert_eq!(left(post(5, "hello")), RequestBodyLeft::Known(5));
    assert_eq!(left(chunked("")), RequestBodyLeft::Unknown);
    assert_eq!(left(expects.into()), RequestBodyLeft::NotAskedFor);
    let mut scene = scene();
    scene.arrives(0, chunked("0\r\n\r\n"));
    assert!(scene.conversation.incoming().discard());
    assert_eq!(scene.conversation.facts().request_body, RequestBodyLeft::None);
}

#[test]
fn a_connection_that_waits_holds_no_more_than_it_needs() {
    let (mut scene, mut spare) = (scene(), None);
    scene.arrives(0, "GET / HT");
    assert!(scene.conversation.held_bytes() > 100);
    scene.conversation.return_buffer(&mut spare);
    assert_eq!(scene.conversation.held_bytes(), 8);
    assert_eq!(scene.arrives(1, "TP/1.1\r\nHost: h\r\n\r\n"), request("GET /"));
    let mut other = self::scene();
    other.conversation.take_buffer(&mut spare);
    assert!(spare.is_none() && other.conversation.held_bytes() > 100);
}

#[test]
fn a_head_that_is_kept_for_its_body_counts_as_held() {
    let mut scene = scene();
    scene.arrives(0, post(4, "").replace("Host: h", &format!("Host: h\r\nA: {}", "a".repeat(2000))));
    scene.conversation.return_buffer(&mut None);
    assert!(scene.conversation.held_bytes() > 2000);
}
