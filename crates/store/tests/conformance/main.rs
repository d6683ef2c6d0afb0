//! One suite for both engines: every door of the data layer has a case here.

mod smoke;
