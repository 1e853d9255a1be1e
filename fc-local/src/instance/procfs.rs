//! What does /proc know? Who carries an instance's id, who listens where, how much memory a process takes.
//! What follows from it is not decided here.

use std::fs;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rustix::process::{Pid, Signal, kill_process};

/// Kills every process whose `FC_INSTANCE_ID` begins with `id_prefix`, wherever it has gone: a grandchild in
/// a session of its own is in no group we know. Returns how many there were.
pub fn kill_instances(id_prefix: &str) -> usize {
    let wanted = format!("FC_INSTANCE_ID={id_prefix}");
    let mut found = 0;
    for pid in processes() {
        let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else {
            continue;
        };
        if environment.split(|byte| *byte == 0).any(|variable| variable.starts_with(wanted.as_bytes()))
            && let Some(pid) = Pid::from_raw(pid)
        {
            let _ = kill_process(pid, Signal::CONT); // it may be gone already
            let _ = kill_process(pid, Signal::KILL);
            found += 1;
        }
    }
    found
}

/// The processes of a group.
pub fn group_members(group: Pid) -> Vec<i32> {
    processes().filter(|pid| stat_field(*pid, 2) == Some(group.as_raw_nonzero().get().into())).collect()
}

/// All process ids.
fn processes() -> impl Iterator<Item = i32> {
    fs::read_dir("/proc")
        .into_iter()
        .flatten()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

/// A number of /proc/PID/stat, counted behind the command's name: 0 is the state, 2 the group.
fn stat_field(pid: i32, index: usize) -> Option<i64> {
    // One read: files of /proc have no size to prepare for, and there are many of these.
    let mut buffer = [0; 512];
    let count = fs::File::open(format!("/proc/{pid}/stat")).ok()?.read(&mut buffer).ok()?;
    let stat = String::from_utf8_lossy(buffer.get(..count)?);
    stat.rsplit(')').next()?.split_whitespace().nth(index)?.parse().ok()
}

/// Resident memory of a process now, in bytes.
pub fn resident(pid: i32) -> u64 {
    status_field(pid, "VmRSS:")
}

/// The most a process ever had, in bytes.
pub fn peak(pid: i32) -> u64 {
    status_field(pid, "VmHWM:")
}

fn status_field(pid: i32, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kilobytes.unwrap_or(0) * 1024
}

/// The addresses somebody listens on at `port`.
pub fn listeners(port: u16) -> Vec<IpAddr> {
    sockets().filter(|socket| socket.port == port).map(|socket| socket.address).collect()
}

/// The ports that one of `pids` listens on.
pub fn ports_of(pids: &[i32]) -> Vec<u16> {
    let mut inodes = Vec::new();
    for pid in pids {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            let target = fs::read_link(entry.path()).unwrap_or_default();
            let inode = target.to_str().and_then(|target| target.strip_prefix("socket:[")?.strip_suffix(']'));
            inodes.extend(inode.and_then(|inode| inode.parse::<u64>().ok()));
        }
    }
    let mut ports: Vec<u16> =
        sockets().filter(|socket| inodes.contains(&socket.inode)).map(|socket| socket.port).collect();
    ports.sort_unstable();
    ports.dedup();
    ports
}

struct Listener {
    address: IpAddr,
    port: u16,
    inode: u64,
}

/// All TCP sockets that listen.
fn sockets() -> impl Iterator<Item = Listener> {
    ["/proc/net/tcp", "/proc/net/tcp6"].into_iter().flat_map(|table| {
        let text = fs::read_to_string(table).unwrap_or_default();
        text.lines().skip(1).filter_map(listener).collect::<Vec<_>>()
    })
}

/// `  0: 0100007F:1F90 00000000:0000 0A …`: address and port in hex, `0A` is LISTEN, the tenth field the
/// inode.
fn listener(line: &str) -> Option<Listener> {
    let mut fields = line.split_whitespace();
    let (address, port) = fields.nth(1)?.split_once(':')?;
    if fields.nth(1)? != "0A" {
        return None;
    }
    let inode = fields.nth(5)?.parse().ok()?;
    Some(Listener { address: ip(address)?, port: u16::from_str_radix(port, 16).ok()?, inode })
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

    use super::*;

    #[test]
    fn a_listener_is_found_with_its_address() {
        let any = TcpListener::bind("0.0.0.0:0").expect("a free port");
        let loopback = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = |listener: &TcpListener| listener.local_addr().expect("bound").port();
        assert_eq!(listeners(port(&any)), [IpAddr::V4(Ipv4Addr::UNSPECIFIED)]);
        assert_eq!(listeners(port(&loopback)), [IpAddr::V4(Ipv4Addr::LOCALHOST)]);
        let own = i32::try_from(std::process::id()).expect("a pid");
        assert!(ports_of(&[own]).contains(&port(&any)));
    }

    #[test]
    fn ipv6_addresses_are_read_word_by_word() {
        assert_eq!(ip("00000000000000000000000001000000"), Some(IpAddr::V6(Ipv6Addr::LOCALHOST)));
        assert_eq!(ip("0000000000000000FFFF00000100007F"), Some(IpAddr::V4(Ipv4Addr::LOCALHOST)));
    }
}
