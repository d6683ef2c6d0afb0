//! What every page of the product shares: the layout, its parts, the style sheet and the security headers.
//!
//! Pages are rendered on the server and need no script. A page is data ([`Page`] made of [`Part`]s) until the moment it is answered, so
//! the same page renders in both languages and a test can look at either. Knows nothing of the domain, and nothing of sessions yet.

pub mod assets;
pub mod layout;
pub mod parts;
pub mod problem;

pub use layout::{Frame, NavLink, Page};
pub use parts::{Cell, Definitions, Empty, Html, Part, State, StatusItem, StatusList, Table};
