//! What the header fields say about the message itself: how long its body is, whether the
//! connection may live on, whether the client waits to be asked for the body (RFC 9112 sections 6, 9).
//! Two readings of one message are how requests are smuggled, so every doubt is refused.

use super::reject::Reject;
use super::target::is_host;

/// How the end of a request's body is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum BodyLength {
    #[default]
    None,
    Known(u64),
    Chunked,
}

/// The outcome of reading all fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct MessageFacts {
    pub length: BodyLength,
    pub keep_alive: bool,
    pub expects_continue: bool,
}

/// Reads the fields one after the other.
#[derive(Default)]
pub(super) struct FramingReader {
    hosts: u32,
    content_length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
    expects_continue: bool,
}

impl FramingReader {
    pub(super) fn field(&mut self, name: &[u8], value: &[u8]) -> Result<(), Reject> {
        // Few names have one of these lengths, so most fields cost one comparison.
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host(value),
            6 if name.eq_ignore_ascii_case(b"expect") => self.expect(value),
            10 if name.eq_ignore_ascii_case(b"connection") => self.connection(value),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.content_length(value),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.transfer_encoding(value),
            _ => Ok(()),
        }
    }

    pub(super) fn finish(self, http10: bool) -> Result<MessageFacts, Reject> {
        // HTTP/1.0 knows no Host; HTTP/1.1 requires exactly one (RFC 9112 section 3.2).
        if self.hosts > 1 || (self.hosts == 0 && !http10) {
            return Err(Reject::Host);
        }
        if self.chunked && http10 {
            return Err(Reject::TransferEncodingInHttp10);
        }
        let length = match (self.chunked, self.content_length) {
            (true, Some(_)) => return Err(Reject::BothLengths),
            (true, None) => BodyLength::Chunked,
            (false, Some(0)) | (false, None) => BodyLength::None,
            (false, Some(length)) => BodyLength::Known(length),
        };
        Ok(MessageFacts {
            length,
            keep_alive: !self.close && (!http10 || self.keep_alive),
            // RFC 9110 section 10.1.1: an expectation in HTTP/1.0 is ignored.
            expects_continue: self.expects_continue && !http10 && length != BodyLength::None,
        })
    }

    fn host(&mut self, value: &[u8]) -> Result<(), Reject> {
        self.hosts += 1;
        if is_host(value) { Ok(()) } else { Err(Reject::Host) }
    }

    fn expect(&mut self, value: &[u8]) -> Result<(), Reject> {
        for expectation in list(value) {
            if !expectation.eq_ignore_ascii_case(b"100-continue") {
                return Err(Reject::Expectation);
            }
            self.expects_continue = true;
        }
        Ok(())
    }

    fn connection(&mut self, value: &[u8]) -> Result<(), Reject> {
        for option in list(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
        Ok(())
    }

    /// Digits only and once: `parse::<u64>` would take a sign, and a list could be read two ways. What does not fit
    /// was never meant for a length; whoever reads it may have cut it off anywhere.
    fn content_length(&mut self, value: &[u8]) -> Result<(), Reject> {
        let digits = !value.is_empty() && value.iter().all(u8::is_ascii_digit);
        if !digits || self.content_length.is_some() {
            return Err(Reject::ContentLength);
        }
        let length =
            value.iter().try_fold(0u64, |sum, b| sum.checked_mul(10)?.checked_add(u64::from(b - b'0')));
        self.content_length = Some(length.ok_or(Reject::ContentLength)?);
        Ok(())
    }

    /// `chunked` alone. RFC 9112 section 6.1 asks for 501 when a coding before it is not understood,
    /// and section 6.3 for 400 when the last one is not `chunked`. Empty members are not passed over, as
    /// RFC 9110 section 5.6.1.2 has it for lists: no sender may generate them (section 5.6.1.1), and intermediaries
    /// that read `,chunked` as a coding of its own are how requests are smuggled (RFC 9112 section 11.2).
    fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Reject> {
        if self.chunked {
            return Err(Reject::TransferEncoding);
        }
        let mut codings = value.split(|&b| b == b',').map(<[u8]>::trim_ascii);
        let is_chunked = |coding: &[u8]| coding.eq_ignore_ascii_case(b"chunked");
        if !codings.next_back().is_some_and(is_chunked) {
            return Err(Reject::TransferEncoding);
        }
        let mut others = codings.peekable();
        if others.peek().is_some() {
            let sound =
                others.all(|c| !c.is_empty() && !is_chunked(c) && !c.eq_ignore_ascii_case(b"identity"));
            return Err(if sound { Reject::TransferCoding } else { Reject::TransferEncoding });
        }
        self.chunked = true;
        Ok(())
    }
}

/// The elements of a comma-separated list (RFC 9110 section 5.6.1).
fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b',').map(<[u8]>::trim_ascii).filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(http10: bool, fields: &[(&str, &str)]) -> Result<MessageFacts, Reject> {
        let mut reader = FramingReader::default();
        for (name, value) in fields {
            reader.field(name.as_bytes(), value.as_bytes())?;
        }
        reader.finish(http10)
    }

    fn length(name: &str, value: &str) -> Result<BodyLength, Reject> {
        read(false, &[("Host", "h"), (name, value)]).map(|facts| facts.length)
    }

    #[test]
    fn a_content_length_is_digits_and_appears_once() {
        assert_eq!(length("content-length", "0"), Ok(BodyLength::None));
        assert_eq!(length("Content-Length", "0042"), Ok(BodyLength::Known(42)));
        assert_eq!(length("content-length", "18446744073709551615"), Ok(BodyLength::Known(u64::MAX)));
        for bad in [
            "",
            "18446744073709551616",
            "99999999999999999999999",
            "+1",
            "-1",
            "1 2",
            "5, 5",
            "0x5",
            "5.0",
            "५",
        ] {
            assert_eq!(length("content-length", bad), Err(Reject::ContentLength), "{bad:?}");
        }
        let twice = [("host", "h"), ("content-length", "5"), ("content-length", "5")];
        assert_eq!(read(false, &twice), Err(Reject::ContentLength));
    }

    #[test]
    fn chunked_is_the_only_transfer_coding() {
        assert_eq!(length("transfer-encoding", "ChunKed"), Ok(BodyLength::Chunked));
        for (value, reject) in [
            ("", Reject::TransferEncoding),
            ("identity", Reject::TransferEncoding),
            ("identity, chunked", Reject::TransferEncoding),
            ("gzip", Reject::TransferEncoding),
            ("chunked, gzip", Reject::TransferEncoding),
            ("chunked, chunked", Reject::TransferEncoding),
            (", chunked", Reject::TransferEncoding),
            ("chunked,", Reject::TransferEncoding),
            ("chunked;q=1", Reject::TransferEncoding),
            ("xchunked", Reject::TransferEncoding),
            ("gzip, chunked", Reject::TransferCoding),
        ] {
            assert_eq!(length("transfer-encoding", value), Err(reject), "{value:?}");
        }
    }

    #[test]
    fn two_ways_to_read_the_length_are_refused() {
        let both = [("host", "h"), ("content-length", "5"), ("transfer-encoding", "chunked")];
        assert_eq!(read(false, &both), Err(Reject::BothLengths));
        let twice = [("host", "h"), ("transfer-encoding", "chunked"), ("transfer-encoding", "chunked")];
        assert_eq!(read(false, &twice), Err(Reject::TransferEncoding));
        let old = [("transfer-encoding", "chunked")];
        assert_eq!(read(true, &old), Err(Reject::TransferEncodingInHttp10));
    }

    #[test]
    fn http_11_has_one_host_and_http_10_at_most_one() {
        assert!(read(true, &[]).is_ok());
        assert_eq!(read(false, &[]), Err(Reject::Host));
        for http10 in [false, true] {
            assert_eq!(read(http10, &[("host", "a"), ("host", "a")]), Err(Reject::Host));
            assert_eq!(read(http10, &[("host", "a, b")]), Err(Reject::Host));
        }
    }

    #[test]
    fn connection_options_decide_what_follows_the_response() {
        let keep = |http10, value| read(http10, &[("host", "h"), ("connection", value)]).unwrap().keep_alive;
        assert!(keep(false, ""));
        assert!(keep(false, "te, upgrade"));
        assert!(!keep(false, "te , CLOSE"));
        assert!(!keep(false, "keep-alive, close"));
        assert!(!keep(true, "te"));
        assert!(keep(true, "Keep-Alive"));
    }

    #[test]
    fn a_list_may_have_empty_members_unless_it_frames_the_message() {
        for value in ["100-continue,", ",100-continue", " , 100-Continue ,\t, 100-continue"] {
            let facts = read(false, &[("host", "h"), ("expect", value), ("content-length", "3")]);
            assert!(facts.unwrap().expects_continue, "{value:?}");
        }
        for value in ["", ",", " , "] {
            let facts = read(false, &[("host", "h"), ("expect", value), ("content-length", "3")]);
            assert!(!facts.unwrap().expects_continue, "{value:?}");
        }
        for value in ["100-continue, x", ",x", "100-continue;", "100-continue;a=b", "100-continue=1"] {
            assert_eq!(read(false, &[("expect", value)]), Err(Reject::Expectation), "{value:?}");
        }
        for value in [",close", "close,", " , close , ", ",,te,close"] {
            assert!(!read(false, &[("host", "h"), ("connection", value)]).unwrap().keep_alive, "{value:?}");
        }
        for value in ["5,", ",5", "5,,5"] {
            assert_eq!(length("content-length", value), Err(Reject::ContentLength), "{value:?}");
        }
        for value in ["chunked,", ",chunked", "gzip,,chunked"] {
            assert_eq!(length("transfer-encoding", value), Err(Reject::TransferEncoding), "{value:?}");
        }
    }

    #[test]
    fn only_100_continue_is_expected_and_only_with_a_body() {
        let fields = [("host", "h"), ("expect", "100-Continue"), ("content-length", "3")];
        assert!(read(false, &fields).unwrap().expects_continue);
        assert!(!read(true, &fields).unwrap().expects_continue);
        assert!(!read(false, &fields[..2]).unwrap().expects_continue);
        assert_eq!(read(false, &[("expect", "200-ok")]), Err(Reject::Expectation));
    }
}
