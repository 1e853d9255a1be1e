//! How a record of the `log` macros becomes a line, for people and for programs. Which records do, and where the lines go, is
//! not known here.

use crate::date::{iso_8601, since_epoch};
use crate::log::request_scope::with_ids;
use log::Record;
use std::fmt::{self, Write};

/// The longest line that the platform takes, in bytes: 32 KB, its end among them.
const MAX_LINE: usize = 32 * 1024;

/// What the mark of a text that was cut takes at the most, and what may follow it in its line.
const MARK: usize = 64;

/// A target is a module's path, or a name of the author's.
const MAX_TARGET: usize = 1024;

/// Of a line, so that its message has the rest.
#[cfg(feature = "kv")]
const MAX_FIELDS: usize = 16 * 1024;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Format {
    #[default]
    Text,
    Json,
}

/// The line of a record. Its message goes right into it, so that one of any length takes no more memory than a line.
pub(super) fn line(format: Format, record: &Record<'_>) -> Vec<u8> {
    let mut line = Vec::with_capacity(128);
    match format {
        Format::Text => text(&mut line, record),
        Format::Json => json(&mut line, record),
    }
    line.push(b'\n');
    line
}

/// `<time> <request id> [LEVEL] message key=value`, where the message begins with the trace's id if there is one: the
/// platform advises what stands before it, and a message of several lines ends on another one.
fn text(line: &mut Vec<u8>, record: &Record<'_>) {
    line.extend_from_slice(&iso_8601(since_epoch()));
    let mut text = Bounded::new(line, MAX_LINE, Escapes::None);
    with_ids(|request_id, trace_id| {
        let request_id = if request_id.is_empty() { "-" } else { request_id };
        let _ = write!(text, " {request_id} [{}] ", record.level()); // what does not fit is counted
        if let Some(trace_id) = trace_id {
            let _ = write!(text, "trace_id={trace_id} ");
        }
    });
    let _ = text.write_fmt(*record.args());
    #[cfg(feature = "kv")]
    let _ = record.key_values().visit(&mut text);
    text.finish();
}

/// One object with these keys in this order. `request_id` and `trace_id` are there where the line belongs to a request, and
/// `fields` where the record has some.
fn json(line: &mut Vec<u8>, record: &Record<'_>) {
    line.extend_from_slice(b"{\"time\":\"");
    line.extend_from_slice(&iso_8601(since_epoch()));
    member(line, "\",\"level\":\"", record.level().as_str(), MAX_LINE);
    let end = line.len() + MAX_TARGET;
    member(line, "\",\"target\":\"", record.target(), end);
    with_ids(|request_id, trace_id| {
        if !request_id.is_empty() {
            member(line, "\",\"request_id\":\"", request_id, MAX_LINE);
        }
        if let Some(trace_id) = trace_id {
            member(line, "\",\"trace_id\":\"", trace_id, MAX_LINE);
        }
    });
    let rest = fields(record);
    member(line, "\",\"message\":\"", record.args(), MAX_LINE - rest.len());
    line.push(b'"');
    line.extend_from_slice(&rest);
    line.push(b'}');
}

/// `before`, and behind it a text as the inside of a JSON string, as far as it fits into a line of `end` bytes.
fn member(line: &mut Vec<u8>, before: &str, text: impl fmt::Display, end: usize) {
    line.extend_from_slice(before.as_bytes());
    let mut inside = Bounded::new(line, end, Escapes::Json);
    let _ = write!(inside, "{text}"); // what does not fit is counted
    inside.finish();
}

/// What a record has beside its message, as the last members of its object.
#[cfg(not(feature = "kv"))]
fn fields(_: &Record<'_>) -> Vec<u8> {
    Vec::new()
}

#[cfg(feature = "kv")]
use key_values::fields;

/// A line that is written up to a length, at whole characters. What does not fit is counted.
struct Bounded<'a> {
    line: &'a mut Vec<u8>,
    end: usize,
    escapes: Escapes,
    cut: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Escapes {
    None,
    /// As in a JSON string (RFC 8259 section 7).
    Json,
}

impl<'a> Bounded<'a> {
    /// Up to `end` of the line, of which some is kept for the mark.
    fn new(line: &'a mut Vec<u8>, end: usize, escapes: Escapes) -> Bounded<'a> {
        Bounded { line, end: end.saturating_sub(MARK), escapes, cut: 0 }
    }

    /// Says how many bytes are missing, if any.
    fn finish(self) {
        if self.cut > 0 {
            self.line.extend_from_slice(format!("... [{} bytes cut]", self.cut).as_bytes());
        }
    }

    /// As many of the text's characters as fit.
    fn push(&mut self, text: &str) {
        let room = self.end.saturating_sub(self.line.len());
        if self.cut > 0 || text.len() > room {
            let fitting = (0..=room.min(text.len())).rev().find(|&at| text.is_char_boundary(at));
            let fitting = if self.cut > 0 { 0 } else { fitting.unwrap_or_default() };
            self.line.extend_from_slice(&text.as_bytes()[..fitting]);
            self.cut += text.len() - fitting;
        } else {
            self.line.extend_from_slice(text.as_bytes());
        }
    }

    /// A character as several, or not at all.
    fn push_escaped(&mut self, byte: u8) {
        let mut escape = *b"\\u0000";
        let escape = match byte {
            b'"' => b"\\\"".as_slice(),
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            _ => {
                escape[4] = b'0' + (byte >> 4);
                escape[5] = b"0123456789abcdef"[usize::from(byte & 0xf)];
                &escape
            }
        };
        if self.cut > 0 || self.line.len() + escape.len() > self.end {
            self.cut += 1;
        } else {
            self.line.extend_from_slice(escape);
        }
    }
}

impl Write for Bounded<'_> {
    fn write_str(&mut self, mut text: &str) -> fmt::Result {
        let escapes = self.escapes == Escapes::Json;
        let needs_escape = |b: u8| escapes && (b < b' ' || b == b'"' || b == b'\\');
        while let Some(at) = text.bytes().position(needs_escape) {
            let (before, from) = text.split_at(at);
            self.push(before);
            self.push_escaped(from.as_bytes()[0]);
            text = &from[1..];
        }
        self.push(text);
        Ok(())
    }
}

/// The key-value pairs that a record has beside its message.
#[cfg(feature = "kv")]
mod key_values {
    use super::{Bounded, Escapes, MARK, MAX_FIELDS, member};
    use log::Record;
    use log::kv::{Error, Key, Value, VisitSource, VisitValue};
    use std::fmt::Write;

    /// What any number fits into, with what follows it. That of a text is cut where it has to be.
    const MAX_NUMBER: usize = 2 * MARK;

    /// As text.
    impl VisitSource<'_> for Bounded<'_> {
        fn visit_pair(&mut self, key: Key<'_>, value: Value<'_>) -> Result<(), Error> {
            let _ = write!(self, " {key}={value}"); // what does not fit is counted
            Ok(())
        }
    }

    /// `,"fields":{…}`, and how many of them have no room.
    pub(super) fn fields(record: &Record<'_>) -> Vec<u8> {
        let mut fields = Fields { members: Vec::new(), left_out: 0 };
        let _ = record.key_values().visit(&mut fields); // no pair fails
        let mut rest = Vec::new();
        if !fields.members.is_empty() {
            rest.extend_from_slice(b",\"fields\":{");
            rest.extend_from_slice(&fields.members);
            rest.push(b'}');
        }
        if fields.left_out > 0 {
            rest.extend_from_slice(format!(",\"fields_left_out\":{}", fields.left_out).as_bytes());
        }
        rest
    }

    struct Fields {
        members: Vec<u8>,
        left_out: usize,
    }

    impl VisitSource<'_> for Fields {
        fn visit_pair(&mut self, key: Key<'_>, value: Value<'_>) -> Result<(), Error> {
            let before = self.members.len();
            let comma = if before == 0 { "\"" } else { ",\"" };
            member(&mut self.members, comma, key, MAX_FIELDS);
            if self.members.len() + MAX_NUMBER > MAX_FIELDS {
                self.members.truncate(before);
                self.left_out += 1;
                return Ok(());
            }
            self.members.extend_from_slice(b"\":");
            value.visit(OfField(&mut self.members))
        }
    }

    /// A field's value.
    struct OfField<'a>(&'a mut Vec<u8>);

    impl OfField<'_> {
        fn literal(&mut self, text: impl std::fmt::Display) -> Result<(), Error> {
            let _ = write!(Bounded::new(self.0, MAX_FIELDS, Escapes::None), "{text}"); // there is room for a number
            Ok(())
        }
    }

    impl VisitValue<'_> for OfField<'_> {
        fn visit_any(&mut self, value: Value<'_>) -> Result<(), Error> {
            member(self.0, "\"", value, MAX_FIELDS);
            self.0.push(b'"');
            Ok(())
        }

        fn visit_null(&mut self) -> Result<(), Error> {
            self.literal("null")
        }

        fn visit_bool(&mut self, value: bool) -> Result<(), Error> {
            self.literal(value)
        }

        fn visit_u64(&mut self, value: u64) -> Result<(), Error> {
            self.literal(value)
        }

        fn visit_i64(&mut self, value: i64) -> Result<(), Error> {
            self.literal(value)
        }

        /// JSON has no infinities, and no word for what is no number. Without an exponent some have hundreds of digits.
        fn visit_f64(&mut self, value: f64) -> Result<(), Error> {
            match value.abs() {
                0.0 | 1e-5..1e16 => self.literal(value),
                _ if value.is_finite() => self.literal(format_args!("{value:e}")),
                _ => self.visit_any(value.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests;
