//! One connection to the session bus. Everything that can be said at once goes out in one write,
//! and no read or write outlasts the deadline.
//!
//! A library of its own (zbus, libdbus) has threads, a signal machinery and one round trip for
//! each step; a cached token is read twice as fast without.

use std::{
    io::{self, Read, Write},
    os::unix::net::UnixStream,
    time::{Duration, Instant},
};

use rustix::{
    io::Errno,
    net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt},
};
use zeroize::Zeroizing;

use super::{
    address::Address,
    answer::error,
    message::{self, Call, PREFIX, Reply},
    wire::Malformed,
};
use crate::keychain::{Error, ErrorKind};

/// Bytes of the buffers at first; longer messages get larger ones. An ECR token and what finds it fit,
/// and a larger buffer costs every `get`: it is zeroed at first and wiped at the end.
const BUFFER: usize = 4 * 1024;

/// The longest line of the greeting; dbus-daemon's are about 40 bytes.
const MAX_LINE: usize = 1024;

/// How many answers are kept for later: more than we ever have calls under way at once.
const MAX_EARLY: usize = 8;

/// The most bytes of all the answers that are waited for at once: 10,000 entries have some 10 MiB.
const MAX_ANSWERS: usize = 16 << 20;

/// The end of all waiting.
#[derive(Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// From now on.
    pub(super) fn after(timeout: Duration) -> Deadline {
        Deadline(Instant::now() + timeout)
    }

    /// The time left, which is never zero: a zero timeout would mean "for ever".
    fn left(self, doing: &str) -> Result<Duration, Error> {
        let left = self.0.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(error(ErrorKind::Timeout, doing)) } else { Ok(left) }
    }
}

/// A connection. After an error it must be dropped: answers may still be on their way.
pub(super) struct Bus {
    stream: UnixStream,
    flags: u8,
    serial: u32,
    greeting: Greeting,
    outgoing: Zeroizing<Vec<u8>>,
    incoming: Zeroizing<Vec<u8>>,
    /// The part of `incoming` that is not yet understood.
    unread: std::ops::Range<usize>,
    /// The bytes of the answers since they are waited for.
    received: usize,
    /// Answers that came before anybody waited for them.
    early: Vec<Reply>,
}

/// How far the connection has got before it can carry answers of a service.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Greeting {
    Authenticating { hello: u32 },
    Naming { hello: u32 },
    Done,
}

impl Bus {
    /// Connects to the first address that accepts. The greeting is queued, not yet sent.
    pub(super) fn connect(addresses: &[Address], flags: u8, deadline: Deadline) -> Result<Bus, Error> {
        let mut fault = error(ErrorKind::Absent, "there is no address of D-Bus");
        for address in addresses {
            let errno = match connect(address, deadline.left("connecting to D-Bus")?) {
                Ok(stream) => return Ok(Bus::greet(stream, flags)),
                Err(errno) => errno,
            };
            let kind = match errno {
                Errno::AGAIN => ErrorKind::Timeout,
                Errno::NOENT | Errno::CONNREFUSED => ErrorKind::Absent, // nobody listens, or no longer
                _ => ErrorKind::Unavailable,
            };
            // One bus that may be there is enough: only when none is, there is none.
            if kind != ErrorKind::Absent || fault.kind == ErrorKind::Absent {
                fault = error(kind, format!("connecting to D-Bus at {address}: {errno}"));
            }
        }
        Err(fault)
    }

    /// Says who we are (the user id, which the bus compares with the socket's) and asks for a name.
    fn greet(stream: UnixStream, flags: u8) -> Bus {
        let uid = rustix::process::geteuid().as_raw().to_string();
        let mut greeting = String::from("\0AUTH EXTERNAL ");
        greeting.extend(uid.bytes().map(|digit| format!("{digit:02x}")));
        greeting.push_str("\r\nBEGIN\r\n");
        let mut outgoing = Zeroizing::new(Vec::with_capacity(BUFFER));
        outgoing.extend_from_slice(greeting.as_bytes());
        let mut bus = Bus {
            stream,
            flags,
            serial: 0,
            greeting: Greeting::Done,
            outgoing,
            incoming: Zeroizing::new(vec![0; BUFFER]),
            unread: 0..0,
            received: 0,
            early: Vec::new(),
        };
        let hello = Call {
            destination: "org.freedesktop.DBus",
            path: "/org/freedesktop/DBus",
            interface: "org.freedesktop.DBus",
            member: "Hello",
        };
        bus.greeting = Greeting::Authenticating { hello: bus.queue(hello, "", &[]) };
        bus
    }

    /// Adds a call to the next write and gives back its serial.
    pub(super) fn queue(&mut self, call: Call<'_>, signature: &str, body: &[u8]) -> u32 {
        self.serial += 1;
        let bytes = call.to_bytes(self.serial, self.flags, signature, body);
        let length = self.outgoing.len() + bytes.len();
        if length > self.outgoing.capacity() {
            // A fresh buffer, for growing in place would leave a copy that is not wiped.
            let mut larger = Zeroizing::new(Vec::with_capacity(length.next_power_of_two()));
            larger.extend_from_slice(&self.outgoing);
            self.outgoing = larger;
        }
        self.outgoing.extend_from_slice(&bytes);
        self.serial
    }

    /// Sends what is queued and waits for the answers to `serials`, given back in that order. An
    /// answer to another call is kept until it is waited for.
    pub(super) fn answers(&mut self, serials: &[u32], deadline: Deadline) -> Result<Vec<Reply>, Error> {
        self.send(deadline)?;
        if let Greeting::Authenticating { hello } = self.greeting {
            self.authenticate(deadline)?;
            self.greeting = Greeting::Naming { hello };
        }
        let mut replies: Vec<Option<Reply>> = serials
            .iter()
            .map(|serial| {
                let at = self.early.iter().position(|reply| reply.to == *serial)?;
                Some(self.early.swap_remove(at))
            })
            .collect();
        self.received = 0;
        let mut missing = replies.iter().filter(|reply| reply.is_none()).count();
        while missing > 0 {
            let Some(reply) = self.receive(deadline)? else {
                continue; // a signal, such as NameAcquired
            };
            if self.greeting == (Greeting::Naming { hello: reply.to }) {
                if let Some(name) = &reply.error {
                    return Err(error(ErrorKind::Refused, format!("D-Bus Hello: {name}: {}", reply.error_text())));
                }
                self.greeting = Greeting::Done;
            } else if let Some(at) = serials.iter().position(|serial| *serial == reply.to)
                && replies[at].is_none()
            {
                replies[at] = Some(reply);
                missing -= 1;
            } else {
                if self.early.len() == MAX_EARLY {
                    self.early.remove(0); // nobody came for it
                }
                self.early.push(reply);
            }
        }
        Ok(replies.into_iter().flatten().collect())
    }

    fn send(&mut self, deadline: Deadline) -> Result<(), Error> {
        const DOING: &str = "sending to D-Bus";
        let mut sent = 0;
        while sent < self.outgoing.len() {
            self.stream
                .set_write_timeout(Some(deadline.left(DOING)?))
                .map_err(|err| error(ErrorKind::Unavailable, format!("{DOING}: {err}")))?;
            match self.stream.write(&self.outgoing[sent..]) {
                Ok(count) => sent += count,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                // The bus may have said why before it hung up: let the reader find out.
                Err(err) if err.kind() == io::ErrorKind::BrokenPipe => break,
                Err(err) => return Err(lost(DOING, &err)),
            }
        }
        self.outgoing.clear();
        Ok(())
    }

    /// Reads the one line that answers AUTH.
    fn authenticate(&mut self, deadline: Deadline) -> Result<(), Error> {
        loop {
            let unread = &self.incoming[self.unread.clone()];
            if let Some(end) = unread.windows(2).position(|pair| pair == b"\r\n") {
                let line = &unread[..end];
                if !line.starts_with(b"OK ") {
                    let line = String::from_utf8_lossy(line);
                    return Err(error(ErrorKind::Refused, format!("D-Bus does not let this user in: {line}")));
                }
                self.unread.start += end + 2;
                return Ok(());
            }
            if unread.len() > MAX_LINE {
                return Err(Error::from(Malformed("no D-Bus greeting")));
            }
            self.fill(MAX_LINE + 2, deadline)?;
        }
    }

    /// Reads one message; `None` when it answers nothing.
    fn receive(&mut self, deadline: Deadline) -> Result<Option<Reply>, Error> {
        deadline.left("waiting for an answer")?; // also while messages for others never end
        self.fill_to(PREFIX, deadline)?;
        let start = self.unread.start;
        let prefix = self.incoming[start..start + PREFIX].try_into().expect("fill_to read that many");
        let length = message::length(prefix)?;
        self.received += length;
        if self.received > MAX_ANSWERS {
            return Err(Error::from(Malformed("answers of more than 16 MiB")));
        }
        self.fill_to(length, deadline)?;
        let start = self.unread.start;
        let message = message::parse(&self.incoming[start..start + length])?;
        self.unread.start += length;
        Ok(message)
    }

    fn fill_to(&mut self, length: usize, deadline: Deadline) -> Result<(), Error> {
        while self.unread.len() < length {
            self.fill(length, deadline)?;
        }
        Ok(())
    }

    /// Reads what has arrived, with room for `length` unread bytes.
    fn fill(&mut self, length: usize, deadline: Deadline) -> Result<(), Error> {
        const DOING: &str = "waiting for an answer";
        if self.unread.start + length > self.incoming.len() {
            self.incoming.copy_within(self.unread.clone(), 0);
            self.unread = 0..self.unread.len();
            if length > self.incoming.len() {
                // A fresh buffer, as in `queue`.
                let mut larger = Zeroizing::new(vec![0; length.next_power_of_two()]);
                larger[..self.unread.end].copy_from_slice(&self.incoming[..self.unread.end]);
                self.incoming = larger;
            }
        }
        self.stream
            .set_read_timeout(Some(deadline.left(DOING)?))
            .map_err(|err| error(ErrorKind::Unavailable, format!("{DOING}: {err}")))?;
        match self.stream.read(&mut self.incoming[self.unread.end..]) {
            Ok(0) if self.unread.is_empty() => Err(error(ErrorKind::Unavailable, "D-Bus closed the connection")),
            Ok(0) => Err(Error::from(Malformed("a message cut short"))),
            Ok(count) => {
                self.unread.end += count;
                Ok(())
            }
            Err(err) if err.kind() == io::ErrorKind::Interrupted => Ok(()),
            Err(err) => Err(lost(DOING, &err)),
        }
    }
}

/// Connects within `timeout`: a socket whose queue is full would hold us for ever.
fn connect(address: &Address, timeout: Duration) -> rustix::io::Result<UnixStream> {
    let place = match address {
        Address::Path(path) => SocketAddrUnix::new(path)?,
        Address::Abstract(name) => SocketAddrUnix::new_abstract_name(name)?,
    };
    let socket = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(timeout))?;
    rustix::net::connect(&socket, &place)?;
    Ok(socket.into())
}

fn lost(doing: &str, err: &io::Error) -> Error {
    match err.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => error(ErrorKind::Timeout, doing),
        _ => error(ErrorKind::Unavailable, format!("{doing}: {err}")),
    }
}
