//! A socket that listens, and what its errors mean. Who accepts, and when, is decided elsewhere.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::sockopt::{set_socket_keepalive, set_socket_send_buffer_size, set_tcp_nodelay};
#[cfg(target_os = "linux")]
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt::set_socket_reuseaddr};
use rustix::time::Timespec;
use std::io;
use std::net::{SocketAddr, TcpListener};

/// The system caps it at its own limit (Linux: 4,096); std's 128 loses bursts.
const BACKLOG: i32 = 4096;

/// What the system takes of a response before the peer does. Left to itself, Linux takes 4 MB for each slow
/// reader, which counts as this instance's memory; half a gigabyte per second needs less than this as long as
/// the gateway is half a millisecond away.
const SEND_BUFFER: usize = 256 * 1024;

/// A socket that listens and does not block; std's would listen with a short queue, and set the rest later.
#[cfg(target_os = "linux")]
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    // As std does: a server that restarts takes its port back at once.
    set_socket_reuseaddr(&socket, true)?;
    // Accepted sockets inherit these three.
    set_socket_keepalive(&socket, true)?;
    set_tcp_nodelay(&socket, true)?;
    set_socket_send_buffer_size(&socket, SEND_BUFFER)?;
    bind(&socket, &address)?;
    rustix::net::listen(&socket, BACKLOG)?;
    Ok(socket.into())
}

#[cfg(not(target_os = "linux"))]
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let listener = TcpListener::bind(address)?;
    rustix::net::listen(&listener, BACKLOG)?;
    listener.set_nonblocking(true)?;
    set_socket_keepalive(&listener, true)?;
    set_tcp_nodelay(&listener, true)?;
    set_socket_send_buffer_size(&listener, SEND_BUFFER)?;
    Ok(listener)
}

/// Of descriptors or memory, this process's or the system's: closing something helps.
pub(crate) fn is_exhaustion(error: &io::Error) -> bool {
    is_one_of(error, &[Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM])
}

/// The peer's doing, which says nothing of the next connection (accept(2), "Error handling").
pub(crate) fn is_failed_connection(error: &io::Error) -> bool {
    // Those of a new connection's network that Linux reports here are accept(2)'s list.
    const FAILED: [Errno; 10] = [
        Errno::CONNABORTED,
        Errno::HOSTDOWN,
        Errno::HOSTUNREACH,
        Errno::INTR,
        Errno::NETDOWN,
        Errno::NETUNREACH,
        Errno::NOPROTOOPT,
        Errno::OPNOTSUPP,
        Errno::PERM,
        Errno::PROTO,
    ];
    is_one_of(error, &FAILED)
}

/// Whether nobody waits to be accepted, which takes no descriptor to find out.
pub(crate) fn is_queue_empty(listener: &TcpListener) -> bool {
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    poll(&mut [PollFd::new(listener, PollFlags::IN)], Some(&now)) == Ok(0)
}

fn is_one_of(error: &io::Error, errnos: &[Errno]) -> bool {
    error.raw_os_error().is_some_and(|code| errnos.iter().any(|errno| errno.raw_os_error() == code))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_accept_are_told_apart() {
        let error = |errno: Errno| io::Error::from_raw_os_error(errno.raw_os_error());
        for (errno, exhaustion, failed_connection) in [
            (Errno::MFILE, true, false),
            (Errno::NOMEM, true, false),
            (Errno::CONNABORTED, false, true),
            (Errno::INTR, false, true),
            (Errno::HOSTUNREACH, false, true),
            (Errno::NOPROTOOPT, false, true),
            (Errno::BADF, false, false),
        ] {
            let error = error(errno);
            assert_eq!(
                (is_exhaustion(&error), is_failed_connection(&error)),
                (exhaustion, failed_connection)
            );
        }
        assert!(!is_exhaustion(&io::ErrorKind::WouldBlock.into()));
    }

    #[test]
    fn a_listener_has_the_port_it_was_given_and_does_not_block() {
        let listener = listen(([127, 0, 0, 1], 0).into()).unwrap();
        assert_ne!(listener.local_addr().unwrap().port(), 0);
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
    }
}
