//! A TCP proxy that misbehaves on order.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What the proxy does with connections, old and new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Passes everything on.
    Pass,
    /// Cuts every connection and refuses new ones, as a host without the service does.
    Refuse,
    /// Keeps connections open and accepts new ones, but passes nothing on, as a dead network does.
    Hang,
    /// Cuts each connection after that many bytes in one direction, counted from its beginning.
    CutAfter(u64),
    /// Passes everything on, each piece that much later.
    Delay(Duration),
}

/// A proxy on 127.0.0.1 in front of another address. Ends when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    _tasks: JoinSet<()>,
}

impl Proxy {
    /// Starts a proxy that passes everything on to `upstream`.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(upstream: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let (fault, orders) = watch::channel(Fault::Pass);
        let mut tasks = JoinSet::new();
        tasks.spawn(serve(listener, address, upstream, orders));
        Ok(Self { address, fault, _tasks: tasks })
    }

    /// Where to connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Gives a new order, effective at once for connections that are open.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }

    /// Cuts every open connection; new ones are served as ordered.
    pub async fn cut(&self) {
        let fault = *self.fault.borrow();
        self.set(Fault::Refuse);
        // Each connection sees the order when it is polled next.
        tokio::time::sleep(Duration::from_millis(20)).await;
        self.set(fault);
    }
}

async fn serve(first: TcpListener, address: SocketAddr, upstream: SocketAddr, mut orders: watch::Receiver<Fault>) {
    let mut connections = JoinSet::new();
    let mut listener = Some(first);
    loop {
        let refusing = *orders.borrow_and_update() == Fault::Refuse;
        if refusing {
            listener = None;
            connections.shutdown().await;
        } else if listener.is_none() {
            listener = TcpListener::bind(address).await.ok();
        }
        let Some(open) = &listener else {
            if orders.changed().await.is_err() {
                return;
            }
            continue;
        };
        tokio::select! {
            changed = orders.changed() => if changed.is_err() { return },
            Ok((client, _)) = open.accept() => { connections.spawn(connection(client, upstream, orders.clone())); }
        }
    }
}

async fn connection(client: TcpStream, upstream: SocketAddr, orders: watch::Receiver<Fault>) {
    let Ok(server) = TcpStream::connect(upstream).await else { return };
    let (client_read, client_write) = client.into_split();
    let (server_read, server_write) = server.into_split();
    // The end of either direction ends both: that is what a cut is.
    tokio::select! {
        () = pump(client_read, server_write, orders.clone()) => {}
        () = pump(server_read, client_write, orders) => {}
    }
}

async fn pump(
    mut from: tokio::net::tcp::OwnedReadHalf,
    mut to: tokio::net::tcp::OwnedWriteHalf,
    mut orders: watch::Receiver<Fault>,
) {
    let mut buffer = vec![0; 64 * 1024];
    let mut passed = 0_u64;
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        let mut piece = buffer.get(..length).unwrap_or_default();
        if orders.wait_for(|fault| *fault != Fault::Hang).await.is_err() {
            return;
        }
        let fault = *orders.borrow();
        match fault {
            Fault::Pass | Fault::Hang => {}
            Fault::Refuse => return,
            Fault::Delay(time) => tokio::time::sleep(time).await,
            Fault::CutAfter(limit) => {
                let room = usize::try_from(limit.saturating_sub(passed)).unwrap_or(usize::MAX);
                piece = piece.get(..room).unwrap_or(piece);
            }
        }
        if to.write_all(piece).await.is_err() || piece.len() < length {
            return;
        }
        passed += length as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An echo service behind a proxy.
    async fn echo() -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                tokio::spawn(async move {
                    let (mut read, mut write) = stream.split();
                    tokio::io::copy(&mut read, &mut write).await
                });
            }
        });
        Proxy::start(address).await.unwrap()
    }

    async fn ask(stream: &mut TcpStream, text: &[u8]) -> std::io::Result<Vec<u8>> {
        stream.write_all(text).await?;
        let mut answer = vec![0; text.len()];
        stream.read_exact(&mut answer).await.map(|_| answer)
    }

    #[tokio::test]
    async fn passes_refuses_and_passes_again() {
        let proxy = echo().await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        assert_eq!(ask(&mut stream, b"xin").await.unwrap(), b"xin");
        proxy.set(Fault::Refuse);
        assert!(ask(&mut stream, b"xin").await.is_err(), "an open connection is cut");
        assert!(TcpStream::connect(proxy.address()).await.is_err(), "a new one is refused");
        proxy.set(Fault::Delay(Duration::from_millis(1)));
        let again = async {
            loop {
                if let Ok(stream) = TcpStream::connect(proxy.address()).await {
                    break stream;
                }
            }
        };
        assert_eq!(ask(&mut again.await, b"chao").await.unwrap(), b"chao");
    }

    #[tokio::test]
    async fn hangs_and_cuts_after_bytes() {
        let proxy = echo().await;
        let mut stream = TcpStream::connect(proxy.address()).await.unwrap();
        proxy.set(Fault::Hang);
        let hung = tokio::time::timeout(Duration::from_millis(50), ask(&mut stream, b"abc")).await;
        assert!(hung.is_err(), "no answer while the network is dead");
        proxy.set(Fault::CutAfter(5));
        let mut late = [0; 3];
        stream.read_exact(&mut late).await.unwrap();
        assert_eq!(&late, b"abc", "what was held back passes on");
        assert!(ask(&mut stream, b"defgh").await.is_err(), "only two of five bytes pass");
    }
}
