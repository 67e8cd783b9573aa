//! The fake Secret Service: what it keeps and the methods it answers.

use std::collections::{BTreeMap, HashMap};

use zvariant::{OwnedObjectPath, OwnedValue, Value};

use super::{
    Client, Item, Knob, State,
    wire::{Answer, Call, Failure, INVALID_ARGS, UNKNOWN_METHOD, answer, failure, object_path, owned},
};

const SECRETS: &str = "/org/freedesktop/secrets";
const COLLECTION: &str = "/org/freedesktop/secrets/collection/login";
const SESSION_COLLECTION: &str = "/org/freedesktop/secrets/collection/session";
const DEFAULT_ALIAS: &str = "/org/freedesktop/secrets/aliases/default";
const NO_SUCH_OBJECT: &str = "org.freedesktop.Secret.Error.NoSuchObject";

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
            Knob::SessionCollection => [COLLECTION, DEFAULT_ALIAS, SESSION_COLLECTION].contains(&path),
            _ => path == COLLECTION || path == DEFAULT_ALIAS,
        }
    }
}

impl Client {
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
                self.check_session(&session)?;
                Ok(answer(&((session, Vec::<u8>::new(), item.secret, item.content_type),)))
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
            return Ok(answer(&(object_path("/"), object_path("/org/freedesktop/secrets/prompt/p1"))));
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
