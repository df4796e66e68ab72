use super::*;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::thread::JoinHandle;

/// A mail server on this machine that takes one mail, or refuses its recipient; gives all that it was told.
fn server(refuses: bool) -> (u16, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    (port, std::thread::spawn(move || serve(listener.accept().unwrap().0, refuses)))
}

fn serve(stream: TcpStream, refuses: bool) -> Vec<String> {
    let mut told: Vec<String> = Vec::new();
    let mut answers = stream.try_clone().unwrap();
    let mut answer = |text: &str| answers.write_all(format!("{text}\r\n").as_bytes()).unwrap();
    answer("220 here");
    let mut is_data = false;
    for line in BufReader::new(stream).lines() {
        let Ok(line) = line else { break };
        match line.split(' ').next().unwrap() {
            "." if is_data => {
                is_data = false;
                answer("250 taken");
            }
            _ if is_data => {}
            "EHLO" => answer("250-here\r\n250 AUTH PLAIN"),
            "AUTH" => answer("235 welcome"),
            "RCPT" if refuses => answer("550 no such user"),
            "DATA" => {
                is_data = true;
                answer("354 go on");
            }
            "QUIT" => {
                answer("221 bye");
                break;
            }
            _ => answer("250 ok"),
        }
        told.push(line);
    }
    told
}

fn email(port: u16) -> Email {
    Email {
        host: "127.0.0.1".into(),
        port: Some(port),
        tls: MailTls::None,
        username: Some("ops".into()),
        password: None,
        from: "snapkeep <backup@example.com>".into(),
        to: vec!["one@example.com".into(), "two@example.com".into()],
    }
}

fn deadline() -> Deadline {
    Deadline::after(PATIENCE)
}

#[tokio::test]
async fn a_mail_arrives_whole() {
    let (port, server) = server(false);
    let mail = Mail::new(&email(port), Some(&Secret::new("canary-word")), None).unwrap();
    let notice = Notice {
        summary: "nightly on logs: snapshot x failed\r\nBcc: evil@example.com".into(),
        ..Notice::test(jiff::Timestamp::UNIX_EPOCH)
    };
    mail.send(&notice, deadline()).await.unwrap();
    drop(mail);
    let told = server.join().unwrap();
    for line in ["MAIL FROM:<backup@example.com>", "RCPT TO:<one@example.com>", "RCPT TO:<two@example.com>"] {
        assert!(told.iter().any(|have| have.starts_with(line)), "{line}: {told:#?}");
    }
    let headers: Vec<&String> = told.iter().take_while(|line| !line.is_empty()).collect();
    assert!(headers.iter().any(|line| line.starts_with("Subject: snapkeep test: nightly on logs")), "{told:#?}");
    assert!(!headers.iter().any(|line| line.starts_with("Bcc")), "{told:#?}");
}

#[tokio::test]
async fn a_refusal_says_whose_and_no_secret() {
    let (port, server) = server(true);
    let mail = Mail::new(&email(port), Some(&Secret::new("canary-word")), None).unwrap();
    let failure = mail.send(&Notice::test(jiff::Timestamp::UNIX_EPOCH), deadline()).await.unwrap_err();
    assert!(failure.cause.contains("127.0.0.1") && failure.cause.contains("no such user"), "{failure}");
    assert!(!format!("{failure:?} {mail:?}").contains("canary"));
    drop(mail);
    server.join().unwrap();
}

#[test]
fn what_is_no_address_is_refused() {
    let wrong = Email { to: vec!["nobody".into()], ..email(25) };
    assert_eq!(Mail::new(&wrong, None, None).unwrap_err().code, Code::BadConfig);
}
