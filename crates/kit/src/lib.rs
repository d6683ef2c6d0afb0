//! The foundation that knows nothing of the domain: clock, identifiers, money, paging, language and problem documents.
//!
//! Everything here is small, pure where it can be, and used by every room of the house.

pub mod clock;
pub mod date;
pub mod id;
pub mod lang;
pub mod money;
pub mod page;
pub mod problem;

pub use clock::Clock;
pub use lang::{Lang, Text};
pub use page::{Page, PageRequest};
pub use problem::{Code, FieldFault, Problem};
