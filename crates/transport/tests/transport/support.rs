//! A server of raw bytes, and clients for it.

use snapkeep_core::endpoint::Endpoint;
use snapkeep_core::secret::Secret;
use snapkeep_front::{Builder, Front, Principal};
use snapkeep_transport::{Auth, AwsCredentials, Call, Client, Deadline, Method, Pace, Settings};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

pub(crate) const REGION: &str = "eu-west-1";
pub(crate) const ARN: &str = "arn:aws:iam::123456789012:user/keeper";
pub(crate) const ACCESS: &str = "AKIDEXAMPLE";
pub(crate) const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";

/// What a server got.
#[derive(Clone, Debug)]
pub(crate) struct Got {
    pub(crate) line: String,
    pub(crate) body: String,
}

/// A server that answers each request with bytes of the test's and then closes the connection.
pub(crate) struct Server {
    pub(crate) url: String,
    got: Arc<Mutex<Vec<Got>>>,
}

impl Server {
    pub(crate) fn start(answer: impl Fn(&Got) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let got = Arc::new(Mutex::new(Vec::new()));
        let (shared, answer) = (Arc::clone(&got), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (shared, answer) = (Arc::clone(&shared), Arc::clone(&answer));
                thread::spawn(move || serve(stream.unwrap(), &shared, &*answer));
            }
        });
        Self { url, got }
    }

    /// A node that is content with everything.
    pub(crate) fn content() -> Self {
        Self::start(|_| ok("{}"))
    }

    pub(crate) fn got(&self) -> Vec<Got> {
        self.got.lock().unwrap().clone()
    }

    /// A front before it.
    pub(crate) fn front(&self) -> Builder {
        Front::builder(&self.url).region(REGION)
    }
}

fn serve(mut stream: TcpStream, got: &Mutex<Vec<Got>>, answer: &dyn Fn(&Got) -> Vec<u8>) {
    let Some(request) = read(&stream) else { return };
    got.lock().unwrap().push(request.clone());
    // The client may be gone, or may have read enough.
    let _ = stream.write_all(&answer(&request));
}

fn read(stream: &TcpStream) -> Option<Got> {
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    reader.read_line(&mut line).ok().filter(|&read| read > 0)?;
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Got { line: line.trim().to_owned(), body: String::from_utf8_lossy(&body).into_owned() })
}

/// An answer with these headers, each line with its end.
pub(crate) fn answer(status: u16, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} X\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

pub(crate) fn ok(body: &str) -> Vec<u8> {
    answer(200, "Content-Type: application/json\r\n", body.as_bytes())
}

/// Quick tries, so that tests are.
pub(crate) fn settings() -> Settings {
    let pace = Pace { attempts: 4, base: Duration::from_millis(4), ceiling: Duration::from_millis(20) };
    Settings { pace, ..Settings::default() }
}

pub(crate) fn keeper() -> Principal {
    Principal::new(ARN, ACCESS, SECRET)
}

/// The keeper's own keys.
pub(crate) fn keys() -> AwsCredentials {
    AwsCredentials::fixed(ACCESS, &Secret::new(SECRET), None)
}

pub(crate) fn signed(url: &str, credentials: AwsCredentials) -> Client {
    client(url, Auth::SigV4 { credentials, region: REGION.to_owned() }, settings())
}

pub(crate) fn client(url: &str, auth: Auth, settings: Settings) -> Client {
    Client::new(Endpoint::trusted(url).unwrap(), auth, settings).unwrap()
}

pub(crate) fn deadline() -> Deadline {
    Deadline::after(Duration::from_mins(1))
}

pub(crate) fn get() -> Call {
    Call::new(Method::GET, "/_snapshot/repo/one")
}

pub(crate) fn put() -> Call {
    Call::new(Method::PUT, "/_snapshot/repo/one").json(r#"{"indices":"*"}"#)
}
