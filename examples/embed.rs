//! A server inside another program: started on a free port, called, and stopped by it.

use fc_runtime::{Context, Function, Request, Response, Server, ServerConfig};
use std::error::Error;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Counts its calls in something that belongs to the program.
struct Counter {
    calls: Arc<AtomicU32>,
}

impl Function for Counter {
    fn invoke(&self, _: &Context, _: Request<'_>) -> anyhow::Result<Response> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        Ok(Response::text(format!("call {call}")))
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let config = ServerConfig::default().address(([127, 0, 0, 1], 0));
    let running = Server::bind(config, move |_| Ok(Counter { calls: counted.clone() }))?.start()?;

    for _ in 0..3 {
        println!("{}", get(running.local_addr())?);
    }
    running.stop();
    running.join()?;
    println!("stopped after {} calls", calls.load(Ordering::SeqCst));
    Ok(())
}

fn get(address: SocketAddr) -> std::io::Result<String> {
    let mut connection = TcpStream::connect(address)?;
    connection.write_all(b"GET / HTTP/1.0\r\n\r\n")?;
    let mut response = String::new();
    connection.read_to_string(&mut response)?;
    Ok(response.split("\r\n\r\n").nth(1).unwrap_or_default().to_owned())
}
