//! Which distributed trace a call belongs to: W3C Trace Context, or the platform's older header. Where spans go, and
//! what is logged of them, is not known here.

use crate::date::since_epoch;
use crate::http1::Head;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hasher};
use std::str::FromStr;

/// `version "-" trace-id "-" parent-id "-" trace-flags` of version 00 (W3C Trace Context section 3.2.2).
const LENGTH: usize = 55;

const TRACEPARENT: &str = "traceparent";

/// What Function Compute sends where tracing is on, from before W3C Trace Context: Jaeger's `trace:span:parent:flags`.
const JAEGER: &str = "x-fc-tracing-opentracing-span-context";

/// What the caller's span, and everything that it led to, was recorded with.
const SAMPLED: u8 = 0b01;

/// The trace id is random in its last seven bytes (Trace Context Level 2 section 3.2.2.5.2). All other flags are zero in
/// what is sent, since nobody knows yet what they mean.
const RANDOM: u8 = 0b10;

/// W3C Trace Context section 3.3.1.1.
const MAX_MEMBERS: usize = 32;

/// At least so much is passed on (section 3.3.1.5), and here no more.
const MAX_STATE: usize = 512;

/// What goes first where a state is longer than that (section 3.3.1.5).
const LARGE_MEMBER: usize = 128;

/// The place of a call in a distributed trace, as [`Context::trace`](crate::Context::trace) reads it from the request and
/// [`child`](Trace::child) passes it on. It is displayed as the value of the field `traceparent`.
///
/// ```
/// use fc_runtime::{Context, testing::Call};
///
/// /// The fields that a call of another service takes along.
/// fn fields(ctx: &Context) -> Vec<(&'static str, String)> {
///     let Some(trace) = ctx.trace() else { return Vec::new() };
///     let call = trace.child();
///     let state = call.state().map(|state| ("tracestate", state.to_owned()));
///     [("traceparent", call.to_string())].into_iter().chain(state).collect()
/// }
///
/// let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
/// let fields = fields(&Call::event("").with_header("traceparent", parent).context());
/// assert!(fields[0].1.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"));
/// assert_ne!(fields[0].1, parent); // the parent of what is called is the call
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Trace {
    parent: TraceParent,
    state: Option<String>,
}

impl Trace {
    /// The trace that a request belongs to. The platform's own header is read where that is trusted.
    pub(crate) fn of(head: &Head, trust_headers: bool) -> Option<Trace> {
        if let Some(parent) = TraceParent::of_w3c(head) {
            return Some(Trace { parent, state: state(values(head, "tracestate")) });
        }
        let parent = TraceParent::of_platform(head, trust_headers)?;
        Some(Trace { parent, state: None })
    }

    /// The id of the whole trace: 32 hexadecimal digits in lower case, not all of them zero. Log lines have it too.
    pub fn trace_id(&self) -> &str {
        self.parent.part(3..35)
    }

    /// The id of the caller's span: 16 hexadecimal digits in lower case, not all of them zero. Of a
    /// [`child`](Trace::child), its own.
    pub fn parent_id(&self) -> &str {
        self.parent.part(36..52)
    }

    /// Whether the caller may have recorded its span, so that what it leads to is to be recorded too.
    pub fn is_sampled(&self) -> bool {
        self.parent.flags() & SAMPLED != 0
    }

    /// What tracing systems have noted for themselves: the value of the field `tracestate`, several joined to one. `None`
    /// where there is none, or where it is malformed (by Level 2 of the specification, which has keys that Level 1 has not), which says
    /// nothing of the rest. Over 512 characters, members
    /// over 128 and then the last ones are left out.
    pub fn state(&self) -> Option<&str> {
        self.state.as_deref()
    }

    /// The same trace for a call that this one makes: with an id of its own in place of the caller's, which nobody else
    /// has in this trace, and the same flags and state.
    pub fn child(&self) -> Trace {
        let mut parent = self.parent;
        parent.set(36, new_span_id(self));
        Trace { parent, state: self.state.clone() }
    }
}

/// The trace of a `traceparent` that came in another way than in a request's header, as in an attribute of a message
/// ([CloudEvents, Distributed Tracing Extension]). An error where it is malformed (W3C Trace Context, section 3.2.2).
///
/// ```
/// use fc_runtime::Trace;
///
/// let trace: Trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap();
/// assert_eq!(trace.trace_id(), "4bf92f3577b34da6a3ce929d0e0e4736");
/// ```
///
/// [CloudEvents, Distributed Tracing Extension]: https://github.com/cloudevents/spec/blob/main/cloudevents/extensions/distributed-tracing.md
impl FromStr for Trace {
    type Err = anyhow::Error;

    fn from_str(traceparent: &str) -> anyhow::Result<Trace> {
        let Some(parent) = TraceParent::parse(traceparent.as_bytes()) else {
            anyhow::bail!("{traceparent:?} is not a traceparent of W3C Trace Context");
        };
        Ok(Trace { parent, state: None })
    }
}

impl fmt::Display for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.parent.part(0..LENGTH))
    }
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trace").field("traceparent", &self.to_string()).field("state", &self.state).finish()
    }
}

/// The id of the trace that a request belongs to, for its log lines.
pub(crate) fn trace_id(head: &Head, trust_headers: bool) -> Option<[u8; 32]> {
    let parent = TraceParent::of_w3c(head).or_else(|| TraceParent::of_platform(head, trust_headers))?;
    parent.0.get(3..35)?.try_into().ok()
}

/// The one field of a name: with two of them nobody knows whose is the caller's.
fn only<'a>(head: &'a Head, name: &'static str) -> Option<&'a [u8]> {
    let value = head.field(name)?; // most requests have none
    if values(head, name).nth(1).is_some() { None } else { Some(value) }
}

/// A field `traceparent` of version 00, in ASCII.
#[derive(Clone, Copy, PartialEq, Eq)]
struct TraceParent([u8; LENGTH]);

impl TraceParent {
    fn of_w3c(head: &Head) -> Option<TraceParent> {
        TraceParent::parse(only(head, TRACEPARENT)?)
    }

    fn of_platform(head: &Head, trust_headers: bool) -> Option<TraceParent> {
        if trust_headers { TraceParent::parse_jaeger(only(head, JAEGER)?) } else { None }
    }

    /// Section 3.2.2. A later version begins as this one does, and of its flags only the one that is known counts
    /// (section 4.3).
    fn parse(value: &[u8]) -> Option<TraceParent> {
        let mut parent = TraceParent(*value.first_chunk()?);
        let is_dash = |at: usize| parent.0.get(at) == Some(&b'-');
        let is_hex = |b: &u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        let places = [0..2, 3..35, 36..52, 53..55];
        // Of the bytes: those of a field need not be text.
        let is_number = |place| parent.0.get(place).is_some_and(|part: &[u8]| part.iter().all(is_hex));
        if ![2, 35, 52].into_iter().all(is_dash) || !places.clone().into_iter().all(is_number) {
            return None;
        }
        let parts = places.map(|place| parent.part(place));
        let known = match parts[0] {
            "ff" => return None,
            "00" if value.len() == LENGTH => SAMPLED | RANDOM,
            "00" => return None,
            _ if matches!(value.get(LENGTH), None | Some(b'-')) => SAMPLED,
            _ => return None,
        };
        if is_zero(parts[1]) || is_zero(parts[2]) {
            return None;
        }
        let flags = parent.flags() & known;
        parent.set(0, [b'0'; 2]);
        parent.set_flags(flags);
        Some(parent)
    }

    /// Digits that are left out are zeros, and a parent of 0 is none (Jaeger, "Propagation Format"). Some of its clients
    /// encode the colons as a URL does.
    fn parse_jaeger(value: &[u8]) -> Option<TraceParent> {
        let text = std::str::from_utf8(value).ok()?.replace("%3A", ":").replace("%3a", ":");
        let mut parts = text.split(':');
        let mut next = |most: usize| {
            let digits = parts.next()?;
            let is_number =
                (1..=most).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_hexdigit());
            is_number.then_some(digits)
        };
        let (trace, span, _parent, flags) = (next(32)?, next(16)?, next(16)?, next(2)?);
        if parts.next().is_some() || is_zero(trace) || is_zero(span) {
            return None;
        }
        let mut parent = TraceParent(*b"00-00000000000000000000000000000000-0000000000000000-00");
        parent.set_digits(35, trace);
        parent.set_digits(52, span);
        parent.set_flags(u8::from_str_radix(flags, 16).ok()? & SAMPLED);
        Some(parent)
    }

    fn part(&self, range: std::ops::Range<usize>) -> &str {
        std::str::from_utf8(self.0.get(range).unwrap_or_default()).unwrap_or_default()
    }

    fn flags(&self) -> u8 {
        u8::from_str_radix(self.part(53..55), 16).unwrap_or_default()
    }

    /// Only the lower four are ever set.
    fn set_flags(&mut self, flags: u8) {
        self.set(53, [b'0', b'0' + (flags & (SAMPLED | RANDOM))]);
    }

    fn set<const COUNT: usize>(&mut self, at: usize, text: [u8; COUNT]) {
        if let Some(place) = self.0.get_mut(at..at + COUNT) {
            place.copy_from_slice(&text);
        }
    }

    /// Ends at `end`, in lower case.
    fn set_digits(&mut self, end: usize, digits: &str) {
        let place = self.0.get_mut(end - digits.len()..end).unwrap_or_default();
        for (place, digit) in place.iter_mut().zip(digits.bytes()) {
            *place = digit.to_ascii_lowercase();
        }
    }
}

fn is_zero(digits: &str) -> bool {
    digits.bytes().all(|b| b == b'0')
}

/// The values of all fields called `name`.
fn values<'a>(head: &'a Head, name: &'static str) -> impl Iterator<Item = &'a [u8]> {
    head.fields().filter(move |(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The `tracestate` of fields with these values (section 3.3), which are one list. `None` where a member is none. One key
/// twice is passed on as it came, as the specification's own test suite permits.
fn state<'a>(values: impl Iterator<Item = &'a [u8]>) -> Option<String> {
    let mut members = Vec::new();
    for member in values.flat_map(|value| value.split(|&b| b == b',')) {
        let member = std::str::from_utf8(member).ok()?.trim_matches([' ', '\t']);
        if member.is_empty() {
            continue;
        }
        if members.len() == MAX_MEMBERS || !is_member(member) {
            return None;
        }
        members.push(member);
    }
    shorten(&mut members);
    (!members.is_empty()).then(|| members.join(","))
}

fn shorten(members: &mut Vec<&str>) {
    let length = |members: &[&str]| members.iter().map(|member| member.len() + 1).sum::<usize>();
    // The comma after the last one is not there.
    let mut over = length(members).saturating_sub(MAX_STATE + 1);
    while over > 0 {
        let large = members.iter().rposition(|member| member.len() > LARGE_MEMBER);
        let removed = members.remove(large.unwrap_or(members.len() - 1));
        over = over.saturating_sub(removed.len() + 1);
    }
}

/// `key "=" value` as Level 2 has it, whose keys are those of Level 1 and some more (section 3.3.1.3).
fn is_member(member: &str) -> bool {
    let Some((key, value)) = member.split_once('=') else { return false };
    let is_start = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let is_key = key.len() <= 256
        && key.bytes().next().is_some_and(is_start)
        && key.bytes().all(|b| is_start(b) || b"_-*/@".contains(&b));
    let is_value = |b: u8| matches!(b, b' '..=b'~') && b != b',' && b != b'=';
    is_key && (1..=256).contains(&value.len()) && !value.ends_with(' ') && value.bytes().all(is_value)
}

/// The standard library's keys are random in each thread and others with each use, without a system call but for a thread's first
/// and without state of ours. The time tells instances apart that go on from the same memory, after a fork or from a snapshot.
fn new_span_id(trace: &Trace) -> [u8; 16] {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u128(since_epoch().as_nanos());
    hasher.write(&trace.parent.0);
    let id = hasher.finish().max(1); // zero is no id
    let mut digits = [b'0'; 16];
    for (place, digit) in digits.iter_mut().rev().zip(0..) {
        *place = b"0123456789abcdef"[(id >> (4 * digit)) as usize & 0xf];
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Call;
    use std::collections::HashSet;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    /// The trace of a call with these headers.
    fn trace(headers: &[(&str, &str)]) -> Option<Trace> {
        let call = headers.iter().fold(Call::event(""), |call, (name, value)| call.with_header(name, value));
        call.context().trace()
    }

    fn parsed(value: &str) -> Option<String> {
        let found = trace(&[("TraceParent", value)]).map(|trace| trace.to_string());
        let alone = value.trim().parse::<Trace>().ok().map(|trace| trace.to_string());
        assert_eq!(found, alone, "{value:?} by itself");
        found
    }

    #[test]
    fn a_traceparent_has_trace_parent_and_flags() {
        let trace = trace(&[("traceparent", PARENT)]).unwrap();
        assert_eq!((trace.trace_id(), trace.parent_id()), (ID, "00f067aa0ba902b7"));
        assert_eq!((trace.is_sampled(), trace.state()), (true, None));
        assert_eq!(trace.to_string(), PARENT);
        assert_eq!(format!("{trace:?}"), format!("Trace {{ traceparent: {PARENT:?}, state: None }}"));
    }

    #[test]
    fn what_is_not_exactly_a_traceparent_is_none() {
        let with = |from: &str, to: &str| PARENT.replacen(from, to, 1);
        for value in [
            "",
            "00",
            &PARENT[..54],
            &format!("{PARENT}-"),
            &format!("{PARENT}-what-the-future-will-be-like"),
            &with("00-", "ff-"),
            &with("00-", "0-"),
            &with("00-", "000-"),
            &with("00-", "0A-"),
            &with("00-", "+0-"),
            &with("4bf", "4BF"),
            &with("4bf", "4gf"),
            &with("4bf", "4b "),
            &with("-00f", "_00f"),
            &with("b7-01", "b7 01"),
            &with("b7-01", "b7-0G"),
            &with("b7-01", "B7-01"),
            &with("736-", "7369-"),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e47\u{e9}-00f067aa0ba902b7-01",
        ] {
            assert_eq!(parsed(value), None, "{value}");
        }
        assert_eq!(trace(&[("traceparent", PARENT), ("traceparent", PARENT)]), None, "two of them");
        assert_eq!(trace(&[("tracestate", "a=1")]), None, "a state alone");
    }

    #[test]
    fn bytes_that_are_no_text_are_no_traceparent_wherever_they_stand() {
        let valid = PARENT.as_bytes();
        assert!(TraceParent::parse(valid).is_some());
        for at in 0..LENGTH {
            for byte in [0xe9, 0xff, 0x80, 0] {
                let mut bytes = valid.to_vec();
                bytes[at] = byte;
                assert!(TraceParent::parse(&bytes).is_none(), "{byte:#x} at {at}");
                let end = if at % 2 == 0 { at + 2 } else { at + 1 };
                bytes[at..end.min(LENGTH)].fill(byte);
                assert!(TraceParent::parse(&bytes).is_none(), "{byte:#x} from {at} to {end}");
            }
        }
    }

    #[test]
    fn of_two_headers_of_the_platform_nobody_knows_which_counts() {
        assert_eq!(trace(&[(JAEGER, "1:1:0:1"), (JAEGER, "2:1:0:1")]), None);
    }

    #[test]
    fn of_the_flags_those_are_kept_that_are_known() {
        for (given, kept) in
            [("00", "00"), ("01", "01"), ("02", "02"), ("03", "03"), ("ff", "03"), ("fc", "00")]
        {
            let value = PARENT.replace("-01", &format!("-{given}"));
            assert_eq!(parsed(&value), Some(PARENT.replace("-01", &format!("-{kept}"))), "{given}");
        }
    }

    #[test]
    fn a_later_version_is_read_as_far_as_it_is_known() {
        let later = |rest: &str| parsed(&format!("cc-{ID}-00f067aa0ba902b7-03{rest}"));
        assert_eq!(later("").as_deref(), Some(PARENT), "its second flag may mean something else");
        assert_eq!(later("-").as_deref(), Some(PARENT));
        assert_eq!(later("-what-the-future-will-be-like").as_deref(), Some(PARENT));
        assert_eq!(later(".what"), None);
        assert_eq!(later("0"), None);
    }

    #[test]
    fn without_a_valid_traceparent_the_platforms_older_header_counts() {
        let jaeger = |value: &str| trace(&[(JAEGER, value)]).map(|trace| trace.to_string());
        let padded = "00-0000000000000000000371d3ff242fce-00000000000371d3-01";
        for (value, expected) in [
            ("371d3ff242fce:371d3:0:1", Some(padded)),
            ("371D3FF242FCE:371D3:0:01", Some(padded)),
            ("00000371d3ff242fce:00371d3:371d3ff242fce:3", Some(padded)),
            ("4bf92f3577b34da6a3ce929d0e0e4736:00f067aa0ba902b7:1:1", Some(PARENT)),
            ("371d3ff242fce%3A371d3%3a0%3A1", Some(padded)),
            ("371d3ff242fce%3A371d3:0:1", Some(padded)),
            ("371d3ff242fce%3B371d3%3A0%3A1", None),
            ("%3A371d3%3A0%3A1", None),
            ("1%253A1%253A0%253A1", None),
            ("", None),
            ("0:1:0:1", None),
            ("1:0:0:1", None),
            ("1:1:0", None),
            ("1:1:0:1:1", None),
            ("1:1::1", None),
            ("1:1:0:100", None),
            ("1:1:0:+1", None),
            ("1:x:0:1", None),
            ("1:1:x:1", None),
            ("4bf92f3577b34da6a3ce929d0e0e47360:1:0:1", None),
            ("1:00f067aa0ba902b70:0:1", None),
        ] {
            assert_eq!(jaeger(value).as_deref(), expected, "{value}");
        }
        assert!(!trace(&[(JAEGER, "1:1:0:2")]).unwrap().is_sampled(), "a debug flag is another one");
        let both = trace(&[(JAEGER, "1:1:0:0"), ("traceparent", PARENT)]).unwrap();
        assert_eq!(both.to_string(), PARENT);
        let invalid = trace(&[(JAEGER, "1:1:0:0"), ("traceparent", "00-x"), ("tracestate", "a=1")]).unwrap();
        assert_eq!((invalid.parent_id(), invalid.state()), ("0000000000000001", None));
    }

    #[test]
    fn where_no_header_of_the_platform_is_trusted_its_older_one_is_not() {
        let call = Call::http("GET", "/").with_header(JAEGER, "1:1:0:1");
        assert!(Trace::of(call.context().head(), true).is_some());
        assert!(Trace::of(call.context().head(), false).is_none());
        assert!(trace_id(call.context().head(), false).is_none());
        let call = call.with_header("traceparent", PARENT);
        assert!(Trace::of(call.context().head(), false).is_some());
    }

    #[test]
    fn the_states_fields_are_one_list() {
        let state = |values: &[&str]| {
            let headers = values.iter().map(|value| ("tracestate", *value));
            let headers: Vec<_> = [("traceparent", PARENT)].into_iter().chain(headers).collect();
            trace(&headers).expect("whatever the state is").state.clone()
        };
        assert_eq!(state(&["a=1,b@c=2"]).as_deref(), Some("a=1,b@c=2"));
        assert_eq!(state(&["a=1", "b=2"]).as_deref(), Some("a=1,b=2"));
        assert_eq!(state(&["a=1 \t,, \tb= 2,", "", "a=3"]).as_deref(), Some("a=1,b= 2,a=3"));
        for any in ["0a-*/_@s=!~", "0=1", "a@=1", "a@0=1", "a@@b@c=1"] {
            assert_eq!(state(&[any]).as_deref(), Some(any));
        }
        for empty in [&[][..], &[""], &[" , "]] {
            assert_eq!(state(empty), None, "{empty:?}");
        }
        for malformed in [
            "a", "a=", "=1", "A=1", "aA=1", "_=1", "-a=1", "a b=1", "a =1", "a=1=2", "@a=1", "a.b=1",
            "a=\u{e9}",
        ] {
            assert_eq!(state(&[malformed]), None, "{malformed}");
            assert_eq!(state(&["a=1", malformed]), None, "{malformed}");
        }
    }

    #[test]
    fn a_states_members_and_their_parts_have_limits() {
        let state = |value: &str| state([value.as_bytes()].into_iter());
        let list = |count: usize| (0..count).map(|at| format!("k{at}=v")).collect::<Vec<_>>().join(",");
        assert_eq!(state(&list(32)), Some(list(32)));
        assert_eq!(state(&list(33)), None);
        let x = |count: usize| "x".repeat(count);
        for (member, is_valid) in [
            (format!("a={}", x(256)), true),
            (format!("a={}", x(257)), false),
            (format!("{}=1", x(256)), true),
            (format!("{}=1", x(257)), false),
            (format!("{}@{}=1", x(241), x(14)), true),
            (format!("{}@{}=1", x(14), x(241)), true),
            (format!("{}@{}=1", x(242), x(14)), false),
        ] {
            assert_eq!(state(&member).is_some(), is_valid, "{}", member.len());
        }
    }

    #[test]
    fn a_long_state_loses_large_members_first_and_then_the_last_ones() {
        let state = |value: &str| state([value.as_bytes()].into_iter()).unwrap();
        let member = |key: &str, length: usize| format!("{key}={}", "x".repeat(length - key.len() - 1));
        let fitting = [member("a", 128), member("b", 128), member("c", 128), member("d", 125)].join(",");
        assert_eq!((fitting.len(), state(&fitting) == fitting), (512, true));
        let large = format!("{},{fitting}", member("large", 129));
        assert_eq!(state(&large), fitting);
        let one_more = format!("{fitting},e=1");
        assert_eq!(state(&one_more), fitting);
        assert_eq!(state(&member("a", 258)).len(), 258, "alone it fits");
    }

    #[test]
    fn children_are_of_the_same_trace_and_no_two_have_one_id() {
        let parent = trace(&[("traceparent", PARENT), ("tracestate", "a=1")]).unwrap();
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let parent = parent.clone();
                std::thread::spawn(move || (0..1000).map(|_| parent.child()).collect::<Vec<_>>())
            })
            .collect();
        let children: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let ids: HashSet<_> = children.iter().map(Trace::parent_id).collect();
        assert_eq!(ids.len(), 4000);
        for child in &children {
            assert_eq!((child.trace_id(), child.state()), (ID, Some("a=1")));
            assert!(TraceParent::parse(child.to_string().as_bytes()) == Some(child.parent), "{child}");
            assert!(child.is_sampled());
        }
    }
}
