//! Connections: accepting them, reading requests, writing as much of the answer as a fault lets through.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

use crate::proxy::{Outcome, Shared};
use crate::wire::{Request, Wire};

/// Accepts connections for ever.
pub(crate) async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, proxy: Shared) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (tls, proxy) = (tls.clone(), Arc::clone(&proxy));
        // A connection's failure is its client's to see.
        tokio::spawn(async move { connection(stream, tls, &proxy).await });
    }
}

async fn connection(stream: TcpStream, tls: Option<TlsAcceptor>, proxy: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    match tls {
        Some(acceptor) => serve(acceptor.accept(stream).await?, proxy).await,
        None => serve(stream, proxy).await,
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin>(io: S, proxy: &Shared) -> io::Result<()> {
    let mut wire = Wire::new(io);
    while let Some(request) = wire.read_request().await? {
        if !one(&mut wire, request, proxy).await? {
            break;
        }
    }
    Ok(())
}

/// Answers one request; false if the connection ends with it.
async fn one<S>(wire: &mut Wire<S>, request: Request, proxy: &Shared) -> io::Result<bool>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let to_head = request.method == "HEAD";
    let keep_alive = request.keep_alive;
    match proxy.handle(request).await {
        Outcome::Answer(response) => {
            wire.write(&response.encode(to_head, keep_alive)).await?;
            if !keep_alive {
                wire.close().await;
            }
            Ok(keep_alive)
        }
        Outcome::Close => Ok(false),
        Outcome::Cut(response, bytes) => {
            let whole = response.encode(to_head, keep_alive);
            wire.write(&whole[..bytes.min(whole.len())]).await?;
            Ok(false)
        }
        Outcome::Oversize(mut body) => {
            wire.write(&body.head()).await?;
            while let Some(chunk) = body.next_chunk() {
                wire.write(&chunk).await?;
            }
            wire.write(b"0\r\n\r\n").await?;
            wire.close().await;
            Ok(false)
        }
    }
}
