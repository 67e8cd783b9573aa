//! What a daemon does only when it is told to prompt, though nobody is asked.

use super::{
    answer::accepted,
    daemon,
    message::{Call, NO_AUTO_START},
    service::{COLLECTIONS, Connection, NO_PATH, ROOT, SERVICE_INTERFACE},
    wire::Writer,
};
use crate::keychain::{
    Error,
    error::{KEEPASSXC, KWALLET},
};

const PROMPT_INTERFACE: &str = "org.freedesktop.Secret.Prompt";

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

    /// Whether KWallet has its default wallet open, so that its prompt asks nobody.
    fn is_wallet_open(&mut self) -> Result<bool, Error> {
        let Some((name, KWALLET)) = daemon::owner(&mut self.bus, &mut self.deadline) else { return Ok(false) };
        let path = name.replace("org.kde.", "/modules/");
        let mut call = |member, signature, body: Writer| {
            let interface = "org.kde.KWallet";
            let call = Call { destination: name, path: &path, interface, member, flags: NO_AUTO_START };
            self.bus.queue(call, signature, &body);
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
        self.bus.queue_own("AddMatch", "s", &rule);
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
}
