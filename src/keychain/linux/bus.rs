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

use super::{
    address::Address,
    answer::error,
    message::{self, Call, NO_AUTO_START, PREFIX, Reply},
    wire::{Malformed, Writer},
};
use crate::{
    keychain::{Error, ErrorKind},
    secret::Wiped,
};

/// Bytes of the buffers at first; longer messages get larger ones. What finds an ECR token fits in the one,
/// the token in the other, and larger ones would cost every `get`: each byte is wiped at the end.
const OUTGOING: usize = 3 * 1024;
const INCOMING: usize = 4 * 1024;

/// The longest line of the greeting; dbus-daemon's are about 40 bytes.
const MAX_LINE: usize = 1024;

/// The most bytes of all the answers until one deadline: 10,000 entries have some 10 MiB.
const MAX_ANSWERS: usize = 16 << 20;

/// How much longer than the time that is left a timeout of the socket may be, for it to stay as it is:
/// to set one is a system call of its own, and a `get` has a handful of all others.
const SLACK: Duration = Duration::from_millis(100);

/// The end of all waiting, and of each silence before it.
#[derive(Clone, Copy)]
pub(super) struct Deadline {
    silence: Duration,
    /// The end of the silence that lasts.
    until: Instant,
    end: Instant,
}

impl Deadline {
    /// From now on: no longer than `silence` without an answer, and than `whole` in all.
    pub(super) fn after(silence: Duration, whole: Duration) -> Deadline {
        let now = Instant::now();
        let end = now + whole;
        Deadline { silence, until: end.min(now + silence), end }
    }

    /// There was an answer: the next silence begins.
    fn answered(&mut self) {
        if self.until < self.end {
            self.until = self.end.min(Instant::now() + self.silence);
        }
    }

    /// The time left, which is never zero: a zero timeout would mean "for ever".
    fn left(self, doing: &str) -> Result<Duration, Error> {
        let left = self.until.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(error(ErrorKind::Timeout, doing)) } else { Ok(left) }
    }
}

/// The timeouts of a connected socket, as they were last set.
struct Timeouts {
    read: Duration,
    write: Duration,
}

/// A connection. After an error it must be dropped: answers may still be on their way.
pub(super) struct Bus {
    stream: UnixStream,
    serial: u32,
    greeting: Greeting,
    outgoing: Writer,
    incoming: Wiped<Vec<u8>>,
    /// The part of `incoming` that is not yet understood.
    unread: std::ops::Range<usize>,
    /// The last call whose answer was waited for.
    answered: u32,
    /// The signal that the last prompt is over.
    completed: Option<Reply>,
    /// The bytes of the answers until this deadline.
    received: usize,
    timeouts: Timeouts,
}

/// How far the connection has got before it can carry answers of a service.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Greeting {
    Authenticating,
    Naming,
    Done,
}

/// The serial of the first call of a connection.
const HELLO: u32 = 1;

impl Bus {
    /// Connects to the first address that accepts. The greeting is queued, not yet sent.
    pub(super) fn connect(addresses: &[Address], deadline: Deadline) -> Result<Bus, Error> {
        let mut fault = error(ErrorKind::Absent, "there is no address of D-Bus");
        for address in addresses {
            let timeout = deadline.left("connecting to D-Bus")?;
            let errno = match connect(address, timeout) {
                Ok(stream) => return Ok(Bus::greet(stream, timeout)),
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
    fn greet(stream: UnixStream, timeout: Duration) -> Bus {
        let uid = rustix::process::geteuid().as_raw().to_string();
        let mut greeting = String::from("\0AUTH EXTERNAL ");
        greeting.extend(uid.bytes().map(|digit| format!("{digit:02x}")));
        greeting.push_str("\r\nBEGIN\r\n");
        let mut outgoing = Writer::with_capacity(OUTGOING);
        outgoing.raw(greeting.as_bytes());
        let mut bus = Bus {
            stream,
            serial: 0,
            greeting: Greeting::Authenticating,
            outgoing,
            incoming: Wiped::new(vec![0; INCOMING]),
            unread: 0..0,
            answered: HELLO,
            completed: None,
            received: 0,
            timeouts: Timeouts { read: Duration::MAX, write: timeout },
        };
        bus.queue_own("Hello", "", &Writer::with_capacity(0));
        bus
    }

    /// Adds a call of the bus's own methods to the next write.
    pub(super) fn queue_own(&mut self, member: &str, signature: &str, body: &Writer) {
        let name = "org.freedesktop.DBus";
        let path = "/org/freedesktop/DBus";
        let call = Call { destination: name, path, interface: name, member, flags: NO_AUTO_START };
        self.queue(call, signature, body);
    }

    /// Adds a call to the next write.
    pub(super) fn queue(&mut self, call: Call<'_>, signature: &str, body: &Writer) {
        self.serial += 1;
        call.write(&mut self.outgoing, self.serial, signature, body.as_bytes());
    }

    /// Adds a call whose answer nobody waits for, before all others.
    pub(super) fn queue_first(&mut self, call: Call<'_>) {
        self.queue(call, "", &Writer::with_capacity(0));
        self.answered = self.serial;
    }

    /// A new deadline begins: so does the count of the bytes until it.
    pub(super) fn begin(&mut self) {
        self.received = 0;
    }

    /// Sends the calls that are queued and waits for their answers, given back in the order of the calls.
    pub(super) fn answers(&mut self, deadline: &mut Deadline) -> Result<Vec<Reply>, Error> {
        Ok(self.answers_until(deadline, |_| false)?.into_iter().flatten().collect())
    }

    /// The same, unless what has come is `enough`: the other answers are then not waited for.
    pub(super) fn answers_until(
        &mut self,
        deadline: &mut Deadline,
        enough: impl Fn(&[Option<Reply>]) -> bool,
    ) -> Result<Vec<Option<Reply>>, Error> {
        self.send(*deadline)?;
        if self.greeting == Greeting::Authenticating {
            self.authenticate(*deadline)?;
            self.greeting = Greeting::Naming;
        }
        let first = self.answered + 1;
        self.answered = self.serial;
        let mut replies: Vec<Option<Reply>> = (first..=self.serial).map(|_| None).collect();
        let mut missing = replies.len();
        while missing > 0 && !enough(&replies) {
            let Some(reply) = self.receive(*deadline)? else {
                continue; // a signal, such as NameAcquired
            };
            if self.greeting == Greeting::Naming && reply.to == HELLO {
                if let Some(name) = &reply.error {
                    return Err(error(ErrorKind::Refused, format!("D-Bus Hello: {name}: {}", reply.error_text())));
                }
                self.greeting = Greeting::Done;
                continue;
            }
            if reply.completed.is_some() {
                self.completed = Some(reply);
                continue;
            }
            // What answers no call of these is passed over.
            let place = reply.to.checked_sub(first).and_then(|at| replies.get_mut(usize::try_from(at).ok()?));
            if let Some(place) = place.filter(|place| place.is_none()) {
                *place = Some(reply);
                missing -= 1;
                deadline.answered();
            }
        }
        Ok(replies)
    }

    /// Waits for the signal that this prompt is over, which may have come with an answer.
    pub(super) fn completed(&mut self, prompt: &str, deadline: Deadline) -> Result<Reply, Error> {
        loop {
            match self.completed.take() {
                Some(reply) if reply.completed.as_deref() == Some(prompt) => return Ok(reply),
                _ => self.completed = self.receive(deadline)?.filter(|reply| reply.completed.is_some()),
            }
        }
    }

    fn send(&mut self, deadline: Deadline) -> Result<(), Error> {
        const DOING: &str = "sending to D-Bus";
        let mut sent = 0;
        while sent < self.outgoing.as_bytes().len() {
            let left = deadline.left(DOING)?;
            wait_for(left, &mut self.timeouts.write, |left| self.stream.set_write_timeout(left))
                .map_err(|err| lost(DOING, &err))?;
            match self.stream.write(&self.outgoing.as_bytes()[sent..]) {
                Ok(count) => sent += count,
                Err(err) if is_to_be_repeated(&err) => {} // unless the time is over
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
                // A fresh buffer, as in `Writer::begin`.
                let mut larger = Wiped::new(vec![0; length.next_power_of_two()]);
                larger[..self.unread.end].copy_from_slice(&self.incoming[..self.unread.end]);
                self.incoming = larger;
            }
        }
        let left = deadline.left(DOING)?;
        wait_for(left, &mut self.timeouts.read, |left| self.stream.set_read_timeout(left))
            .map_err(|err| lost(DOING, &err))?;
        match self.stream.read(&mut self.incoming[self.unread.end..]) {
            Ok(0) if self.unread.is_empty() => Err(error(ErrorKind::Unavailable, "D-Bus closed the connection")),
            Ok(0) => Err(Error::from(Malformed("a message cut short"))),
            Ok(count) => {
                self.unread.end += count;
                Ok(())
            }
            Err(err) if is_to_be_repeated(&err) => Ok(()), // unless the time is over
            Err(err) => Err(lost(DOING, &err)),
        }
    }
}

/// Sets a timeout of the socket to the time that is left, where the one it has would wait for too long, or
/// end again and again before that.
fn wait_for(
    left: Duration,
    timeout: &mut Duration,
    set: impl FnOnce(Option<Duration>) -> io::Result<()>,
) -> io::Result<()> {
    if *timeout > left + SLACK || *timeout < left / 2 {
        set(Some(left))?;
        *timeout = left;
    }
    Ok(())
}

/// Whether an error is none: a signal came, or the socket's timeout was shorter than the time that is left.
fn is_to_be_repeated(err: &io::Error) -> bool {
    matches!(err.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
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
    error(ErrorKind::Unavailable, format!("{doing}: {err}"))
}
