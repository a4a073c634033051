//! A small TCP proxy on the loopback that can be told to misbehave: it cuts connections, or stalls them.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

/// What the proxy does with the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Line {
    /// Passes everything on.
    Open = 0,
    /// Connections stand, nothing goes through them: a cable that was pulled.
    Stalled = 1,
    /// What the client says arrives, no answer comes back.
    Deaf = 2,
    /// Connections are closed, new ones too: a firewall that refuses.
    Cut = 3,
    /// A request to join a group waits, and what its connection brings behind it; everything else passes.
    Joinless = 4,
}

/// `JoinGroup` among the requests of Kafka's protocol.
const JOIN_GROUP: [u8; 2] = 11u16.to_be_bytes();

/// The proxy. It lives as long as the test process.
pub(crate) struct Proxy {
    port: u16,
    line: Arc<AtomicU8>,
}

impl Proxy {
    /// A proxy to this port of the loopback, open.
    pub(crate) fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let own = listener.local_addr().expect("its address").port();
        let line = Arc::new(AtomicU8::new(Line::Open as u8));
        let state = line.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                connect(client, port, &state);
            }
        });
        Self { port: own, line }
    }

    /// Where it listens.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// From now on it does this.
    pub(crate) fn set(&self, line: Line) {
        self.line.store(line as u8, Ordering::SeqCst);
    }
}

/// Two threads carry the bytes of a connection, one each way. While the line is cut there is none.
fn connect(client: TcpStream, port: u16, line: &Arc<AtomicU8>) {
    if line.load(Ordering::SeqCst) == Line::Cut as u8 {
        return;
    }
    let Ok(server) = TcpStream::connect(SocketAddr::from(([127, 0, 0, 1], port))) else { return };
    let (Ok(client_too), Ok(server_too)) = (client.try_clone(), server.try_clone()) else { return };
    for (from, to, answers) in [(client, server, false), (server_too, client_too, true)] {
        let line = line.clone();
        std::thread::spawn(move || carry(from, to, answers, &line));
    }
}

/// Carries bytes until one end is gone or the line is cut.
fn carry(mut from: TcpStream, mut to: TcpStream, answers: bool, line: &AtomicU8) {
    // Short waits, so that a change of the line is seen soon.
    let _ = from.set_read_timeout(Some(Duration::from_millis(20)));
    let mut buffer = vec![0; 1 << 16];
    let mut requests = Requests::default();
    loop {
        let now = line.load(Ordering::SeqCst);
        if now == Line::Cut as u8 {
            break;
        }
        let held_back = now == Line::Joinless as u8 && requests.joins();
        if now == Line::Stalled as u8 || now == Line::Deaf as u8 && answers || held_back {
            std::thread::sleep(Duration::from_millis(20));
            continue;
        }
        if let Some(part) = requests.next() {
            if to.write_all(&part).is_err() {
                break;
            }
            continue;
        }
        match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) if answers => {
                if to.write_all(&buffer[..count]).is_err() {
                    break;
                }
            }
            Ok(count) => requests.bytes.extend_from_slice(&buffer[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(_) => break,
        }
    }
    for end in [&from, &to] {
        let _ = end.shutdown(Shutdown::Both);
    }
}

/// What a client of Kafka has said and was not carried on yet: requests, each behind its length.
#[derive(Default)]
struct Requests {
    bytes: Vec<u8>,
    /// How many of the bytes belong to a request whose beginning was carried on.
    begun: usize,
}

impl Requests {
    /// Length and kind of the request that comes next.
    fn head(&self) -> Option<([u8; 4], [u8; 2])> {
        let (length, rest) = self.bytes.split_first_chunk()?;
        Some((*length, *rest.first_chunk()?))
    }

    /// Whether the next request is one to join a group.
    fn joins(&self) -> bool {
        self.begun == 0 && self.head().is_some_and(|(_, kind)| kind == JOIN_GROUP)
    }

    /// The next request, or what there is of it.
    fn next(&mut self) -> Option<Vec<u8>> {
        if self.begun == 0 {
            let (length, _) = self.head()?;
            self.begun = length.len() + u32::from_be_bytes(length) as usize;
        }
        let count = self.begun.min(self.bytes.len());
        self.begun -= count;
        (count > 0).then(|| self.bytes.drain(..count).collect())
    }
}
