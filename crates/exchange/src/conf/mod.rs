//! The gateway's own configuration: its clients, their services and who may call them.
