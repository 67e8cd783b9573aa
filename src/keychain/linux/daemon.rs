//! Which daemon the Secret Service is.

use super::{
    answer::{NAME, accepted},
    message::{Call, NO_AUTO_START, Reply},
    service::{Connection, DESTINATION},
    wire::Writer,
};
use crate::keychain::error::{GNOME_KEYRING, KEEPASSXC, KWALLET};

/// A name on the bus that the daemon has beside the Secret Service's, and what messages call it.
const DAEMONS: [(&str, &str); 4] = [
    ("org.gnome.keyring", GNOME_KEYRING),
    ("org.kde.kwalletd6", KWALLET),
    ("org.kde.kwalletd5", KWALLET),
    ("org.keepassxc.KeePassXC.MainWindow", KEEPASSXC),
];

/// The names of those that have no collection in memory.
pub(super) fn without_session_collection() -> impl Iterator<Item = &'static str> {
    DAEMONS.into_iter().filter(|(_, daemon)| *daemon != GNOME_KEYRING).map(|(name, _)| name)
}

impl Connection {
    /// The daemon's name in messages: the service's own where it is none that we know.
    pub(super) fn daemon(&mut self) -> &'static str {
        self.owned_name().map_or(NAME, |(_, daemon)| daemon)
    }

    /// Which of the names the service's owner has, too.
    pub(super) fn owned_name(&mut self) -> Option<(&'static str, &'static str)> {
        for name in [DESTINATION].into_iter().chain(DAEMONS.map(|(name, _)| name)) {
            let mut body = Writer::with_capacity(64);
            body.string(name);
            self.queue_bus("GetNameOwner", body);
        }
        let owners = self.answers().ok()?;
        let owner = |reply: &Reply| Some(accepted(reply, "GetNameOwner", "s").ok()?.string().ok()?.to_owned());
        let (service, named) = owners.split_first()?;
        let service = owner(service)?;
        DAEMONS.into_iter().zip(named).find(|(_, reply)| owner(reply).as_ref() == Some(&service)).map(|(it, _)| it)
    }

    /// Queues a call of the bus itself, with one string.
    pub(super) fn queue_bus(&mut self, member: &str, body: Writer) {
        let bus = "org.freedesktop.DBus";
        let call =
            Call { destination: bus, path: "/org/freedesktop/DBus", interface: bus, member, flags: NO_AUTO_START };
        self.bus.queue(call, "s", &body.into_bytes());
    }
}
