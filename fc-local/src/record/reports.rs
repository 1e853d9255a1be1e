//! What was reported and is not yet part of the record: in one row, the texts of all in one piece, so that to report allocates
//! nothing. What a report changes is in `state.rs`.

use super::invocations::{NewCall, Stage};
use super::lines::NewLine;
use super::state::{Ended, State};

/// Reports in their order.
#[derive(Default)]
pub struct Reports {
    all: Vec<Report>,
    /// Their texts and bytes, one after the other.
    text: String,
    bytes: Vec<u8>,
    /// The key of the newest call.
    last_key: u64,
}

enum Report {
    Accept {
        key: u64,
        at: f64,
        trigger: &'static str,
        retries: u32,
        texts: [usize; 4],
        /// How it is refused at once, if it is.
        refused: Option<(u16, &'static str, usize)>,
    },
    Start {
        key: u64,
        at: f64,
        instance: usize,
        head: usize,
        body: Option<usize>,
    },
    End {
        key: u64,
        at: f64,
        stage: Stage,
        status: u16,
        texts: [Option<usize>; 2],
        kind: &'static str,
        duration: Option<(f64, u64)>,
        head: usize,
    },
    Line {
        at: f64,
        source: &'static str,
        texts: [Option<usize>; 2],
        text: usize,
    },
    /// What happens seldom.
    Other(Box<dyn FnOnce(&mut State) + Send>),
}

/// Where in the texts and bytes the next report's are.
#[derive(Default)]
struct Cursor {
    text: usize,
    byte: usize,
}

impl Reports {
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// What they take beside their number.
    pub fn bytes(&self) -> usize {
        self.text.len() + self.bytes.len()
    }

    /// A call that waits, and its key.
    pub fn accept(&mut self, call: &NewCall<'_>, refused: Option<&Ended<'_>>, at: f64) -> u64 {
        self.last_key += 1;
        let texts = [call.request_id, call.function, call.method, call.path].map(|text| self.put(text));
        let refused = refused.map(|ended| {
            let (kind, text) = ended.failure.unwrap_or_default();
            (ended.status, kind, self.put(text))
        });
        let (key, trigger, retries) = (self.last_key, call.trigger, call.retries);
        self.all.push(Report::Accept { key, at, trigger, retries, texts, refused });
        key
    }

    pub fn start(&mut self, key: u64, instance: &str, head: &[u8], body: Option<&[u8]>, at: f64) {
        let instance = self.put(instance);
        self.bytes.extend_from_slice(head);
        self.bytes.extend_from_slice(body.unwrap_or_default());
        let body = body.map(<[u8]>::len);
        self.all.push(Report::Start { key, at, instance, head: head.len(), body });
    }

    pub fn end(&mut self, key: u64, ended: &Ended<'_>, stage: Stage, at: f64) {
        let (kind, why) = ended.failure.unzip();
        let texts = [ended.x_fc_status, why].map(|text| text.map(|text| self.put(text)));
        self.bytes.extend_from_slice(ended.response_head);
        let (status, duration, head) = (ended.status, ended.duration, ended.response_head.len());
        let kind = kind.unwrap_or_default();
        self.all.push(Report::End { key, at, stage, status, texts, kind, duration, head });
    }

    pub fn line(&mut self, of: [Option<&str>; 2], line: &NewLine<'_>) {
        let texts = of.map(|text| text.map(|text| self.put(text)));
        let &NewLine { at, source, text } = line;
        let text = self.put(text);
        self.all.push(Report::Line { at, source, texts, text });
    }

    pub fn other(&mut self, report: Box<dyn FnOnce(&mut State) + Send>) {
        self.all.push(Report::Other(report));
    }

    /// Takes those that are there into `empty`, whose room is for the next ones.
    pub fn exchange(&mut self, empty: &mut Reports) {
        std::mem::swap(self, empty);
        self.last_key = empty.last_key;
    }

    fn put(&mut self, text: &str) -> usize {
        self.text.push_str(text);
        text.len()
    }

    /// Changes the record as they say, and forgets them.
    pub fn apply(&mut self, state: &mut State) {
        let Reports { all, text, bytes, .. } = self;
        let mut cursor = Cursor::default();
        all.drain(..).for_each(|report| cursor.apply(report, text, bytes, state));
        text.clear();
        bytes.clear();
        // A burst is no reason to keep its room.
        text.shrink_to(USUAL);
        bytes.shrink_to(USUAL);
    }
}

/// Room that is kept for the texts of the next reports, in bytes.
const USUAL: usize = 1024 * 1024;

impl Cursor {
    fn text<'t>(&mut self, text: &'t str, length: usize) -> &'t str {
        let begin = self.text;
        self.text += length;
        text.get(begin..self.text).unwrap_or_default()
    }

    fn bytes<'b>(&mut self, bytes: &'b [u8], length: usize) -> &'b [u8] {
        let begin = self.byte;
        self.byte += length;
        bytes.get(begin..self.byte).unwrap_or_default()
    }

    fn apply(&mut self, report: Report, text: &str, bytes: &[u8], state: &mut State) {
        match report {
            Report::Accept { key, at, trigger, retries, texts, refused } => {
                let [request_id, function, method, path] = texts.map(|length| self.text(text, length));
                let call = NewCall { request_id, function, trigger, method, path, retries };
                let Some((status, kind, why)) = refused else { return state.accept(key, &call, at) };
                let failure = Some((kind, self.text(text, why)));
                // One that had waited is there already.
                if !state.is_refused(request_id) {
                    state.accept(key, &call, at);
                    state.end(key, Ended { status, failure, ..Ended::default() }, Stage::Waiting, at);
                }
            }
            Report::Start { key, at, instance, head, body } => {
                let instance = self.text(text, instance);
                let head = self.bytes(bytes, head);
                let body = body.map(|length| self.bytes(bytes, length));
                state.start(key, instance, (head, body), at);
            }
            Report::End { key, at, stage, status, texts, kind, duration, head } => {
                let [x_fc_status, why] = texts.map(|length| length.map(|length| self.text(text, length)));
                let (failure, response_head) = (why.map(|why| (kind, why)), self.bytes(bytes, head));
                state.end(key, Ended { status, x_fc_status, failure, duration, response_head }, stage, at);
            }
            Report::Line { at, source, texts, text: length } => {
                let of = texts.map(|length| length.map(|length| self.text(text, length)));
                state.line(of, &NewLine { at, source, text: self.text(text, length) });
            }
            Report::Other(report) => report(state),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_become_the_record_in_their_order_with_their_own_texts() {
        let (mut reports, mut state) = (Reports::default(), State::new(9));
        let call = |request_id, path| NewCall {
            request_id,
            function: "shop",
            trigger: "http",
            method: "GET",
            path,
            retries: 0,
        };
        let first = reports.accept(&call("1-1", "/é"), None, 1.0);
        reports.line([None, Some("c-1")], &NewLine { at: 1.0, source: "stdout", text: "between" });
        let second = reports.accept(
            &call("1-2", "/b"),
            Some(&Ended { status: 400, failure: Some(("InvalidArgument", "no")), ..Ended::default() }),
            2.0,
        );
        reports.start(first, "c-1", b"head", Some(b"body"), 2.0);
        reports.end(
            first,
            &Ended { status: 200, x_fc_status: Some("404"), response_head: b"back", ..Ended::default() },
            Stage::Running,
            3.0,
        );
        assert_eq!((reports.len(), first, second), (5, 1, 2));
        reports.apply(&mut state);
        assert_eq!((reports.len(), reports.bytes()), (0, 0));
        let one = state.invocations.get(first).expect("it");
        assert_eq!((&*one.path, one.status, one.x_fc_status.as_deref()), ("/é", Some(200), Some("404")));
        let details = state.invocations.details(one.sent.expect("kept")).expect("kept");
        assert_eq!(
            (&*details.request_head, details.request_body.as_deref(), &*details.response_head),
            (&b"head"[..], Some(&b"body"[..]), &b"back"[..])
        );
        let other = state.invocations.get(second).expect("it");
        assert_eq!((&*other.path, other.error.as_deref()), ("/b", Some("no")));
        assert_eq!(state.lines.between(0, u64::MAX, 1)[0].text, "between");
    }
}
