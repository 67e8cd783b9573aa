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

mod wire;

use std::{
    collections::{BTreeMap, HashMap},
    io::{self, BufRead, BufReader, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    sync::{Arc, Condvar, Mutex, MutexGuard},
    thread,
    time::Duration,
};

use tempfile::TempDir;
use zvariant::{OwnedObjectPath, OwnedValue, Value};

use self::wire::{
    Answer, Call, Failure, Field, INVALID_ARGS, answer, failure, message, object_path, owned, read_call, signal,
};

const SECRETS: &str = "/org/freedesktop/secrets";
const COLLECTION: &str = "/org/freedesktop/secrets/collection/login";
const DEFAULT_ALIAS: &str = "/org/freedesktop/secrets/aliases/default";
const NO_SUCH_OBJECT: &str = "org.freedesktop.Secret.Error.NoSuchObject";
const UNKNOWN_METHOD: &str = "org.freedesktop.DBus.Error.UnknownMethod";

/// How the bus and the service behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knob {
    /// Everything works; the keyring is unlocked.
    Normal,
    /// Nobody owns `org.freedesktop.secrets`. A call that lets the bus start it waits for ever,
    /// as it does where the daemon has no display.
    NoService,
    /// As gnome-keyring locks: a search finds items as locked, creating is an error.
    Locked,
    /// As KWallet locks: a search finds nothing, and the collection says that it is locked.
    LockedAndBlind,
    /// There is no collection, neither `default` nor `login`.
    NoCollection,
    /// There is a `login` collection, and no alias `default`.
    NoAlias,
    /// Creating answers with a prompt.
    PromptOnCreate,
    /// Deleting answers with a prompt.
    PromptOnDelete,
    /// The service answers every call with AccessDenied.
    Refuses,
    /// The bus answers AUTH with REJECTED.
    RejectsUser,
    /// The bus answers nothing, not even AUTH.
    Mute,
    /// The bus answers, the service never does.
    Silent,
    /// The bus hangs up at once.
    Closes,
    /// The service's first answer ends in the middle, and the bus hangs up.
    HalfMessage,
    /// The service's first answer claims 128 MiB.
    HugeLength,
    /// The service's first answer is text.
    Garbage,
    /// The service's answers have other types than they should.
    WrongTypes,
    /// Answers come a byte at a time, too slowly.
    Trickle,
    /// Signals without end, and no answer.
    Flood,
    /// Answers are held back until SearchItems or GetAll is asked: a client that sends one call
    /// at a time and waits for it gets nothing.
    Withholds,
}

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

struct State {
    knob: Knob,
    items: Vec<Item>,
    created: u64,
    calls: Vec<String>,
    connections: usize,
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
                calls: Vec::new(),
                connections: 0,
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
                let client = Client { number: state.connections, shared: shared.clone(), sessions: HashMap::new() };
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
        self.shared.state().knob = knob;
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

    /// How many calls of this method there were, such as `GetSecret`.
    pub fn calls(&self, member: &str) -> usize {
        self.shared.state().calls.iter().filter(|call| *call == member).count()
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

impl State {
    fn create(&mut self, label: String, attributes: BTreeMap<String, String>, secret: Vec<u8>, mime: String) -> String {
        self.created += 1;
        let path = format!("{COLLECTION}/{}", self.created);
        let item = Item { path: path.clone(), label, attributes, secret, content_type: mime, modified: self.created };
        self.items.push(item);
        path
    }

    fn item(&mut self, path: &str) -> Result<&mut Item, Failure> {
        self.items.iter_mut().find(|item| item.path == path).ok_or(failure(NO_SUCH_OBJECT, "there is no such item"))
    }

    fn is_locked(&self) -> bool {
        matches!(self.knob, Knob::Locked | Knob::LockedAndBlind)
    }

    fn has_collection(&self, path: &str) -> bool {
        match self.knob {
            Knob::NoCollection => false,
            Knob::NoAlias => path == COLLECTION,
            _ => path == COLLECTION || path == DEFAULT_ALIAS,
        }
    }
}

type Secret = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

/// One connection.
struct Client {
    number: usize,
    shared: Arc<Shared>,
    /// The open sessions of this connection.
    sessions: HashMap<String, Session>,
}

/// How secrets are carried.
enum Session {
    Plain,
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
            let call = read_call(&mut input)?;
            let knob = {
                let mut state = self.shared.state();
                state.calls.push(call.member.clone());
                state.knob
            };
            let of_bus = call.destination == "org.freedesktop.DBus";
            if of_bus && call.member == "Hello" {
                let name = format!(":1.{}", self.number);
                held.extend(self.message(call.serial, Ok(answer(&(name.as_str(),)))));
                held.extend(signal("NameAcquired", &name));
            } else if of_bus {
                held.extend(self.message(call.serial, Err(failure(UNKNOWN_METHOD, "not on this bus"))));
            } else {
                let reply = self.call_service(knob, &call);
                match knob {
                    Knob::NoService if call.flags & 2 == 0 => continue, // starting never ends
                    Knob::Silent => continue,
                    Knob::HalfMessage => {
                        let whole = self.message(call.serial, reply);
                        held.extend(&whole[..whole.len() / 2]);
                        return output.write_all(&held);
                    }
                    Knob::HugeLength => held.extend([b'l', 2, 0, 1, 0, 0, 0, 8, 9, 0, 0, 0, 0, 0, 0, 0]),
                    Knob::Garbage => held.extend(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
                    Knob::WrongTypes => held.extend(self.message(call.serial, Ok(answer(&("no", 7u32))))),
                    Knob::Flood => return self.flood(&mut output),
                    Knob::Trickle => {
                        held.extend(self.message(call.serial, reply));
                        return self.trickle(&mut output, &held);
                    }
                    _ => held.extend(self.message(call.serial, reply)),
                }
            }
            if knob != Knob::Withholds || matches!(call.member.as_str(), "SearchItems" | "GetAll") {
                output.write_all(&held)?;
                held.clear();
            }
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

    fn call_service(&mut self, knob: Knob, call: &Call) -> Result<Answer, Failure> {
        match knob {
            Knob::NoService => {
                let text = "The name org.freedesktop.secrets was not provided by any .service files";
                return Err(failure("org.freedesktop.DBus.Error.ServiceUnknown", text));
            }
            Knob::Refuses => {
                let text = "Rejected send message,\nmatched rules";
                return Err(failure("org.freedesktop.DBus.Error.AccessDenied", text));
            }
            _ => {}
        }
        assert_eq!(call.destination, "org.freedesktop.secrets", "the only service here");
        let interface = call.interface.strip_prefix("org.freedesktop.").unwrap_or(&call.interface);
        match (interface, call.member.as_str()) {
            ("Secret.Service", _) if call.path != SECRETS => Err(failure(UNKNOWN_METHOD, "not the service")),
            ("Secret.Service", "OpenSession") => self.open_session(call),
            ("Secret.Service", "SearchItems") => {
                let (wanted,): (BTreeMap<String, String>,) = call.arguments()?;
                let state = self.shared.state();
                let found = state
                    .items
                    .iter()
                    .filter(|item| wanted.iter().all(|(name, value)| item.attributes.get(name) == Some(value)));
                let found: Vec<OwnedObjectPath> = found.map(|item| object_path(&item.path)).collect();
                let none = Vec::<OwnedObjectPath>::new();
                Ok(match state.knob {
                    Knob::Locked => answer(&(none, found)),
                    Knob::LockedAndBlind => answer(&(none.clone(), none)),
                    _ => answer(&(found, none)),
                })
            }
            ("Secret.Collection", "CreateItem") => self.create_item(call),
            ("Secret.Item", "GetSecret") => {
                let (session,): (OwnedObjectPath,) = call.arguments()?;
                let mut state = self.shared.state();
                if state.is_locked() {
                    return Err(failure("org.freedesktop.Secret.Error.IsLocked", "the item is locked"));
                }
                let item = state.item(&call.path)?.clone();
                let (parameters, value) = self.session(&session)?.seal(&item.secret);
                Ok(answer(&((session, parameters, value, item.content_type),)))
            }
            ("Secret.Item", "Delete") => {
                let mut state = self.shared.state();
                state.item(&call.path)?;
                if state.knob == Knob::PromptOnDelete {
                    return Ok(answer(&(object_path("/org/freedesktop/secrets/prompt/p1"),)));
                }
                state.items.retain(|item| item.path != call.path);
                Ok(answer(&(object_path("/"),)))
            }
            ("DBus.Properties", "Get") => {
                let (_, name): (String, String) = call.arguments()?;
                let properties = self.properties(&call.path)?;
                let value = properties.get(name.as_str()).ok_or(failure(INVALID_ARGS, "no such property"))?;
                Ok(answer(&(value,)))
            }
            ("DBus.Properties", "GetAll") => {
                let (_,): (String,) = call.arguments()?;
                Ok(answer(&(self.properties(&call.path)?,)))
            }
            (interface, member) => Err(failure(UNKNOWN_METHOD, &format!("no method {member} in {interface}"))),
        }
    }

    fn open_session(&mut self, call: &Call) -> Result<Answer, Failure> {
        let (algorithm, _input): (String, OwnedValue) = call.arguments()?;
        let path = format!("{SECRETS}/session/s{}x{}", self.number, self.sessions.len());
        let (output, session) = match algorithm.as_str() {
            "plain" => (Value::from(""), Session::Plain),
            _ => return Err(failure("org.freedesktop.DBus.Error.NotSupported", "algorithm not supported")),
        };
        self.sessions.insert(path.clone(), session);
        Ok(answer(&(output, object_path(&path))))
    }

    fn create_item(&mut self, call: &Call) -> Result<Answer, Failure> {
        let (mut properties, secret, replace): (HashMap<String, OwnedValue>, Secret, bool) = call.arguments()?;
        let (session, parameters, value, content_type) = secret;
        let bytes = self.session(&session)?.open(&parameters, &value)?;
        let mut property = |name: &str| {
            let name = format!("org.freedesktop.Secret.Item.{name}");
            properties.remove(&name).ok_or(failure(INVALID_ARGS, "a property is missing"))
        };
        let (label, attributes) = (property("Label")?, property("Attributes")?);
        let label = String::try_from(label).map_err(|err| failure(INVALID_ARGS, &err.to_string()))?;
        let attributes: HashMap<String, String> =
            attributes.try_into().map_err(|err: zvariant::Error| failure(INVALID_ARGS, &err.to_string()))?;
        let attributes: BTreeMap<_, _> = attributes.into_iter().collect();
        let mut state = self.shared.state();
        if !state.has_collection(&call.path) {
            return Err(failure(NO_SUCH_OBJECT, "there is no such collection"));
        }
        if state.is_locked() {
            return Err(failure("org.freedesktop.Secret.Error.IsLocked", "the collection is locked"));
        }
        if state.knob == Knob::PromptOnCreate {
            return Ok(answer(&(object_path("/"), object_path("/org/freedesktop/secrets/prompt/p1"))));
        }
        state.created += 1;
        let modified = state.created;
        let same = state.items.iter_mut().find(|item| replace && item.attributes == attributes);
        let path = if let Some(item) = same {
            *item = Item { label, secret: bytes, content_type, modified, ..item.clone() };
            item.path.clone()
        } else {
            state.create(label, attributes, bytes, content_type)
        };
        Ok(answer(&(object_path(&path), object_path("/"))))
    }

    fn properties(&self, path: &str) -> Result<HashMap<&'static str, OwnedValue>, Failure> {
        let mut state = self.shared.state();
        let locked = state.is_locked();
        let mut properties = HashMap::from([("Locked", owned(Value::from(locked)))]);
        if state.has_collection(path) {
            properties.insert("Label", owned(Value::from("Login")));
            return Ok(properties);
        }
        let item = state.item(path)?;
        let attributes: HashMap<String, String> = if locked {
            // gnome-keyring shows only digests of what is locked.
            item.attributes.keys().map(|name| (format!("gkr:compat:hashed:{name}"), "0".repeat(32))).collect()
        } else {
            item.attributes.clone().into_iter().collect()
        };
        properties.extend([
            ("Attributes", owned(Value::from(attributes))),
            ("Label", owned(Value::from(item.label.clone()))),
            ("Type", owned(Value::from("docker-credential-ecr-rs.Entry"))),
            ("Created", owned(Value::from(item.modified))),
            ("Modified", owned(Value::from(item.modified))),
        ]);
        Ok(properties)
    }

    fn session(&self, path: &OwnedObjectPath) -> Result<&Session, Failure> {
        self.sessions.get(path.as_str()).ok_or(failure("org.freedesktop.Secret.Error.NoSession", "no such session"))
    }

    /// The answer to a call as bytes.
    fn message(&self, to: u32, reply: Result<Answer, Failure>) -> Vec<u8> {
        let destination = format!(":1.{}", self.number);
        match reply {
            Ok(Answer { signature, body }) => {
                let fields = [(5, Field::Number(to)), (6, Field::Text(&destination)), (8, Field::Types(&signature))];
                message(2, &fields, &body)
            }
            Err((name, text)) => {
                let fields = [(4, Field::Text(name)), (5, Field::Number(to)), (8, Field::Types("s"))];
                message(3, &fields, &answer(&(text,)).body)
            }
        }
    }

    fn flood(&self, output: &mut impl Write) -> io::Result<()> {
        let signals = signal("NameOwnerChanged", "org.example").repeat(100);
        while !self.shared.state().stopped {
            output.write_all(&signals)?;
        }
        Ok(())
    }

    /// A byte each fifth of a second: never long enough for a timeout of one read.
    fn trickle(&self, output: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
        for byte in bytes {
            let state = self.shared.state();
            if state.stopped {
                break;
            }
            let pause = Duration::from_millis(200);
            drop(self.shared.stopping.wait_timeout(state, pause).expect("no test thread panics with the state"));
            output.write_all(&[*byte])?;
        }
        Ok(())
    }
}

impl Session {
    /// A secret as this session carries it: parameters and value.
    fn seal(&self, secret: &[u8]) -> (Vec<u8>, Vec<u8>) {
        match self {
            Session::Plain => (Vec::new(), secret.to_owned()),
        }
    }

    fn open(&self, _parameters: &[u8], value: &[u8]) -> Result<Vec<u8>, Failure> {
        match self {
            Session::Plain => Ok(value.to_owned()),
        }
    }
}
