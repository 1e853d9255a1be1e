//! A function finds its code in /code: really there, or named otherwise wherever the author's texts say so. What is made
//! for that goes with fc-local.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::Value;

use crate::harness::{Fc, Said as _, fc_local, python_path, start_in, start_with, wait_until_frozen};
use support::{
    Scratch, Signal, WATCHDOG, eventually, get, has_programs, reserved_port, run_to_end, skip, state,
    wait_until_gone,
};

/// A server that says how it was started, and has a module beside it that only PYTHONPATH leads to.
const FUNCTION: &str = r#"
import http.server, json, os, sys, time, mylib

class Function(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/exit": os._exit(7)
        if self.path == "/script": answer = os.popen("sh /code/script.sh").read()
        elif self.path == "/write": answer = open("/code/written", "w").write("x")
        else: answer = {
            "arguments": sys.argv[1:], "environment": dict(os.environ), "directory": os.getcwd(), "pid": os.getpid(),
            "module": mylib.__file__, "namespace": os.readlink("/proc/self/ns/mnt"), "uid": os.getuid(),
        }
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments): pass

http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["FC_SERVER_PORT"])), Function).serve_forever()
"#;

/// A template with the function in `directory`, started by a shell, and more of its fields.
fn with_template(directory: &str, more: &str) -> Scratch {
    let scratch = Scratch::new();
    fs::create_dir_all(scratch.path(&format!("{directory}/python"))).expect("directories");
    scratch.write(&format!("{directory}/app.py"), FUNCTION);
    scratch.write(&format!("{directory}/python/mylib.py"), "");
    scratch.write(&format!("{directory}/script.sh"), "cat /code/script.sh | wc -l\n# a second line\n");
    let python = python_path();
    let text = format!(
        r#"
edition: 3.0.0
resources:
  shop:
    component: fc3
    props:
      region: cn-beijing
      functionName: shop
      runtime: custom.debian12
      code: './{directory}'
      environmentVariables:
        PYTHONPATH: /code/python:/opt/python
        SETTINGS: '{{"dir": "/code/settings", "other": "/srv/code/x"}}'
      customRuntimeConfig:
        command: [sh, -c, 'cd /code && exec {python} /code/app.py "$@"', sh]
        args: ['--config=/code/c', '-I/code/include', /code, /codec, my/code/x]
{more}"#
    );
    scratch.write("s.yaml", &text);
    scratch
}

fn start(scratch: Scratch, isolate: &str, arguments: &[&str]) -> Fc {
    let template = scratch.path("s.yaml");
    start_with(scratch, &[&["-t", &template, "--isolate", isolate], arguments].concat(), &[])
}

/// Whether this machine lets bubblewrap make a file system.
fn has_bwrap() -> bool {
    let made = Command::new("bwrap").args(["--dev-bind", "/", "/", "--", "true"]).output();
    let is_made = made.is_ok_and(|output| output.status.success());
    if !is_made {
        skip("bwrap", "bubblewrap is not installed or not permitted");
    }
    is_made
}

fn arguments(code: &str) -> Value {
    let config = format!("--config={code}/c");
    let include = format!("-I{code}/include");
    serde_json::json!([config, include, code, "/codec", "my/code/x"])
}

fn check_names(seen: &Value, code: &str) {
    assert_eq!(seen["arguments"], arguments(code));
    assert_eq!(seen["module"], format!("{code}/python/mylib.py"));
    let environment = &seen["environment"];
    assert_eq!(environment["PYTHONPATH"], format!("{code}/python:/opt/python"));
    assert_eq!(environment["SETTINGS"], format!(r#"{{"dir": "{code}/settings", "other": "/srv/code/x"}}"#));
    assert_eq!(environment["FC_FUNC_CODE_PATH"], code);
}

#[test]
fn without_isolation_code_is_named_as_the_directory_that_stands_for_it() {
    let fc = start(with_template("code", ""), "off", &[]);
    let code = fs::canonicalize(fc.scratch.path("code")).expect("a directory").display().to_string();
    let seen = fc.get("/").json();
    check_names(&seen, &code);
    assert_eq!(seen["directory"], code.as_str());
    assert!(
        fc.log().contains("not isolated: --isolate=off; /code in command, arguments"),
        "what it cannot do"
    );
}

/// The directories that fc-local has made for this code.
fn temporary_directories(code: &str) -> Vec<String> {
    let entries = fs::read_dir(std::env::temp_dir()).expect("a directory").flatten();
    let links_here =
        |path: &std::path::Path| fs::read_link(path.join("code")).is_ok_and(|link| link.ends_with(code));
    let ours = entries.map(|entry| entry.path()).filter(|path| links_here(path));
    ours.map(|path| path.display().to_string()).collect()
}

#[test]
fn a_directory_that_a_shell_would_split_has_a_plain_name_that_goes_with_fc_local() {
    for (number, ends_by) in [None, Some(Signal::INT), Some(Signal::KILL)].into_iter().enumerate() {
        let name = format!("my code; (x) $y {} {number}", std::process::id());
        let mut fc = start(with_template(&name, ""), "off", &[]);
        let seen = fc.get("/").json();
        let code = seen["environment"]["FC_FUNC_CODE_PATH"].as_str().expect("a path").to_owned();
        check_names(&seen, &code);
        assert!(code.chars().all(|c| c.is_ascii_alphanumeric() || "/-.".contains(c)), "{code}");
        assert_eq!(temporary_directories(&name).len(), 1);
        match ends_by {
            None => assert!(fc.stop().success()),
            // Twice, the second at once.
            Some(Signal::INT) => {
                let mut caller = fc.client();
                caller.send(get("/"));
                fc.signal(Signal::INT);
                fc.wait_for_log("stopping");
                fc.signal(Signal::INT);
                fc.wait();
            }
            Some(signal) => {
                fc.signal(signal);
                fc.wait();
            }
        }
        eventually("the directory is gone", || temporary_directories(&name).is_empty().then_some(()));
        let directory = code.strip_suffix("/code").expect("in a directory");
        eventually("so is who removes it", || {
            processes_with(&["fc-temporary", directory]).is_empty().then_some(())
        });
    }
}

/// The processes whose command line has all these texts.
fn processes_with(texts: &[&str]) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    let has_all = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line).replace('\0', " ");
        texts.iter().all(|text| line.contains(text))
    };
    pids.filter(has_all).collect()
}

#[test]
fn with_isolation_code_is_there_also_for_what_nobody_can_rewrite() {
    if !has_bwrap() {
        return;
    }
    let root = |path: &str| fs::read_dir(path).expect("a directory").flatten().count();
    let (entries, had_code) = (root("/"), fs::exists("/code").expect("a root"));
    let mut fc = start(with_template("code", ""), "auto", &[]);
    fc.wait_for_log("isolated: /code is mounted (bubblewrap)");
    let seen = fc.get("/").json();
    check_names(&seen, "/code");
    assert_eq!(seen["directory"], "/code");
    assert_eq!(fc.get("/script").json(), "2\n");
    assert_eq!(fc.get("/write").status, 200);
    assert_eq!(fs::read_to_string(fc.scratch.path("code/written")).expect("the author's own directory"), "x");
    let own = fs::read_link("/proc/self/ns/mnt").expect("a link").display().to_string();
    assert_ne!(seen["namespace"], own.as_str());
    assert_eq!(
        (root("/"), fs::exists("/code").expect("a root")),
        (entries, had_code),
        "nothing is made here"
    );
    assert!(fc.stop().success());
    assert!(!is_namespace_used(seen["namespace"].as_str().expect("a name")));
}

/// Whether a process is in this namespace.
fn is_namespace_used(namespace: &str) -> bool {
    let entries = fs::read_dir("/proc").expect("/proc").flatten();
    let mut links = entries.filter_map(|entry| fs::read_link(entry.path().join("ns/mnt")).ok());
    links.any(|link| link.to_str() == Some(namespace))
}

#[test]
fn a_frozen_instance_in_isolation_thaws_and_goes_with_a_killed_fc_local() {
    if !has_bwrap() {
        return;
    }
    let mut fc = start(with_template("code", ""), "on", &[]);
    let pid = fc.get("/").pid();
    assert!(fc.log().contains(&format!("process {pid} started")), "its own id");
    wait_until_frozen(pid);
    let seen = fc.get("/").json();
    assert_eq!(seen["pid"], pid);
    wait_until_frozen(pid);
    fc.signal(Signal::KILL);
    fc.wait();
    wait_until_gone(pid);
    let namespace = seen["namespace"].as_str().expect("a name");
    eventually("its namespace is gone", || (!is_namespace_used(namespace)).then_some(()));
}

#[test]
fn a_second_ctrl_c_leaves_nothing_of_an_isolated_instance() {
    if !has_bwrap() {
        return;
    }
    let mut fc = start(with_template("code", ""), "on", &["--no-freeze"]);
    let seen = fc.get("/").json();
    fc.signal(Signal::INT);
    fc.signal(Signal::INT);
    fc.wait();
    wait_until_gone(seen["pid"].as_u64().and_then(|pid| pid.try_into().ok()).expect("a process id"));
    let namespace = seen["namespace"].as_str().expect("a name");
    eventually("its namespace is gone", || (!is_namespace_used(namespace)).then_some(()));
}

#[test]
fn a_start_that_fails_in_isolation_fails_as_elsewhere() {
    if !has_bwrap() {
        return;
    }
    for (isolate, file, mode, wanted) in [
        ("on", None, 0o755, "The start command '/code/bootstrap' was not found"),
        ("on", Some("x"), 0o644, "code 13, message:permission denied"),
        ("on", Some("#!/bin/sh\necho bye\nexit 3\n"), 0o755, "code 3, message:"),
        ("on", Some("#!/bin/sh\nkill -9 $$\n"), 0o755, "code 137, message:killed by signal 9"),
    ] {
        let scratch = Scratch::new();
        fs::create_dir(scratch.path("code")).expect("a directory");
        if let Some(text) = file {
            let file = scratch.write("code/bootstrap", text);
            fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("a mode");
        }
        scratch.write(
            "s.yaml",
            "edition: 3.0.0\nresources: {shop: {component: fc3, props: {functionName: shop, runtime: custom, code: ./code}}}\n",
        );
        let fc = start(scratch, isolate, &[]);
        let (status, _, message) = fc.get("/").system_error();
        assert!(status == 412 && message.contains(wanted), "{message}");
    }
}

#[test]
fn a_crash_and_a_stop_in_isolation_are_told_as_elsewhere() {
    if !has_bwrap() {
        return;
    }
    let mut fc = start(with_template("code", ""), "on", &["--no-freeze", "--sigterm", "30s"]);
    assert_eq!(fc.get("/exit").status, 502);
    assert_eq!(fc.get("/").status, 200);
    fc.wait_for_log("process exited with 7");
    let pid = fc.get("/").pid();
    assert!(fc.stop().success(), "SIGTERM reaches it");
    assert!(matches!(state(pid), None | Some('Z')));
}

#[test]
fn an_initializer_command_in_isolation_finds_the_code_too() {
    if !has_bwrap() {
        return;
    }
    let fc = start(
        with_template("code", ""),
        "on",
        &["--initializer-command", "sh -c 'echo ran > /code/initialized'"],
    );
    assert_eq!(fc.get("/").status, 200);
    assert_eq!(fs::read_to_string(fc.scratch.path("code/initialized")).expect("it ran"), "ran\n");
}

#[test]
fn where_isolation_cannot_be_it_is_refused_or_done_without() {
    let scratch = with_template("code", "");
    let template = scratch.path("s.yaml");
    let port = reserved_port().to_string();
    let invoke = |isolate: &str, refusal: Option<&str>| {
        let mut command = fc_local();
        command.args(["invoke", "-t", &template, "--port", &port, "--http", "GET /", "--isolate", isolate]);
        // No program is here but what the function needs.
        let directory = Scratch::new();
        for name in ["sh", "cat", "wc"] {
            let found = std::env::split_paths("/usr/bin:/bin")
                .map(|path| path.join(name))
                .find(|path| path.is_file());
            std::os::unix::fs::symlink(found.expect(name), directory.path(name)).expect("a link");
        }
        if let Some(refusal) = refusal {
            let bwrap = directory.write("bwrap", &format!("#!/bin/sh\necho '{refusal}' >&2\nexit 1\n"));
            fs::set_permissions(bwrap, fs::Permissions::from_mode(0o755)).expect("a mode");
        }
        run_to_end(command.env("PATH", directory.path("")), WATCHDOG)
    };
    let output = invoke("on", Some("bwrap: setting up uid map: Permission denied"));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("cannot make a file system here (setting up uid map: Permission denied)"),
        "{text}"
    );
    let output = invoke("auto", Some("bwrap: setting up uid map: Permission denied"));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(text.matches("not isolated: bubblewrap cannot make a file system here").count(), 1, "{text}");
    let output = invoke("on", None);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(text.contains("--isolate=on: bubblewrap is not installed (apt install bubblewrap)"), "{text}");
    let output = invoke("auto", None);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert_eq!(text.matches("not isolated: bubblewrap is not installed").count(), 1, "{text}");
}

#[test]
fn a_function_without_a_template_has_this_machines_file_system() {
    let fc = crate::harness::start(&[]);
    let pid = fc.get("/").pid();
    let namespace = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/mnt")).expect("a link");
    assert_eq!(namespace(pid), namespace(std::process::id()));
    assert!(!fc.log().contains("isolated"), "and nothing is said of it");
    let output =
        run_to_end(fc_local().args(["invoke", "--isolate=on", "--event", "{}", "--", "true"]), WATCHDOG);
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{text}");
    assert!(
        text.contains("--isolate=on: nothing stands for /code; name its directory with --code DIR"),
        "{text}"
    );
}

/// A function that insists on the configured port, and can be asked to call another server.
const INSISTS: &str = r#"
import http.server, os, socket, time, urllib.request

class Function(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if self.path == "/leave":
            # As a dying process does it: its connections go, and a moment later itself.
            self.server.socket.close()
            self.connection.shutdown(socket.SHUT_RDWR)
            time.sleep(0.3)
            os._exit(7)
        if self.path.startswith("/wait?"): os.read(os.open(self.path[6:], os.O_RDONLY), 1)
        answer = str(os.getpid())
        if self.path.startswith("/call?"): answer = urllib.request.urlopen(self.path[6:]).read().decode()
        body = answer.encode()
        self.send_response(200)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments): pass

# All but the first one are on loopback if there is a mark to be left.
mark = os.environ.get("MARK")
host = "127.0.0.1" if mark and os.path.exists(mark) else "0.0.0.0"
if mark: open(mark, "w").close()
http.server.ThreadingHTTPServer((host, int(os.environ["INSISTS"])), Function).serve_forever()
"#;

fn insists(arguments: &[&str]) -> Fc {
    let command = crate::harness::python_script(INSISTS);
    let arguments = [&["--env", "INSISTS={port}", "--timeout", "60s"], arguments].concat();
    start_with(Scratch::new(), &arguments, &command)
}

/// Whether this machine has what connects networks.
fn has_pasta() -> bool {
    let has_it = has_programs(&["pasta", "nsenter"]) && has_bwrap() && fs::File::open("/dev/net/tun").is_ok();
    if !has_it {
        skip("pasta", "passt or util-linux is not installed, or there is no /dev/net/tun for this user");
    }
    has_it
}

#[test]
fn a_function_that_insists_on_its_port_has_more_than_one_instance_in_networks_of_their_own() {
    if !has_pasta() {
        return;
    }
    let service =
        support::TestServer::start(support::config(), |_, _| Ok(fc_runtime::Response::text("service")));
    let mut fc = insists(&["--initializer-command", "true"]);
    let gates = ["a", "b"].map(|name| fc.scratch.gate(name));
    let mut pids: Vec<u32> = std::thread::scope(|scope| {
        let first = scope.spawn(|| fc.get(&format!("/wait?{}", gates[0].path)));
        fc.wait_for_logs(" started on port ", 1);
        let second = scope.spawn(|| fc.get(&format!("/wait?{}", gates[1].path)));
        fc.wait_for_log("further instances get networks of their own (pasta)");
        // A third one, which reaches this machine's services and fc-local itself.
        let call = |address| fc.get(&format!("/call?http://{address}/"));
        assert_eq!(call(service.address).text(), "service");
        let third: u32 = call(fc.address).text().parse().expect("a process id");
        gates.iter().for_each(|gate| gate.let_pass(1));
        let pids =
            [first, second].map(|call| call.join().expect("answered").text().parse().expect("a process id"));
        [third, pids[0], pids[1]].to_vec()
    });
    pids.sort_unstable();
    pids.dedup();
    assert!(pids.len() >= 2, "{pids:?}");
    pids.iter().for_each(|pid| wait_until_frozen(*pid));
    assert_eq!(fc.get("/").status, 200, "and it thaws");
    assert!(fc.stop().success());
    for pid in pids {
        assert!(matches!(state(pid), None | Some('Z')), "{pid} is there");
    }
}

#[test]
fn no_call_is_sent_into_the_network_of_an_instance_that_is_going() {
    if !has_pasta() {
        return;
    }
    let fc = insists(&["--no-freeze"]);
    let gate = fc.scratch.gate("gate");
    let mut waits = fc.client();
    waits.send(get(&format!("/wait?{}", gate.path)));
    fc.wait_for_logs(" started on port ", 1);
    let pid = fc.get("/").text().to_owned();
    assert!(fc.get("/leave").error_message().starts_with("Process exited unexpectedly"));
    let next = fc.get("/");
    assert_eq!(next.status, 200, "{}", next.text());
    assert_ne!(next.text(), pid);
}

#[test]
fn a_network_goes_with_its_instance_and_with_a_killed_fc_local() {
    if !has_pasta() {
        return;
    }
    let port = reserved_port().to_string();
    let mut fc = insists(&["--no-freeze", "--port", &port, "--env", &format!("INSISTS={port}")]);
    let gate = fc.scratch.gate("gate");
    let mut waits = fc.client();
    waits.send(get(&format!("/wait?{}", gate.path)));
    fc.wait_for_logs(" started on port ", 1);
    let pid: u32 = fc.get("/").text().parse().expect("a process id");
    let namespace = |pid: u32| fs::read_link(format!("/proc/{pid}/ns/net")).expect("a link");
    assert_ne!(namespace(pid), namespace(std::process::id()));
    let connecting = || processes_with(&["pasta --config-net", &format!(":{port} ")]);
    assert_eq!(connecting().len(), 1);
    support::kill(pid);
    eventually("it goes with its instance", || {
        let _ = fc.get("/"); // which looks who has exited, and starts another
        (connecting().len() == 1 && fc.log().matches("of its own network").count() == 2).then_some(())
    });
    fc.signal(Signal::KILL);
    fc.wait();
    eventually("it goes with fc-local", || connecting().is_empty().then_some(()));
}

#[test]
fn nothing_of_a_network_is_left_when_fc_local_has_stopped() {
    if !has_pasta() {
        return;
    }
    let (_taken, port) = crate::harness::listener();
    let mut fc = insists(&["--port", &port, "--env", &format!("INSISTS={port}")]);
    assert_eq!(fc.get("/").status, 200);
    let below = processes_below(fc.id());
    assert!(below.len() >= 4, "function and pasta, each below a supervisor: {below:?}");
    assert!(fc.stop().success());
    for pid in below {
        assert!(matches!(state(pid), None | Some('Z')), "{pid} is there");
    }
}

fn processes_below(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    let lists: Vec<String> = lists.collect();
    let children = lists.iter().flat_map(|list| list.split_whitespace()).filter_map(|pid| pid.parse().ok());
    children.flat_map(|child: u32| [vec![child], processes_below(child)].concat()).collect()
}

/// The same where pasta fails: it takes connections, and then finds that it cannot pass them on.
fn insists_without_networks(arguments: &[&str]) -> Fc {
    let scratch = Scratch::new();
    let pasta = scratch.write(
        "pasta",
        &format!(
            "#!{}\nimport socket, sys, time\nport = int(sys.argv[sys.argv.index('-t') + 1].split('/')[1].split(':')[0])\n\
             server = socket.create_server(('127.0.0.1', port))\nprint('no tun device', file=sys.stderr)\nsys.exit(1)\n",
            python_path()
        ),
    );
    fs::set_permissions(&pasta, fs::Permissions::from_mode(0o755)).expect("a mode");
    let path = format!("{}:{}", scratch.path(""), std::env::var("PATH").expect("a PATH"));
    let command = crate::harness::python_script(INSISTS);
    let arguments = [&["--env", "INSISTS={port}", "--timeout", "60s"], arguments].concat();
    start_in(&[("PATH", &path)], scratch, &arguments, &command)
}

#[test]
fn where_a_network_cannot_be_the_port_of_another_program_is_an_error_at_once() {
    if !has_bwrap() {
        return;
    }
    let (_taken, port) = crate::harness::listener();
    let fc = insists_without_networks(&["--port", &port, "--env", &format!("INSISTS={port}")]);
    for starts in 1..=2 {
        let (status, _, message) = fc.get("/").system_error();
        assert!(
            status == 412 && message.contains(" is taken by another program, and the function"),
            "{message}"
        );
        assert_eq!(fc.log().matches(" started on port ").count(), starts);
    }
}

#[test]
fn where_a_network_cannot_be_a_call_waits_for_the_only_instance() {
    if !has_bwrap() {
        return;
    }
    let fc = insists_without_networks(&[]);
    let gate = fc.scratch.gate("gate");
    let mut waits = fc.client();
    waits.send(get(&format!("/wait?{}", gate.path)));
    fc.wait_for_logs(" started on port ", 1);
    let mut next = fc.client();
    next.send(get("/"));
    fc.wait_for_log("a call that finds it in use waits for it");
    fc.wait_for_log("bubblewrap and pasta cannot make them here (no tun device)");
    gate.let_pass(1);
    assert_eq!((waits.reply().status, next.reply().status), (200, 200));
}

#[test]
fn a_listener_on_loopback_is_a_failed_start_in_a_network_of_its_own_too() {
    if !has_pasta() {
        return;
    }
    let scratch = Scratch::new();
    let mark = scratch.path("mark");
    let fc = insists(&["--start-timeout", "5s", "--env", &format!("MARK={mark}")]);
    let gate = fc.scratch.gate("gate");
    let mut waits = fc.client();
    waits.send(get(&format!("/wait?{}", gate.path)));
    fc.wait_for_logs(" started on port ", 1);
    let (status, _, message) = fc.get("/").system_error();
    assert!(status == 412 && message.contains("it listens on 127.0.0.1 only"), "{message}");
    gate.let_pass(1);
    assert_eq!(waits.reply().status, 200);
}
