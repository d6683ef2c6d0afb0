//! One address in front of several processes: connections are handed out in turn, past processes that do not listen.

use std::net::SocketAddr;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::process::listen;

/// A running balancer; ends when dropped, with all its connections.
pub struct Balancer {
    behind: Arc<Mutex<Vec<SocketAddr>>>,
    _serving: JoinSet<()>,
}

impl Balancer {
    /// Listens at `address` for the processes `behind` it.
    pub async fn start(address: SocketAddr, behind: &[SocketAddr]) -> Self {
        let listener = listen(address).await;
        let behind = Arc::new(Mutex::new(behind.to_vec()));
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&behind)));
        Self { behind, _serving: serving }
    }

    /// Hands new connections to these processes only.
    pub fn set(&self, behind: &[SocketAddr]) {
        *self.behind.lock() = behind.to_vec();
    }
}

async fn serve(listener: TcpListener, behind: Arc<Mutex<Vec<SocketAddr>>>) {
    let mut connections = JoinSet::new();
    while let Ok((mut client, _)) = listener.accept().await {
        let turn = {
            let mut behind = behind.lock();
            behind.rotate_left(1);
            behind.clone()
        };
        connections.spawn(async move {
            for address in turn {
                if let Ok(mut process) = TcpStream::connect(address).await {
                    let _ = process.set_nodelay(true).and(client.set_nodelay(true));
                    // An error is a cut connection, which is what both ends see.
                    let _ = tokio::io::copy_bidirectional(&mut client, &mut process).await;
                    return;
                }
            }
        });
        while connections.try_join_next().is_some() {}
    }
}
