//! The daemons that we know, and which of them the Secret Service is.

use super::{
    answer::accepted,
    bus::{Bus, Deadline},
    message::Reply,
    wire::Writer,
};
use crate::keychain::error::{GNOME_KEYRING, KEEPASSXC, KWALLET};

/// The name that the daemon of the Secret Service has on the bus.
pub(super) const DESTINATION: &str = "org.freedesktop.secrets";

/// A name that it has beside that, and what messages call it.
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

/// Which of [`DAEMONS`] owns the service; `None` for one that we do not know.
pub(super) fn owner(bus: &mut Bus, deadline: &mut Deadline) -> Option<(&'static str, &'static str)> {
    for name in [DESTINATION].into_iter().chain(DAEMONS.map(|(name, _)| name)) {
        let mut body = Writer::with_capacity(64);
        body.string(name);
        bus.queue_own("GetNameOwner", "s", &body);
    }
    let owners = bus.answers(deadline).ok()?;
    let owner = |reply: &Reply| Some(accepted(reply, "GetNameOwner", "s").ok()?.string().ok()?.to_owned());
    let (service, named) = owners.split_first()?;
    let service = owner(service)?;
    DAEMONS.into_iter().zip(named).find(|(_, reply)| owner(reply).as_ref() == Some(&service)).map(|(it, _)| it)
}
