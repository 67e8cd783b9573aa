//! What a daemon does only when it is told to prompt, though nobody is asked; and which daemon it is.

use super::{
    answer::{NAME, accepted},
    message::{Call, Reply},
    service::{COLLECTIONS, Connection, DESTINATION, NO_PATH, ROOT, SERVICE_INTERFACE},
    wire::Writer,
};
use crate::keychain::{
    Error,
    error::{GNOME_KEYRING, KEEPASSXC, KWALLET},
};

const PROMPT_INTERFACE: &str = "org.freedesktop.Secret.Prompt";

/// A name on the bus that the daemon has beside the Secret Service's, and what messages call it.
const DAEMONS: [(&str, &str); 4] = [
    ("org.gnome.keyring", GNOME_KEYRING),
    ("org.kde.kwalletd6", KWALLET),
    ("org.kde.kwalletd5", KWALLET),
    ("org.keepassxc.KeePassXC.MainWindow", KEEPASSXC),
];

impl Connection {
    /// Opens the default collection where nobody is asked for it: a gnome-keyring with an empty password, a wallet
    /// that logging in has opened. Any other prompt is dismissed unseen. Whether it is open now.
    pub(super) fn unlock(&mut self) -> Result<bool, Error> {
        let mut body = Writer::with_capacity(64);
        body.array(4, |paths| paths.string(COLLECTIONS[0]));
        self.queue(ROOT, SERVICE_INTERFACE, "Unlock", "ao", body);
        let reply = self.answer()?;
        let mut arguments = accepted(&reply, "Unlock", "aoo")?;
        let opened = !arguments.paths()?.is_empty();
        match arguments.string()? {
            NO_PATH => Ok(opened),
            prompt if self.is_wallet_open()? => self.complete(prompt),
            prompt => self.dismiss(prompt).map(|()| false),
        }
    }

    /// Completes what an open collection answers with a prompt's path, if it is KeePassXC's, which answers so to
    /// everything and opens no window for it. Whether it is done; no path is nothing to do.
    pub(super) fn prompted(&mut self, prompt: &str) -> Result<bool, Error> {
        match prompt {
            NO_PATH => Ok(true),
            prompt if self.daemon() == KEEPASSXC => self.complete(prompt),
            prompt => self.unprompted(prompt),
        }
    }

    /// Dismisses a prompt, whoever's it is. Whether there was none.
    pub(super) fn unprompted(&mut self, prompt: &str) -> Result<bool, Error> {
        match prompt {
            NO_PATH => Ok(true),
            prompt => self.dismiss(prompt).map(|()| false),
        }
    }

    /// The daemon's name in messages: the service's own where it is none that we know.
    pub(super) fn daemon(&mut self) -> &'static str {
        self.owned_name().map_or(NAME, |(_, daemon)| daemon)
    }

    /// Which of the names the service's owner has, too.
    fn owned_name(&mut self) -> Option<(&'static str, &'static str)> {
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

    /// Whether KWallet has its default wallet open, so that its prompt asks nobody.
    fn is_wallet_open(&mut self) -> Result<bool, Error> {
        let Some((name, KWALLET)) = self.owned_name() else { return Ok(false) };
        let path = name.replace("org.kde.", "/modules/");
        let mut call = |member, signature, body: Writer| {
            let call = Call { destination: name, path: &path, interface: "org.kde.KWallet", member };
            self.bus.queue(call, signature, &body.into_bytes());
            self.answer()
        };
        let reply = call("networkWallet", "", Writer::with_capacity(0))?;
        let mut body = Writer::with_capacity(64);
        body.string(accepted(&reply, "networkWallet", "s")?.string()?);
        Ok(accepted(&call("isOpen", "s", body)?, "isOpen", "b")?.u32()? == 1)
    }

    /// Lets a prompt that asks nobody do its work; one that takes longer than the bound is dismissed.
    fn complete(&mut self, prompt: &str) -> Result<bool, Error> {
        let mut rule = Writer::with_capacity(256);
        rule.string(&format!("type='signal',interface='{PROMPT_INTERFACE}',member='Completed',path='{prompt}'"));
        self.queue_bus("AddMatch", rule);
        let mut window = Writer::with_capacity(8);
        window.string("");
        self.queue(prompt, PROMPT_INTERFACE, "Prompt", "s", window);
        for reply in self.answers()? {
            accepted(&reply, "Prompt", "")?;
        }
        let completed = self.bus.completed(prompt, self.deadline)?;
        Ok(completed.arguments("bv")?.u32()? == 0)
    }

    fn dismiss(&mut self, prompt: &str) -> Result<(), Error> {
        self.queue(prompt, PROMPT_INTERFACE, "Dismiss", "", Writer::with_capacity(0));
        self.answer().map(drop) // whatever it says, nothing was shown
    }

    fn queue_bus(&mut self, member: &str, body: Writer) {
        let bus = "org.freedesktop.DBus";
        let call = Call { destination: bus, path: "/org/freedesktop/DBus", interface: bus, member };
        self.bus.queue(call, "s", &body.into_bytes());
    }
}
