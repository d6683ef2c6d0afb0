//! A failed exchange on its way to the caller: whose fault, which code, what is said and what is only logged.

use std::fmt;

use crate::log::{LogError, LogRefusal};
use crate::model::error::{Code, Dialect, Fault, Place};

/// Why an exchange ended without an answer of the service.
#[derive(Debug)]
pub enum Failure {
    /// Raised at this gateway.
    Own {
        /// Whose fault.
        place: Place,
        /// What is wrong.
        code: Code,
        /// One line for the caller.
        message: String,
    },
    /// Raised at the other gateway; passed on as it came, so that its detail can be found in that gateway's log.
    Remote(Box<Fault>),
}

impl Failure {
    /// A fault in the caller's message.
    pub fn client(code: Code, message: impl fmt::Display) -> Self {
        Self::own(Place::Client, code, message)
    }

    /// A fault at the consumer's side.
    pub fn consumer(code: Code, message: impl fmt::Display) -> Self {
        Self::own(Place::ClientProxy, code, message)
    }

    /// A fault at the provider's side.
    pub fn provider(code: Code, message: impl fmt::Display) -> Self {
        Self::own(Place::ServerProxy, code, message)
    }

    /// A fault of the service behind the provider's gateway.
    pub fn service(code: Code, message: impl fmt::Display) -> Self {
        Self::own(Place::Service, code, message)
    }

    /// A fault raised here.
    pub fn own(place: Place, code: Code, message: impl fmt::Display) -> Self {
        Self::Own { place, code, message: message.to_string() }
    }

    /// What the caller is told. The detail is new for faults raised here and is written to the log with the cause.
    #[must_use]
    pub fn into_fault(self, dialect: Dialect) -> Fault {
        match self {
            Self::Own { place, code, message } => Fault::new(place, code, message, kit::id::random(), dialect),
            Self::Remote(fault) => *fault,
        }
    }

    /// From the message log refusing or failing, at the side `place` stands for.
    #[must_use]
    pub fn logging(place: Place, error: &LogError) -> Self {
        Self::own(place, Code::LoggingFailed, format_args!("The message could not be logged: {error}"))
    }

    /// From the message log taking no messages at the moment.
    #[must_use]
    pub fn refused(place: Place, refusal: LogRefusal) -> Self {
        let code = match refusal {
            LogRefusal::TimestampingFailed { .. } => Code::TimestampingFailed,
            LogRefusal::WriteFailed => Code::LoggingFailed,
        };
        Self::own(place, code, refusal)
    }
}
