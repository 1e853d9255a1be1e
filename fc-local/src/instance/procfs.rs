//! What does /proc know? Who carries an instance's id, who listens where, how much memory a process takes.
//! What follows from it is not decided here.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::LazyLock;

use rustix::process::{Pid, Signal, kill_process};

/// Kills every process whose `FC_INSTANCE_ID` is `id`, wherever it has gone.
pub fn kill_instances(id: &str) {
    let wanted = format!("FC_INSTANCE_ID={id}");
    for pid in processes() {
        let Some(pid) = Pid::from_raw(pid) else {
            continue;
        };
        if environment(pid).iter().any(|variable| variable == wanted.as_bytes()) {
            let _ = kill_process(pid, Signal::CONT); // it may be gone already
            let _ = kill_process(pid, Signal::KILL);
        }
    }
}

/// The program that a process runs.
pub fn executable(pid: Pid) -> Option<PathBuf> {
    fs::read_link(format!("/proc/{}/exe", pid.as_raw_nonzero())).ok()
}

/// The words that a process was started with.
pub fn arguments(pid: Pid) -> Vec<Vec<u8>> {
    texts(pid, "cmdline")
}

/// The variables that a process was started with.
pub fn environment(pid: Pid) -> Vec<Vec<u8>> {
    texts(pid, "environ")
}

/// A file of /proc/PID whose texts end with a zero.
fn texts(pid: Pid, file: &str) -> Vec<Vec<u8>> {
    let bytes = fs::read(format!("/proc/{}/{file}", pid.as_raw_nonzero())).unwrap_or_default(); // it may be gone already
    bytes.strip_suffix(b"\0").unwrap_or(&bytes).split(|byte| *byte == 0).map(<[u8]>::to_vec).collect()
}

/// All processes below `root`, also those that have exited and are not reaped.
pub fn descendants(root: Pid) -> Vec<Pid> {
    let mut found: Vec<Pid> = Vec::new();
    let mut unread = vec![root];
    while let Some(pid) = unread.pop() {
        for child in children(pid) {
            if !found.contains(&child) {
                found.push(child);
                unread.push(child);
            }
        }
    }
    found
}

/// The children of a process: those of each of its threads.
pub fn children(parent: Pid) -> Vec<Pid> {
    static IS_LISTED: LazyLock<bool> =
        LazyLock::new(|| fs::exists("/proc/thread-self/children").unwrap_or_default());
    if *IS_LISTED { listed_children(parent) } else { children_by_their_parent(parent) }
}

fn listed_children(parent: Pid) -> Vec<Pid> {
    let threads = fs::read_dir(format!("/proc/{}/task", parent.as_raw_nonzero()));
    let lists = threads.into_iter().flatten().flatten().map(|thread| thread.path().join("children"));
    let texts: Vec<String> = lists.filter_map(|list| fs::read_to_string(list).ok()).collect();
    let pids = texts.iter().flat_map(|text| text.split_whitespace());
    pids.filter_map(|pid| Pid::from_raw(pid.parse().ok()?)).collect()
}

/// For a kernel without `CONFIG_PROC_CHILDREN`: all processes are looked at.
fn children_by_their_parent(parent: Pid) -> Vec<Pid> {
    let is_child = |pid: &i32| stat_field(*pid, 1) == Some(parent.as_raw_nonzero().get().into());
    processes().filter(is_child).filter_map(Pid::from_raw).collect()
}

/// All process ids.
fn processes() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// A number of /proc/PID/stat, counted behind the command's name: 0 is the state, 1 the parent.
fn stat_field(pid: i32, index: usize) -> Option<i64> {
    // One read: files of /proc have no size to prepare for, and there are many of these.
    let mut buffer = [0; 512];
    let count = fs::File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut buffer).ok()?;
    let stat = String::from_utf8_lossy(buffer.get(..count)?);
    stat.rsplit(')').next()?.split_whitespace().nth(index)?.parse().ok()
}

/// Whether a process is traced, as by a debugger.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trace {
    None,
    Running,
    /// One of its threads is stopped by whoever traces it.
    Stopped,
}

/// Most processes are not traced, and one look tells.
pub fn trace(pid: Pid) -> Trace {
    let pid = pid.as_raw_nonzero();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let tracer = status.lines().find_map(|line| line.strip_prefix("TracerPid:"));
    if tracer.is_none_or(|tracer| tracer.trim() == "0") {
        return Trace::None;
    }
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let is_stopped = |thread: fs::DirEntry| {
        let stat = fs::read(thread.path().join("stat")).unwrap_or_default();
        String::from_utf8_lossy(&stat)
            .rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim_start().starts_with('t'))
    };
    if threads.into_iter().any(is_stopped) { Trace::Stopped } else { Trace::Running }
}

/// Resident memory of a process now, in bytes.
pub fn resident(pid: Pid) -> u64 {
    status_field(pid, "VmRSS:")
}

/// The most a process ever had, in bytes.
pub fn peak(pid: Pid) -> u64 {
    status_field(pid, "VmHWM:")
}

fn status_field(pid: Pid, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// The addresses somebody listens on at `port`, in the network of a process or in fc-local's.
pub fn listeners(port: u16, network: Option<Pid>) -> Vec<IpAddr> {
    let listening = sockets(network).filter(|socket| socket.is_listening && socket.local.port() == port);
    listening.map(|socket| socket.local.ip()).collect()
}

/// The sockets that listen at `port`, each as a number that is its own.
fn listening(port: u16) -> impl Iterator<Item = u64> {
    let found = sockets(None).filter(move |socket| socket.is_listening && socket.local.port() == port);
    found.map(|socket| socket.inode)
}

/// The first of them.
pub fn listener(port: u16) -> Option<u64> {
    listening(port).next()
}

/// Whoever listens at `port`, as far as this user may know.
pub fn owner(port: u16) -> Option<Pid> {
    let socket = listener(port)?;
    processes().find(|pid| holds(*pid, socket)).and_then(Pid::from_raw)
}

/// Whether somebody else listens at `port` and none of `pids` does. Whom this user may not know of counts for nobody.
pub fn is_anothers(port: u16, pids: &[Pid]) -> bool {
    let is_held = |socket: u64| pids.iter().any(|pid| holds(pid.as_raw_nonzero().get(), socket));
    // Linux has those that listen first.
    let mut first = tables(None).flat_map(|table| table.take_while(|socket| socket.is_listening));
    if first.any(|socket| socket.local.port() == port && is_held(socket.inode)) {
        return false;
    }
    let found: Vec<u64> = listening(port).collect();
    !found.iter().any(|socket| is_held(*socket))
        && found.into_iter().any(|socket| processes().any(|pid| holds(pid, socket)))
}

/// Whether a process has this socket open.
fn holds(pid: i32, socket: u64) -> bool {
    let wanted = format!("socket:[{socket}]");
    let files = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
    files
        .into_iter()
        .any(|file| fs::read_link(file.path()).is_ok_and(|target| target.as_os_str() == &*wanted))
}

/// Whether a process holds the TCP socket between these two addresses; `None` when there is none on this machine.
pub fn is_held(local: SocketAddr, remote: SocketAddr) -> Option<bool> {
    let canonical = |address: SocketAddr| SocketAddr::new(address.ip().to_canonical(), address.port());
    let (local, remote) = (canonical(local), canonical(remote));
    let mut found = sockets(None).filter(|socket| socket.local == local && socket.remote == remote);
    // What nobody holds any longer has lost its inode.
    found.next().map(|socket| socket.inode != 0)
}

/// The ports that somebody listens on whom loopback leads to.
pub fn loopback_ports() -> Vec<u16> {
    let is_reached = |ip: IpAddr| ip.is_loopback() || ip.is_unspecified();
    let reached = sockets(None).filter(|socket| socket.is_listening && is_reached(socket.local.ip()));
    let mut ports: Vec<u16> = reached.map(|socket| socket.local.port()).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

/// Whether the network of a process has more than its loopback.
pub fn has_interfaces(pid: Pid) -> bool {
    let text = fs::read_to_string(format!("/proc/{}/net/dev", pid.as_raw_nonzero())).unwrap_or_default();
    text.lines().skip(2).any(|line| !line.trim_start().starts_with("lo:")) // behind two lines of titles
}

/// Whether a UDP socket is bound to `port`.
pub fn is_udp_port(port: u16) -> bool {
    let text = fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let wanted = format!(":{port:04X}");
    text.lines()
        .skip(1)
        .any(|line| line.split_whitespace().nth(1).is_some_and(|local| local.ends_with(&wanted)))
}

/// The ports that one of `pids` listens on, in the network of a process or in fc-local's.
pub fn ports_of(pids: &[Pid], network: Option<Pid>) -> Vec<u16> {
    let mut inodes = Vec::new();
    for pid in pids {
        for entry in
            fs::read_dir(format!("/proc/{}/fd", pid.as_raw_nonzero())).into_iter().flatten().flatten()
        {
            let target = fs::read_link(entry.path()).unwrap_or_default();
            let inode = target.to_str().and_then(|target| target.strip_prefix("socket:[")?.strip_suffix(']'));
            inodes.extend(inode.and_then(|inode| inode.parse::<u64>().ok()));
        }
    }
    let listening = sockets(network).filter(|socket| socket.is_listening && inodes.contains(&socket.inode));
    let mut ports: Vec<u16> = listening.map(|socket| socket.local.port()).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

struct Socket {
    local: SocketAddr,
    remote: SocketAddr,
    is_listening: bool,
    inode: u64,
}

/// All TCP sockets, in the network of a process or in fc-local's.
fn sockets(network: Option<Pid>) -> impl Iterator<Item = Socket> {
    tables(network).flatten()
}

/// The same in the two tables of the kernel's, each of which is read as far as it is used: those with many connections
/// take milliseconds.
fn tables(network: Option<Pid>) -> impl Iterator<Item = impl Iterator<Item = Socket>> {
    let process = network.map_or_else(|| "self".to_owned(), |pid| pid.as_raw_nonzero().to_string());
    let files = ["tcp", "tcp6"]
        .into_iter()
        .filter_map(move |table| fs::File::open(format!("/proc/{process}/net/{table}")).ok());
    files.map(|file| {
        let lines = BufReader::new(file).lines().map_while(Result::ok);
        lines.skip(1).filter_map(|line| socket(&line))
    })
}

/// `  0: 0100007F:1F90 00000000:0000 0A …`: addresses and ports in hex, `0A` is LISTEN, the tenth field the inode.
fn socket(line: &str) -> Option<Socket> {
    let mut fields = line.split_whitespace().skip(1);
    let (local, remote) = (fields.next().and_then(address)?, fields.next().and_then(address)?);
    let is_listening = fields.next()? == "0A";
    let inode = fields.nth(5)?.parse().ok()?;
    Some(Socket { local, remote, is_listening, inode })
}

fn address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    Some(SocketAddr::new(ip(address)?, u16::from_str_radix(port, 16).ok()?))
}

/// An address as the kernel prints it: 32-bit words in the machine's byte order.
fn ip(hex: &str) -> Option<IpAddr> {
    let word = |index: usize| {
        let text = hex.get(index * 8..index * 8 + 8)?;
        u32::from_str_radix(text, 16).ok().map(u32::to_ne_bytes)
    };
    if hex.len() == 8 {
        return Some(IpAddr::V4(Ipv4Addr::from(word(0)?)));
    }
    let mut bytes = [0; 16];
    for (index, chunk) in bytes.chunks_exact_mut(4).enumerate() {
        chunk.copy_from_slice(&word(index)?);
    }
    Some(IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::process::Command;
    use std::thread;
    use std::time::{Duration, Instant};

    use rustix::process::getpid;

    use super::*;

    #[test]
    fn a_listener_is_found_with_its_address() {
        let any = TcpListener::bind("0.0.0.0:0").expect("a free port");
        let loopback = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = |listener: &TcpListener| listener.local_addr().expect("bound").port();
        assert_eq!(listeners(port(&any), None), [IpAddr::V4(Ipv4Addr::UNSPECIFIED)]);
        assert_eq!(listeners(port(&loopback), None), [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        assert!(ports_of(&[getpid()], None).contains(&port(&any)));
        assert_eq!((owner(port(&any)), owner(port(&loopback))), (Some(getpid()), Some(getpid())));
        assert!(!is_anothers(port(&any), &[getpid()]) && is_anothers(port(&any), &[]));
    }

    #[test]
    fn the_children_that_are_listed_are_those_that_name_their_parent() {
        let mut child = Command::new("sh").args(["-c", "sleep 1000 & wait"]).spawn().expect("a shell");
        let shell = Pid::from_child(&child);
        // The sleeper is the shell's child as soon as there is one.
        let began = Instant::now();
        while listed_children(shell).is_empty() && began.elapsed() < Duration::from_secs(30) {
            thread::park_timeout(Duration::from_millis(1));
        }
        let sleeper = listed_children(shell);
        assert_eq!((sleeper.len(), children_by_their_parent(shell)), (1, sleeper.clone()));
        assert!(children(getpid()).contains(&shell) && children_by_their_parent(getpid()).contains(&shell));
        assert!(descendants(getpid()).contains(&sleeper[0]));
        let _ = kill_process(sleeper[0], Signal::KILL);
        child.wait().expect("it ends with the sleeper");
    }

    #[test]
    fn ipv6_addresses_are_read_word_by_word() {
        assert_eq!(ip("00000000000000000000000001000000"), Some(IpAddr::V6(Ipv6Addr::LOCALHOST)));
        assert_eq!(ip("0000000000000000FFFF00000100007F"), Some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }
}
