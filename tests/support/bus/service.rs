//! The fake Secret Service: what it keeps and the methods it answers.

use std::collections::{BTreeMap, HashMap};

use zvariant::{OwnedObjectPath, OwnedValue, Value};

use super::{
    Client, Item, Knob, Pending, State,
    wire::{Answer, Call, Failure, INVALID_ARGS, UNKNOWN_METHOD, answer, completed, failure, object_path, owned},
};

const SECRETS: &str = "/org/freedesktop/secrets";
const COLLECTION: &str = "/org/freedesktop/secrets/collection/login";
const SESSION_COLLECTION: &str = "/org/freedesktop/secrets/collection/session";
const DEFAULT_ALIAS: &str = "/org/freedesktop/secrets/aliases/default";
const PROMPT: &str = "/org/freedesktop/secrets/prompt/p1";
const NO_SUCH_OBJECT: &str = "org.freedesktop.Secret.Error.NoSuchObject";

/// The names of the service and of the bus; the connection of the service.
pub const SERVICE: &str = "org.freedesktop.secrets";
pub const BUS: &str = "org.freedesktop.DBus";
pub const OWNER: &str = ":1.0";

/// The name that the daemon has beside the service's, which tells which it is.
pub fn further_name(knob: Knob) -> &'static str {
    match knob {
        Knob::EmptyPassword | Knob::SessionCollection | Knob::NeighbourHangs => "org.gnome.keyring",
        Knob::OpenedByPam | Knob::LockedAndBlind => "org.kde.kwalletd5",
        Knob::PromptsForAll | Knob::LockedWithWindow | Knob::NoDatabase => "org.keepassxc.KeePassXC.MainWindow",
        _ => "",
    }
}

type Secret = (OwnedObjectPath, Vec<u8>, Vec<u8>, String);

impl State {
    pub fn create(
        &mut self,
        label: String,
        attributes: BTreeMap<String, String>,
        secret: Vec<u8>,
        mime: String,
    ) -> String {
        self.create_in(COLLECTION, label, attributes, secret, mime)
    }

    fn create_in(
        &mut self,
        collection: &str,
        label: String,
        attributes: BTreeMap<String, String>,
        secret: Vec<u8>,
        mime: String,
    ) -> String {
        self.created += 1;
        let path = format!("{collection}/{}", self.created);
        let item = Item { path: path.clone(), label, attributes, secret, content_type: mime, modified: self.created };
        self.items.push(item);
        path
    }

    /// The items that have these attributes, at paths below this one.
    fn found(&mut self, wanted: &BTreeMap<String, String>, below: &str) -> Vec<OwnedObjectPath> {
        let blind = self.is_blind();
        let found = self.items.iter().filter(|item| {
            let has_all = wanted.iter().all(|(name, value)| item.attributes.get(name) == Some(value));
            !blind && has_all && item.path.starts_with(below)
        });
        found.map(|item| object_path(&item.path)).collect()
    }

    fn item(&mut self, path: &str) -> Result<&mut Item, Failure> {
        self.items.iter_mut().find(|item| item.path == path).ok_or(failure(NO_SUCH_OBJECT, "there is no such item"))
    }

    fn is_locked(&self) -> bool {
        match self.knob {
            Knob::Locked | Knob::LockedAndBlind | Knob::LockedWithWindow => true,
            Knob::EmptyPassword | Knob::OpenedByPam => !self.opened,
            _ => false,
        }
    }

    /// Whether a search finds nothing in what is locked.
    fn is_blind(&self) -> bool {
        self.is_locked() && !matches!(self.knob, Knob::Locked | Knob::EmptyPassword)
    }

    fn has_collection(&self, path: &str) -> bool {
        match self.knob {
            Knob::NoCollection | Knob::NoDatabase => false,
            Knob::NoAlias => path == COLLECTION,
            Knob::SessionCollection | Knob::NeighbourHangs => {
                [COLLECTION, DEFAULT_ALIAS, SESSION_COLLECTION].contains(&path)
            }
            _ => path == COLLECTION || path == DEFAULT_ALIAS,
        }
    }
}

impl Client {
    /// The owner of a name on the bus: the daemon's further name tells which it is.
    pub fn name_owner(knob: Knob, call: &Call) -> Result<Answer, Failure> {
        let (name,): (String,) = call.arguments()?;
        match name == SERVICE || name == further_name(knob) {
            true => Ok(answer(&(OWNER,))),
            false => Err(failure("org.freedesktop.DBus.Error.NameHasNoOwner", "nobody has that name")),
        }
    }

    /// Answers a call to the service.
    pub fn call_service(&mut self, knob: Knob, call: &Call) -> Result<Answer, Failure> {
        match knob {
            Knob::NoService | Knob::NoDaemon => {
                let text = "The name org.freedesktop.secrets was not provided by any .service files";
                return Err(failure("org.freedesktop.DBus.Error.ServiceUnknown", text));
            }
            Knob::Refuses => {
                let text = "Rejected send message,\nmatched rules";
                return Err(failure("org.freedesktop.DBus.Error.AccessDenied", text));
            }
            _ => {}
        }
        if matches!(knob, Knob::OpenedByPam | Knob::LockedAndBlind) && call.interface == "org.kde.KWallet" {
            return match call.member.as_str() {
                "networkWallet" => Ok(answer(&("kdewallet",))),
                "isOpen" => {
                    let (wallet,): (String,) = call.arguments()?;
                    Ok(answer(&(knob == Knob::OpenedByPam && wallet == "kdewallet",)))
                }
                member => Err(failure(UNKNOWN_METHOD, member)),
            };
        }
        let interface = call.interface.strip_prefix("org.freedesktop.").unwrap_or(&call.interface);
        match (interface, call.member.as_str()) {
            ("Secret.Service", _) if call.path != SECRETS => Err(failure(UNKNOWN_METHOD, "not the service")),
            ("Secret.Service", "OpenSession") => self.open_session(call),
            ("Secret.Service", "SearchItems") => {
                let (wanted,): (BTreeMap<String, String>,) = call.arguments()?;
                let mut state = self.shared.state();
                let (found, none) = (state.found(&wanted, SECRETS), Vec::<OwnedObjectPath>::new());
                Ok(if state.is_locked() { answer(&(none, found)) } else { answer(&(found, none)) })
            }
            ("Secret.Service", "Unlock") => {
                let (wanted,): (Vec<OwnedObjectPath>,) = call.arguments()?;
                let mut state = self.shared.state();
                match state.knob {
                    Knob::EmptyPassword => state.opened = true,
                    _ if state.is_locked() => {
                        state.pending = Some(Pending::Unlock);
                        return Ok(answer(&(Vec::<OwnedObjectPath>::new(), object_path(PROMPT))));
                    }
                    _ => {}
                }
                Ok(answer(&(wanted, object_path("/"))))
            }
            ("Secret.Prompt", "Dismiss") => {
                self.shared.state().pending = None;
                Ok(Answer { signature: String::new(), body: Vec::new() })
            }
            ("Secret.Prompt", "Prompt") => {
                let mut state = self.shared.state();
                assert!(
                    matches!(state.knob, Knob::OpenedByPam | Knob::PromptsForAll),
                    "this prompt would open a window: {:?}",
                    state.knob
                );
                match state.pending.take().ok_or(failure(NO_SUCH_OBJECT, "there is no such prompt"))? {
                    Pending::Unlock => state.opened = true,
                    Pending::Create(item) => state.items.push(item),
                    Pending::Delete(path) => state.items.retain(|item| item.path != path),
                }
                self.signals = completed(&call.path);
                Ok(Answer { signature: String::new(), body: Vec::new() })
            }
            ("Secret.Collection", "SearchItems") => {
                let (wanted,): (BTreeMap<String, String>,) = call.arguments()?;
                let mut state = self.shared.state();
                if !state.has_collection(&call.path) {
                    return Err(failure(NO_SUCH_OBJECT, "there is no such collection"));
                }
                let collection = if call.path == SESSION_COLLECTION { SESSION_COLLECTION } else { COLLECTION };
                Ok(answer(&(state.found(&wanted, collection),)))
            }
            ("Secret.Collection", "CreateItem") => self.create_item(call),
            ("Secret.Item", "GetSecret") => {
                let (session,): (OwnedObjectPath,) = call.arguments()?;
                let mut state = self.shared.state();
                if state.is_locked() {
                    return Err(failure("org.freedesktop.Secret.Error.IsLocked", "the item is locked"));
                }
                let item = state.item(&call.path)?.clone();
                self.check_session(&session)?;
                Ok(answer(&((session, Vec::<u8>::new(), item.secret, item.content_type),)))
            }
            ("Secret.Item", "Delete") => {
                let mut state = self.shared.state();
                state.item(&call.path)?;
                if state.knob == Knob::PromptOnDelete {
                    return Ok(answer(&(object_path(PROMPT),)));
                }
                if state.knob == Knob::PromptsForAll {
                    // One prompt at a time is all that this service knows; KeePassXC's have a path each.
                    let path = format!("{PROMPT}{}", call.path.rsplit('/').next().unwrap_or_default());
                    state.pending = Some(Pending::Delete(call.path.clone()));
                    return Ok(answer(&(object_path(&path),)));
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
            (interface, member) => Err(failure(UNKNOWN_METHOD, &format!("no method {member} in {interface}"))),
        }
    }

    fn open_session(&mut self, call: &Call) -> Result<Answer, Failure> {
        let (algorithm, _): (String, OwnedValue) = call.arguments()?;
        if algorithm != "plain" {
            return Err(failure("org.freedesktop.DBus.Error.NotSupported", "algorithm not supported"));
        }
        let path = format!("{SECRETS}/session/s{}x{}", self.number, self.sessions.len());
        self.sessions.insert(path.clone());
        Ok(answer(&(Value::from(""), object_path(&path))))
    }

    fn create_item(&mut self, call: &Call) -> Result<Answer, Failure> {
        let (mut properties, secret, replace): (HashMap<String, OwnedValue>, Secret, bool) = call.arguments()?;
        let (session, parameters, value, content_type) = secret;
        self.check_session(&session)?;
        if !parameters.is_empty() {
            return Err(failure(INVALID_ARGS, "a plain session has no parameters"));
        }
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
            return Ok(answer(&(object_path("/"), object_path(PROMPT))));
        }
        if state.knob == Knob::PromptsForAll {
            state.created += 1;
            let (path, modified) = (format!("{COLLECTION}/{}", state.created), state.created);
            let item = Item { path, label, attributes, secret: value, content_type, modified };
            state.pending = Some(Pending::Create(item));
            return Ok(answer(&(object_path("/"), object_path(PROMPT))));
        }
        state.created += 1;
        let modified = state.created;
        let same = state.items.iter_mut().find(|item| replace && item.attributes == attributes);
        let path = if let Some(item) = same {
            *item = Item { label, secret: value, content_type, modified, ..item.clone() };
            item.path.clone()
        } else {
            let collection = if call.path == SESSION_COLLECTION { SESSION_COLLECTION } else { COLLECTION };
            state.create_in(collection, label, attributes, value, content_type)
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
        if state.knob == Knob::BeingDeleted {
            state.item(path)?.attributes.clear();
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

    fn check_session(&self, path: &OwnedObjectPath) -> Result<(), Failure> {
        match self.sessions.contains(path.as_str()) {
            true => Ok(()),
            false => Err(failure("org.freedesktop.Secret.Error.NoSession", "no such session")),
        }
    }
}
