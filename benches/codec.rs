//! The HTTP codec alone, without sockets, and an event: parsing, decoding and encoding, in ns per operation and bytes per second.

use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use fc_runtime::events::OssEvent;
use fc_runtime::fuzzing::{self, HeadParser};
use serde_json::Value;

fn main() {
    divan::main();
}

/// A head with that many field lines: the least (Host alone), a browser's, what the platform sends with a client's, many.
#[divan::bench(args = [1, 8, 24, 96])]
fn parse_head(bencher: Bencher, fields: usize) {
    let bytes = head_with(fields);
    let mut parser = HeadParser::default();
    bencher.counter(BytesCount::of_slice(&bytes)).bench_local(|| {
        assert_eq!(parser.parse(black_box(&bytes)), Ok(Some(bytes.len())));
    });
}

/// The same head of 24 fields in pieces of that many bytes, as a slow network delivers it.
#[divan::bench(args = [1, 64, 1_024])]
fn parse_head_in_pieces(bencher: Bencher, piece: usize) {
    let bytes = head_with(24);
    let mut parser = HeadParser::default();
    bencher.counter(BytesCount::of_slice(&bytes)).bench_local(|| {
        let mut end = 0;
        loop {
            end = bytes.len().min(end + piece);
            if let Ok(Some(length)) = parser.parse(black_box(&bytes[..end])) {
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
        let mut data = 0;
        let length = fuzzing::decode_chunked(black_box(&bytes), &[], |piece| data += piece.len());
        assert_eq!((length, data), (Ok(Some(bytes.len())), 65_536));
    });
}

/// The head of a response with that many fields of the author's.
#[divan::bench(args = [1, 8, 32])]
fn encode_response_head(bencher: Bencher, fields: usize) {
    let line = |field| format!("x-field-{field}: a value of the usual length\r\n");
    let lines: String = (0..fields).map(line).collect();
    let mut out = Vec::new();
    fuzzing::encode_head(&mut out, lines.as_bytes());
    bencher.counter(BytesCount::of_slice(&out.clone())).bench_local(|| {
        out.clear();
        fuzzing::encode_head(&mut out, black_box(lines.as_bytes()));
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
        black_box(&data).chunks(chunk).for_each(|piece| fuzzing::encode_chunk(&mut out, piece));
        out.len()
    });
}

/// The event of a bucket, as a type; 10 µs are the bound.
#[divan::bench]
fn read_oss_event(bencher: Bencher) {
    let sample: Value = include_str!("../fc-local/samples/oss.json").parse().expect("JSON");
    let bytes = sample.to_string().into_bytes();
    bencher
        .counter(BytesCount::of_slice(&bytes))
        .bench_local(|| fuzzing::event::<OssEvent>(black_box(&bytes)).expect("an event"));
}

fn head_with(fields: usize) -> Vec<u8> {
    let line = |field| format!("x-fc-field-{field}: 1-67a59f35-150c1267-f381ba1c085c\r\n");
    let lines: String = (1..fields).map(line).collect();
    format!("POST /invoke?a=1&b=2 HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n").into_bytes()
}

fn chunked_body(length: usize, chunk: usize) -> Vec<u8> {
    let mut body = Vec::new();
    vec![b'x'; length].chunks(chunk).for_each(|piece| fuzzing::encode_chunk(&mut body, piece));
    body.extend_from_slice(b"0\r\n\r\n");
    body
}
