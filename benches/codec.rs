//! The HTTP codec alone, without sockets: what parsing a head, decoding a chunked body and encoding a response take, in
//! ns per operation and bytes per second.
//!
//! The codec is no part of the public API, so its files are compiled into this program as they are.

#[allow(dead_code, unused_imports, reason = "the codec is larger than what is measured of it")]
#[path = "../src/http1/mod.rs"]
mod http1;

use std::fmt::Write;

use divan::counter::BytesCount;
use divan::{Bencher, black_box};

use http1::{
    BodyDecoder, BodyLength, FINAL_CHUNK, Framing, Head, Parsed, Persistence, Piece, Progress,
    chunk_size_line, encode_head,
};

const DATE: &[u8] = b"Sun, 06 Nov 1994 08:49:37 GMT";

fn main() {
    divan::main();
}

/// A head with that many field lines: the least (Host alone), a browser's, what the platform sends with a client's, many.
#[divan::bench(args = [1, 8, 24, 96])]
fn parse_head(bencher: Bencher, fields: usize) {
    let bytes = head_with(fields);
    let mut head = Head::default();
    bencher.counter(BytesCount::of_slice(&bytes)).bench_local(|| {
        let parsed = head.parse(black_box(&bytes), &mut Progress::default());
        assert_eq!(parsed, Ok(Parsed::Complete(bytes.len())));
        head.keep_alive
    });
}

/// The same head of 24 fields in pieces of that many bytes, as a slow network delivers it.
#[divan::bench(args = [1, 64, 1_024])]
fn parse_head_in_pieces(bencher: Bencher, piece: usize) {
    let bytes = head_with(24);
    let mut head = Head::default();
    bencher.counter(BytesCount::of_slice(&bytes)).bench_local(|| {
        let mut progress = Progress::default();
        let mut end = 0;
        loop {
            end = bytes.len().min(end + piece);
            if let Ok(Parsed::Complete(length)) = head.parse(black_box(&bytes[..end]), &mut progress) {
                return length;
            }
            assert!(end < bytes.len(), "the head is whole");
        }
    });
}

/// A chunked body of 64 KB in chunks of that many bytes.
#[divan::bench(args = [16, 1_024])]
fn decode_chunked(bencher: Bencher, chunk: usize) {
    let bytes = chunked_body(65_536, chunk);
    bencher.counter(BytesCount::of_slice(&bytes)).bench_local(|| {
        let mut decoder = BodyDecoder::new(BodyLength::Chunked, u64::MAX).expect("no limit");
        let (mut at, mut data) = (0, 0);
        loop {
            match decoder.look(black_box(&bytes[at..])).expect("a well-formed body") {
                Piece::Data(count) => {
                    decoder.took(count);
                    (at, data) = (at + count, data + count);
                }
                Piece::Skip(count) => at += count,
                Piece::End(_) => break,
                Piece::More => panic!("the body is whole"),
            }
        }
        assert_eq!(data, 65_536);
    });
}

/// The head of a response with that many fields of the author's.
#[divan::bench(args = [1, 8, 32])]
fn encode_response_head(bencher: Bencher, fields: usize) {
    let mut lines = String::new();
    for field in 0..fields {
        let _ = write!(lines, "x-field-{field}: a value of the usual length\r\n"); // a String takes everything
    }
    let mut out = Vec::new();
    encode(&mut out, lines.as_bytes());
    bencher.counter(BytesCount::of_slice(&out.clone())).bench_local(|| {
        out.clear();
        encode(&mut out, black_box(lines.as_bytes()));
        out.len()
    });
}

/// A chunked response body of 64 KB in chunks of that many bytes.
#[divan::bench(args = [16, 1_024, 65_536])]
fn encode_chunked(bencher: Bencher, chunk: usize) {
    let data = vec![b'x'; 65_536];
    let mut out = Vec::with_capacity(6 * data.len());
    bencher.counter(BytesCount::of_slice(&data)).bench_local(|| {
        out.clear();
        for piece in black_box(&data).chunks(chunk) {
            chunk_size_line(&mut out, piece.len());
            out.extend_from_slice(piece);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(FINAL_CHUNK);
        out.len()
    });
}

fn encode(out: &mut Vec<u8>, fields: &[u8]) {
    encode_head(out, 200, Framing::Length(13), Persistence::Implied, DATE, [fields, b""]);
}

fn head_with(fields: usize) -> Vec<u8> {
    let mut head = String::from("POST /invoke?a=1&b=2 HTTP/1.1\r\nHost: localhost\r\n");
    for field in 1..fields {
        let _ = write!(head, "x-fc-field-{field}: 1-67a59f35-150c1267-f381ba1c085c\r\n"); // a String takes everything
    }
    head.push_str("\r\n");
    head.into_bytes()
}

fn chunked_body(length: usize, chunk: usize) -> Vec<u8> {
    let mut body = Vec::new();
    for piece in vec![b'x'; length].chunks(chunk) {
        body.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        body.extend_from_slice(piece);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"0\r\n\r\n");
    body
}
