//! A listener that must stay untouched.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

/// A listener on loopback that counts what reaches it: the target of redirects and of forged endpoints.
#[derive(Debug)]
pub struct Sink {
    address: SocketAddr,
    counts: Arc<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    connections: AtomicU64,
    bytes: AtomicU64,
    stopped: AtomicBool,
}

impl Sink {
    /// Listens on a free port.
    pub fn start() -> io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let counts = Arc::new(Counts::default());
        let shared = Arc::clone(&counts);
        thread::spawn(move || accept(&listener, &shared));
        Ok(Self { address, counts })
    }

    /// `127.0.0.1:port`.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// `http://127.0.0.1:port`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Connections so far.
    pub fn connections(&self) -> u64 {
        self.counts.connections.load(Ordering::SeqCst)
    }

    /// Bytes received so far.
    pub fn bytes(&self) -> u64 {
        self.counts.bytes.load(Ordering::SeqCst)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.counts.stopped.store(true, Ordering::SeqCst);
        // Wakes the listener, which then sees that it is to stop.
        let _ = TcpStream::connect(self.address);
    }
}

fn accept(listener: &TcpListener, counts: &Arc<Counts>) {
    for stream in listener.incoming() {
        if counts.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(stream) = stream else { continue };
        counts.connections.fetch_add(1, Ordering::SeqCst);
        let counts = Arc::clone(counts);
        thread::spawn(move || drain(stream, &counts));
    }
}

/// Reads until the peer is done; one answer keeps a client that should not be here from hanging.
fn drain(mut stream: TcpStream, counts: &Counts) {
    let mut buffer = [0; 4096];
    let mut answered = false;
    while let Ok(read) = stream.read(&mut buffer) {
        if read == 0 {
            return;
        }
        counts.bytes.fetch_add(read as u64, Ordering::SeqCst);
        if !answered && stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").is_err() {
            return;
        }
        answered = true;
    }
}
