//! Sessions with the device: a pool, because a session serves one thread at a time, and the way back after one is lost.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Function, Pkcs11};
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::AuthPin;
use parking_lot::Mutex;

use super::{Pkcs11Config, SlotSelector};
use crate::token::{Pin, TokenError};

/// Idle sessions kept open; more are opened when more threads sign at once, and closed afterwards.
const MAX_IDLE: usize = 16;

/// Modules loaded so far. A module is initialised once per process and stays, since other tokens may be on it.
static MODULES: Mutex<Option<HashMap<PathBuf, Pkcs11>>> = Mutex::new(None);

/// Logged-in sessions of one token.
pub(super) struct SessionPool {
    context: Pkcs11,
    slot: Slot,
    pin: Mutex<AuthPin>,
    idle: Mutex<Vec<Session>>,
    /// Grows with every new login: handles of private objects from before are void.
    generation: AtomicU64,
    /// Set when the device refused the PIN: trying again and again would lock it.
    pin_refused: AtomicBool,
}

impl SessionPool {
    /// Finds the token and logs in; returns its label too.
    pub(super) fn open(config: &Pkcs11Config, pin: &Pin) -> Result<(String, Self), TokenError> {
        let context = load(&config.module)?;
        let (label, slot) = find_slot(&context, &config.slot)?;
        let pool = Self {
            context,
            slot,
            pin: Mutex::new(auth_pin(pin)),
            idle: Mutex::new(Vec::new()),
            generation: AtomicU64::new(0),
            pin_refused: AtomicBool::new(false),
        };
        let session = pool.log_in().map_err(translate)?;
        pool.give_back(session);
        Ok((label, pool))
    }

    /// Runs `act` in a session. If the session or the login turns out to be lost, it is renewed and `act` is run once more; `act`
    /// must therefore not have had an effect when it fails that way, which PKCS#11 guarantees for a refused call.
    pub(super) fn run<T>(&self, act: impl Fn(&Session) -> cryptoki::error::Result<T>) -> Result<T, TokenError> {
        self.run_raw(act).map_err(translate)
    }

    /// As [`SessionPool::run`], with the device's own error.
    pub(super) fn run_raw<T>(
        &self,
        act: impl Fn(&Session) -> cryptoki::error::Result<T>,
    ) -> cryptoki::error::Result<T> {
        let before = self.generation();
        let first = self.take().and_then(|session| self.attempt(session, &act));
        match first {
            Err(error) if is_lost(&error) => {
                tracing::warn!(error = %error, "session with the key device lost, logging in again");
                let session = self.renew(before)?;
                self.attempt(session, &act)
            }
            other => other,
        }
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(super) fn change_pin(&self, old: &Pin, new: &Pin) -> Result<(), TokenError> {
        let (old, new) = (auth_pin(old), auth_pin(new));
        self.run(|session| session.set_pin(&old, &new))?;
        *self.pin.lock() = new;
        self.pin_refused.store(false, Ordering::Release);
        Ok(())
    }

    fn attempt<T>(
        &self,
        session: Session,
        act: impl Fn(&Session) -> cryptoki::error::Result<T>,
    ) -> cryptoki::error::Result<T> {
        let result = act(&session);
        if result.is_ok() {
            self.give_back(session);
        }
        // After a failure an operation may still be open in the session; it is closed with it.
        result
    }

    fn take(&self) -> cryptoki::error::Result<Session> {
        let idle = self.idle.lock().pop();
        match idle {
            Some(session) => Ok(session),
            // Logged in already: a login holds for all sessions of the process with this token.
            None => self.context.open_rw_session(self.slot),
        }
    }

    fn give_back(&self, session: Session) {
        let mut idle = self.idle.lock();
        if idle.len() < MAX_IDLE {
            idle.push(session);
        }
    }

    /// One thread renews, those that wait behind it find the work done.
    fn renew(&self, seen: u64) -> cryptoki::error::Result<Session> {
        let mut idle = self.idle.lock();
        if self.generation() != seen {
            drop(idle);
            return self.take();
        }
        idle.clear();
        self.log_in()
    }

    fn log_in(&self) -> cryptoki::error::Result<Session> {
        if self.pin_refused.load(Ordering::Acquire) {
            return Err(Error::Pkcs11(RvError::PinIncorrect, Function::Login));
        }
        let session = self.context.open_rw_session(self.slot)?;
        match session.login(UserType::User, Some(&self.pin.lock())) {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => {}
            Err(error) => {
                self.pin_refused.store(pin_fault(&error).is_some(), Ordering::Release);
                return Err(error);
            }
        }
        self.generation.fetch_add(1, Ordering::AcqRel);
        Ok(session)
    }
}

fn auth_pin(pin: &Pin) -> AuthPin {
    AuthPin::new(pin.reveal().into())
}

fn load(module: &Path) -> Result<Pkcs11, TokenError> {
    let mut modules = MODULES.lock();
    let modules = modules.get_or_insert_with(HashMap::new);
    if let Some(context) = modules.get(module) {
        return Ok(context.clone());
    }
    let context = Pkcs11::new(module).map_err(|error| TokenError::Device(error.to_string()))?;
    match context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(translate(error)),
    }
    modules.insert(module.to_owned(), context.clone());
    Ok(context)
}

fn find_slot(context: &Pkcs11, wanted: &SlotSelector) -> Result<(String, Slot), TokenError> {
    for slot in context.get_slots_with_initialized_token().map_err(translate)? {
        // A token may be pulled between the two calls; the next one is looked at.
        let Ok(info) = context.get_token_info(slot) else { continue };
        let found = match wanted {
            SlotSelector::Label(label) => info.label() == label,
            SlotSelector::Serial(serial) => info.serial_number() == serial,
            SlotSelector::Slot(number) => slot.id() == *number,
        };
        if found {
            return Ok((info.label().to_owned(), slot));
        }
    }
    Err(TokenError::NotFound)
}

/// Whether a fresh session with a fresh login may help.
fn is_lost(error: &Error) -> bool {
    matches!(
        error,
        Error::Pkcs11(
            RvError::SessionHandleInvalid
                | RvError::SessionClosed
                | RvError::UserNotLoggedIn
                | RvError::DeviceRemoved
                | RvError::TokenNotPresent
                | RvError::ObjectHandleInvalid
                | RvError::KeyHandleInvalid,
            _
        )
    )
}

fn translate(error: Error) -> TokenError {
    pin_fault(&error).unwrap_or_else(|| TokenError::Device(error.to_string()))
}

/// What is wrong with the PIN, if that is what the device complains about.
fn pin_fault(error: &Error) -> Option<TokenError> {
    match error {
        Error::Pkcs11(RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange, _) => {
            Some(TokenError::WrongPin)
        }
        Error::Pkcs11(RvError::PinLocked, _) => Some(TokenError::PinLocked),
        _ => None,
    }
}
