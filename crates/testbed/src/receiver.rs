//! A receiver of messages: what a webhook, Slack or SNS posts to, in a thread of its own.

use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long it waits for a message's next bytes.
const PATIENCE: Duration = Duration::from_secs(10);

/// A message as it came: its request's head, line by line, and its body.
#[derive(Clone, Debug)]
pub struct Message {
    /// The request's line and its headers, their names in small letters, as hyper writes them.
    pub head: Vec<String>,
    /// The body.
    pub body: String,
}

impl Message {
    /// The header's value.
    ///
    /// # Panics
    /// If there is none.
    pub fn header(&self, name: &str) -> &str {
        self.find(name).unwrap_or_else(|| panic!("no {name}: {self:?}"))
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// If it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    fn find(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }
}

/// Takes messages until it is dropped.
#[derive(Debug)]
pub struct Receiver {
    address: SocketAddr,
    messages: Arc<Mutex<Vec<Message>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Receiver {
    /// One that answers with these statuses, one after the other, the last one for ever.
    ///
    /// # Panics
    /// If this machine gives it no port, or if there is no status.
    pub fn start(statuses: &'static [u16]) -> Self {
        assert!(!statuses.is_empty(), "nothing to answer with");
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port on loopback");
        let address = listener.local_addr().expect("an address");
        let (messages, is_over): (Arc<Mutex<Vec<Message>>>, Arc<AtomicBool>) = Default::default();
        let (got, over) = (Arc::clone(&messages), Arc::clone(&is_over));
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                // Who was killed while it told brings nothing, or half of it.
                let Some(message) = read(&stream) else { continue };
                let mut got = got.lock().unwrap_or_else(PoisonError::into_inner);
                let status = statuses.get(got.len()).or(statuses.last()).expect("a status");
                got.push(message);
                drop(got);
                let answer = format!("HTTP/1.1 {status} x\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
                let _ = (&stream).write_all(answer.as_bytes());
            }
        });
        Self { address, messages, is_over, thread: Some(thread) }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What has come so far.
    pub fn messages(&self) -> Vec<Message> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The same as JSON.
    pub fn bodies(&self) -> Vec<Value> {
        self.messages().iter().map(Message::json).collect()
    }

    /// The webhook's `event` of each.
    pub fn events(&self) -> Vec<String> {
        self.bodies().iter().map(|body| body["event"].as_str().unwrap_or_default().to_owned()).collect()
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // It waits for a connection: this is its last one.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn read(stream: &TcpStream) -> Option<Message> {
    stream.set_read_timeout(Some(PATIENCE)).ok()?;
    let mut reader = BufReader::new(stream);
    let head = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let message = Message { head, body: String::new() };
    let mut body = vec![0; message.find("content-length")?.parse().ok()?];
    reader.read_exact(&mut body).ok()?;
    Some(Message { body: String::from_utf8(body).ok()?, ..message })
}
