//! What the page shows of a run, and what nothing that a function prints or another page does can do to it.

use std::thread;

use serde_json::{Value, json};
use support::{example_path, skip};

use crate::console::Console;
use crate::driver::{self, Browser};

const TAB: char = '\u{e004}';
const ENTER: char = '\u{e007}';
const END: char = '\u{e010}';
const PAGE_DOWN: char = '\u{e00f}';
const UP: char = '\u{e013}';
const DOWN: char = '\u{e015}';
const RIGHT: char = '\u{e014}';
const ESCAPE: char = '\u{e00c}';

fn is_here() -> bool {
    if !driver::is_installed() {
        skip("browser", "chromium and chromedriver are not installed");
    }
    driver::is_installed()
}

/// The page of a console, once it is live.
fn page(console: &Console, width: u32, scheme: &str) -> Browser {
    let browser = Browser::open(width, scheme);
    browser.go(&console.url());
    browser.wait_for("the page is live", "return document.body?.dataset.connection === 'live'");
    browser
}

/// The text of the cells of this class.
fn cells(browser: &Browser, class: &str) -> Vec<String> {
    let script = format!(
        "return [...document.querySelectorAll('tr[data-key] .{class}')].map((cell) => cell.textContent)"
    );
    browser
        .run(&script)
        .as_array()
        .expect("a list")
        .iter()
        .map(|text| text.as_str().expect("text").to_owned())
        .collect()
}

fn wait_for_call(browser: &Browser, call: &str, status: &str) {
    let script = format!(
        "return [...document.querySelectorAll('#invocation-rows tr[data-key]')].some((row) => \
         row.querySelector('.c-call').textContent === '{call}' && row.querySelector('.c-status').textContent === '{status}')"
    );
    browser.wait_for(call, &script);
}

fn open_tab(browser: &Browser, name: &str) {
    browser.run(&format!("document.getElementById('tab-{name}').click()"));
}

#[test]
fn a_run_with_a_cold_start_a_freeze_a_failure_and_a_scale_out_is_on_the_page() {
    if !is_here() {
        return;
    }
    let console = Console::start(&["--idle-timeout", "1h", "--timeout", "10m"]);
    let browser = page(&console, 1280, "light");
    assert_eq!(browser.run("return document.title"), "fc-local");
    browser.wait_for("nothing is there", "return !document.getElementById('no-lanes').hidden");

    assert_eq!(console.call("GET", "/first", "").status, 200);
    wait_for_call(&browser, "GET /first", "200");
    let cold = "return [...document.querySelectorAll('#invocation-rows tr[data-key] .c-cold')].map((cell) => cell.textContent)";
    assert_eq!(browser.run(cold), json!(["cold"]));
    browser.wait_for("the freeze", "return document.querySelector('#timeline .phase.frozen') !== null");
    browser.wait_for("the start", "return document.querySelector('#timeline .phase.starting') !== null");

    let gate = console.scratch.gate("gate");
    let wait = format!("/wait?{}", gate.path);
    thread::scope(|scope| {
        let calls: Vec<_> = (0..3).map(|_| scope.spawn(|| console.call("GET", &wait, "").status)).collect();
        console.wait_for_running(3);
        browser.wait_for(
            "they are shown",
            "return document.getElementById('count-running').textContent === '3'",
        );
        browser.wait_for(
            "an instance each",
            "return document.getElementById('count-instances').textContent === '3'",
        );
        assert_eq!(browser.run("return document.querySelectorAll('#timeline .call.running').length"), 3);
        gate.let_pass(3);
        assert!(calls.into_iter().all(|call| call.join().expect("a reply") == 200));
    });
    assert_eq!(console.call("GET", "/fail", "").status, 500);
    assert_eq!(console.call("GET", "/exit", "").status, 502);
    wait_for_call(&browser, "GET /fail", "500");
    wait_for_call(&browser, "GET /exit", "502");
    browser.wait_for(
        "what failed is marked",
        "return document.querySelector('#timeline .call.failed') !== null",
    );
    assert!(cells(&browser, "c-error").contains(&"UnhandledInvocationError".to_owned()));
    let end = "return [...document.querySelectorAll('#timeline .end')].some((text) => text.textContent === 'process exited with 3')";
    browser.wait_for("why an instance ended", end);

    browser.run("document.getElementById('as-table').open = true");
    let table = browser
        .wait_for("the same as a table", "return document.getElementById('instance-rows').innerText || null");
    assert!(table.as_str().expect("text").contains("process exited with 3"), "{table}");
    let all = console.ask("invocations?limit=100")["invocations"].as_array().map(Vec::len);
    assert_eq!(
        browser.run("return document.getElementById('count-invocations').textContent"),
        json!(all.unwrap_or(0).to_string())
    );
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn an_invocation_is_opened_repeated_and_closed_by_keys_alone() {
    if !is_here() {
        return;
    }
    let console = Console::start(&["-e", "DB_PASSWORD=swordfish", "-e", "COLOUR=red"]);
    let browser = page(&console, 1280, "dark");
    console.call("POST", "/say", "hello from the function");
    wait_for_call(&browser, "POST /say", "200");
    let focused = || browser.run("return document.activeElement.id || document.activeElement.textContent");
    let mut seen = Vec::new();
    for _ in 0..30 {
        browser.press(TAB);
        seen.push(focused().as_str().expect("text").to_owned());
        if seen.last().is_some_and(|last| last == "POST /say") {
            break;
        }
    }
    let place =
        |name: &str| seen.iter().position(|one| one == name).unwrap_or_else(|| panic!("{name} in {seen:?}"));
    let order = [
        "pause",
        "zoom-out",
        "zoom-in",
        "live",
        "timeline-scroll",
        "tab-invocations",
        "filter-text",
        "POST /say",
    ];
    assert!(order.windows(2).all(|pair| place(pair[0]) < place(pair[1])), "{seen:?}");
    browser.press(ENTER);
    let detail = "return document.getElementById('detail').hidden ? null : document.getElementById('detail').innerText";
    let text = browser.wait_for("it is opened", detail);
    let text = text.as_str().expect("text");
    for part in ["POST /say", "cold start", "hello from the function", "process", "port", "headers"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert_eq!(browser.run("return document.activeElement.tagName"), "H3", "what was opened is read next");
    browser.press(TAB); // close
    browser.press(TAB); // repeat
    assert_eq!(focused(), "Repeat");
    browser.press(ENTER);
    browser.wait_for(
        "its answer",
        "return document.querySelector('#answer pre')?.textContent === 'hello from the function'",
    );
    assert_eq!(focused(), "Answer");
    assert_eq!(console.ask("invocations")["invocations"].as_array().map(Vec::len), Some(2));
    open_tab(&browser, "invocations");
    browser.run("[...document.querySelectorAll('#detail button')].find((one) => one.textContent === 'Its log').focus()");
    browser.press(ENTER);
    assert_eq!(focused(), "tab-logs");
    open_tab(&browser, "invocations");
    browser.run("document.getElementById('filter-text').focus()");
    browser.press(ESCAPE);
    assert_eq!(browser.run("return document.getElementById('detail').hidden"), false, "it is the field's");
    browser.run("document.querySelector('#detail .close').focus()");
    browser.press(ESCAPE);
    browser.wait_for("it is closed", "return document.getElementById('detail').hidden");
    browser.wait_for(
        "both are there",
        "return document.querySelectorAll('#invocation-rows tr[data-key]').length === 2",
    );
    browser.run("document.querySelector('#invocation-rows button[tabindex=\"0\"]').focus()");
    browser.press(DOWN);
    assert_eq!(focused(), "POST /say");
    browser.run("document.getElementById('tab-invocations').focus()");
    browser.press(RIGHT);
    assert_eq!(focused(), "tab-logs");
    open_tab(&browser, "functions");
    let functions =
        browser.wait_for("the functions", "return document.getElementById('functions').innerText || null");
    let functions = functions.as_str().expect("text");
    assert!(
        functions.contains("red") && functions.contains("DB_PASSWORD") && !functions.contains("swordfish"),
        "{functions}"
    );
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn what_a_function_prints_stays_text_and_its_colours_become_colours() {
    if !is_here() {
        return;
    }
    let console = Console::start(&[]);
    let browser = page(&console, 1280, "light");
    let hostile = "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">";
    console.call("POST", "/say", hostile);
    console.call("POST", "/say", "a \u{1b}[1;31mred\u{1b}[0m word, \u{1b}]0;title\u{7}\u{202e}turned");
    console.call("GET", "/%3Cscript%3Ealert(1)%3C/script%3E", "");
    let id = "<b>bold</b>".repeat(2);
    console.call("GET", &format!("/?{}", id.replace('<', "%3C").replace('>', "%3E")), "");
    open_tab(&browser, "logs");
    let lines = "const lines = [...document.querySelectorAll('#log-rows .l-text')].map((cell) => cell.textContent); return lines.some((line) => line.includes('turned')) && lines";
    let lines = browser.wait_for("the lines", lines);
    assert!(lines.as_array().expect("lines").contains(&json!(hostile)), "{lines}");
    assert!(lines.to_string().contains("a red word, \\\\x1b]0;title\\\\x07\\\\u{202e}turned"), "{lines}");
    assert_eq!(
        browser
            .run("return document.querySelectorAll('#log-rows script, #log-rows img, #log-rows b').length"),
        0
    );
    let red = "return document.querySelector('#log-rows .a1.bold')?.textContent";
    assert_eq!(browser.run(red), "red");
    assert_eq!(browser.run("return document.title"), "fc-local");

    let styled = |sequence: &str| {
        console.call("POST", "/say", &format!("\u{1b}[{sequence}mstyled {sequence}\u{1b}[0m"));
        let script = format!(
            "return [...document.querySelectorAll('#log-rows .l-text')].find((one) => one.textContent === 'styled {sequence}')?.innerHTML"
        );
        let html = browser.wait_for(sequence, &script).as_str().expect("text").to_owned();
        html.strip_prefix("<span class=\"")
            .map_or(String::new(), |html| html.split('"').next().unwrap_or("").to_owned())
    };
    for (sequence, classes) in [
        ("38;2;255;0;0", "a1"),
        ("38:2:255:0:0", "a1"),
        ("38:2::255:0:4", "a1"),
        ("38;5;2;3", "a2 italic"),
        ("38:5:2;3", "a2 italic"),
        ("4:3", "underline"),
        ("31;4;4:0", "a1"),
        ("58;5;3", ""),
        ("58:2::1:2:3;1", "bold"),
        ("48;2;1;2;3;3", "italic"),
        ("1;;3", "italic"),
    ] {
        assert_eq!(styled(sequence), classes, "{sequence}");
    }

    let level = "document.getElementById('log-text').value = 'RED word'; document.getElementById('log-text').dispatchEvent(new Event('input'))";
    browser.run(&level.replace("RED word", "RED"));
    browser
        .wait_for("one line fits", "return document.querySelectorAll('#log-rows tr[data-key]').length === 1");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_page_of_another_origin_gets_nothing_and_sends_nothing() {
    if !is_here() {
        return;
    }
    // The function's own trigger is another origin, on the same machine.
    let (console, other) = (Console::start(&[]), Console::start(&[]));
    let browser = page(&other, 1280, "light");
    let (url, own) = (console.url(), other.url());
    browser.devtools("Page.setBypassCSP", &json!({"enabled": true}));
    browser.go(&own);
    let fetched = |script: &str| {
        browser.run(&format!("window.found = null; ({script}).then((one) => window.found = String(one), (error) => window.found = 'failed: ' + error.name)"));
        browser.wait_for(script, "return window.found").as_str().expect("text").to_owned()
    };
    let send = r#"{"kind":"event","function":"local"}"#;
    for script in [
        format!("fetch('{url}api/v1/status').then((answer) => answer.text())"),
        format!(
            "fetch('{url}api/v1/send', {{method: 'POST', headers: {{'content-type': 'application/json'}}, body: '{send}'}})"
        ),
    ] {
        assert_eq!(fetched(&script), "failed: TypeError", "{script}");
    }
    let blind = format!(
        "fetch('{url}api/v1/send', {{method: 'POST', mode: 'no-cors', body: '{send}'}}).then((answer) => answer.type)"
    );
    let told = fetched(&blind);
    assert!(told == "opaque" || told.starts_with("failed"), "{told}");
    assert_eq!(console.ask("status")["record"]["invocations"]["kept"], 0, "nothing was sent");
    browser.run(&format!("const frame = document.createElement('iframe'); frame.id = 'theirs'; frame.src = '{url}'; document.body.append(frame)"));
    let blocked = "const frame = document.getElementById('theirs'); try { return frame.contentDocument === null } catch { return true }";
    browser.wait_for("the frame shows nothing of it", blocked);
    assert_eq!(console.ask("status")["record"]["invocations"]["kept"], 0);
}

#[test]
fn ten_thousand_invocations_are_few_rows_and_filtered() {
    if !is_here() {
        return;
    }
    let hello = vec![example_path("hello").display().to_string()];
    let console = Console::start_with(&["--concurrency", "100", "--no-freeze"], &hello);
    assert_eq!(console.call("GET", "/needle", "").status, 200);
    console.call_often("/order", 10_050);
    assert_eq!(console.ask("status")["record"]["invocations"], json!({"kept": 10_000, "forgotten": 51}));
    console.call("GET", "/needle", "");
    let browser = page(&console, 400, "dark");
    browser.wait_for(
        "all are there",
        "return document.getElementById('count-invocations').textContent === '10,052'",
    );
    let rows = || {
        browser
            .run("return document.querySelectorAll('#invocation-rows tr[data-key]').length")
            .as_u64()
            .expect("a number")
    };
    assert!((10..=200).contains(&rows()), "{} rows", rows());
    browser.run("document.getElementById('invocation-scroll').scrollTop = 150000");
    let middle = "return Number(document.querySelector('#invocation-rows tr[data-key]').getAttribute('aria-rowindex')) > 4000";
    browser.wait_for("the middle is shown", middle);
    assert!((10..=200).contains(&rows()), "{} rows", rows());
    browser.run("document.getElementById('invocation-scroll').scrollTop = 0; document.getElementById('invocation-scroll').dispatchEvent(new Event('scroll')); document.querySelector('#invocation-rows button').focus()");
    browser.press(PAGE_DOWN);
    browser.press(PAGE_DOWN);
    browser.press(END);
    let index = "return document.activeElement.closest('tr')?.getAttribute('aria-rowindex')";
    assert_eq!(browser.run(index), "10001", "the last row has the focus, after the head");
    let filter = "const input = document.getElementById('filter-text'); input.value = 'get /needle 200'; \
                  input.dispatchEvent(new Event('input')); \
                  return document.querySelectorAll('#invocation-rows tr[data-key]').length";
    assert_eq!(browser.run(filter), 1, "the other one has made room, and rows change with the input");

    // Of the log the page has room for less: who reads earlier lines has no hole before the newest.
    open_tab(&browser, "logs");
    let count = "return document.getElementById('log-count').textContent";
    for lines in [
        "2,000 lines",
        "3,000 lines",
        "4,000 lines",
        "5,000 lines",
        "5,000 lines, not the newest: Follow shows those",
    ] {
        browser.run("document.getElementById('log-earlier').click()");
        browser.wait_for(lines, &format!("{count} === '{lines}'"));
    }
    console.call("GET", "/newest", "");
    browser.wait_for(
        "the call is there",
        "return document.getElementById('count-invocations').textContent === '10,053'",
    );
    assert_eq!(browser.run(count), "5,000 lines, not the newest: Follow shows those");
    browser.run("document.getElementById('log-follow').click()");
    browser
        .wait_for("the newest", "return document.getElementById('log-count').textContent === '1,000 lines'");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn a_call_is_sent_and_the_end_is_told() {
    if !is_here() {
        return;
    }
    let console = Console::start(&[]);
    let browser = page(&console, 400, "light");
    open_tab(&browser, "send");
    browser.run("document.getElementById('send-payload').value = '{\"order\": 8}'; document.getElementById('send-button').click()");
    browser.wait_for(
        "the answer",
        "return document.querySelector('#answer pre')?.textContent === '{\"order\": 8}'",
    );
    let choose = |name: &str| {
        let script = format!(
            "const select = document.getElementById('send-sample'); select.value = '{name}'; select.dispatchEvent(new Event('change')); return document.getElementById('send-payload').value"
        );
        browser.run(&script).as_str().expect("text").to_owned()
    };
    let sample: Value = serde_json::from_str(&choose("oss")).expect("JSON");
    assert!(sample["events"][0]["oss"].is_object(), "{sample}");
    assert_eq!(choose(""), "{\"order\": 8}", "the other text is there again");
    choose("timer");
    browser.run("document.getElementById('send-button').focus()");
    browser.press(ENTER);
    let sent = "return document.querySelector('#answer pre')?.textContent?.includes('triggerName')";
    browser.wait_for("the sample's answer", sent);
    assert_eq!(browser.run("return document.activeElement.id"), "send-button");
    let http = "document.querySelector('[name=kind][value=http]').click(); document.getElementById('send-method').value = 'PUT'; \
                document.getElementById('send-path').value = '/put?a=b'; document.getElementById('send-body').value = 'body'; \
                document.getElementById('send-headers').value = 'X-Mine: 1'; document.getElementById('send-button').click()";
    browser.run(http);
    browser.wait_for("the answer", "return document.querySelector('#answer pre')?.textContent === 'body'");
    browser.run("document.querySelector('#answer button.link').click()");
    let detail =
        browser.wait_for("its invocation", "return document.querySelector('#detail h3')?.textContent");
    assert_eq!(detail, "PUT /put?a=b");
    let width = "return document.documentElement.scrollWidth <= document.documentElement.clientWidth";
    assert_eq!(browser.run(width), Value::Bool(true), "nothing is wider than the window");
    browser.wait_for(
        "both are counted",
        "return document.getElementById('count-invocations').textContent === '3'",
    );
    browser.run("document.getElementById('pause').click()");
    console.call("GET", "/while-paused", "");
    browser.wait_for("it is counted", "return /\\d/.test(document.getElementById('pause').textContent)");
    assert_eq!(browser.run("return document.getElementById('count-invocations').textContent"), "3");
    let counted = "return document.getElementById('pause').textContent";
    assert_eq!(browser.run(counted), "Go on (1 new)");
    open_tab(&browser, "invocations");
    let rows = "return document.querySelectorAll('#invocation-rows tr[data-key]').length";
    assert_eq!(browser.run(rows), 3, "nothing that is shown goes on");
    browser.run("document.getElementById('pause').click()");
    browser.wait_for("it goes on", "return document.getElementById('count-invocations').textContent === '4'");
    // It asks again and again, and goes on to say so.
    browser.run("const ask = fetch; window.unanswered = 0; window.fetch = (...what) => ask(...what).catch((error) => { window.unanswered += 1; throw error })");
    console.interrupt();
    browser.wait_for("the end", "return document.body.dataset.connection === 'ended'");
    browser.wait_for("two more tries", "return window.unanswered > 4");
    let told = browser.run("return document.getElementById('connection-text').textContent");
    assert_eq!(told, "fc-local has stopped");
}

#[test]
fn what_has_the_focus_keeps_it_while_calls_come_and_nothing_is_said_of_them() {
    if !is_here() {
        return;
    }
    let console = Console::start(&[]);
    let browser = page(&console, 1280, "light");
    console.call_often("/before", 40); // more than are in view
    console.call("GET", "/first", "");
    wait_for_call(&browser, "GET /first", "200");
    browser.run(
        "window.said = []; for (const one of document.querySelectorAll('[role=status], [aria-live]')) \
         new MutationObserver(() => window.said.push(one.textContent)).observe(one, {childList: true, characterData: true, subtree: true}); \
         document.querySelector('#invocation-rows button').focus()",
    );
    let place = "const top = (one) => one.getBoundingClientRect().top; \
                 return top(document.activeElement) - top(document.getElementById('invocation-scroll'))";
    let placed = browser.run(place);
    for count in [46, 51, 56, 61, 341] {
        let before = browser.run("return document.getElementById('count-invocations').textContent");
        let before: usize = before.as_str().and_then(|text| text.parse().ok()).expect("a number");
        console.call_often("/order", count - before);
        let there = format!("return document.getElementById('count-invocations').textContent === '{count}'");
        browser.wait_for("all are there", &there);
        assert_eq!(browser.run("return document.activeElement.textContent"), "GET /first");
        // Whatever the browser does of its own accord it has done by the second frame.
        browser.run(
            "window.drawn = 0; requestAnimationFrame(() => requestAnimationFrame(() => (window.drawn = 2)))",
        );
        browser.wait_for("it is drawn", "return window.drawn === 2");
        assert_eq!(browser.run(place), placed, "after {count} calls");
    }
    assert_eq!(browser.run("return window.said"), json!([]));
    browser.press(UP);
    assert_eq!(browser.run("return document.activeElement.textContent"), "GET /order");

    let filter = "const input = document.getElementById('filter-text'); input.value = 'first'; input.dispatchEvent(new Event('input'));";
    browser.run(filter);
    assert_eq!(browser.run("return document.activeElement.id"), "invocation-scroll", "its row is gone");
    browser.wait_for("how many fit", "return window.said.some((text) => text.startsWith('1 of '))");

    open_tab(&browser, "logs");
    browser.run("document.querySelector('#log-rows tr:nth-last-child(3) button').focus()");
    let line = browser.run("return document.activeElement.closest('tr').dataset.key");
    console.call_often("/order", 100);
    browser.wait_for(
        "all are there",
        "return document.getElementById('count-invocations').textContent === '441'",
    );
    assert_eq!(browser.run("return document.activeElement.closest('tr').dataset.key"), line);
}

#[test]
fn lines_that_came_faster_than_they_are_told_are_read_again_though_nothing_follows_them() {
    if !is_here() {
        return;
    }
    let console = Console::start(&[]);
    let browser = page(&console, 1280, "light");
    open_tab(&browser, "logs");
    console.call("GET", "/many?5000", "");
    browser
        .wait_for("the newest", "return document.getElementById('log-count').textContent === '1,000 lines'");
    browser.run("document.getElementById('log-scroll').scrollTop = 12000; document.getElementById('log-scroll').dispatchEvent(new Event('scroll'))");
    let shown = "const keys = [...document.querySelectorAll('#log-rows tr[data-key]')].map((row) => row.querySelector('.l-text').textContent); \
                 return keys.length > 10 && keys.every((text, at) => at === 0 || Number(text.slice(5)) === Number(keys[at - 1].slice(5)) + 1)";
    browser.wait_for("no line is missing between them", shown);
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn what_is_opened_while_it_runs_keeps_the_focus_when_it_ends() {
    if !is_here() {
        return;
    }
    let console = Console::start(&["--timeout", "10m"]);
    let browser = page(&console, 1280, "dark");
    let gate = console.scratch.gate("gate");
    let wait = format!("/wait?{}", gate.path);
    thread::scope(|scope| {
        scope.spawn(|| console.call("GET", &wait, ""));
        console.wait_for_running(1);
        wait_for_call(&browser, &format!("GET {wait}"), "running");
        browser.run("document.querySelector('#invocation-rows button').click()");
        browser.wait_for("it is opened", "return document.activeElement.tagName === 'H3'");
        browser.run("document.querySelector('#detail details').open = true; document.querySelector('#detail .actions button:last-child').focus()");
        gate.let_pass(1);
    });
    browser.wait_for("its end", "return document.querySelector('#detail .badge').textContent === '200'");
    assert_eq!(browser.run("return document.activeElement.textContent"), "Its log");
    let open = "return [...document.querySelectorAll('#detail details')].map((one) => one.open)";
    assert_eq!(browser.run(open), json!([true, false]), "the request's headers stay open");
    assert_eq!(browser.complaints(), [""; 0]);
}

#[test]
fn invocations_are_sorted_by_a_column() {
    if !is_here() {
        return;
    }
    let console = Console::start(&["--concurrency", "2", "--timeout", "10m"]);
    let browser = page(&console, 1280, "light");
    for path in ["/a", "/b", "/c"] {
        console.call("GET", path, "");
        wait_for_call(&browser, &format!("GET {path}"), "200");
    }
    let gate = console.scratch.gate("gate");
    let wait = format!("/wait?{}", gate.path);
    thread::scope(|scope| {
        scope.spawn(|| console.call("GET", &wait, ""));
        console.wait_for_running(1);
        console.call("GET", "/d", "");
        wait_for_call(&browser, "GET /d", "200");
        gate.let_pass(1);
    });
    wait_for_call(&browser, &format!("GET {wait}"), "200");
    assert_eq!(cells(&browser, "c-call")[0], "GET /d", "the newest is first");
    browser.run("document.querySelector('[data-by=duration_ms]').click()");
    assert_eq!(cells(&browser, "c-call")[0], format!("GET {wait}"), "it took longest");
    let sorted = "return [...document.querySelectorAll('#invocation-table [aria-sort]')].map((head) => head.textContent + ' ' + head.getAttribute('aria-sort'))";
    assert_eq!(browser.run(sorted), json!(["Duration descending"]));
    browser.run("document.querySelector('[data-by=accepted_at]').click(); document.querySelector('[data-by=accepted_at]').click()");
    assert_eq!(cells(&browser, "c-call")[0], "GET /a");
    assert_eq!(browser.run(sorted), json!(["Time ascending"]));
}

#[test]
fn why_an_instance_ended_lies_on_nothing_else() {
    if !is_here() {
        return;
    }
    let console = Console::start(&["--concurrency", "4"]);
    let browser = page(&console, 400, "light");
    console.call("GET", "/first", "");
    assert_eq!(console.call("GET", "/exit", "").status, 502);
    let end = "return document.querySelector('#timeline .end')?.textContent";
    assert_eq!(browser.wait_for("why it ended", end), "process exited with 3");
    let covered = "for (const end of document.querySelectorAll('#timeline .end')) { const box = end.getBoundingClientRect(); \
                   for (let x = box.left; x < box.right; x += 2) for (let y = box.top + 3; y < box.bottom - 2; y += 1) \
                   if (document.elementsFromPoint(x, y).some((one) => one.matches('.call, .phase, .lane'))) return [x, y] } return 'nothing'";
    assert_eq!(browser.run(covered), "nothing");
}

#[test]
fn the_calls_of_a_trace_are_side_by_side() {
    if !is_here() {
        return;
    }
    let console = Console::start(&[]);
    let trace = |path: &str, span: &str| {
        let parent = format!("traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-{span}-01");
        console.call_with(&format!("host: localhost\r\n{parent}"), "GET", path, "")
    };
    trace("/first", "00f067aa0ba902b7");
    console.call("GET", "/of-none", "");
    trace("/fail", "00f067aa0ba902b8");
    let browser = page(&console, 1280, "light");
    let open = |call: &str| {
        browser.run(&format!("[...document.querySelectorAll('#invocation-rows button')].find((one) => one.textContent === '{call}').click()"));
        let opened = format!("return document.querySelector('#detail h3')?.textContent === '{call}'");
        browser.wait_for(call, &opened);
    };
    let spans = "return [...document.querySelectorAll('#detail .spans li')].map((one) => \
                 `${one.querySelector('button').textContent} ${Boolean(one.querySelector('[aria-current]'))} ${Boolean(one.querySelector('.failed'))}`)";
    open("GET /first");
    assert_eq!(browser.run(spans), json!(["local GET /first true false", "local GET /fail false true"]));
    browser.run("document.querySelectorAll('#detail .spans button')[1].click()");
    browser.wait_for(
        "the other one",
        "return document.querySelector('#detail h3')?.textContent === 'GET /fail'",
    );
    open("GET /of-none");
    assert_eq!(browser.run(spans), json!([]));
}
