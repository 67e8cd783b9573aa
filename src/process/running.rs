//! The programs that run, and their end.

use std::{
    io,
    process::{Child, Command},
    sync::{Mutex, MutexGuard, TryLockError},
    thread,
    time::{Duration, Instant},
};

/// The process group of a program.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    Ours,
    Own,
}

/// Ends every program that runs, with its group, and starts no other: for who answers now, whatever its
/// threads still wait for, and leaves nothing behind.
pub(crate) fn end_all() {
    let until = Instant::now() + KILL_TIMEOUT;
    let mut running = loop {
        // One that is being started is ended too; where the system does not come to its end, it is not waited for.
        match RUNNING.try_lock() {
            Ok(running) => break running,
            Err(TryLockError::Poisoned(running)) => break running.into_inner(),
            Err(TryLockError::WouldBlock) if Instant::now() >= until => return,
            Err(TryLockError::WouldBlock) => thread::sleep(POLL_INTERVAL),
        }
    };
    running.closed = true;
    running.programs.iter().for_each(|(number, group)| kill(*number, *group));
}

/// The programs that run. One that is listed has not been waited for, so that its number is nobody else's.
pub(super) struct Running {
    programs: Vec<(u32, Group)>,
    closed: bool,
}

static RUNNING: Mutex<Running> = Mutex::new(Running { programs: Vec::new(), closed: false });

impl Running {
    pub(super) fn lock() -> MutexGuard<'static, Running> {
        RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn start(command: &mut Command, group: Group) -> io::Result<Child> {
        let mut running = Running::lock();
        if running.closed {
            return Err(io::Error::other("the program is about to end"));
        }
        let child = command.spawn()?;
        running.programs.push((child.id(), group));
        Ok(child)
    }

    pub(super) fn forget(&mut self, child: &Child) {
        self.programs.retain(|(number, _)| *number != child.id());
    }
}

/// How often a program that has closed its output is looked at until it has ended.
pub(super) const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// How long a program that was ended is waited for. One that the kernel holds up dies when it can.
const KILL_TIMEOUT: Duration = Duration::from_millis(250);

/// Whether a program has ended. It is not waited for yet: until then its number, and with it that of
/// its group, is nobody else's.
#[cfg(unix)]
pub(super) fn has_ended(child: &mut Child) -> io::Result<bool> {
    use rustix::process::{WaitId, WaitIdOptions, waitid};
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
    Ok(waitid(WaitId::Pid(number(child)), options)?.is_some())
}

#[cfg(not(unix))]
pub(super) fn has_ended(child: &mut Child) -> io::Result<bool> {
    child.try_wait().map(|status| status.is_some())
}

/// Ends a program that has not been waited for, and a group of its own.
pub(super) fn end(child: &mut Child, group: Group) {
    if group == Group::Own {
        end_group(child);
    }
    child.kill().ok(); // it may be gone
    let until = Instant::now() + KILL_TIMEOUT;
    while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
        thread::sleep(POLL_INTERVAL);
    }
}

#[cfg(unix)]
fn end_group(child: &Child) {
    rustix::process::kill_process_group(number(child), rustix::process::Signal::KILL).ok(); // all may be gone
}

#[cfg(not(unix))]
fn end_group(_: &Child) {}

/// Ends a program that has not been waited for by its number.
#[cfg(unix)]
fn kill(number: u32, group: Group) {
    use rustix::process::{Pid, Signal, kill_process, kill_process_group};
    let Some(number) = i32::try_from(number).ok().and_then(Pid::from_raw) else { return };
    // All may be gone.
    match group {
        Group::Own => kill_process_group(number, Signal::KILL).ok(),
        Group::Ours => kill_process(number, Signal::KILL).ok(),
    };
}

/// Does nothing: std ends a program by its handle alone, which is its thread's.
#[cfg(not(unix))]
fn kill(_: u32, _: Group) {}

/// Whether our group has the terminal, so that its keys reach what is in it (POSIX, "General
/// Terminal Interface": the foreground process group).
#[cfg(unix)]
pub(super) fn is_in_foreground() -> bool {
    let ours = |terminal: std::fs::File| rustix::termios::tcgetpgrp(&terminal).ok() == Some(rustix::process::getpgrp());
    std::fs::File::open("/dev/tty").is_ok_and(ours)
}

#[cfg(not(unix))]
pub(super) fn is_in_foreground() -> bool {
    false
}

/// The process number, which is that of a group of its own too.
#[cfg(unix)]
fn number(child: &Child) -> rustix::process::Pid {
    rustix::process::Pid::from_child(child)
}
