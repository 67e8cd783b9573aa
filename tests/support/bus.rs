//! A D-Bus session bus with a Secret Service on it, as far as a keychain client sees them.
//!
//! It behaves: items that are created are found, read and deleted, and every fault is a [`Knob`].
//! It is written against the specifications (D-Bus 0.43, Secret Service Draft 0.2) with the
//! `zvariant` crate and shares no line with the client. One thread a connection, so fifty
//! processes may be connected at a time.
//!
//! ```no_run
//! let bus = FakeBus::start();
//! let program = program.with("DBUS_SESSION_BUS_ADDRESS", bus.address());
//! bus.set(Knob::Locked);
//! ```

mod knob;
mod service;
mod wire;

use std::{
    collections::{BTreeMap, HashSet},
    io::{self, BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::Duration,
};

pub use self::knob::{Knob, TOLD};
use self::{
    service::{BUS, OWNER, SERVICE, further_name},
    wire::{Answer, Failure, Field, UNKNOWN_METHOD, answer, failure, message, read_call, signal},
};
use tempfile::TempDir;

/// What the service keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// Its object path.
    pub path: String,
    /// What a person sees in the desktop's program.
    pub label: String,
    /// What finds it.
    pub attributes: BTreeMap<String, String>,
    /// The secret's bytes.
    pub secret: Vec<u8>,
    /// The secret's MIME type.
    pub content_type: String,
    /// Counts up; the real one is seconds since 1970.
    pub modified: u64,
}

/// The running bus. It ends when dropped.
pub struct FakeBus {
    folder: TempDir,
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    stopping: Condvar,
}

/// What waits for a prompt.
enum Pending {
    Unlock,
    Create(Item),
    Delete(String),
}

struct State {
    knob: Knob,
    items: Vec<Item>,
    created: u64,
    /// Whether the keyring was unlocked since it was locked.
    opened: bool,
    /// What the prompt does when it is completed.
    pending: Option<Pending>,
    calls: Vec<String>,
    connections: usize,
    round_trips: usize,
    stopped: bool,
}

impl FakeBus {
    /// Starts a bus with an empty, unlocked keyring.
    pub fn start() -> FakeBus {
        let folder = tempfile::tempdir().expect("a folder for the socket");
        let listener = UnixListener::bind(folder.path().join("bus")).expect("a socket");
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                knob: Knob::Normal,
                items: Vec::new(),
                created: 0,
                opened: false,
                pending: None,
                calls: Vec::new(),
                connections: 0,
                round_trips: 0,
                stopped: false,
            }),
            stopping: Condvar::new(),
        });
        let bus = FakeBus { folder, shared };
        let shared = bus.shared.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut state = shared.state();
                if state.stopped {
                    return;
                }
                state.connections += 1;
                state.round_trips += 1; // its first calls come with the greeting
                let client = Client {
                    number: state.connections,
                    shared: shared.clone(),
                    sessions: HashSet::new(),
                    signals: Vec::new(),
                };
                drop(state);
                // A client may leave at any time: that ends its thread, and is no fault of the test.
                thread::spawn(move || client.serve(stream.expect("a connection")).is_ok());
            }
        });
        bus
    }

    /// The value for `DBUS_SESSION_BUS_ADDRESS`.
    pub fn address(&self) -> String {
        format!("unix:path={},guid=00000000000000000000000000000000", self.folder.path().join("bus").display())
    }

    /// The value for `XDG_RUNTIME_DIR`: the bus is its file `bus`.
    pub fn runtime_folder(&self) -> PathBuf {
        self.folder.path().to_owned()
    }

    /// Changes the behaviour, also of connections that are open.
    pub fn set(&self, knob: Knob) {
        let mut state = self.shared.state();
        (state.knob, state.opened) = (knob, false);
    }

    /// All items, in the order of their creation.
    pub fn items(&self) -> Vec<Item> {
        self.shared.state().items.clone()
    }

    /// Adds an item as another program would, and gives back its path.
    pub fn add(&self, label: &str, attributes: &[(&str, &str)], secret: &[u8]) -> String {
        let attributes = attributes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.shared.state().create(label.to_owned(), attributes, secret.to_owned(), "text/plain".to_owned())
    }

    /// Makes every item that ends at a time claim this end, in seconds since 1970.
    pub fn claim(&self, end: u64) {
        for item in &mut self.shared.state().items {
            if let Some(expires) = item.attributes.get_mut("expires") {
                *expires = end.to_string();
            }
        }
    }

    /// Changes every item, as a damaged keyring or another program may.
    pub fn change(&self, change: &dyn Fn(&mut Item)) {
        self.shared.state().items.iter_mut().for_each(change);
    }

    /// Makes every item that ends at a time, its attribute `expires`, end sooner: as if so much time had passed.
    pub fn pass(&self, time: Duration) {
        for item in &mut self.shared.state().items {
            if let Some(expires) = item.attributes.get_mut("expires") {
                let end: u64 = expires.parse().expect("seconds since 1970");
                *expires = end.saturating_sub(time.as_secs()).to_string();
            }
        }
    }

    /// How many calls of this method there were, such as `GetSecret` or `Get Attributes`.
    pub fn calls(&self, method: &str) -> usize {
        self.shared.state().calls.iter().filter(|call| *call == method).count()
    }

    /// How often each method was called since this was last asked.
    pub fn take_calls(&self) -> BTreeMap<String, usize> {
        let mut counted = BTreeMap::new();
        for call in self.shared.state().calls.drain(..) {
            *counted.entry(call).or_default() += 1;
        }
        counted
    }

    /// How often clients waited for answers before they said more.
    pub fn round_trips(&self) -> usize {
        self.shared.state().round_trips
    }

    /// How many clients have connected.
    pub fn connections(&self) -> usize {
        self.shared.state().connections
    }
}

impl Drop for FakeBus {
    fn drop(&mut self) {
        self.shared.state().stopped = true;
        self.shared.stopping.notify_all();
        // Wakes the listening thread; when the socket is gone, so is the thread.
        drop(UnixStream::connect(self.folder.path().join("bus")));
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test thread panics while it holds the state")
    }
}

/// One connection.
struct Client {
    number: usize,
    shared: Arc<Shared>,
    /// The paths of the open sessions of this connection.
    sessions: HashSet<String>,
    /// What is sent after the answer.
    signals: Vec<u8>,
}

impl Client {
    fn serve(mut self, stream: UnixStream) -> io::Result<()> {
        let mut input = BufReader::new(stream.try_clone()?);
        let mut output = stream;
        if !self.authenticate(&mut input, &mut output)? {
            return Ok(());
        }
        let mut held = Vec::new();
        loop {
            let waits = input.buffer().is_empty();
            let call = read_call(&mut input)?;
            let method = call.method();
            let (knob, told) = {
                let mut state = self.shared.state();
                state.round_trips += usize::from(waits);
                let told = || state.calls.iter().filter(|method| *method == "Get Attributes").count();
                (state.knob, if state.knob == Knob::FallsSilent { told() } else { 0 })
            };
            let of_bus = call.destination == BUS;
            let has_owner = of_bus || [SERVICE, further_name(knob)].contains(&call.destination.as_str());
            if has_owner {
                self.shared.state().calls.push(method.clone());
            }
            let sender = if of_bus || !has_owner { BUS } else { OWNER };
            if of_bus && call.member == "Hello" {
                let name = format!(":1.{}", self.number);
                held.extend(self.message(call.serial, sender, Ok(answer(&(name.as_str(),)))));
                held.extend(signal("NameAcquired", &name));
            } else if of_bus && call.member == "ListActivatableNames" {
                let mut names = vec!["org.freedesktop.DBus", "org.freedesktop.systemd1"];
                names.extend((knob != Knob::NoDaemon).then_some("org.freedesktop.secrets"));
                held.extend(self.message(call.serial, sender, Ok(answer(&(names,)))));
            } else if of_bus && call.member == "GetNameOwner" {
                held.extend(self.message(call.serial, sender, Client::name_owner(knob, &call)));
            } else if of_bus && call.member == "AddMatch" {
                held.extend(self.message(
                    call.serial,
                    sender,
                    Ok(Answer { signature: String::new(), body: Vec::new() }),
                ));
            } else if of_bus {
                held.extend(self.message(call.serial, sender, Err(failure(UNKNOWN_METHOD, "not on this bus"))));
            } else if knob == Knob::NeighbourHangs && call.destination == "org.kde.kwalletd6" {
                continue;
            } else if !has_owner {
                let reply = Err(failure("org.freedesktop.DBus.Error.NameHasNoOwner", "nobody has that name"));
                held.extend(self.message(call.serial, sender, reply));
            } else {
                if knob == Knob::SlowItems && matches!(call.member.as_str(), "GetSecret" | "Delete") {
                    self.pause(Duration::from_secs(2));
                }
                if knob == Knob::SlowList && method == "Get Attributes" {
                    self.pause(Duration::from_millis(10));
                }
                let reply = self.call_service(knob, &call);
                match knob {
                    Knob::FallsSilent if told > TOLD => continue,
                    Knob::NoService if call.flags & 2 == 0 => continue, // starting never ends
                    Knob::Silent => continue,
                    Knob::LockedWithWindow | Knob::NoDatabase
                        if call.interface.ends_with("Secret.Service") && call.member == "SearchItems" =>
                    {
                        continue;
                    }
                    Knob::HalfMessage => {
                        let whole = self.message(call.serial, sender, reply);
                        held.extend(&whole[..whole.len() / 2]);
                        return output.write_all(&held);
                    }
                    Knob::HugeLength => held.extend([b'l', 2, 0, 1, 0, 0, 0, 8, 9, 0, 0, 0, 0, 0, 0, 0]),
                    Knob::Garbage => held.extend(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
                    Knob::WrongTypes => held.extend(self.message(call.serial, sender, Ok(answer(&("no", 7u32))))),
                    Knob::Flood => return self.flood(&mut output),
                    Knob::Trickle => {
                        held.extend(self.message(call.serial, sender, reply));
                        return self.trickle(&mut output, &held);
                    }
                    _ => held.extend(self.message(call.serial, sender, reply)),
                }
                held.append(&mut self.signals);
            }
            output.write_all(&held)?;
            held.clear();
        }
    }

    /// The SASL profile of D-Bus: a NUL, then lines until BEGIN. Only EXTERNAL, as dbus-daemon.
    fn authenticate(&self, input: &mut impl BufRead, output: &mut impl Write) -> io::Result<bool> {
        let knob = self.shared.state().knob;
        if knob == Knob::Closes {
            return Ok(false);
        }
        let mut nul = [1];
        input.read_exact(&mut nul)?;
        assert_eq!(nul, [0], "the first byte is NUL");
        let mut is_authenticated = false;
        loop {
            let mut line = String::new();
            if input.read_line(&mut line)? == 0 {
                return Ok(false);
            }
            let line = line.strip_suffix("\r\n").expect("lines end in CR LF");
            if knob == Knob::Mute {
                continue;
            }
            match line {
                "BEGIN" if is_authenticated => return Ok(true),
                "BEGIN" => return Ok(false), // dbus-daemon hangs up, too
                line if line.starts_with("AUTH EXTERNAL ") && knob != Knob::RejectsUser => {
                    let uid = rustix::process::getuid().as_raw().to_string();
                    let expected: String = uid.bytes().map(|byte| format!("{byte:02x}")).collect();
                    assert_eq!(&line["AUTH EXTERNAL ".len()..], expected, "the user id in hexadecimal digits");
                    is_authenticated = true;
                    output.write_all(b"OK 00000000000000000000000000000000\r\n")?;
                }
                line if line.starts_with("AUTH") => output.write_all(b"REJECTED EXTERNAL\r\n")?,
                _ => output.write_all(b"ERROR \"Unknown command\"\r\n")?,
            }
        }
    }

    /// The answer to a call as bytes.
    fn message(&self, to: u32, sender: &str, reply: Result<Answer, Failure>) -> Vec<u8> {
        let destination = format!(":1.{}", self.number);
        let (to, from) = ((5, Field::Number(to)), (7, Field::Text(sender)));
        match reply {
            Ok(Answer { signature, body }) => {
                let fields = [to, (6, Field::Text(&destination)), from, (8, Field::Types(&signature))];
                message(2, &fields, &body)
            }
            Err((name, text)) => {
                let fields = [(4, Field::Text(name)), to, from, (8, Field::Types("s"))];
                message(3, &fields, &answer(&(text,)).body)
            }
        }
    }

    /// A hundred signals at a time, with a breath for the other tests on this machine.
    fn flood(&self, output: &mut impl Write) -> io::Result<()> {
        let signals = signal("NameOwnerChanged", "org.example").repeat(100);
        while self.pause(Duration::from_millis(5)) {
            output.write_all(&signals)?;
        }
        Ok(())
    }

    /// A byte each fifth of a second: never long enough for a timeout of one read.
    fn trickle(&self, output: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
        for byte in bytes {
            if !self.pause(Duration::from_millis(200)) {
                break;
            }
            output.write_all(&[*byte])?;
        }
        Ok(())
    }

    /// Waits; `false` when the bus has ended.
    fn pause(&self, length: Duration) -> bool {
        let waited = self.shared.stopping.wait_timeout_while(self.shared.state(), length, |state| !state.stopped);
        waited.expect("no test thread panics while it holds the state").1.timed_out()
    }
}
