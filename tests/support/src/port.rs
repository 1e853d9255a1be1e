//! A port for a server that is another process: reserved until this one ends. A port that is only looked up
//! can be given to the next listener or connection of any test before the server has bound it.

use std::mem;
use std::net::{Ipv4Addr, SocketAddrV4};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, getsockname, socket_with, sockopt};

/// The socket stays bound and never listens: the kernel gives its port to nobody who asks for any, and
/// everyone who asks for this one, with SO_REUSEADDR as servers do, can have it.
pub fn reserved_port() -> u16 {
    let socket = socket_with(AddressFamily::INET, SocketType::STREAM, SocketFlags::CLOEXEC, None);
    let socket = socket.expect("a socket");
    sockopt::set_socket_reuseaddr(&socket, true).expect("an option of every socket");
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0)).expect("a free port");
    let address = SocketAddrV4::try_from(getsockname(&socket).expect("bound")).expect("of this family");
    mem::forget(socket); // until the process ends
    address.port()
}
