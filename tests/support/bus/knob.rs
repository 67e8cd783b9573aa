//! How a session bus and the Secret Service on it behave: well, as a daemon that there is, or badly.

/// How the bus and the service behave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Knob {
    /// Everything works; the keyring is unlocked.
    Normal,
    /// Nobody owns `org.freedesktop.secrets`, and the bus could start somebody. A call that lets it waits
    /// for ever, as it does where the daemon has no display.
    NoService,
    /// Nobody owns `org.freedesktop.secrets`, and the bus knows nobody to start: no keychain is installed.
    NoDaemon,
    /// As gnome-keyring locks: a search finds items as locked, creating is an error.
    Locked,
    /// As KWallet locks: a search finds nothing, and the collection says that it is locked.
    LockedAndBlind,
    /// As gnome-keyring with an empty password: locked until somebody says Unlock, which asks nobody.
    EmptyPassword,
    /// As KWallet that PAM has opened: locked and blind until a client completes the prompt of Unlock, which asks nobody.
    OpenedByPam,
    /// As KWallet 5.103 for a moment: an item that is being deleted shows no attributes. The newest one is, and it is
    /// gone at the next search.
    BeingDeleted,
    /// As KeePassXC: creating and deleting answer with a prompt, which asks nobody.
    PromptsForAll,
    /// As KeePassXC that is locked: a search of all collections opens a window and never ends, one of a collection
    /// finds nothing.
    LockedWithWindow,
    /// There is no collection, neither `default` nor `login`.
    NoCollection,
    /// As KeePassXC without a database: there is no collection, and a search of all of them opens a window and never
    /// ends.
    NoDatabase,
    /// As gnome-keyring and oo7: beside the default collection there is one in memory, `session`.
    SessionCollection,
    /// The same, beside a KWallet that hangs and is not the service.
    NeighbourHangs,
    /// There is a `login` collection, and no alias `default`.
    NoAlias,
    /// Showing a secret and deleting an item take two seconds each.
    SlowItems,
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
    /// Telling the properties of an item takes ten milliseconds: a long list takes long, and is never silent.
    SlowList,
    /// The properties of [`TOLD`] items are told, and nothing is answered after that.
    FallsSilent,
}

/// How many items [`Knob::FallsSilent`] tells of.
pub const TOLD: usize = 250;
