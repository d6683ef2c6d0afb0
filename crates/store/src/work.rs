//! A closure on its way to a database thread, with its answer on the way back.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::{StoreError, Tx};

/// The transaction a closure asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// May write; sees the database as if it ran alone (PostgreSQL: `SERIALIZABLE`).
    Write,
    /// May write and sees each row as last committed (PostgreSQL: `READ COMMITTED`). For statements that settle their
    /// order by row or advisory locks, which under `SERIALIZABLE` would wait and then fail.
    Locking,
    /// Reads one snapshot.
    Read,
}

/// A closure with its types erased. The thread calls `run` once or more, then `finish` (or `fail`) once.
pub(crate) trait Work: Send {
    fn mode(&self) -> Mode;
    /// Runs the closure and keeps its result; `true` asks for a commit.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Whether nobody waits for the answer any more.
    fn abandoned(&self) -> bool;
    /// Sends the kept result.
    fn finish(self: Box<Self>);
    /// Sends `error` in place of whatever the closure returned.
    fn fail(self: Box<Self>, error: StoreError);
}

pub(crate) type BoxedWork = Box<dyn Work>;

struct Assignment<F, T, E> {
    mode: Mode,
    closure: F,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

pub(crate) fn assignment<F, T, E>(mode: Mode, closure: F) -> (BoxedWork, oneshot::Receiver<Result<T, E>>)
where
    F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<StoreError> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (Box::new(Assignment { mode, closure, result: None, reply }), answer)
}

impl<F, T, E> Work for Assignment<F, T, E>
where
    F: Fn(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<StoreError> + Send,
{
    fn mode(&self) -> Mode {
        self.mode
    }

    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        // The closure gets only `tx`, whose transaction is rolled back after a panic, so no broken state is kept.
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.closure)(tx)));
        let result = match outcome {
            Err(panic) => Err(StoreError::Panicked { message: panic_message(panic.as_ref()) }.into()),
            Ok(result) => match (result, tx.fault()) {
                // A failed statement that the closure swallowed: PostgreSQL could not commit, so SQLite must not.
                (Ok(_), Some(fault)) => Err(fault.clone().into()),
                (result, _) => result,
            },
        };
        let wants_commit = result.is_ok();
        self.result = Some(result);
        wants_commit
    }

    fn abandoned(&self) -> bool {
        self.reply.is_closed()
    }

    fn finish(self: Box<Self>) {
        if let Some(result) = self.result {
            // A caller that stopped waiting is no fault of ours.
            let _ = self.reply.send(result);
        }
    }

    fn fail(self: Box<Self>, error: StoreError) {
        let _ = self.reply.send(Err(error.into()));
    }
}

fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
