//! Text of others as a terminal may see it: colours pass, whatever else a terminal would obey is shown instead.
//! Where the text comes from is not known here.

use std::borrow::Cow;
use std::fmt::Write as _;

use serde::Serialize;

/// The longest colour: more than any that a terminal knows.
const MAX_COLOUR: usize = 64;

/// What ends a text that changed the colour, so that none runs into what follows.
const RESET: &str = "\x1b[0m";

/// Text that comes in pieces, of which a character or a sequence may be cut.
#[derive(Default)]
pub struct TerminalText {
    /// The beginning of a character or a colour whose end has not come.
    held: Vec<u8>,
    is_coloured: bool,
}

impl TerminalText {
    /// What can be shown so far.
    pub fn push(&mut self, bytes: &[u8]) -> String {
        self.take(bytes, false)
    }

    /// The rest.
    pub fn end(&mut self) -> String {
        let mut shown = self.take(&[], true);
        if std::mem::take(&mut self.is_coloured) {
            shown.push_str(RESET);
        }
        shown
    }

    fn take(&mut self, bytes: &[u8], is_end: bool) -> String {
        self.held.extend_from_slice(bytes);
        let all = std::mem::take(&mut self.held);
        let (whole, cut) = all.split_at(if is_end { all.len() } else { whole_characters(&all) });
        let text = String::from_utf8_lossy(whole);
        let more_may_come = !is_end && cut.is_empty();
        let mut shown = String::with_capacity(text.len());
        let mut rest = text.as_ref();
        while let Some(c) = rest.chars().next() {
            let length = match sequence(rest) {
                Sequence::Colour(length) => {
                    self.is_coloured = true;
                    shown.push_str(rest.get(..length).unwrap_or_default());
                    length
                }
                Sequence::Unfinished if more_may_come => break,
                Sequence::LineEnd => 1,
                Sequence::Unfinished | Sequence::None => {
                    if is_obeyed(c) {
                        show(c, &mut shown)
                    } else {
                        shown.push(c)
                    }
                    c.len_utf8()
                }
            };
            rest = rest.get(length..).unwrap_or_default();
        }
        self.held = [rest.as_bytes(), cut].concat();
        shown
    }
}

/// One text, complete.
pub fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_obeyed) {
        return Cow::Borrowed(text);
    }
    let mut whole = TerminalText::default();
    let begin = whole.push(text.as_bytes());
    Cow::Owned(begin + &whole.end())
}

/// A value as JSON that a terminal can see, and programs read as the same.
pub fn json(value: &impl Serialize, is_pretty: bool) -> String {
    let text = if is_pretty { serde_json::to_string_pretty(value) } else { serde_json::to_string(value) };
    let text = text.unwrap_or_default(); // no value here has a map whose keys are none
    let is_escaped = |c: char| is_obeyed(c) && c != '\n'; // a line's end is layout, one in a text is escaped
    if !text.chars().any(is_escaped) {
        return text;
    }
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match is_escaped(c) {
            true => drop(write!(escaped, "\\u{:04x}", u32::from(c))), // a String takes all
            false => escaped.push(c),
        }
    }
    escaped
}

/// What a terminal acts on, or what turns the order of what is shown: controls (C0, DEL, C1), and the embeddings,
/// overrides, isolates and separators of Unicode.
fn is_obeyed(c: char) -> bool {
    match c {
        '\n' | '\t' => false,
        '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}' => true,
        c => c.is_control(),
    }
}

fn show(c: char, out: &mut String) {
    let _ = match c {
        '\r' => write!(out, "\\r"),
        c if c.is_ascii() => write!(out, "\\x{:02x}", u32::from(c)),
        c => write!(out, "\\u{{{:x}}}", u32::from(c)),
    }; // a String takes all
}

/// What a text begins with.
#[derive(Debug, PartialEq, Eq)]
enum Sequence {
    /// ECMA-48's SGR of this length: ESC [, digits and separators, m. With `?` or `>` it is another one.
    Colour(usize),
    /// A carriage return that belongs to the line end behind it.
    LineEnd,
    /// One of these two, if the rest of it follows.
    Unfinished,
    None,
}

fn sequence(text: &str) -> Sequence {
    let parameters = match text.as_bytes() {
        [b'\r'] | [b'\x1b'] => return Sequence::Unfinished,
        [b'\r', b'\n', ..] => return Sequence::LineEnd,
        [b'\x1b', b'[', parameters @ ..] => parameters,
        _ => return Sequence::None,
    };
    let end = parameters.iter().position(|byte| !byte.is_ascii_digit() && !b";:".contains(byte));
    match end {
        _ if end.unwrap_or(parameters.len()) > MAX_COLOUR => Sequence::None,
        None => Sequence::Unfinished,
        Some(end) if parameters.get(end) == Some(&b'm') => Sequence::Colour(end + 3),
        Some(_) => Sequence::None,
    }
}

/// How many bytes there are before a character that is cut.
fn whole_characters(bytes: &[u8]) -> usize {
    let last = bytes.utf8_chunks().last().map_or(&[][..], |chunk| chunk.invalid());
    let is_cut = std::str::from_utf8(last).is_err_and(|error| error.error_len().is_none());
    bytes.len() - if is_cut { last.len() } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_pass_and_end_with_their_text() {
        for (text, wanted) in [
            ("plain, tab\tand é", "plain, tab\tand é"),
            ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m\x1b[0m"),
            ("\x1b[m", "\x1b[m\x1b[0m"),
            ("\x1b[38;2;1;2;3mx", "\x1b[38;2;1;2;3mx\x1b[0m"),
            ("\x1b[4:3mx", "\x1b[4:3mx\x1b[0m"),
            ("a\r\nb\nc", "a\nb\nc"),
        ] {
            assert_eq!(shown(text), wanted, "{text:?}");
        }
    }

    /// Every kind of what a terminal would do.
    const OBEYED: [(&str, &str); 24] = [
        ("\x1b]52;c;cm0=\x07", "\\x1b]52;c;cm0=\\x07"),
        ("\x1b]0;title\x1b\\", "\\x1b]0;title\\x1b\\"),
        ("\x1b]8;;http://x\x1b\\x", "\\x1b]8;;http://x\\x1b\\x"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x1b[1A\x1b[2K", "\\x1b[1A\\x1b[2K"),
        ("\x1b[?1049h", "\\x1b[?1049h"),
        ("\x1b[?25l", "\\x1b[?25l"),
        ("\x1b[>4;2m", "\\x1b[>4;2m"),
        ("\x1b[?4m", "\\x1b[?4m"),
        ("\x1b[1 m", "\\x1b[1 m"),
        ("\x1b[6n", "\\x1b[6n"),
        ("\x1bP$qm\x1b\\", "\\x1bP$qm\\x1b\\"),
        ("\x1bc", "\\x1bc"),
        ("\x1b\x1b[31", "\\x1b\\x1b[31"),
        ("\x1b", "\\x1b"),
        ("\u{9b}31m", "\\u{9b}31m"),
        ("\u{9d}52;c;x\u{9c}", "\\u{9d}52;c;x\\u{9c}"),
        ("\u{90}", "\\u{90}"),
        ("50 %\r100 %", "50 %\\r100 %"),
        ("secret\x08\x08", "secret\\x08\\x08"),
        ("\x07\x0b\x0c\x0e\x0f\x7f\0", "\\x07\\x0b\\x0c\\x0e\\x0f\\x7f\\x00"),
        ("\u{202e}txt", "\\u{202e}txt"),
        ("\u{2066}a\u{2069}", "\\u{2066}a\\u{2069}"),
        ("a\u{2028}b", "a\\u{2028}b"),
    ];

    #[test]
    fn what_a_terminal_would_obey_is_shown() {
        for (text, wanted) in OBEYED {
            assert_eq!(shown(text), wanted, "{text:?}");
        }
        let long = format!("\x1b[{}m", "1".repeat(MAX_COLOUR + 1));
        assert!(shown(&long).starts_with("\\x1b[111"));
    }

    #[test]
    fn pieces_are_shown_as_the_whole_wherever_it_is_cut() {
        let texts =
            OBEYED.iter().map(|(text, _)| *text).chain(["é\x1b[1;31mx\x1b[0m\r\n\u{1f600}", "a\r\r\nb"]);
        for text in texts {
            for cut in 0..=text.len() {
                let (begin, end) = text.as_bytes().split_at(cut);
                let mut pieces = TerminalText::default();
                let found = [pieces.push(begin), pieces.push(end), pieces.end()].concat();
                assert_eq!(found, shown(text), "{text:?} cut at {cut}");
            }
            let mut bytes = TerminalText::default();
            let mut found: String = text.bytes().map(|byte| bytes.push(&[byte])).collect();
            found.push_str(&bytes.end());
            assert_eq!(found, shown(text), "{text:?} byte by byte");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced_and_never_held_for_long() {
        let mut text = TerminalText::default();
        assert_eq!(text.push(b"\x9b31m\xffa"), "\u{fffd}31m\u{fffd}a");
        assert_eq!(text.push(b"\xf0\x9f"), "", "a character that is cut");
        assert_eq!(text.push(b"x"), "\u{fffd}x");
        for _ in 0..100 {
            text.push(b"\x1b[1111");
            assert!(text.held.len() <= MAX_COLOUR + 2);
        }
    }

    #[test]
    fn json_says_the_same_to_a_program() {
        let value = serde_json::json!({"text": "\x1b]52;\x07\u{9b}\x7f\u{202e}\r\n\té"});
        for is_pretty in [false, true] {
            let text = json(&value, is_pretty);
            assert!(!text.chars().any(is_obeyed), "{text:?}");
            assert_eq!(serde_json::from_str::<serde_json::Value>(&text).expect("JSON"), value);
        }
    }
}
