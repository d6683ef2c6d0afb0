//! What can go wrong in the data layer, in terms both engines share.

/// The rule of a table that a statement broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ConstraintKind {
    /// A primary key or unique index already holds the value.
    Unique,
    /// A referenced row is missing, or a row is still referenced.
    ForeignKey,
    /// A `CHECK` expression is false.
    Check,
    /// A `NOT NULL` column got no value.
    NotNull,
    /// Any other rule (exclusion, trigger, datatype of a strict table).
    Other,
}

/// Why the data layer could not do what it was asked. Clone, because one failed commit answers every caller of its group.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The database could not be reached, or the connection was lost before the transaction committed.
    #[error("database unavailable: {reason}")]
    Unavailable {
        /// What the engine said.
        reason: String,
    },
    /// The connection was lost while committing: the transaction may or may not have happened.
    #[error("outcome of the transaction is unknown: {reason}")]
    Uncertain {
        /// What the engine said.
        reason: String,
    },
    /// A rule of a table was broken.
    #[error("constraint broken ({kind:?}): {name}")]
    Constraint {
        /// Which sort of rule; decide on this.
        kind: ConstraintKind,
        /// What the engine calls it (SQLite names the columns, PostgreSQL the constraint): for the log only.
        name: String,
    },
    /// Transactions kept colliding until the store gave up.
    #[error("transaction conflict: {reason}")]
    Conflict {
        /// What the engine said.
        reason: String,
    },
    /// The disk, or a quota on it, is full.
    #[error("no room left: {reason}")]
    Full {
        /// What the engine said.
        reason: String,
    },
    /// The engine found its own files damaged.
    #[error("database damaged: {reason}")]
    Corrupt {
        /// What the engine said.
        reason: String,
    },
    /// A parameter or a column has another type than was asked for, or does not exist.
    #[error("type mismatch: {what}")]
    Type {
        /// Which parameter or column, and what was found.
        what: String,
    },
    /// A `read` closure tried to write.
    #[error("a read transaction cannot write")]
    ReadOnly,
    /// A statement ran longer than the configured limit.
    #[error("statement timed out: {reason}")]
    Timeout {
        /// What the engine said.
        reason: String,
    },
    /// The statement itself is wrong: syntax, missing table or column.
    #[error("statement refused: {reason}")]
    Statement {
        /// What the engine said.
        reason: String,
    },
    /// An earlier statement of this transaction failed, so nothing more may run in it. Wrap a statement whose failure
    /// is expected in [`Tx::attempt`](crate::Tx::attempt).
    #[error("transaction already failed: {cause}")]
    Aborted {
        /// The first failure, in words.
        cause: String,
    },
    /// The closure panicked; its transaction was rolled back.
    #[error("transaction closure panicked: {message}")]
    Panicked {
        /// The panic message, when it was text.
        message: String,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// The migrations of a domain do not fit the database.
    #[error("migration {number} of {domain}: {reason}")]
    Migration {
        /// Domain the migration belongs to.
        domain: String,
        /// Number of the migration; 0 when the list itself is wrong.
        number: u32,
        /// What is wrong and what to do.
        reason: String,
    },
    /// The address of the database cannot be understood.
    #[error("database address: {reason}")]
    Address {
        /// What is wrong with it; never contains the password.
        reason: String,
    },
}

impl StoreError {
    /// Whether doing the same again can succeed **and** it is certain that nothing was written this time.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::Conflict { .. })
    }

    /// Whether the error says that a unique value is already taken.
    #[must_use]
    pub fn is_unique_violation(&self) -> bool {
        matches!(self, Self::Constraint { kind: ConstraintKind::Unique, .. })
    }

    pub(crate) fn unavailable(reason: impl std::fmt::Display) -> Self {
        Self::Unavailable { reason: reason.to_string() }
    }

    pub(crate) fn type_mismatch(what: impl Into<String>) -> Self {
        Self::Type { what: what.into() }
    }
}
