//! What `cargo fuzz` does, in short and always the same: a target's corpus, and what a seeded generator makes of it.

use std::fs;
use std::panic::catch_unwind;
use std::path::Path;

const TOKENS: [&[u8]; 24] = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\r\n\r\n",
    b"0\r\n\r\n",
    b"5\r\nhello\r\n",
    b";a=\"b\"",
    b"Host: h\r\n",
    b"Content-Length: 5\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    b" HTTP/1.0",
    b": ",
    b", ",
    b"\0",
    b"\xff",
    b"HTTP/1.1 200 OK\r\n",
    b"\n      ",
    b"${vars.a}",
    b"{<<: *a, k: &a [*a]}",
    b"null",
    b"\"9\"",
    b"9223372036854775807",
    b"{\"a\":[1e9]}",
];

struct Random(u64);

impl Random {
    /// A number below `limit` (xorshift).
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    fn mutate(&mut self, input: &mut Vec<u8>, other: &[u8]) {
        for _ in 0..=self.below(4) {
            if input.is_empty() {
                input.push(0);
            }
            let at = self.below(input.len());
            let end = (at + self.below(16)).min(input.len());
            match self.below(5) {
                0 => drop(input.splice(at..at, TOKENS[self.below(TOKENS.len())].iter().copied())),
                1 => drop(input.drain(at..end)),
                2 => drop(input.splice(at..end, other[self.below(other.len())..].iter().copied())),
                3 => input.extend_from_within(at..end),
                _ => input[at] = self.below(256) as u8,
            }
            input.truncate(8192);
        }
    }
}

/// Whether `property` holds for the corpus of `target`, and for so many inputs made of it.
pub(crate) fn holds_for_all(target: &str, rounds: u32, property: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let fuzz = folder.ancestors().map(|folder| folder.join("fuzz")).find(|fuzz| fuzz.exists()).unwrap();
    let folder = fuzz.join("corpus").join(target);
    let mut corpus: Vec<_> = fs::read_dir(folder).unwrap().map(|it| it.unwrap().path()).collect();
    corpus.sort();
    let corpus: Vec<Vec<u8>> = corpus.iter().map(|path| fs::read(path).unwrap()).collect();
    let mut random = Random(0x5eed);
    let mutants = (0..rounds).map(|_| {
        let mut input = corpus[random.below(corpus.len())].clone();
        let other = random.below(corpus.len());
        random.mutate(&mut input, &corpus[other]);
        input
    });
    for input in corpus.iter().cloned().chain(mutants) {
        let outcome = catch_unwind(|| property(&input));
        assert!(outcome.is_ok(), "does not hold for \"{}\"", input.escape_ascii());
    }
}
