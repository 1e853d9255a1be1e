use super::*;

type Summary = (String, String, Vec<(String, String)>, bool, BodyLength);

fn summary(head: &Head) -> Summary {
    let fields = head.fields().map(|(n, v)| (n.to_owned(), String::from_utf8_lossy(v).into_owned()));
    (head.method().into(), head.target().into(), fields.collect(), head.keep_alive, head.length)
}

/// Feeds `wire` in pieces that end at `cuts`, as a connection does.
fn feed(wire: &[u8], cuts: &[usize]) -> Result<Option<(Summary, usize)>, Reject> {
    let (mut head, mut progress) = (Head::default(), Progress::default());
    let mut wire = wire.to_vec();
    for end in cuts.iter().copied().chain([wire.len()]) {
        if let Parsed::Complete(length) = parse(&mut head, &mut wire[..end], &mut progress)? {
            return Ok(Some((summary(&head), length)));
        }
    }
    Ok(None)
}

/// As a connection does, which reads a later version as what it knows.
fn parse(head: &mut Head, wire: &mut [u8], progress: &mut Progress) -> Result<Parsed, Reject> {
    match head.parse(wire, progress) {
        Ok(Parsed::LaterVersion(minor)) => {
            wire[minor] = b'1';
            head.parse(wire, progress)
        }
        parsed => parsed,
    }
}

fn every_way_of_feeding(wire: &[u8]) -> Vec<Vec<usize>> {
    let mut ways: Vec<Vec<usize>> = (0..wire.len()).map(|cut| vec![cut]).collect();
    ways.push((1..wire.len()).collect());
    ways
}

const VALID: [&str; 9] = [
    "GET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
    "GET / HTTP/1.0\r\n\r\n",
    "POST /invoke?a=b HTTP/1.1\r\nhOST:h:9000\r\nContent-Length:\t5 \r\nEmpty:\r\nX: a \t b\r\n\r\n",
    "PUT http://a.b:80/c?d HTTP/1.1\r\nHost: other\r\nTransfer-Encoding: chunked\r\n\r\n",
    "OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n",
    "M-SEARCH /x HTTP/1.1\r\nHost: [::1]\r\nX: \u{e9}\r\n\r\n",
    "GET / HTTP/1.1\r\nHost: h\r\nA: 1\r\nB: 2\r\nA: 3\r\nBlank: \t \r\n\r\n",
    "\r\nPOST /later HTTP/1.7\r\nHost: h\r\nTransfer-Encoding: chunked\r\nX: HTTP/1.9\r\n\r\n",
];

#[test]
fn every_split_of_a_valid_head_parses_alike_and_leaves_what_follows() {
    for wire in VALID {
        let whole = feed(wire.as_bytes(), &[]).unwrap().expect("complete");
        assert_eq!(whole.1, wire.len());
        for trailing in ["", "\r\n", "GET / HTTP/1.1\r\n\r\n", "\0\0"] {
            let fed = [wire, trailing].concat();
            for cuts in every_way_of_feeding(fed.as_bytes()) {
                assert_eq!(feed(fed.as_bytes(), &cuts), Ok(Some(whole.clone())), "{fed:?} at {cuts:?}");
            }
        }
    }
}

#[test]
fn a_head_without_its_end_is_never_complete() {
    for wire in VALID {
        for end in 0..wire.len() {
            assert_eq!(feed(&wire.as_bytes()[..end], &[]), Ok(None), "first {end} bytes of {wire:?}");
        }
    }
}

#[test]
fn every_split_of_a_malformed_head_is_refused_with_the_same_status() {
    let cases: [(&str, u16); 40] = [
        ("GET / HTTP/1.1\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\n\n", 400),
        ("\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nEmpty:\n\r\n", 400),
        ("GET / HTTP/1.1\rHost: h\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\0c\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nA: b\u{7f}\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\n folded\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n Host: h\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nA b: c\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\n: c\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nnocolon\r\n\r\n", 400),
        ("GET / HTTP/1.1 \r\nHost: h\r\n\r\n", 400),
        ("GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET /  HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (" GET / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET /a b HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/1.1.1\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/11\r\nHost: h\r\n\r\n", 400),
        ("GET / http/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/1.10\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/x.1\r\nHost: h\r\n\r\n", 400),
        ("GET /\r\nHost: h\r\n\r\n", 400),
        ("G@T / HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET a HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost:\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
        ("GET http://a@b/ HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 400),
        ("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: h\r\nExpect: a\r\n\r\n", 417),
        ("CONNECT h:1 HTTP/1.1\r\nHost: h\r\n\r\n", 501),
        ("GET / HTTP/2.0\r\nHost: h\r\n\r\n", 505),
        ("GET / HTTP/0.9\r\nHost: h\r\n\r\n", 505),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ];
    for (wire, status) in cases {
        let refused = |cuts: &[usize]| feed(wire.as_bytes(), cuts).map_err(Reject::status);
        assert_eq!(refused(&[]), Err(status), "{wire:?}");
        for cuts in every_way_of_feeding(wire.as_bytes()) {
            assert_eq!(refused(&cuts), Err(status), "{wire:?} at {cuts:?}");
        }
    }
}

#[test]
fn a_head_over_its_limits_is_refused_before_it_is_complete() {
    let status = |wire: &str| feed(wire.as_bytes(), &[]).map(|_| ()).map_err(Reject::status);
    let start = "GET / HTTP/1.1\r\nHost: h\r\n";
    assert_eq!(status(&format!("{start}A: {}", "a".repeat(MAX_HEAD))), Err(431));
    assert_eq!(status(&format!("{start}A: {}\r\n\r\n", "a".repeat(MAX_HEAD))), Err(431));
    assert_eq!(status(&format!("{start}{}\r\n", "a:\r\n".repeat(MAX_HEAD / 4))), Err(431));
    assert_eq!(status(&format!("GET /{}", "a".repeat(MAX_HEAD))), Err(414));
    assert_eq!(status(&format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "a".repeat(8192))), Err(414));
    assert_eq!(status(&"\r\n".repeat(MAX_EMPTY_LINES + 1)), Err(400));
}

#[test]
fn a_later_minor_version_is_read_as_the_one_that_is_known() {
    for minor in 2..=9 {
        let mut wire = format!("GET / HTTP/1.{minor}\r\nHost: h\r\nContent-Length: 3\r\n\r\n").into_bytes();
        let (mut head, mut progress) = (Head::default(), Progress::default());
        assert_eq!(parse(&mut head, &mut wire, &mut progress), Ok(Parsed::Complete(wire.len())));
        assert!(!head.http10 && head.keep_alive && head.length == BodyLength::Known(3), "1.{minor}");
    }
    // What refuses a head of version 1.1 refuses it too.
    for (fields, status) in [("", 400), ("Host: h\n", 400), ("Host: h\r\nExpect: x\r\n", 417)] {
        let wire = format!("GET / HTTP/1.2\r\n{fields}\r\n");
        assert_eq!(feed(wire.as_bytes(), &[]).map_err(Reject::status), Err(status), "{fields:?}");
    }
}

#[test]
fn a_method_over_its_limit_is_not_implemented_whatever_follows_it() {
    let status = |wire: &str| feed(wire.as_bytes(), &[]).map(|_| ()).map_err(Reject::status);
    let [longest, over] = [MAX_METHOD, MAX_METHOD + 1].map(|length| "M".repeat(length));
    assert_eq!(status(&format!("{longest} / HTTP/1.1\r\nHost: h\r\n\r\n")), Ok(()));
    for rest in [" / HTTP/1.1\r\nHost: h\r\n\r\n", " / HTTP/1.1\r\n\r\n", " /", ""] {
        assert_eq!(status(&format!("\r\n{over}{rest}")), Err(501), "{rest:?}");
    }
    for count in [9_000, MAX_HEAD, 2 * MAX_HEAD] {
        assert_eq!(status(&"M".repeat(count)), Err(501), "{count}");
        assert_eq!(status(&format!("{} / HTTP/1.1\r\nHost: h\r\n\r\n", "M".repeat(count))), Err(501));
    }
    assert_eq!(status(&format!("{longest} /{}", "a".repeat(MAX_HEAD))), Err(414));
}

#[test]
fn the_target_wins_over_host_and_an_absent_path_is_the_root() {
    let (mut head, mut progress) = (Head::default(), Progress::default());
    let wire = b"GET http://a:1?q HTTP/1.1\r\nHost: b\r\n\r\n";
    head.parse(wire, &mut progress).unwrap();
    assert_eq!((head.authority(), head.path(), head.query()), (Some("a:1"), "/", Some("q")));
}

#[test]
fn field_names_match_in_any_case_and_repeated_fields_keep_their_order() {
    let (mut head, mut progress) = (Head::default(), Progress::default());
    head.parse(VALID[7].as_bytes(), &mut progress).unwrap();
    assert_eq!(head.field("a"), Some(&b"1"[..]));
    assert_eq!(head.field("BLANK"), Some(&b""[..]));
    assert_eq!(head.field("absent"), None);
    let names: Vec<_> = head.fields().map(|(name, _)| name).collect();
    assert_eq!(names, ["Host", "A", "B", "A", "Blank"]);
}

/// As many fields as there are bytes for, however they come: around the length of each table, and the shortest there are.
#[test]
fn bytes_alone_limit_the_fields_of_a_head() {
    let start = "GET / HTTP/1.1\r\nHost: h\r\n";
    let most = (MAX_HEAD - start.len() - 2) / 4;
    for count in [USUAL_FIELDS - 1, USUAL_FIELDS, MANY_FIELDS - 1, MANY_FIELDS, MANY_FIELDS + 1, 1000, most] {
        let wire = format!("{start}{}\r\n", "a:\r\n".repeat(count));
        let pieces: Vec<usize> = (0..wire.len()).step_by(1000).collect();
        for cuts in [&[][..], &[wire.len() / 2], &pieces] {
            let (mut head, mut progress) = (Head::default(), Progress::default());
            for end in cuts {
                head.parse(&wire.as_bytes()[..*end], &mut progress).expect("a beginning");
            }
            let parsed = head.parse(wire.as_bytes(), &mut progress);
            assert_eq!(parsed, Ok(Parsed::Complete(wire.len())), "{count} fields");
            assert_eq!((head.fields().len(), head.field("host")), (count + 1, Some(&b"h"[..])));
        }
    }
    // What the longest took is not kept for the next.
    let mut head = Head::default();
    for wire in [format!("{start}{}\r\n", "a:\r\n".repeat(most)), format!("{start}\r\n")] {
        head.parse(wire.as_bytes(), &mut Progress::default()).expect("a head");
    }
    assert!(head.fields.capacity() <= USUAL_FIELDS, "{}", head.fields.capacity());
    let wire = format!("{start}{}\r\n", "a:\r\n".repeat(most + 1));
    assert_eq!(feed(wire.as_bytes(), &[]).map(|_| ()).map_err(Reject::status), Err(431));
    // What is behind the head has lines of its own.
    let body = [wire.as_bytes(), &b"\n".repeat(100)].concat();
    assert_eq!(feed(&body, &[]).map(|_| ()).map_err(Reject::status), Err(431));
}
