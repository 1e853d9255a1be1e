//! As an image runs: process 1 of a root that holds one file and cannot be written to, without /proc, /tmp,
//! /etc or environment, as any user. And so that port 9000 is always free, in a network of its own.

use std::fs;
use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

use crate::harness::{both, finish, packaged, scratch, skip};
use support::{Client, Program, Reply, WATCHDOG, get, post, until};

/// Set for the copy of the test that runs inside.
const INSIDE: &str = "FC_SHIP_INSIDE";

/// Who may make the namespaces: anyone in a new user namespace, or root.
#[derive(Clone, Copy)]
enum Jail {
    UserNamespace,
    Root,
}

impl Jail {
    fn unshare(self) -> Command {
        let mut command = Command::new("unshare");
        if let Jail::UserNamespace = self {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["--net", "--mount", "--pid", "--fork", "--kill-child"]);
        command
    }

    fn name(self) -> &'static str {
        match self {
            Jail::UserNamespace => "namespaces",
            Jail::Root => "root",
        }
    }

    /// How the shell, which is root there, becomes the function.
    fn enter(self) -> &'static str {
        match self {
            Jail::UserNamespace => {
                "unshare --user --map-user=65532 --map-group=65532 --root=\"$root\" --wd=/"
            }
            Jail::Root => "chroot --userspec=65532:65532 \"$root\"",
        }
    }
}

#[test]
fn in_a_user_namespace_it_lives_its_whole_life_as_process_1() {
    let name = "jail::in_a_user_namespace_it_lives_its_whole_life_as_process_1";
    inside(Jail::UserNamespace, name, whole_life);
}

#[test]
fn in_a_chroot_by_root_it_lives_its_whole_life_as_process_1() {
    inside(Jail::Root, "jail::in_a_chroot_by_root_it_lives_its_whole_life_as_process_1", whole_life);
}

#[test]
fn a_panic_in_a_static_binary_is_answered_and_survived() {
    inside(Jail::UserNamespace, "jail::a_panic_in_a_static_binary_is_answered_and_survived", |jail, root| {
        let function = Prisoner::start(jail, root, "FAIL_INIT=panic:1");
        assert_eq!(function.call(post("/initialize", "")).status, 500);
        assert_eq!(function.call(post("/initialize", "")).status, 200);
        assert_eq!(function.call(post("/invoke", "World")).text(), "Hello, World!");
        function.stop();
    });
}

fn whole_life(jail: Jail, root: &Path) {
    let function = Prisoner::start(jail, root, "");
    assert_eq!(function.call(post("/initialize", "")).status, 200);
    for name in ["Ada", "Grace"] {
        let response = function.call(post("/invoke", name));
        assert_eq!((response.status, response.text()), (200, &*format!("Hello, {name}!")));
    }
    assert_eq!(function.call(get("/pre-stop")).status, 200);
    let put = post("/any/path", "Alan").replacen("POST", "PUT", 1);
    assert_eq!(function.call(put).text(), "Hello, Alan!");
    let log = function.stop();
    let mut rest = log.as_str();
    for line in [
        "FC Initialize Start",
        "FC Initialize End",
        "FC Invoke End",
        "2 greetings to flush",
        "FC PreStop End",
        "1 greetings to flush", // at SIGTERM
    ] {
        let at = rest.find(line).unwrap_or_else(|| panic!("no {line:?} in\n{rest}\nof\n{log}"));
        rest = &rest[at + line.len()..];
    }
}

/// Runs `test` with a root that holds the package's binary, in a copy of this test alone in new namespaces:
/// it is process 1 there, so whatever happens to it, nothing that it started is left.
fn inside(jail: Jail, name: &str, test: impl Fn(Jail, &Path)) {
    if let Some(root) = std::env::var_os(INSIDE) {
        loopback_up();
        return test(jail, &PathBuf::from(root));
    }
    if !jail.unshare().arg("true").output().is_ok_and(|output| output.status.success()) {
        return skip(jail.name(), "unshare is not installed or not permitted");
    }
    let root = scratch(name).join("root");
    fs::create_dir(&root).expect("a directory");
    fs::copy(packaged().join("function/bootstrap"), root.join("bootstrap")).expect("the binary");
    let this = std::env::current_exe().expect("a path");
    let mut copy = jail.unshare();
    copy.arg(this).args(["--exact", name, "--nocapture"]).env(INSIDE, &root);
    let output = finish(&mut copy);
    let text = both(&output);
    assert!(output.status.success() && text.contains("1 passed"), "inside:\n{text}");
}

/// What `ip link set lo up` does, on machines that may not have it.
fn loopback_up() {
    let socket =
        rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, SocketFlags::CLOEXEC, None)
            .expect("a netlink socket");
    const RTM_NEWLINK: u16 = 16;
    const NLM_F_REQUEST_ACK: u16 = 5;
    const IFF_UP: u32 = 1;
    let mut message = Vec::new();
    message.extend(32_u32.to_ne_bytes()); // nlmsghdr: length, type, flags, sequence, port
    message.extend(RTM_NEWLINK.to_ne_bytes());
    message.extend(NLM_F_REQUEST_ACK.to_ne_bytes());
    message.extend([0; 8]);
    message.extend([0; 4]); // ifinfomsg: family and type, index of lo, flags, which of them to change
    message.extend(1_u32.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    message.extend(IFF_UP.to_ne_bytes());
    rustix::net::send(&socket, &message, SendFlags::empty()).expect("a request");
    let mut answer = [0; 64];
    rustix::net::recv(&socket, &mut answer, RecvFlags::empty()).expect("an answer");
    assert_eq!(answer[16..20], [0; 4], "lo stays down: {answer:?}");
}

/// The function in its root.
struct Prisoner {
    unshare: Program,
}

/// Where it listens, in a network of its own.
fn address() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 9000).into()
}

impl Prisoner {
    fn start(jail: Jail, root: &Path, variable: &str) -> Prisoner {
        // The subshell is who sends SIGTERM: it shares the process namespace, and needs no /proc to find
        // process 1.
        let script = format!(
            "set -e
            root=$1
            variable=$2
            test $$ = 1
            mount --bind \"$root\" \"$root\"
            mount -o remount,bind,ro \"$root\"
            if touch \"$root/written\" 2>/dev/null; then echo 'the root can be written to' >&2; exit 1; fi
            test \"$(ls -A \"$root\")\" = bootstrap
            exec 3<&0 </dev/null
            (read -r _ <&3; kill -TERM 1) &
            set -- {}
            program=$(command -v \"$1\")
            shift
            exec env -i $variable \"$program\" \"$@\" /bootstrap 3<&-",
            jail.enter()
        );
        let mut unshare = Command::new("unshare");
        unshare.args(["--mount", "--pid", "--fork", "sh", "-c", &script, "sh"]).arg(root).arg(variable);
        let unshare = Program::start(unshare.stdin(Stdio::piped()));
        until("port 9000 is open", || {
            assert!(unshare.is_running(), "it ended\n{}", unshare.said.text());
            TcpStream::connect(address()).is_ok()
        });
        Prisoner { unshare }
    }

    fn call(&self, request: String) -> Reply {
        let mut client = Client::connect(address());
        client.send(request);
        client.reply()
    }

    /// SIGTERM, which must end it with code 0; what it printed.
    fn stop(mut self) -> String {
        let mut stdin = self.unshare.stdin.take().expect("a pipe");
        writeln!(stdin).expect("the subshell that waits");
        let output = self.unshare.finish(WATCHDOG);
        assert!(output.status.success(), "{}\n{}", output.status, both(&output));
        both(&output)
    }
}
