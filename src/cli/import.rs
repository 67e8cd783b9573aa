//! Logins on their way from clients' files into the keychain (`setup --import`), and those that stay there
//! (`setup --undo`).

use crate::{
    docker::{Login, logins},
    keychain::Keychain,
    report::Report,
    secret::Secret,
    setup::{ClearLogin, Target},
};

/// Puts the logins into the keychain and reads each back: until all are there, none goes out of its file.
///
/// # Errors
/// One cannot be kept, or another one is kept for that server. The keychain is then as it was.
pub(super) fn keep(store: &dyn Keychain, moved: &[ClearLogin]) -> Result<(), Report> {
    let mut new = Vec::new();
    for login in moved {
        match keep_one(store, login) {
            Ok(true) => new.push(&login.server),
            Ok(false) => {}
            Err(report) => {
                // What fails here leaves a second copy, which the next run finds; the first failure is told.
                new.iter().for_each(|server| drop(logins::remove(store, server)));
                return Err(report);
            }
        }
    }
    Ok(())
}

/// Whether the login was put there; it may have been there.
fn keep_one(store: &dyn Keychain, moved: &ClearLogin) -> Result<bool, Report> {
    let server = &moved.server;
    let failed = |verb: &str| {
        let doing = format!("{verb} the login for {server}");
        move |cause: crate::keychain::Error| cause.report(&doing)
    };
    let is_it = |kept: &Login| kept.username == moved.username && kept.secret.expose() == moved.secret.expose();
    match logins::get(store, server).map_err(failed("read"))? {
        Some(kept) if is_it(&kept) => return Ok(false),
        Some(kept) => {
            let (keeper, path) = (store.name(), moved.path.display());
            let what = format!("{keeper} has another login of {server} than {path}, of {}", kept.username);
            return Err(Report::new(what).cause("nothing was changed: one of the two would be lost").hint(format!(
                "to take the one of the file, forget the other: echo {server} | {} erase",
                crate::names::PROGRAM
            )));
        }
        None => {}
    }
    let login = Login { username: moved.username.clone(), secret: Secret::from(moved.secret.expose().to_owned()) };
    logins::put(store, server, &moved.spelled, &login).map_err(failed("keep"))?;
    match logins::get(store, server).map_err(failed("read back"))? {
        Some(kept) if is_it(&kept) => Ok(true),
        _ => Err(Report::new(format!("{} took the login of {server} and gives back another", store.name()))
            .cause("nothing was changed")
            .hint("log in again with the client itself")),
    }
}

/// What to know of the logins in the keychain that clients no longer ask for. They are never written into a file
/// again: that would be clear text where somebody asked for none.
pub(super) fn left_behind(store: &dyn Keychain, released: &[(Target, String)]) -> Vec<Report> {
    // A keychain that cannot be asked has nothing to tell of.
    let kept = logins::list(store, None).map(|(labels, _)| labels).unwrap_or_default();
    let is_kept = |host: &str| {
        let server = crate::registry::Server::parse(host, |_| None);
        kept.iter().any(|label| server == Some(crate::registry::Server::Other(label.server.clone())))
    };
    let left = released.iter().filter(|(_, host)| is_kept(host));
    left.map(|(target, host)| {
        let what = format!("the login of {host} stays in {}, where {target} no longer looks for it", store.name());
        Report::new(what)
            .hint(format!("{target} login {host}, which {target} keeps in clear text where it has no helper"))
    })
    .collect()
}
